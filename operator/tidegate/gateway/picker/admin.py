"""Envoy's administration, over its socket in the shared directory."""

from collections.abc import Mapping
from dataclasses import dataclass
from json import JSONDecodeError, loads
from types import TracebackType
from typing import Any, Self

import aiohttp

from tidegate.cluster.reading import joined
from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.names import ENGINES_CLUSTER

_TIMEOUT_SECONDS = 30
# Envoy carries requests all the while that it takes up thousands of listeners, and answers nothing here.

FIGURES: Mapping[str, str] = {
    "http.gateway.downstream_cx_active": "connections",
    "http.gateway.downstream_rq_active": "requests",
    "server.memory_heap_size": "heap_bytes",
    "listener_manager.total_listeners_active": "listeners",
    "listener_manager.listener_create_failure": "listener_failures",
}
"""Envoy's names of the statistics that are worth exporting, and ours."""


class EnvoyAdminError(Exception):
    """Envoy's administration did not answer as it should; says what was asked and what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyFigures:
    """What Envoy says of itself."""

    connections: int
    """Of clients, open now."""

    requests: int
    """Held and forwarded now."""

    heap_bytes: int
    listeners: int
    listener_failures: int
    """Listeners that it refused, since it started."""


class EnvoyAdmin:
    """A client of Envoy's administration. Use it as an asynchronous context.

    Every method raises EnvoyAdminError where Envoy is not there or says no.
    """

    def __init__(self, directory: Directory) -> None:
        self._socket = str(directory.admin_socket)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=self._socket),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ready(self) -> bool:
        """Say whether Envoy serves."""
        try:
            return (await self._ask("GET", "/ready")).strip() == b"LIVE"
        except EnvoyAdminError:
            return False

    async def in_flight(self) -> dict[str, int]:
        """Return how many requests run at each pod, by `IP:port`; pods without any are left out."""
        document = await self._ask_json("/clusters?format=json")
        counts: dict[str, int] = {}
        for cluster in document.get("cluster_statuses", ()):
            if cluster["name"] != ENGINES_CLUSTER:
                continue
            for host in cluster.get("host_statuses", ()):
                socket = host["address"]["socket_address"]
                active = next((int(s.get("value", 0)) for s in host["stats"] if s["name"] == "rq_active"), 0)
                if active:
                    counts[joined(socket["address"], socket["port_value"])] = active
        return counts

    async def listeners(self) -> frozenset[str]:
        """Return the names of the listeners that Envoy serves."""
        document = await self._ask_json("/listeners?format=json")
        return frozenset(listener["name"] for listener in document.get("listener_statuses", ()))

    async def figures(self) -> EnvoyFigures:
        """Return what Envoy says of itself."""
        names = "|".join(f"^{name}$" for name in FIGURES).replace(".", r"\.")
        document = await self._ask_json("/stats", {"format": "json", "filter": names})
        values = {entry["name"]: int(entry["value"]) for entry in document["stats"] if "name" in entry}
        return EnvoyFigures(**{field: values.get(name, 0) for name, field in FIGURES.items()})

    async def drain(self) -> None:
        """Have every response close its connection, so that clients go elsewhere; nothing is refused."""
        await self._ask("POST", "/drain_listeners?graceful&skip_exit")

    async def _ask_json(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        body = await self._ask("GET", path, query)
        try:
            document: dict[str, Any] = loads(body)
        except JSONDecodeError as error:
            raise EnvoyAdminError(f"{path}: not JSON: {body[:200]!r}") from error
        return document

    async def _ask(self, method: str, path: str, query: Mapping[str, str] | None = None) -> bytes:
        if self._session is None:
            raise RuntimeError("EnvoyAdmin is used outside of its `async with`.")
        try:
            async with self._session.request(method, f"http://envoy{path}", params=query) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EnvoyAdminError(f"{path} at {self._socket}: {str(error) or type(error).__name__}") from error
        if response.status != 200:  # noqa: PLR2004 - HTTP's OK
            raise EnvoyAdminError(f"{path} at {self._socket}: {response.status} {body[:200]!r}")
        return body
