"""The operator and a gateway together, with a service of two variants: real Envoy, picker, API server and scheduler."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_process import GatewayProcess, ask, listens
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess, running_operator

from live_cluster import LiveCluster

pytestmark = [pytest.mark.cluster]

ASLEEP_SECONDS = 120


def _starting_in(duration: str) -> dict[str, Any]:
    """An overlay with which kwok calls a pod ready after so long."""
    return {"metadata": {"annotations": {"tidegate.dev/simulated-startup": duration}}}


DEAR: dict[str, Any] = {"costPerHour": "3", "template": _starting_in("8s")}
"""Once its lead time is learned its first answer costs twice what the other's does, which is taken to need a minute."""


@pytest.fixture
def operator(crds: LiveCluster, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator for the same namespace, told of that gateway."""
    options = (f"--namespace={namespace}", f"--gateway={namespace}/gateways", "--routing-mode=Gateway")
    with running_operator(crds.kubeconfig, tmp_path / "log", *options) as running:
        yield running


def test_the_variant_that_is_the_cheapest_to_answer_first_is_woken(
    here: OperatedNamespace, gateway: GatewayProcess, operator: OperatorProcess, second_port: int
) -> None:
    """Asleep, both Deployments are at zero; a request wakes the one that is the cheapest to answer first."""
    cpu = {
        "name": "cpu",
        "engine": {"type": "SGLang", "image": "e:1", "port": second_port},
        "costPerHour": "0.2",
        "template": _starting_in("1s"),
    }
    window = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    scaling = {"minReplicas": 0, "scaleToZero": {"idleSeconds": 30}, "behavior": window}
    here.apply(here.least(routing={"mode": "Gateway"}, scaling=scaling, variants=[cpu], **DEAR))
    here.wait("it sleeps", lambda: here.condition("Ready")[:2] == ("True", "ScaledToZero"), ASLEEP_SECONDS)
    here.wait("its pods are gone", lambda: not here.addresses(), ASLEEP_SECONDS)
    assert (here.size(), here.size("chat-cpu")) == (0, 0)
    here.wait("the plan names the cheaper", lambda: here.status()["wakePlan"]["deployment"] == "chat-cpu")
    port = here.wait("it has a port", lambda: here.status().get("routing", {}).get("port"))
    gateway.wait("the gateway listens", lambda: listens(gateway.address, port))

    status, _, body = ask(f"http://{gateway.address}:{port}")
    assert (status, json.loads(body)["object"]) == (200, "chat.completion")
    assert gateway.total("tidegate_gateway_wakes_total") == 1
    operator.wait_turns(4)
    assert here.size("chat-cpu") == 1
    here.wait("it is told", lambda: here.events("Woken"))
    told = {each["name"]: each for each in here.status()["variants"]}
    assert told["cpu"]["readyReplicas"] == 1
    assert here.owners("chat-cpu") == {"tidegate-scaler Apply scale"}
