"""The operator and a gateway together: real Envoy, real picker, real API server, simulated engines."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_process import GatewayProcess, ask, listens
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess, running_operator

from live_cluster import LiveCluster

pytestmark = [pytest.mark.cluster]

ASLEEP_SECONDS = 90


@pytest.fixture
def operator(crds: LiveCluster, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator for the same namespace, told of that gateway."""
    options = (f"--namespace={namespace}", f"--gateway={namespace}/gateways", "--routing-mode=Gateway")
    with running_operator(crds.kubeconfig, tmp_path / "log", *options) as running:
        yield running


def sleepy(here: OperatedNamespace, mode: str) -> None:
    """Apply a service that sleeps as soon as the API lets it."""
    window = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    scaling = {"minReplicas": 0, "scaleToZero": {"idleSeconds": 30}, "behavior": window}
    here.apply(here.least(routing={"mode": mode}, scaling=scaling))


def wait_asleep(here: OperatedNamespace) -> None:
    """Wait until there is no pod, on purpose."""
    here.wait("it sleeps", lambda: here.condition("Ready")[:2] == ("True", "ScaledToZero"), ASLEEP_SECONDS)
    here.wait("its pods are gone", lambda: here.size() == 0 and not here.addresses(), ASLEEP_SECONDS)


def own_url(here: OperatedNamespace, gateway: GatewayProcess) -> str:
    """Of the service's own port on the gateway, once that is listened to."""
    port = here.wait("it has a port", lambda: here.status().get("routing", {}).get("port"))
    gateway.wait("the gateway listens", lambda: listens(gateway.address, port))
    return f"http://{gateway.address}:{port}"


@pytest.mark.parametrize("mode", ["Gateway", "Direct"])
def test_unused_it_sleeps_and_a_request_wakes_it(
    here: OperatedNamespace, gateway: GatewayProcess, operator: OperatorProcess, mode: str
) -> None:
    """The wake is told once, and what was woken is neither fought over nor left behind."""
    sleepy(here, mode)
    here.wait_serving(pods=1)
    url = own_url(here, gateway)
    wait_asleep(here)
    status, _, body = ask(url)
    assert (status, json.loads(body)["object"]) == (200, "chat.completion")
    here.wait("the wake is told", lambda: here.events("Woken"))
    here.wait_serving(pods=1)
    operator.wait_turns(3)
    assert (here.size(), len(here.events("Woken"))) == (1, 1)
    assert here.owners() == {"tidegate-scaler Apply scale"}
    assert (here.condition("Routed")[0], here.condition("ConflictingScaler")[0]) == ("True", "False")


def test_a_service_that_is_used_stays_awake(
    here: OperatedNamespace, gateway: GatewayProcess, operator: OperatorProcess
) -> None:
    """One request every few seconds, for longer than it would take to sleep."""
    sleepy(here, "Gateway")
    here.wait_serving(pods=1)
    url = own_url(here, gateway)
    until = time.monotonic() + 45
    while time.monotonic() < until:
        assert ask(url)[0] == 200
        operator.wait_turns(5)
        assert here.size() == 1
    assert here.events("ScaledDown") == []


def test_pinned_at_zero_a_request_is_told_so_at_once(
    here: OperatedNamespace, gateway: GatewayProcess, operator: OperatorProcess
) -> None:
    """And not held for minutes."""
    sleepy(here, "Gateway")
    here.wait_serving(pods=1)
    url = own_url(here, gateway)
    here.patch("inferenceservices", "chat", {"spec": {"replicas": 0}})
    here.wait_condition("Ready", "False", "PinnedAtZero")
    here.wait("its pods are gone", lambda: here.size() == 0 and not here.addresses())
    operator.wait_turns(2)
    began = time.monotonic()
    status, _, body = ask(url)
    assert (status, "switched off by hand" in body.decode()) == (503, True)
    assert time.monotonic() - began < 5
    assert here.size() == 0
