"""A service that is run in two ways at a real API server: bodies, what is told, and the end of one of them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateways_that_tell import INSTALL, telling_gateway
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess, running_operator

from tidegate.api.names import BODY_HASH_ANNOTATION, INPUTS_HASH_ANNOTATION, SERVICE_LABEL, VARIANT_LABEL

pytestmark = [pytest.mark.cluster]

GONE_SECONDS = 60
SMALL: dict[str, Any] = {
    "name": "small",
    "costPerHour": "0.2",
    "template": {"spec": {"terminationGracePeriodSeconds": 7, "priorityClassName": None}},
}


@pytest.fixture(autouse=True)
def operator(here: OperatedNamespace, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator for this namespace alone, told of a gateway that stands in the service's slice."""
    options = (f"--namespace={here.namespace}", f"--gateway={here.namespace}/{INSTALL}")
    with telling_gateway(here.cluster, here.namespace) as gateway:
        gateway.says((here.namespace, "chat"), last_use_timestamp_seconds=time.time())
        gateway.slices[here.namespace, "chat"] = time.time() - 60
        with running_operator(here.cluster.kubeconfig, tmp_path / "log", *options) as running:
            yield running


def spec(here: OperatedNamespace, *variants: dict[str, Any]) -> dict[str, Any]:
    """Of a service whose first way to run costs half of the second one."""
    scaling = {"minReplicas": 1, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
    return here.least(routing={"mode": "Gateway"}, scaling=scaling, costPerHour="0.1", variants=list(variants))


def told(here: OperatedNamespace, name: str) -> dict[str, Any]:
    """What the status says of a variant."""
    return next((each for each in here.status().get("variants", ()) if each["name"] == name), {})


def test_a_variant_comes_serves_and_goes(here: OperatedNamespace, operator: OperatorProcess) -> None:
    """Its Deployment is made beside the first, which is not touched; it ends when the spec has it no more."""
    here.apply(spec(here))
    here.wait_serving(pods=1)
    before = here.deployment()

    here.apply(spec(here, SMALL))
    here.wait("it has a Deployment", lambda: here.find("deployments", "chat-small"))
    small = here.deployment("chat-small")
    assert small["spec"]["selector"]["matchLabels"] == {SERVICE_LABEL: "chat", VARIANT_LABEL: "small"}
    assert small["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 7
    assert small["spec"]["replicas"] == 0
    annotations = small["metadata"]["annotations"]
    assert {INPUTS_HASH_ANNOTATION, BODY_HASH_ANNOTATION} <= annotations.keys()
    here.wait("it is told of", lambda: told(here, "small").get("costPerHour") == "0.2")
    operator.wait_turns(3)
    after = here.deployment()
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]

    here.apply(spec(here, {**SMALL, "minReplicas": 2}))
    here.wait("its pods serve", lambda: told(here, "small").get("readyReplicas") == 2)
    assert here.owners("chat-small") == {"tidegate-scaler Apply scale"}
    status = here.status()
    assert status["selector"] == f"{SERVICE_LABEL}=chat"
    assert status["readyReplicas"] == sum(each["readyReplicas"] for each in status["variants"])
    assert here.deployment()["spec"]["template"] == before["spec"]["template"]

    here.apply(spec(here))
    least = 9

    def is_gone() -> bool:
        nonlocal least
        least = min(least, len(here.addresses()))
        return here.find("deployments", "chat-small") is None

    here.wait("its Deployment is deleted", is_gone, GONE_SECONDS)
    assert least >= 1, "there was a moment without any pod"
    here.wait("one way is left", lambda: "variants" not in here.status())
    here.wait_serving(pods=1)
    assert here.size() == 1
    assert here.find("services") is not None
    assert [each["reason"] for each in here.status()["changes"] if "by" in each] == []


def test_a_service_with_variants_takes_them_along(here: OperatedNamespace) -> None:
    """Deleted, it leaves no Deployment behind."""
    here.apply(spec(here, SMALL))
    here.wait("it has a Deployment", lambda: here.find("deployments", "chat-small"))
    here.delete("inferenceservices", "chat", propagationPolicy="Foreground")
    for name in ("chat", "chat-small"):
        here.wait(f"{name} is gone", lambda name=name: here.find("deployments", name) is None, GONE_SECONDS)
