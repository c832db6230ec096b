"""A whole gateway: real Envoy, real picker, real API server, simulated engines, and no operator."""

import concurrent.futures
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_process import (
    PORT,
    STOP_SECONDS,
    GatewayProcess,
    ask,
    listens,
    running_gateway_process,
    sleeping_service,
)
from operated_namespace import OperatedNamespace

from live_cluster import LiveCluster


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a short path: a socket's has at most 107 characters."""
    with tempfile.TemporaryDirectory(prefix="tg") as made:
        yield Path(made)


@pytest.fixture
def gateway(crds: LiveCluster, namespace: str, directory: Path) -> Iterator[GatewayProcess]:
    """A gateway for this test's namespace alone."""
    with running_gateway_process(crds.kubeconfig, namespace, directory, number=1) as running:
        yield running


@pytest.fixture
def asleep(gateway: GatewayProcess, here: OperatedNamespace) -> OperatedNamespace:
    """The namespace, with a service at zero that the gateway listens for."""
    sleeping_service(here)
    gateway.wait("the service has a port", lambda: listens(gateway.address, PORT))
    return here


def in_background(*calls: Any) -> list["concurrent.futures.Future[Any]"]:
    """Let calls run while the test goes on."""
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=len(calls))
    futures = [pool.submit(call) for call in calls]
    pool.shutdown(wait=False)
    return futures


def test_a_request_at_zero_is_held_wakes_and_is_answered(gateway: GatewayProcess, asleep: OperatedNamespace) -> None:
    """The client sees a slow answer and nothing else, and the size is the scaler's."""
    assert asleep.size() == 0
    status, _, body = ask(gateway.url)
    assert (status, json.loads(body)["object"]) == (200, "chat.completion")
    assert asleep.size() == 1
    assert asleep.owners() == {"tidegate-scaler Apply scale"}
    assert gateway.series("tidegate_gateway_wakes_total") == {
        f'{{namespace="{asleep.namespace}",service="chat",outcome="Woken"}}': 1
    }
    assert gateway.total("tidegate_gateway_cold_start_seconds_count") == 1


def test_many_requests_at_zero_wake_once_and_straight_to_their_number(
    gateway: GatewayProcess, here: OperatedNamespace
) -> None:
    """Twenty-five that come together, ten for each replica: three, in one step.

    Two where the machine is slow to send: what has not come while it settles is no part of the first size.
    """
    sleeping_service(here, requestsPerReplica=10, maxReplicas=8)
    gateway.wait("the service has a port", lambda: listens(gateway.address, PORT))
    answers = [call.result() for call in in_background(*[lambda: ask(gateway.url)] * 25)]
    assert [status for status, _, _ in answers] == [200] * 25
    assert here.size() in {2, 3}
    assert gateway.total("tidegate_gateway_wakes_total") == 1
    assert gateway.total("tidegate_gateway_requests_total") == 25


def test_the_shared_address_finds_the_sleeper_by_its_model(gateway: GatewayProcess, asleep: OperatedNamespace) -> None:
    """Without anybody saying which service is meant but the body."""
    status, _, _ = ask(gateway.shared_url)
    assert (status, asleep.size()) == (200, 1)


def test_a_killed_picker_costs_its_held_requests_a_clean_503_and_streams_nothing(
    gateway: GatewayProcess, asleep: OperatedNamespace
) -> None:
    """And comes back to what it was: warm, with what runs counted."""
    assert ask(gateway.url)[0] == 200
    (streamed,) = in_background(lambda: ask(gateway.url, tokens=400, stream=True))
    gateway.wait("it streams", lambda: gateway.total("tidegate_gateway_in_flight") == 1)
    gateway.kill_picker()
    status, headers, body = ask(gateway.url)
    assert (status, "error" in json.loads(body), "retry-after" in {name.lower() for name in headers}) == (
        503,
        True,
        True,
    )
    assert not streamed.done()
    gateway.start_picker()
    assert gateway.total("tidegate_gateway_in_flight") == 1
    assert ask(gateway.url)[0] == 200
    status, _, body = streamed.result()
    assert (status, body.rstrip().endswith(b"data: [DONE]")) == (200, True)
    gateway.wait("its end is known", lambda: gateway.total("tidegate_gateway_in_flight") == 0)
    assert asleep.size() == 1


def test_held_requests_of_a_killed_picker_are_answered_at_once(
    gateway: GatewayProcess, here: OperatedNamespace
) -> None:
    """With a 503 that says to come again: another gateway may hold them."""
    sleeping_service(here, nowhere=True)
    gateway.wait("the service has a port", lambda: listens(gateway.address, PORT))
    (held,) = in_background(lambda: ask(gateway.url))
    gateway.wait("it is held", lambda: gateway.total("tidegate_gateway_held") == 1)
    gateway.wait("it is woken", lambda: here.size() == 1)
    gateway.kill_picker()
    status, headers, body = held.result(timeout=5)
    assert (status, "error" in json.loads(body)) == (503, True)
    assert "retry-after" in {name.lower() for name in headers}
    assert here.size() == 1


def test_a_gateway_that_leaves_answers_what_it_has_and_is_gone(
    gateway: GatewayProcess, asleep: OperatedNamespace
) -> None:
    """A stream that runs ends as if nothing was; the Lease is gone, and the exit code is 0."""
    assert ask(gateway.url)[0] == 200
    (streamed,) = in_background(lambda: ask(gateway.url, tokens=200, stream=True))
    gateway.wait("it streams", lambda: gateway.total("tidegate_gateway_in_flight") == 1)
    gateway.ask_picker_to_leave()
    gateway.wait("it says so", lambda: gateway.readiness() == "this gateway is leaving\n")
    assert ask(gateway.url)[0] == 200  # Whoever comes all the same is served.
    status, _, body = streamed.result()
    assert (status, body.rstrip().endswith(b"data: [DONE]")) == (200, True)
    assert gateway.picker is not None
    assert gateway.picker.wait(STOP_SECONDS) == 0
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{asleep.namespace}/leases/gateway-1"
    assert asleep.cluster.api.get(leases).status == 404


def test_what_is_still_held_at_the_end_of_a_gateway_is_sent_away(
    crds: LiveCluster, here: OperatedNamespace, directory: Path
) -> None:
    """It waits for as long as the gateway may, and is told then to try again in a second."""
    with running_gateway_process(crds.kubeconfig, here.namespace, directory, number=2, drain_seconds=6) as gateway:
        sleeping_service(here, nowhere=True)
        gateway.wait("the service has a port", lambda: listens(gateway.address, PORT))
        (held,) = in_background(lambda: ask(gateway.url))
        gateway.wait("it is held", lambda: gateway.total("tidegate_gateway_held") == 1)
        gateway.ask_picker_to_leave()
        began = time.monotonic()
        status, headers, _ = held.result()
        assert 2 < time.monotonic() - began < 7
        assert (status, {name.lower(): value for name, value in headers.items()}["retry-after"]) == (503, "1")
        assert gateway.picker is not None
        assert gateway.picker.wait(STOP_SECONDS) == 0
