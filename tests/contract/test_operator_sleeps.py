"""To sleep and back, at a real API server: the real operator, sizes as gateways write them, gateways that only tell."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gateways_that_tell import INSTALL, TellingGateway, telling_gateway
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess, running_operator

pytestmark = [pytest.mark.cluster]

SCALER = {"tidegate-scaler Apply scale"}
ASLEEP_SECONDS = 60


@pytest.fixture
def gateway(here: OperatedNamespace) -> Iterator[TellingGateway]:
    """A gateway that knows one service, `chat`, which nobody has used for long."""
    with telling_gateway(here.cluster, here.namespace) as running:
        running.says((here.namespace, "chat"))
        yield running


@contextmanager
def operated(here: OperatedNamespace, directory: Path) -> Iterator[OperatorProcess]:
    """An operator for this namespace alone, told of the gateway in it."""
    log = directory / f"log-{secrets.token_hex(4)}"
    options = (f"--namespace={here.namespace}", f"--gateway={here.namespace}/{INSTALL}")
    with running_operator(here.cluster.kubeconfig, log, *options) as operator:
        yield operator


def sleepy(here: OperatedNamespace, mode: str) -> dict[str, Any]:
    """A spec that sleeps as soon as the API lets it."""
    scaling = {
        "minReplicas": 0,
        "scaleToZero": {"idleSeconds": 30},
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    }
    return here.least(routing={"mode": mode}, scaling=scaling)


def wake(here: OperatedNamespace, replicas: int) -> None:
    """As a gateway does: compare and set, under the scaler's name."""
    path = f"{here.path('deployments', 'chat')}/scale"

    def is_written() -> bool:
        """Controllers may write the last status in between: then it is read again, as a gateway does."""
        found = here.cluster.api.get(path).document
        assert "replicas" not in found["spec"]
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": "chat", "resourceVersion": found["metadata"]["resourceVersion"]},
            "spec": {"replicas": replicas},
        }
        answer = here.cluster.api.apply(path, body, manager="tidegate-scaler")
        assert answer.status in {200, 409}, answer.message
        return answer.status == 200

    here.wait("the size is written", is_written)


def wait_asleep(here: OperatedNamespace) -> None:
    """Wait until there is no pod, on purpose."""
    here.wait("it sleeps", lambda: here.condition("Ready")[:2] == ("True", "ScaledToZero"), ASLEEP_SECONDS)
    here.wait("its pods are gone", lambda: here.size() == 0 and not here.addresses(), ASLEEP_SECONDS)


@pytest.mark.parametrize("mode", ["Gateway", "Direct"])
def test_a_service_sleeps_is_woken_and_sleeps_again(
    here: OperatedNamespace, gateway: TellingGateway, tmp_path: Path, mode: str
) -> None:
    """The zero is ours, the wake is adopted, and nobody fights."""
    chat = (here.namespace, "chat")
    with operated(here, tmp_path):
        here.apply(sleepy(here, mode))
        here.wait_serving(pods=1)
        routing = here.status()["routing"]
        assert (routing["mode"], routing["port"]) == (mode, 10_000)
        if mode == "Direct":
            here.wait("the gateway is asked to stand by", lambda: here.status()["routing"]["standby"])
        assert (here.size(), here.addresses() != []) == (1, True)
        gateway.slices[chat] = time.time()
        wait_asleep(here)
        assert here.owners() == SCALER
        assert here.status()["url"].endswith(f"chat.{here.namespace}.svc:{here.port}")
        plan = here.status()["wakePlan"]
        assert {name: plan[name] for name in ("deployment", "allowed", "minReplicas", "maxReplicas")} == {
            "deployment": "chat",
            "allowed": True,
            "minReplicas": 1,
            "maxReplicas": 8,
        }
        gateway.says(chat, held=20.0, last_use_timestamp_seconds=time.time())
        wake(here, 3)
        here.wait("the wake is told", lambda: here.events("Woken"))
        gateway.says(chat, in_flight=3.0, requests_total=20.0, last_use_timestamp_seconds=time.time())
        here.wait_serving()
        assert here.owners() == SCALER
        change = next(each for each in here.status()["changes"] if each["reason"] == "Woken")
        assert (change["from"], change["to"], "by" in change) == (0, 3, False)
        assert here.condition("ConflictingScaler")[0] == "False"
        if mode == "Direct":
            here.wait("the gateway may go", lambda: not here.status()["routing"]["standby"])

        gateway.says(chat, requests_total=20.0, last_use_timestamp_seconds=time.time())
        wait_asleep(here)
        assert len(here.events("Woken")) == 1


def test_asleep_nothing_is_written(here: OperatedNamespace, gateway: TellingGateway, tmp_path: Path) -> None:
    """Neither by the operator that put it to sleep, once the rates of its last minute are over, nor by the next one."""
    gateway.slices[here.namespace, "chat"] = time.time()
    with operated(here, tmp_path) as operator:
        here.apply(sleepy(here, "Gateway"))
        wait_asleep(here)
        here.wait("its last minute is over", lambda: "servedPerSecond" not in here.status()["signals"], 90)
        operator.wait_turns(12)  # What is only numbers waits for ten seconds.
        before = operator.writes()
        operator.wait_turns(12)
        assert operator.writes() == before
    told = here.status()
    with operated(here, tmp_path) as operator:
        operator.wait_turns(15)
        assert (sum(operator.writes().values()), here.status()) == (0, told)


def test_a_wake_is_not_taken_back_by_its_operator(
    here: OperatedNamespace, gateway: TellingGateway, tmp_path: Path
) -> None:
    """Between a gateway that writes 4 and an operator that would do with 1 there is one window of peace."""
    chat = (here.namespace, "chat")
    gateway.slices[chat] = time.time()
    spec = sleepy(here, "Gateway")
    spec["scaling"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = 30
    with operated(here, tmp_path) as operator:
        here.apply(spec)
        wait_asleep(here)
        gateway.says(chat, held=1.0, last_use_timestamp_seconds=time.time())
        wake(here, 4)
        gateway.says(chat, in_flight=1.0, requests_total=1.0, last_use_timestamp_seconds=time.time())
        here.wait_serving(pods=4)
        operator.wait_turns(10)
        assert here.size() == 4
        here.wait("three of them are too many", lambda: here.size() == 1, ASLEEP_SECONDS)
        assert here.owners() == SCALER
