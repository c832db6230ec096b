"""The fence: asked at the last moment before a write is sent, and by writes alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import aiohttp
import pytest
from loopback_api_server import LoopbackApiServer, loopback_api_server

from tidegate.cluster.client import ClusterClient
from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES, LEASES, PODS
from tidegate.cluster.write_budget import Urgency, WriteBudget

BODY = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "chat", "namespace": "default"}}

Write = Callable[[ClusterClient], Awaitable[Any]]

WRITES: dict[str, Write] = {
    "body": lambda c: c.apply(DEPLOYMENTS, BODY),
    "rehearsal": lambda c: c.apply(DEPLOYMENTS, BODY, dry_run=True),
    "size": lambda c: c.apply_scale("default", "chat", 3, "7"),
    "status": lambda c: c.apply_status(INFERENCE_SERVICES, "default", "chat", {}, uid="u", urgency=Urgency.CONDITIONS),
    "Event": lambda c: c.create_event(BODY),
    "object": lambda c: c.create(LEASES, BODY),
    "whole object": lambda c: c.replace(LEASES, BODY),
    "patch": lambda c: c.patch(INFERENCE_SERVICES, "default", "chat", {}),
}

each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


class Gate:
    """A fence that a test opens and closes."""

    def __init__(self) -> None:
        self.open = True
        self.asked = 0

    def __call__(self) -> bool:
        """Whether it is open."""
        self.asked += 1
        return self.open


@pytest.fixture
async def server() -> AsyncIterator[LoopbackApiServer]:
    """An API server that takes everything."""
    async with loopback_api_server() as served:
        yield served


@pytest.fixture
def gate() -> Gate:
    """An open fence."""
    return Gate()


@pytest.fixture
async def client(server: LoopbackApiServer, gate: Gate) -> AsyncIterator[ClusterClient]:
    """A client behind the fence, with a single connection."""
    configuration = server.configuration()
    configuration.connection_pool_maxsize = 1
    async with aclosing(ClusterClient(configuration, fence=gate)) as made:
        yield made


@each_write
async def test_nothing_is_written_behind_a_closed_fence(
    client: ClusterClient, server: LoopbackApiServer, gate: Gate, write: Write
) -> None:
    """Neither over a new connection nor over one that was used before; and the error says why."""
    gate.open = False
    for _ in range(3):
        with pytest.raises(ClusterError, match="was not sent: this process does not hold the Lease") as caught:
            await write(client)
        assert (caught.value.status, caught.value.reason) == (0, "NotLeading")
        await client.list_names(PODS)  # Leaves its connection to the next one.
    assert {request.method for request in server.requests} == {"GET"}


@each_write
async def test_an_open_fence_is_asked_each_time_and_stops_nothing(
    client: ClusterClient, server: LoopbackApiServer, gate: Gate, write: Write
) -> None:
    """Once per request."""
    await write(client)
    await write(client)
    assert (gate.asked, len(server.requests)) == (2, 2)


async def test_reading_is_free(client: ClusterClient, gate: Gate) -> None:
    """Followers read."""
    gate.open = False
    await client.list_names(PODS)
    assert await client.find(LEASES, "default", "x") == {}
    assert gate.asked == 0


async def test_a_write_that_waited_for_a_connection_is_stopped_all_the_same(
    client: ClusterClient, server: LoopbackApiServer, gate: Gate
) -> None:
    """It was allowed when it was asked for, and is not when it could be sent."""
    server.answering.clear()
    reading = asyncio.create_task(client.list_names(PODS))
    while not server.requests:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.001)
    writing = asyncio.create_task(client.apply(DEPLOYMENTS, BODY))
    await asyncio.sleep(0.01)
    assert gate.asked == 0
    gate.open = False
    server.answering.set()
    await reading
    with pytest.raises(ClusterError, match="was not sent"):
        await writing
    assert [request.method for request in server.requests] == ["GET"]


async def test_a_write_that_has_its_connection_is_stopped_until_it_is_sent(
    client: ClusterClient, server: LoopbackApiServer, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two the event loop has its turn, and a process can be stopped in it."""
    write_headers = aiohttp.http_writer.StreamWriter.write_headers

    async def close_the_gate(writer: aiohttp.http_writer.StreamWriter, *arguments: Any) -> None:
        gate.open = False
        await write_headers(writer, *arguments)

    monkeypatch.setattr(aiohttp.http_writer.StreamWriter, "write_headers", close_the_gate)
    with pytest.raises(ClusterError, match="was not sent"):
        await client.apply(DEPLOYMENTS, BODY)
    assert server.requests == []


async def test_a_write_that_waited_for_the_budget_is_stopped_all_the_same(
    server: LoopbackApiServer, gate: Gate
) -> None:
    """The budget lets it go only when the fence is closed."""
    budget = WriteBudget(per_second=50, burst=1)
    async with aclosing(ClusterClient(server.configuration(), budget, fence=gate)) as client:
        await client.apply(DEPLOYMENTS, BODY)
        writing = asyncio.create_task(client.apply(DEPLOYMENTS, BODY))
        await asyncio.sleep(0.001)
        gate.open = False
        with pytest.raises(ClusterError, match="was not sent"):
            await writing
    assert len(server.requests) == 1


async def test_another_client_of_the_same_cluster_has_no_fence(server: LoopbackApiServer, gate: Gate) -> None:
    """The Lease itself must be written by one that does not lead."""
    gate.open = False
    configuration = server.configuration()
    async with aclosing(ClusterClient(configuration, fence=gate)), aclosing(ClusterClient(configuration)) as free:
        await free.create(LEASES, BODY)
    assert gate.asked == 0
