"""The bodies of three services, as files that people can read; and the guard of the render version."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import ROUTING_LABEL
from tidegate.workloads.deployment import deployment
from tidegate.workloads.hashing import RENDER_VERSION
from tidegate.workloads.owner import Owner
from tidegate.workloads.service import service

GOLDEN = Path(__file__).parent / "golden"
INPUTS: dict[str, dict[str, Any]] = yaml.safe_load((GOLDEN / "inputs.yaml").read_text())
OWNER = Owner(name="chat", namespace="default", uid="5f1a3c52-1d0c-4c2e-9d0e-0b8f6f0f7a11")


def bodies(name: str) -> list[dict[str, Any]]:
    """Deployment and Service of one of the inputs."""
    spec = InferenceServiceSpec.model_validate(INPUTS[name]["spec"])
    profile = INPUTS[name].get("profile")
    described = AcceleratorProfileSpec.model_validate(profile) if profile else None
    assert spec.engine is not None
    return [deployment(OWNER, spec, described), service(OWNER, spec.engine)]


@pytest.mark.parametrize("name", INPUTS)
def test_bodies_are_as_recorded(name: str) -> None:
    """Every field of the Deployment and the Service is the one that the golden file shows."""
    path = GOLDEN / f"{name}.yaml"
    # Through JSON, because YAML would write parts that two probes share as an anchor.
    rendered = json.loads(json.dumps(bodies(name)))
    if os.environ.get("TIDEGATE_WRITE_GOLDEN"):
        path.write_text(yaml.safe_dump_all(rendered, sort_keys=False))
    assert rendered == list(yaml.safe_load_all(path.read_text()))


def test_a_service_that_leads_to_the_gateways_is_as_recorded() -> None:
    """It differs from the one that leads to pods in the value that its selector has for routing, which no pod has."""
    spec = InferenceServiceSpec.model_validate(INPUTS["cpu-llama-cpp"]["spec"])
    assert spec.engine is not None
    to_gateways, to_pods = service(OWNER, spec.engine, to_pods=False), service(OWNER, spec.engine)
    path = GOLDEN / "service-to-gateways.yaml"
    if os.environ.get("TIDEGATE_WRITE_GOLDEN"):
        path.write_text(yaml.safe_dump(to_gateways, sort_keys=False))
    assert to_gateways == yaml.safe_load(path.read_text())
    selector = to_pods["spec"]["selector"]
    assert to_gateways["spec"] == {**to_pods["spec"], "selector": {**selector, ROUTING_LABEL: "gateway"}}
    assert to_gateways["metadata"]["annotations"] != to_pods["metadata"]["annotations"]


def test_a_changed_body_has_a_new_render_version() -> None:
    """Bodies of unchanged inputs change only together with RENDER_VERSION.

    Otherwise running operators could not tell that a difference comes from an upgrade, and would restart every pod.
    """
    recorded: dict[str, str] = yaml.safe_load((GOLDEN / "render-versions.yaml").read_text())
    specs = json.dumps([bodies(name)[0]["spec"] for name in INPUTS], sort_keys=True)
    digest = hashlib.sha256(specs.encode()).hexdigest()
    assert recorded.get(RENDER_VERSION) == digest, (
        f"Deployments made from the same inputs are no longer those of render version {RENDER_VERSION}: raise "
        f"RENDER_VERSION in workloads/hashing.py and add its digest {digest} to golden/render-versions.yaml "
        "(only a version that was never released may change its digest instead)"
    )
    assert len(set(recorded.values())) == len(recorded), "two render versions with the same bodies"


HASHES = {
    "gpu-vllm": "ea7108211c85e2f5",
    "cpu-llama-cpp": "defc0621347bd852",
    "custom-with-overlay": "fc16fc95ece663d8",
}


@pytest.mark.parametrize(("name", "expected"), HASHES.items())
def test_the_inputs_hash_is_for_ever(name: str, expected: str) -> None:
    """The same inputs have the hash they had in every version before: another one would restart every pod."""
    annotations = bodies(name)[0]["metadata"]["annotations"]
    assert annotations["inference.tidegate.dev/inputs-hash"] == expected
