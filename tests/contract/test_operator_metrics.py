"""Pods whose metrics are broken in every way there is: told by reason, held at their size, and never made smaller.

One service for each fault, side by side. Each is pinned to two pods until its pods are broken, and unpinned then: with
metrics that can be believed it would shrink to one at once.
"""

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from flood import flood
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import Engines, OperatorProcess

from live_cluster import LiveCluster

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


class Fault(NamedTuple):
    """One row."""

    faults: dict[str, Any]
    """As the simulated engine takes it."""

    reason: str
    """Of MetricsAvailable."""

    says: tuple[str, ...]
    """Parts of its message."""


FAULTS = {
    "truncated": Fault({"metrics": "truncated"}, "Missing", ("Truncated", "ended before the page did")),
    "not-text": Fault({"metrics": "notText"}, "Missing", ("NotText",)),
    "huge": Fault({"metrics": "huge"}, "Missing", ("TooLarge", "engine.metrics.port")),
    "never-ending": Fault({"metrics": "neverEnding"}, "Missing", ("Timeout", "within 2 s")),
    "nan": Fault({"metrics": "nan"}, "NotANumber", ("nan for",)),
    "missing": Fault({"metrics": "missing"}, "Missing", ("NoKnownMetrics",)),
    "error-500": Fault({"metrics": "error500"}, "Missing", ("HTTPStatus", "500")),
    "hang": Fault({"hang": True}, "Missing", ("Timeout",)),
}

each_fault = pytest.mark.parametrize("name", FAULTS)


@pytest.fixture(scope="module")
def broken(crds: LiveCluster, operator: OperatorProcess, engines: Engines) -> Iterator[OperatedNamespace]:
    """A namespace with all of them, and one whose pods are fine."""
    del operator
    namespace = f"test-{secrets.token_hex(4)}"
    made = crds.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert made.status == 201, made.message
    here = OperatedNamespace(crds, namespace, engines.port)
    names = [*FAULTS, "fine"]
    for name in names:
        here.apply(here.least(replicas=2, **AT_ONCE), name)
    for name in names:
        here.wait_serving(name, pods=2)
    addresses = {name: here.addresses(name) for name in names}
    for name, fault in FAULTS.items():
        for address in addresses[name]:
            engines.break_(address, **fault.faults)
    for name, fault in FAULTS.items():
        here.wait_condition("MetricsAvailable", "False", fault.reason, name)
    for name in names:
        here.apply(here.least(**AT_ONCE), name)
    yield here
    for each in addresses.values():
        for address in each:
            engines.mend(address)
    crds.api.request("DELETE", f"/api/v1/namespaces/{namespace}")


class TestBrokenPages:
    """In order: broken, held, mended."""

    @each_fault
    def test_the_condition_says_what_is_wrong_with_which_page(self, broken: OperatedNamespace, name: str) -> None:
        """The address that was asked, the reason, and where to look."""
        fault = FAULTS[name]
        message = broken.wait_condition("MetricsAvailable", "False", fault.reason, name)
        for part in fault.says:
            assert part in message
        assert "2 of 2 ready pods" in message
        broken.wait("it is told as an Event", lambda: broken.events("MetricsUnavailable", name))

    def test_zero_lets_a_service_shrink(self, broken: OperatedNamespace) -> None:
        """Idle pods say zero: that can be believed."""
        broken.wait_size(1, "fine")

    def test_nothing_else_does(self, broken: OperatedNamespace, operator: OperatorProcess) -> None:
        """Several looks after the one with good metrics has shrunk."""
        operator.wait_turns(4)
        assert {name: broken.size(name) for name in FAULTS} == dict.fromkeys(FAULTS, 2)
        for name in FAULTS:
            assert broken.condition("ScalingLimited", name)[:2] == ("True", "MetricsHeld")

    def test_the_services_with_broken_pages_stay_ready(self, broken: OperatedNamespace) -> None:
        """Their pods may well answer; only the size is held."""
        for name in FAULTS:
            assert broken.condition("Ready", name)[:2] == ("True", "Serving")

    def test_mended_pages_are_believed_again(self, broken: OperatedNamespace, engines: Engines) -> None:
        """And the size follows demand."""
        for name in FAULTS:
            for address in broken.addresses(name):
                engines.mend(address)
        for name in FAULTS:
            broken.wait_size(1, name)
        for name in FAULTS:
            broken.wait_condition("MetricsAvailable", "True", "Fresh", name)


class TestOneOfTwo:
    """A service of which one pod is broken."""

    def test_it_is_told_as_partial_and_may_grow(self, here: OperatedNamespace, engines: Engines) -> None:
        """What is seen is the least there is: it never shrinks by it."""
        here.apply(here.least(replicas=2, **AT_ONCE))
        here.wait_serving(pods=2)
        broken, _ = here.addresses()
        engines.break_(broken, metrics="nan")
        try:
            message = here.wait_condition("MetricsAvailable", "False", "Partial")
            assert "1 of 2 ready pods" in message
        finally:
            engines.mend(broken)


class TestDemand:
    """Requests that wait, at a real server."""

    def test_a_queue_adds_replicas_and_its_end_takes_them_away(self, here: OperatedNamespace, engines: Engines) -> None:
        """The list of changes and the Event say why."""
        here.apply(here.least(**AT_ONCE))
        here.wait_serving(pods=1)
        (address,) = here.addresses()
        engines.break_(address, slow=200)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, flood(f"http://{address}:{engines.port}", clients=300))
            try:
                here.wait("it has grown", lambda: here.size() > 1)
                here.wait("it is told", lambda: here.status()["changes"] and here.events("ScaledUp"))
                change = here.status()["changes"][0]
                assert (change["from"], change["reason"], "wait" in change["message"]) == (1, "ScaledUp", True)
                assert here.status()["signals"]["waiting"] > 0
            finally:
                engines.reset(address)
                engines.mend(address)
        here.wait_size(1)
