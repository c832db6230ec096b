"""Following objects: what is done with pages, with watches that end or die, and with what the API server forgot."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from tidegate.cluster.client import ClusterClient
from tidegate.cluster.error import ClusterError
from tidegate.cluster.follow import Gone, Listed, Put, Selection
from tidegate.cluster.resources import LEASES, Document

SELECTION = Selection(resource=LEASES, namespace="here", labels="a=b")
PATH = "/apis/coordination.k8s.io/v1/namespaces/here/leases"


def lease(name: str, version: str) -> Document:
    """An object."""
    return {"metadata": {"name": name, "resourceVersion": version}}


def event(kind: str, document: Document) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": kind, "object": document}).encode() + b"\n"


class Watched:
    """An API server whose watches answer as a test says; each list has what `items` has.

    Attributes:
        watches: What each watch brings, in parts; the last one stays open.
        asked: The queries that came.
    """

    def __init__(self) -> None:
        self.url = ""
        self.pages: list[Document] = [{"metadata": {"resourceVersion": "10"}, "items": [lease("one", "9")]}]
        self.watches: list[list[bytes]] = []
        self.asked: list[dict[str, str]] = []
        self.open = 0
        self.closed = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """List or watch."""
        query = dict(request.query)
        self.asked.append(query)
        if "watch" not in query:
            return web.json_response(self.pages.pop(0) if len(self.pages) > 1 else self.pages[0])
        response = web.StreamResponse()
        await response.prepare(request)
        self.open += 1
        try:
            for part in self.watches.pop(0) if self.watches else []:
                await response.write(part)
                await asyncio.sleep(0)
            if not self.watches:
                await asyncio.Event().wait()
        finally:
            self.open -= 1
            self.closed.set()
        return response


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    """The server."""
    made = Watched()
    app = web.Application()
    app.router.add_get(PATH, made.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@asynccontextmanager
async def following(watched: Watched) -> AsyncIterator[Callable[[], Any]]:
    """Follow; what is yielded waits for the next change."""
    configuration = Configuration()
    configuration.host = watched.url
    async with aclosing(ClusterClient(configuration)) as client, aclosing(client.follow(SELECTION)) as changes:

        async def following_one() -> Any:
            async with asyncio.timeout(5):
                return await anext(changes)

        yield following_one


async def test_all_pages_are_one_list_and_the_watch_begins_where_it_ends(watched: Watched) -> None:
    """Nothing is missed in between."""
    watched.pages = [
        {"metadata": {"resourceVersion": "10", "continue": "more"}, "items": [lease("one", "8")]},
        {"metadata": {"resourceVersion": "11"}, "items": [lease("two", "9")]},
    ]
    watched.watches = [[event("ADDED", lease("three", "12"))]]
    async with following(watched) as change:
        assert await change() == Listed((lease("one", "8"), lease("two", "9")))
        assert await change() == Put(lease("three", "12"))
    assert [query.get("continue") for query in watched.asked] == [None, "more", None]
    assert (watched.asked[2]["resourceVersion"], watched.asked[2]["labelSelector"]) == ("11", "a=b")


async def test_a_watch_that_ends_goes_on_where_it_was(watched: Watched) -> None:
    """Bookmarks count as well, and are no change."""
    watched.watches = [
        [event("MODIFIED", lease("one", "12")), event("DELETED", lease("one", "13"))],
        [event("BOOKMARK", lease("", "20"))],
        [event("ADDED", lease("two", "21"))],
    ]
    async with following(watched) as change:
        await change()
        assert [await change() for _ in range(3)] == [
            Put(lease("one", "12")),
            Gone(lease("one", "13")),
            Put(lease("two", "21")),
        ]
    assert [query["resourceVersion"] for query in watched.asked[1:]] == ["10", "13", "20"]


async def test_lines_come_in_parts_of_any_length(watched: Watched) -> None:
    """An object of a megabyte, cut anywhere."""
    big = lease("x" * 1_000_000, "12")
    line = event("ADDED", big) + event("ADDED", lease("two", "13"))
    watched.watches = [[line[:7], line[7:500_000], line[500_000:-20], line[-20:]]]
    async with following(watched) as change:
        await change()
        assert await change() == Put(big)
        assert await change() == Put(lease("two", "13"))


async def test_what_the_api_server_has_forgotten_is_listed_anew(watched: Watched) -> None:
    """So that what vanished meanwhile is seen to be gone."""
    forgotten = {"code": 410, "reason": "Expired", "message": "too old resource version"}
    watched.watches = [[event("ERROR", forgotten)], []]
    async with following(watched) as change:
        assert [type(await change()) for _ in range(2)] == [Listed, Listed]


async def test_other_errors_are_told(watched: Watched) -> None:
    """Whoever follows begins anew when it suits."""
    watched.watches = [[event("ERROR", {"code": 403, "reason": "Forbidden", "message": "no more"})], []]
    async with following(watched) as change:
        await change()
        with pytest.raises(ClusterError, match="Forbidden: no more"):
            await change()


async def test_an_api_server_that_says_no_is_told_at_once(watched: Watched) -> None:
    """In its words."""
    watched.url = f"{watched.url}/elsewhere"
    async with following(watched) as change:
        with pytest.raises(ClusterError, match="404"):
            await change()


async def test_whoever_listens_no_more_closes_the_connection(watched: Watched) -> None:
    """Else the API server would write into the void."""
    watched.watches = [[event("ADDED", lease("two", "12"))]]
    async with following(watched) as change:
        await change()
        await change()
        assert watched.open == 1
    async with asyncio.timeout(5):
        await watched.closed.wait()
