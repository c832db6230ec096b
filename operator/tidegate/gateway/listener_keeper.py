"""Keeps Envoy's listeners as the services are: one for each of their ports."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping

import structlog

from tidegate.gateway.envoy.listener_file import ListenerFile, ListenersRefusedError
from tidegate.gateway.envoy.listeners import listener_name
from tidegate.gateway.picker.admin import EnvoyAdmin, EnvoyAdminError
from tidegate.gateway.routed_service import Key, RoutedService

SETTLE_SECONDS = 0.05
"""Services come in flocks; Envoy reads the whole file each time."""

LOOK_SECONDS = 1.0
REWRITE_SECONDS = 15.0
"""Between two looks whether Envoy lacks listeners, whose ports somebody else had when it was told of them."""

AGAIN_SECONDS = 5.0

NOT_WRITTEN = "Envoy's listeners have not been written yet"
ASKS_NOT = "Envoy does not reach the picker"
TAKING_UP = "Envoy takes up its listeners"

log = structlog.get_logger(__name__)


class ListenerKeeper:
    """Writes the listeners, and sees whether Envoy has taken them.

    Args:
        file: where Envoy reads them.
        admin: of that Envoy.
        services: those that have a port.
        shared_port: of the address that all share: no service can have it.
        asks: set while Envoy reaches the picker: without it an Envoy answers every request 503.
        changed: called after `problem` is another one.
    """

    def __init__(
        self,
        file: ListenerFile,
        admin: EnvoyAdmin,
        services: Callable[[], Iterable[RoutedService]],
        *,
        shared_port: int,
        asks: asyncio.Event,
        changed: Callable[[], None],
    ) -> None:
        self._file = file
        self._admin = admin
        self._services = services
        self._shared_port = shared_port
        self._asks = asks
        self._tell = changed
        self._changed = asyncio.Event()
        self._refused: set[Key] = set()
        self._written: Mapping[Key, int] | None = None
        self._names: frozenset[str] = frozenset()
        """The listeners that were written."""

        self._has: frozenset[str] = frozenset()
        """The listeners that Envoy had when it was asked last."""

        self._hopeless: frozenset[str] = frozenset()
        """Those that it did not take up in `REWRITE_SECONDS`."""

        self._asked_at = self._tried_at = -math.inf
        self.serving = asyncio.Event()
        """Set once Envoy has served for the first time, all listeners that it can."""

        self.problem = NOT_WRITTEN
        """What is in the way of taking requests; empty where nothing is."""

    def touch(self) -> None:
        """A service has changed."""
        self._changed.set()

    async def write_for_ever(self) -> None:
        """Write now, and after each change. Not to be begun before all services are known: the others would be cut."""
        self._changed.set()
        while True:
            await self._changed.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._changed.clear()
            try:
                self._write()
            except (ListenersRefusedError, OSError) as error:
                log.error("the listeners were not written; trying again", error=str(error))  # noqa: TRY400 - no fault
                self._changed.set()
                await asyncio.sleep(AGAIN_SECONDS)

    def listens(self, service: RoutedService) -> bool:
        """Whether Envoy serves a service's port; also where it never will: another gateway may."""
        name = listener_name(service.key, service.port)
        return name in self._has or name in self._hopeless or service.key in self._refused

    async def look_for_ever(self) -> None:
        """Ask Envoy again and again whether it serves, and whether it has all listeners, until it has."""
        while True:
            problem = await self._look()
            if problem != self.problem:
                log.info("Envoy does not serve" if problem else "Envoy serves", problem=problem)
                self.problem = problem
                self._tell()
            if not problem:
                self.serving.set()
                self._retry_refused()
            await asyncio.sleep(LOOK_SECONDS)

    def _write(self) -> None:
        ports = self._ports()
        if ports == self._written:  # Of most changes nothing is for Envoy, and comparing the files takes a second.
            return
        if self._file.write(ports):
            log.info("listeners written", services=len(ports))
        self._written, self._names = ports, self._file.names(ports)
        self._tried_at = asyncio.get_running_loop().time()

    async def _look(self) -> str:
        if not await self._admin.ready():
            return "Envoy is not ready"
        if not self._asks.is_set():
            return ASKS_NOT
        if self._written is None:
            return NOT_WRITTEN
        now, before = asyncio.get_running_loop().time(), self._lacks()
        if not self.problem and not before and now - self._asked_at < REWRITE_SECONDS:
            return ""
        try:
            self._has, self._asked_at = await self._admin.listeners(), now
        except EnvoyAdminError as error:
            return f"Envoy does not answer: {error}"
        # A port that somebody else holds makes one service unreachable here, and is no reason to refuse all others: it
        # is lacked at each look. More come with each while Envoy takes them up.
        lacks = self._lacks()
        return TAKING_UP if self.problem and lacks and lacks != before else ""

    def _lacks(self) -> frozenset[str]:
        return self._names - self._has

    def _retry_refused(self) -> None:
        """Have Envoy try those listeners again that it has refused: their ports may be free by now."""
        now, lacks = asyncio.get_running_loop().time(), self._lacks()
        if not lacks:
            self._hopeless = lacks
        if not lacks or now - self._tried_at < REWRITE_SECONDS:
            return
        self._tried_at, self._hopeless = now, lacks
        log.warning("Envoy could not serve all ports; it tries again", listeners=sorted(lacks)[:8])
        try:
            self._file.rewrite()
        except OSError as error:
            log.warning("the listeners were not written; trying again", error=str(error))

    def _ports(self) -> Mapping[Key, int]:
        """Each service's port. Of two with the same one, as while ports change hands, the older service has it."""
        owners: dict[int, Key] = {}
        refused = set()
        for service in sorted(self._services(), key=lambda each: (each.created, each.key)):
            if service.port == self._shared_port or owners.setdefault(service.port, service.key) != service.key:
                refused.add(service.key)
                if service.key not in self._refused:
                    log.warning("the port of a service is taken", service=service.key, port=service.port)
        self._refused = refused
        return {key: port for port, key in owners.items() if key not in refused}
