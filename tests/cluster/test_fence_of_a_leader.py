"""The fence, the elector and both clients together: whoever stalls past its Lease sends nothing when it goes on."""

import asyncio
import contextlib
from typing import Any

import pytest
from aiohttp import web
from loopback_api_server import Request, loopback_api_server

from tidegate.cluster.client import ClusterClient
from tidegate.cluster.elector import Elector
from tidegate.cluster.error import ClusterError
from tidegate.cluster.lease import Candidate, LeaseTimes
from tidegate.cluster.lease_client import LeaseClient
from tidegate.cluster.resources import PODS

RELEASED = {
    "metadata": {"name": "tide", "namespace": "ops", "uid": "u", "resourceVersion": "7"},
    "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
}
TIMES = LeaseTimes(lease_duration_seconds=60, renew_deadline_seconds=50, retry_period_seconds=20)


def answer(request: Request) -> web.Response:
    """A Lease that is free, and takes whatever is written; of all else nothing is known."""
    if "/leases" not in request.path:
        return web.json_response({})
    return web.json_response(request.body or RELEASED)


class Clock:
    """Seconds; those of a process that is stopped go by without its noticing."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.mark.parametrize(
    ("stalled_seconds", "told", "sent"),
    [(49.9, "Written", ["GET", "PATCH"]), (50.1, "NotLeading", ["GET"])],
    ids=["within its term", "past it"],
)
async def test_a_write_that_waits_for_a_connection_while_the_lease_runs_out_is_not_sent(
    stalled_seconds: float, told: str, sent: list[str]
) -> None:
    """It was begun in office, and the elector, which stalled as well, has not ended the work yet."""
    clock, leads, busy, heard = Clock(), asyncio.Event(), asyncio.Event(), asyncio.get_running_loop().create_future()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(loopback_api_server())
        server.answer = answer
        own = await stack.enter_async_context(contextlib.aclosing(ClusterClient(server.configuration())))
        candidate = Candidate(identity="one", times=TIMES)
        elector = Elector(LeaseClient(own, "ops", "tide"), candidate, notify=lambda _: None, clock=clock)
        configuration = server.configuration()
        configuration.connection_pool_maxsize = 1
        cluster = await stack.enter_async_context(
            contextlib.aclosing(ClusterClient(configuration, fence=elector.may_write))
        )

        async def work() -> None:
            leads.set()
            await busy.wait()
            try:
                await cluster.apply_scale("default", "chat", 3, "7")
                heard.set_result("Written")
            except ClusterError as error:
                heard.set_result(error.reason)
            await asyncio.Event().wait()

        term = asyncio.create_task(elector.run(work))
        await leads.wait()
        server.answering.clear()
        reading: asyncio.Task[Any] = asyncio.create_task(cluster.list_names(PODS))
        while not sent_to(server.requests):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
        busy.set()
        await asyncio.sleep(0.01)
        clock.now += stalled_seconds
        server.answering.set()
        await reading
        assert await heard == told
        assert elector.works
        assert sent_to(server.requests) == sent
        term.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await term


def sent_to(requests: list[Request]) -> list[str]:
    """What was sent to others than the Lease."""
    return [request.method for request in requests if "/leases" not in request.path]
