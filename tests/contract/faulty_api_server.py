"""A proxy in front of the real API server that can be told to fail, and that remembers who wrote what through it.

As a program it is that proxy, in a process of its own; as a module it is how tests start it and tell it what to do.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from api_server import ApiServer

SECONDS = 60
CUT = 0
"""Stands for a connection that is cut, where other numbers are an HTTP status."""

CONTROL = "/-/fault"
WRITES = "/-/writes"
_HOP_BY_HOP = {"connection", "content-length", "host", "transfer-encoding"}
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: proxy
contexts: [{{name: proxy, context: {{cluster: proxy, user: nobody}}}}]
clusters: [{{name: proxy, cluster: {{server: "{url}"}}}}]
users: [{{name: nobody, user: {{}}}}]
"""


@dataclass(frozen=True, slots=True)
class FaultyApiServer:
    """The proxy, seen by a test.

    Attributes:
        url: Where it is.
        kubeconfig: Leads to it.
    """

    url: str
    kubeconfig: Path

    def fail_with(self, status: int) -> None:
        """Answer everything so from now on, and cut the watches that are open."""
        self._ask("PUT", f"{CONTROL}/{status}")

    def heal(self) -> None:
        """Lead to the real one again."""
        self._ask("DELETE", f"{CONTROL}/0")

    def wait_failures(self, count: int) -> None:
        """Wait until so many requests have met the fault."""
        deadline = time.monotonic() + SECONDS
        while (met := int(self._ask("GET", f"{CONTROL}/0"))) < count:
            assert time.monotonic() < deadline, f"only {met} requests within {SECONDS} s"
            time.sleep(0.1)

    def writes(self) -> list[str]:
        """All writes that have arrived, as "PATCH /apis/...", in order; without Leases and questions for rights."""
        said: list[str] = json.loads(self._ask("GET", WRITES))
        return [write for write in said if not any(part in write for part in ("/leases", "accessreviews"))]

    def _ask(self, method: str, path: str) -> str:
        request = urllib.request.Request(f"{self.url}{path}", method=method)  # noqa: S310 - loopback
        with _DIRECT.open(request, timeout=5) as response:
            text: str = response.read().decode()
            return text


@contextmanager
def faulty_api_server(kubeconfig: Path, directory: Path) -> Iterator[FaultyApiServer]:
    """Run the proxy until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    process = subprocess.Popen(  # noqa: S603 - this very file
        [sys.executable, __file__, str(kubeconfig), str(port)], env={**os.environ, "PYTHONPATH": path}
    )
    made = directory / "kubeconfig-of-the-proxy"
    made.write_text(_KUBECONFIG.format(url=f"http://127.0.0.1:{port}"))
    faulty = FaultyApiServer(f"http://127.0.0.1:{port}", made)
    try:
        _wait_until_it_listens(port, process)
        yield faulty
    finally:
        process.kill()
        process.wait()


def _wait_until_it_listens(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "the proxy ended"
        assert time.monotonic() < deadline, "the proxy does not listen"
        time.sleep(0.05)


class Proxy:
    """The proxy itself."""

    def __init__(self, real: ApiServer) -> None:
        self._real = real
        self._status: int | None = None
        self._failures = 0
        self._writes: list[str] = []
        self._open: set[asyncio.Task[Any]] = set()
        self._session: aiohttp.ClientSession | None = None

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", f"{CONTROL}/{{status}}", self._control)
        app.router.add_get(WRITES, self._tell_writes)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _control(self, request: web.Request) -> web.Response:
        if request.method == "PUT":
            self._status, self._failures = int(request.match_info["status"]), 0
            for task in self._open:
                task.cancel()
        elif request.method == "DELETE":
            self._status = None
        return web.Response(text=str(self._failures))

    async def _tell_writes(self, _: web.Request) -> web.Response:
        return web.json_response(self._writes)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET":
            self._writes.append(f"{request.method} {request.path}")
        if self._status is not None:
            return self._fail(request, self._status)
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            return await self._forward(request)
        finally:
            self._open.discard(task)

    def _fail(self, request: web.Request, status: int) -> web.StreamResponse:
        self._failures += 1
        if status == CUT:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "played"}
        headers = {"Retry-After": "1"} if status in {429, 503} else {}
        return web.json_response(body, status=status, headers=headers)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._real.tls, limit=0)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        async with self._session.request(
            request.method,
            f"{self._real.url}{request.path_qs}",
            headers={name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP},
            data=await request.read() or None,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


if __name__ == "__main__":
    proxy = Proxy(ApiServer.from_kubeconfig(Path(sys.argv[1])))
    web.run_app(proxy.application(), host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None)
