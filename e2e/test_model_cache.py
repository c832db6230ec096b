"""The example of a model that is downloaded once: its own claim, mounts and variables; the download is played."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from custom_resources import changed

from model_namespace import ModelNamespace

pytestmark = pytest.mark.usefixtures("release")

CLAIM, EXAMPLE = yaml.safe_load_all((Path(__file__).parents[1] / "examples" / "model-cache.yaml").read_text())
DOWNLOAD_SECONDS = 10
DOWNLOAD = f"test -e $HF_HOME/weights || {{ sleep {DOWNLOAD_SECONDS}; mkdir -p $HF_HOME; touch $HF_HOME/weights; }}"
ENGINE = "exec tidegate engine --type=vLLM --startup-seconds=0"


@pytest.fixture
def volume(here: ModelNamespace) -> Iterator[None]:
    """A directory of the node for the claim: kind's own storage offers no ReadWriteMany."""
    path, name = "/api/v1/persistentvolumes", f"{here.namespace}-models"
    claim = {"namespace": here.namespace, "name": CLAIM["metadata"]["name"]}
    spec = {
        "accessModes": CLAIM["spec"]["accessModes"],
        "capacity": CLAIM["spec"]["resources"]["requests"],
        "claimRef": claim,
        "hostPath": {"path": f"/var/{name}", "type": "DirectoryOrCreate"},
    }
    made = here.cluster.api.request("POST", path, {"metadata": {"name": name}, "spec": spec})
    assert made.status == 201, made.message
    # Bound to this volume, and not to what the default class would make.
    here.create("/api/v1", "persistentvolumeclaims", changed(CLAIM, {"spec": {"storageClassName": ""}}))
    yield
    here.cluster.api.request("DELETE", f"{path}/{name}")


def spec(here: ModelNamespace) -> dict[str, Any]:
    """The example's, with a simulated engine for vLLM, on no GPU, and awake."""
    found = {name: part for name, part in EXAMPLE["spec"].items() if name not in {"accelerator", "routing"}}
    found["engine"] = {"type": "vLLM", "image": here.image, "port": here.port}
    found["scaling"] = {"minReplicas": 1, "maxReplicas": 1}
    (container,) = found["template"]["spec"]["containers"]
    # The node's directory is root's.
    played = {"command": ["sh", "-c", f"{DOWNLOAD}; {ENGINE} $0 $@"], "securityContext": {"runAsUser": 0}}
    template = {"terminationGracePeriodSeconds": 0, "containers": [container | played]}
    return changed(found, {"template": {"spec": template}})


def loaded_seconds(here: ModelNamespace, pod: str) -> int:
    """How long a pod took from its container's start, once that is told."""

    def told() -> bool:
        start = here.status().get("coldStart", {})
        return bool(start.get("pod") == pod and "loadedSeconds" in start)

    here.wait(f"the start of {pod} is told", told)
    return int(here.status()["coldStart"]["loadedSeconds"])


@pytest.mark.usefixtures("volume")
def test_the_second_start_downloads_nothing(here: ModelNamespace) -> None:
    """What the first pod has put on the volume is there for the next one, and status shows what that saves."""
    here.apply(spec(here))
    here.wait_serving(pods=1)
    (first,) = here.pods()
    assert loaded_seconds(here, first) >= DOWNLOAD_SECONDS - 1  # Kubernetes writes whole seconds.
    here.delete("pods", first, gracePeriodSeconds=0)
    here.wait("another pod is there", lambda: here.pods() and first not in here.pods())
    (second,) = here.pods()
    assert loaded_seconds(here, second) < DOWNLOAD_SECONDS - 1
