"""An HTTP server on the loopback address that answers as it is told: for faults that no real API server shows."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes.aio.client import Configuration

from tidegate.cluster.client import ClusterClient


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Answer = Callable[[Request], web.Response]


@dataclass(slots=True)
class LoopbackApiServer:
    """The server.

    Attributes:
        url: Where it is.
        requests: All that arrived.
        answer: What it answers; an empty object unless a test says otherwise.
        answering: Requests wait until it is set, as it is at first.
    """

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Answer = lambda _: web.json_response({})
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def configuration(self) -> Configuration:
        """How to reach it."""
        configuration = Configuration()
        configuration.host = self.url
        return configuration

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        text = await request.text()
        taken = Request(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=dict(request.headers),
            body=json.loads(text) if text else None,
        )
        self.requests.append(taken)
        await self.answering.wait()
        return self.answer(taken)


@asynccontextmanager
async def loopback_api_server() -> AsyncIterator[LoopbackApiServer]:
    """Serve on a free port."""
    served = LoopbackApiServer()
    served.answering.set()
    runner = web.ServerRunner(web.Server(served._handle), shutdown_timeout=0)  # noqa: SLF001 - its own module
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield served
    finally:
        await runner.cleanup()


def status(code: int, reason: str, message: str) -> web.Response:
    """A failure as the API server words it."""
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return web.json_response(body, status=code)


@asynccontextmanager
async def client_of(server: LoopbackApiServer) -> AsyncIterator[ClusterClient]:
    """A client for it."""
    client = ClusterClient(server.configuration())
    try:
        yield client
    finally:
        await client.aclose()
