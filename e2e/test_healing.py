"""What others do to what is ours, and what is left when it is deleted."""

from typing import Any

import pytest
from operated_namespace import COLLECTED_SECONDS

from model_namespace import ModelNamespace

pytestmark = pytest.mark.usefixtures("release")

CHILDREN = ("deployments", "services")
AT_ONCE = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}


def uids(here: ModelNamespace) -> dict[str, Any]:
    """The identities of a service's children, as far as they are there."""
    found = {plural: here.find(plural) for plural in CHILDREN}
    return {plural: document["metadata"]["uid"] for plural, document in found.items() if document}


def test_edits_are_undone_and_deleted_children_come_back(here: ModelNamespace) -> None:
    """At the size they had; labels that others add stay."""
    here.apply(here.least(replicas=2))
    here.wait_serving(pods=2)
    pods = here.pods()
    here.kubectl("annotate", "deployment/chat", "team=search")
    here.kubectl("set", "env", "deployment/chat", "--containers=engine", "STRAY=1")
    here.kubectl("patch", "service/chat", '--patch={"spec":{"selector":{"inference.tidegate.dev/routing":"nowhere"}}}')
    selector = {"inference.tidegate.dev/service": "chat", "inference.tidegate.dev/routing": "serving"}
    here.wait("the selector is ours again", lambda: here.read("services")["spec"]["selector"] == selector)
    here.wait_serving(pods=2)
    assert here.deployment()["metadata"]["annotations"]["team"] == "search"
    here.kubectl("set", "image", "deployment/chat", "engine=nowhere.invalid/image:1")
    here.wait("the image is ours again", lambda: image(here) == here.image)
    here.wait_serving(pods=2)
    before = uids(here)
    here.kubectl("delete", "deployment/chat", "service/chat", "--wait=false")
    here.wait("both are new", lambda: len(now := uids(here)) == 2 and not set(now.values()) & set(before.values()))
    here.wait_serving(pods=2)
    here.wait("its pods are others", lambda: len(now := here.pods()) == 2 and not now.keys() & pods.keys())


def image(here: ModelNamespace) -> str:
    """The engine's image in the Deployment."""
    found: str = here.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def test_another_scaler_is_overruled_twice_and_then_yielded_to(here: ModelNamespace) -> None:
    """By name, with an Event for each time: here `kubectl scale` of the Deployment."""
    here.apply(here.least(scaling=AT_ONCE))
    here.wait_serving(pods=1)
    for times, replicas in ((1, 2), (2, 3)):
        here.kubectl("scale", "deployment/chat", f"--replicas={replicas}")
        here.wait(f"it is told {times} times", lambda times=times: len(here.events("ForeignChange")) == times)
        here.wait_size(1)
        here.wait_condition("ConflictingScaler", "False", "ForeignWriter")
    here.kubectl("scale", "deployment/chat", "--replicas=2")
    message = here.wait_condition("ConflictingScaler", "True", "Yielded")
    assert message.startswith("kubectl ")
    here.wait("its pods are there", lambda: len(here.addresses()) == 2)
    assert here.size() == 2


def test_a_deleted_service_leaves_nothing_behind(here: ModelNamespace) -> None:
    """Neither its children nor their children; the namespace goes as well, at once."""
    here.apply(here.least(replicas=2))
    here.wait_serving(pods=2)
    here.kubectl("delete", "infer/chat", "--wait=false")
    left = "deployments,replicasets,pods,services,endpointslices,infer"
    here.wait("nothing is left", lambda: not here.kubectl("get", left, "--output=name"), COLLECTED_SECONDS)
    here.kubectl("delete", "namespace", here.namespace, "--timeout=60s")
