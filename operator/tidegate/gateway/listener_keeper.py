"""Keeps Envoy's listeners as the services are: one for each of their ports."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping

import structlog

from tidegate.gateway.envoy.listener_file import ListenerFile, ListenersRefusedError
from tidegate.gateway.picker.admin import EnvoyAdmin, EnvoyAdminError
from tidegate.gateway.routed_service import Key, RoutedService

SETTLE_SECONDS = 0.05
"""Services come in flocks; Envoy reads the whole file each time."""

LOOK_SECONDS = 1.0
REWRITE_SECONDS = 15.0
"""Between two looks whether Envoy lacks listeners, whose ports somebody else had when it was told of them."""

AGAIN_SECONDS = 5.0

NOT_WRITTEN = "Envoy's listeners have not been written yet"

log = structlog.get_logger(__name__)


class ListenerKeeper:
    """Writes the listeners, and sees whether Envoy has taken them.

    Args:
        file: where Envoy reads them.
        admin: of that Envoy.
        services: those that have a port.
        shared_port: of the address that all share: no service can have it.
        changed: called after `problem` is another one.
    """

    def __init__(
        self,
        file: ListenerFile,
        admin: EnvoyAdmin,
        services: Callable[[], Iterable[RoutedService]],
        *,
        shared_port: int,
        changed: Callable[[], None],
    ) -> None:
        self._file = file
        self._admin = admin
        self._services = services
        self._shared_port = shared_port
        self._tell = changed
        self._changed = asyncio.Event()
        self._refused: set[Key] = set()
        self._compared_at = -math.inf
        self.serving = asyncio.Event()
        """Set once Envoy has served for the first time."""

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
                if self._file.write(self._ports()):
                    log.info("listeners written", services=len(self._ports()))
            except (ListenersRefusedError, OSError) as error:
                log.error("the listeners were not written; trying again", error=str(error))  # noqa: TRY400 - no fault
                self._changed.set()
                await asyncio.sleep(AGAIN_SECONDS)

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
                await self._retry_refused()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> str:
        if not await self._admin.ready():
            return "Envoy is not ready"
        try:
            # A port that somebody else holds makes one service unreachable here, and is no reason to refuse all others.
            if self.problem and not await self._admin.listeners():
                return NOT_WRITTEN
        except EnvoyAdminError as error:
            return f"Envoy does not answer: {error}"
        return ""

    async def _retry_refused(self) -> None:
        """Have Envoy try those listeners again that it has refused: their ports may be free by now."""
        now = asyncio.get_running_loop().time()
        if now - self._compared_at < REWRITE_SECONDS:
            return
        self._compared_at = now
        try:
            lacks = self._file.names(self._ports()) - await self._admin.listeners()
            if lacks and not self._changed.is_set():
                log.warning("Envoy could not serve all ports; it tries again", listeners=sorted(lacks)[:8])
                self._file.rewrite()
        except (EnvoyAdminError, OSError) as error:
            log.info("Envoy cannot be asked for its listeners", error=str(error))

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
