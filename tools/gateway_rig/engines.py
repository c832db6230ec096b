"""The engines of a rig: `tidegate engine`'s, which besides write down what reaches them.

`python -m gateway_rig.engines --port 8100 --record FILE --kubeconfig FILE`: one process is the engine in every pod. The
record has one JSON array for each thing that happened: `[time, event, address, id]` with the time of `time.time()`, the
pod's address, and the request's id from the client's header. Events:

* `loaded`: the engine could have answered its health check with 200 from here on; `up`: it did, for the first time,
* `early`: a request arrived before the model was loaded or after the pod was gone, and its connection was reset: nobody
  would listen there,
* `in`: a request arrived; `byte`: its answer begins; `out`: it has ended, whichever way,
* `gone`: the pod is no more; what ran there was cut.
"""

import argparse
import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import aiohttp
import uvloop
from aiohttp import web
from aiohttp.typedefs import Middleware
from kubernetes.aio.client import ApiClient, ApiException, CoreV1Api
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import load_kube_config
from kubernetes.aio.watch import Watch

from gateway_rig.program import raise_descriptor_limit
from tidegate.simulator.admin import admin_application
from tidegate.simulator.faults import hang
from tidegate.simulator.fleet import Fleet, Listener
from tidegate.simulator.server import EngineServer
from tidegate.simulator.serving import listening

REQUEST_HEADER = "x-accounting-id"
HEALTH_PATH = "/health"
RETRY_SECONDS = 0.5
STREAM_INTERVAL_SECONDS = 0.1

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Record:
    """The record, and the state of the pods that it follows from."""

    def __init__(self, file: TextIO, fleet: Fleet, listener: Listener) -> None:
        self._file = file
        self._fleet = fleet
        self._listener = listener
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self._up: set[str] = set()
        self._there: set[str] = set()
        self._connections: dict[str, set[asyncio.Transport]] = defaultdict(set)
        self._opened = 0.0
        self.closed = False
        """Whether all engines are still loading: their health checks fail."""

    def note(self, event: str, address: str, identity: str = "", *, at: float | None = None) -> None:
        """Write a line."""
        self._file.write(json.dumps([round(time.time() if at is None else at, 6), event, address, identity]) + "\n")

    def is_there(self, address: str) -> None:
        """A pod has an address: its engine begins to load."""
        self._there.add(address)
        self._fleet.engine(address, self._listener)

    def is_broken(self, address: str) -> None:
        """The connections of an engine are reset; it is there again at once."""
        self._cut(address)
        model = replace(self._listener.model, startup_seconds=0.0)
        self._fleet.engine(address, replace(self._listener, model=model))
        self.note("gone", address)

    def is_up(self, address: str) -> None:
        """A health check was answered."""
        if address not in self._up:
            self._up.add(address)
            created = self._fleet.engine(address, self._listener).created
            self.note("loaded", address, at=max(self._opened, created + self._listener.model.startup_seconds))
            self.note("up", address)

    def is_gone(self, address: str) -> None:
        """A pod has been deleted: what runs there is cut, and the next pod with its address starts from nothing."""
        self._cut(address)
        self._up.discard(address)
        self._there.discard(address)
        self.note("gone", address)

    def _forget_closed(self, address: str) -> None:
        open_ones = {each for each in self._connections.pop(address, ()) if not each.is_closing()}
        if open_ones:
            self._connections[address] = open_ones

    def _cut(self, address: str) -> None:
        """Reset all connections, those that nothing runs on included."""
        self._fleet.reset(address)
        for transport in self._connections.pop(address, ()):
            transport.abort()

    def middleware(self) -> Middleware:
        """What stands before each engine's handlers."""

        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            name = None if request.transport is None else request.transport.get_extra_info("sockname")
            address = "" if name is None else str(name[0])
            if request.path == HEALTH_PATH:
                if self.closed:
                    return web.Response(status=503)
                answer = await handler(request)
                if answer.status == web.HTTPOk.status_code:
                    self.is_up(address)
                return answer
            if request.method != "POST":
                return await handler(request)
            identity = request.headers.get(REQUEST_HEADER, "")
            loaded = not self.closed and self._fleet.engine(address, self._listener).ready
            if (address not in self._there or not loaded) and request.transport is not None:
                self.note("early", address, identity)
                request.transport.abort()
                return await hang()  # Until aiohttp notices.
            if request.transport is not None:
                self._connections[address].add(request.transport)
            self.note("in", address, identity)
            self.in_flight[address] += 1
            self.most_in_flight[address] = max(self.most_in_flight[address], self.in_flight[address])
            try:
                return await handler(request)
            finally:
                self.in_flight[address] -= 1
                self.answered[address] += 1
                if request.transport is None or request.transport.is_closing():
                    self._forget_closed(address)
                self.note("out", address, identity)

        return around

    async def first_byte(self, request: web.Request, _: web.StreamResponse) -> None:
        """An answer begins."""
        if request.method == "POST" and request.transport is not None:
            name = request.transport.get_extra_info("sockname")
            self.note("byte", str(name[0]), request.headers.get(REQUEST_HEADER, ""))

    def add_routes(self, app: web.Application) -> None:
        """Let the rig ask and steer."""

        async def counts(_: web.Request) -> web.Response:
            self._file.flush()
            names = ("in_flight", "most_in_flight", "answered")
            return web.json_response({name: dict(getattr(self, name)) for name in names})

        async def forget(_: web.Request) -> web.Response:
            self.most_in_flight.clear()
            self.answered.clear()
            return web.Response()

        async def close(_: web.Request) -> web.Response:
            self.closed = True
            self._up.clear()
            return web.Response()

        async def open_(_: web.Request) -> web.Response:
            self.closed = False
            self._opened = time.time()
            return web.Response()

        async def break_(request: web.Request) -> web.Response:
            self.is_broken(request.match_info["address"])
            return web.Response()

        app.router.add_post("/break/{address}", break_)
        app.router.add_get("/counts", counts)
        app.router.add_post("/counts/forget", forget)
        app.router.add_post("/close", close)
        app.router.add_post("/open", open_)


async def follow_pods(kubeconfig: Path, record: Record) -> None:
    """Start an engine for every pod that gets an address, and end that of every pod that is deleted, for ever."""
    configuration = Configuration()
    await load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
    addresses: dict[str, str] = {}  # uid -> address
    async with ApiClient(configuration) as client:
        core = CoreV1Api(client)
        while True:
            try:
                async for event in Watch(return_type="object").stream(core.list_pod_for_all_namespaces):
                    pod = event["raw_object"]
                    uid, address = pod["metadata"]["uid"], (pod.get("status") or {}).get("podIP")
                    if event["type"] != "DELETED":
                        if address and uid not in addresses:
                            addresses[uid] = address
                            record.is_there(address)
                        continue
                    addresses.pop(uid, None)
                    if address and address not in addresses.values():
                        record.is_gone(address)
            except (ApiException, aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(RETRY_SECONDS)


async def serve(asked: argparse.Namespace) -> None:
    """Serve until cancelled."""
    raise_descriptor_limit()
    listener = Listener.parse(f"vLLM:{asked.port}:rtx4090", startup_seconds=asked.startup_seconds)
    fleet = Fleet(stream_interval_seconds=STREAM_INTERVAL_SECONDS)
    with asked.record.open("a") as file:
        record = Record(file, fleet, listener)
        app = EngineServer(fleet, listener).application()
        app.middlewares.insert(0, record.middleware())
        app.on_response_prepare.append(record.first_byte)
        admin = admin_application(fleet)
        record.add_routes(admin)
        async with (
            listening(app, "0.0.0.0", asked.port),  # noqa: S104 - each local address is a pod
            listening(admin, "127.0.0.1", asked.admin_port),
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(follow_pods(asked.kubeconfig, record))
            tasks.create_task(_flush(file))


async def _flush(file: TextIO) -> None:
    while True:
        await asyncio.sleep(RETRY_SECONDS)
        file.flush()


def main() -> None:
    """Read arguments and serve."""
    parser = argparse.ArgumentParser(description="Simulated engines that write down what reaches them.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--admin-port", type=int, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--startup-seconds", type=float, default=0.0, help="from the first contact with a pod")
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
