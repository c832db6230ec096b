"""A proxy in front of the real API server that lets everybody in as themselves, and writes down what they ask for."""

import asyncio
import re
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from faulty_api_server import Proxy

from api_server import ApiServer

Right = tuple[str, str, str]
"""Group, resource (with its subresource) and verb, as a rule of a Role has them."""

START_SECONDS = 10
_RESOURCE = re.compile(
    r"(?:/api/v1|/apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/[^/]+)?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>[^/]+))?)?"
)
_VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}


@dataclass(slots=True)
class Recording:
    """What was asked for.

    Attributes:
        url: Where the proxy is.
        used: Rights that the requests needed.
        refused: Requests that were refused for want of a right.
    """

    url: str = ""
    used: set[Right] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


@contextmanager
def recording_api_server(kubeconfig: Path) -> Iterator[Recording]:
    """Run the proxy until the block ends."""
    (authority,) = re.findall(r"certificate-authority: (.+)", kubeconfig.read_text())
    # Without the administrator's certificate: it would be believed before any token.
    real = ApiServer(ApiServer.from_kubeconfig(kubeconfig).url, ssl.create_default_context(cafile=authority))
    recording, loop, started = Recording(), asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        recorder = _Recorder(real, recording)
        runner = web.AppRunner(recorder.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        recording.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await stop.wait()
        await runner.cleanup()
        await recorder.aclose()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(START_SECONDS), "the proxy does not start"
        yield recording
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class _Recorder(Proxy):
    def __init__(self, real: ApiServer, recording: Recording) -> None:
        super().__init__(real)
        self._recording = recording

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if right := right_for(request.method, request.path, watch=request.query.get("watch") == "true"):
            self._recording.used.add(right)
        response = await super()._forward(request)
        if response.status == web.HTTPForbidden.status_code:
            self._recording.refused.append(f"{request.method} {request.path_qs}")
        return response

    async def aclose(self) -> None:
        """Close the connections to the real one."""
        if self._session is not None:
            await self._session.close()


def right_for(method: str, path: str, *, watch: bool) -> Right | None:
    """The right that a request needs; None for what everybody may ask: which kinds there are, and what they may do."""
    found = _RESOURCE.fullmatch(path)
    if found is None or found["resource"] == "selfsubjectaccessreviews":
        return None
    reads = "get" if found["name"] else "watch" if watch else "list"
    resource = "/".join(filter(None, (found["resource"], found["subresource"])))
    return found["group"] or "", resource, _VERBS.get(method, reads)


def rights_in(rules: Iterable[dict[str, list[str]]]) -> set[Right]:
    """The rights that rules of a Role give."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
