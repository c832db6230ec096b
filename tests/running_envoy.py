"""A real Envoy with its picker, an engine and a scripted policy, for tests of the gateway's data path."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.listener_file import ListenerFile
from tidegate.gateway.envoy.program import EnvoyNotFoundError, command, find_envoy, prepare
from tidegate.gateway.exchange import Ended, Forward, Reply, Request
from tidegate.gateway.picker.admin import EnvoyAdmin
from tidegate.gateway.picker.server import Picker
from tidegate.gateway.policy.headers import COLD_START_HEADER

SERVICE = ("models", "chat")
COLD = (COLD_START_HEADER, "true")


def free_port() -> int:
    """Return a port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class ScriptedPolicy:
    """Decides as a test says, and keeps what it was asked and told."""

    decide: Callable[[Request], Awaitable[Forward | Reply]]
    asked: list[Request] = field(default_factory=list)
    ends: asyncio.Queue[Ended] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a client has left while it was held."""

    async def route(self, request: Request) -> Forward | Reply:
        """Decide as the test says."""
        self.asked.append(request)
        try:
            return await self.decide(request)
        except asyncio.CancelledError:
            self.left.set()
            raise

    def ended(self, ended: Ended) -> None:
        """Keep an end."""
        self.ends.put_nowait(ended)

    def resync(self, in_flight: Mapping[str, int]) -> None:
        """Keep nothing: a test asks Envoy itself."""
        del in_flight


class Script:
    """Forwards to the engine, unless a header of the request asks for something else."""

    def __init__(self) -> None:
        self.engine = ""
        self.picks = 0
        self.release = asyncio.Event()

    async def decide(self, request: Request) -> Forward | Reply:
        """Decide on a request."""
        if "held" in request.headers:
            await self.release.wait()
        if "status" in request.headers:
            return Reply(
                status=int(request.headers["status"]),
                headers=(("content-type", "application/json"), ("retry-after", "77")),
                body=b'{"error": "the picker\'s"}',
            )
        self.picks += 1
        wanted = request.headers.get("second" if request.attempt > 1 else "first", self.engine)
        return Forward(pick_id=f"pick-{self.picks}", address=wanted, headers_to_add=(("x-added", "yes"), COLD))


@dataclass
class RunningGateway:
    """Envoy and picker, running."""

    directory: Directory
    policy: ScriptedPolicy
    picker: Picker
    listener_file: ListenerFile
    process: asyncio.subprocess.Process
    admin: EnvoyAdmin
    shared_port: int
    service_port: int
    engine: str
    """`IP:port` of an engine that answers with what it got."""

    client: ClientSession

    @property
    def service_url(self) -> str:
        """The service's own port."""
        return f"http://127.0.0.1:{self.service_port}"

    @property
    def shared_url(self) -> str:
        """The port of all services."""
        return f"http://127.0.0.1:{self.shared_port}"

    async def end(self) -> Ended:
        """Return the next end that Envoy tells."""
        return await asyncio.wait_for(self.policy.ends.get(), 10)

    async def raw(self, data: bytes, *, port: int | None = None) -> bytes:
        """Send bytes as they are, and return all that comes until Envoy closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.service_port)
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()


@asynccontextmanager
async def running_gateway(
    root: Path, decide: Callable[[Request], Awaitable[Forward | Reply]], **options: int
) -> AsyncIterator[RunningGateway]:
    """Run Envoy on a directory, with a picker that decides as told, until the context ends.

    Args:
        root: Short enough for the paths of sockets.
        decide: Called for each request.
        options: `maximum_connections`, `maximum_heap_bytes`, `concurrency`.
    """
    try:
        program = find_envoy()
    except EnvoyNotFoundError as error:
        pytest.skip(str(error))
    directory = Directory(root)
    shared_port, service_port = free_port(), free_port()
    prepare(
        directory,
        listen_host="127.0.0.1",
        shared_port=shared_port,
        maximum_heap_bytes=options.get("maximum_heap_bytes"),
        connections=options.get("maximum_connections"),
    )
    listener_file = ListenerFile(directory, shared_port=shared_port, listen_host="127.0.0.1")
    listener_file.write({SERVICE: service_port})
    policy = ScriptedPolicy(decide)
    picker = Picker(policy, directory)
    await picker.start()
    with (root / "envoy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command(program, directory, concurrency=options.get("concurrency", 1)), stderr=log
        )
    runner = await _engine()
    host, port = runner.addresses[0][:2]
    try:
        async with EnvoyAdmin(directory) as admin, ClientSession() as client:

            async def serves() -> bool:
                return await admin.ready() and len(await admin.listeners()) == 3

            await until(serves)
            if "maximum_heap_bytes" not in options:  # Else it may refuse just that.
                await asyncio.wait_for(picker.warm.wait(), 20)
            yield RunningGateway(
                directory=directory,
                policy=policy,
                picker=picker,
                listener_file=listener_file,
                process=process,
                admin=admin,
                shared_port=shared_port,
                service_port=service_port,
                engine=f"{host}:{port}",
                client=client,
            )
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await picker.stop(grace_seconds=0)
        await runner.cleanup()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait, for 20 seconds at most, until something in another process holds."""
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - nothing here tells of another process
            await asyncio.sleep(0.02)


async def _engine() -> web.AppRunner:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/stream":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(int(request.query["chunks"])):
                await response.write(b"." * int(request.query["bytes"]))
                await asyncio.sleep(float(request.query.get("pause", "0")))
            return response
        body = await request.read()
        got = {"path": request.path, "bytes": len(body), "headers": {k.lower(): v for k, v in request.headers.items()}}
        return web.Response(text=json.dumps(got), content_type="application/json")

    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner
