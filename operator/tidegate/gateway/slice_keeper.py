"""Keeps the EndpointSlices that lead to the gateways. The leader among them does.

It looks at what is there, at what should be, and writes the difference: nothing at rest, one write per slice where a
gateway or a service comes or goes. Services for which somebody waits go first.
"""

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import structlog

from tidegate.api.names import FIELD_MANAGER_GATEWAY
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.error import ClusterError
from tidegate.cluster.follow import Change, Gone, Listed, Put, Selection
from tidegate.cluster.resources import ENDPOINT_SLICES, LEASES, Document, Key
from tidegate.cluster.write_budget import Urgency
from tidegate.gateway.members import Members
from tidegate.gateway.routed_service import RoutedService
from tidegate.gateway.slices import (
    OVERLAP_SECONDS,
    OWN_SLICES,
    OwnSlice,
    Plan,
    Wish,
    endpoints_of,
    leads_to_all,
    plan,
    wish,
)
from tidegate.gateway.store import Store

WRITERS = 16
AGAIN_SECONDS = 1.0
CLOSED_SECONDS = 0.5
"""Between looks whether a port is open by now."""

HOLD_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""How long a service's slices rest after the first, second, ... write in a row that failed."""

LOOK_SECONDS = 15.0
"""Between looks for Leases of gateways that are long dead."""

log = structlog.get_logger(__name__)


class SliceKeeper:
    """Writes slices while this gateway leads.

    Args:
        cluster: fenced by the Lease of the leader.
        store: the services.
        members: the gateways.
        is_urgent: whether somebody waits for a service.
        listens: whether this gateway's Envoy serves a service's port. Gateways learn of a port together, so the others'
            are taken to be as far.
        clock: seconds since the epoch.
        namespaces: those that are looked after; empty for all.
        lease_namespace: where the gateways' Leases are.
    """

    def __init__(
        self,
        cluster: ClusterClient,
        *,
        store: Store,
        members: Members,
        is_urgent: Callable[[Key], bool],
        listens: Callable[[RoutedService], bool],
        clock: Callable[[], float],
        namespaces: tuple[str, ...],
        lease_namespace: str,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._members = members
        self._is_urgent = is_urgent
        self._listens = listens
        self._clock = clock
        self._namespaces = namespaces
        self._lease_namespace = lease_namespace
        self._slices: defaultdict[Key, dict[str, OwnSlice]] = defaultdict(dict)
        self._unlisted: set[str | None] = set()
        self._since: dict[Key, float] = {}
        self._queue: list[tuple[bool, Key]] = []
        self._queued: set[Key] = set()
        self._writing: set[Key] = set()
        self._touched_meanwhile: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._work = asyncio.Event()
        self._works = False

    def touch(self, key: Key) -> None:
        """A service has changed, or its pods or slices: look at it soon."""
        if not self._works:
            return
        if key in self._writing:
            self._touched_meanwhile.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            heapq.heappush(self._queue, (not self._waits(key), key))
            self._work.set()

    def touch_all(self) -> None:
        """The gateways are others: look at all services."""
        for key in self._store.services.keys() | self._slices.keys():
            self.touch(key)
        self._work.set()

    def since(self) -> Mapping[Key, float]:
        """Since when each service's slice has had all gateways that take connections; empty while not leading."""
        return self._since

    async def run(self) -> None:
        """Serve a term: for ever, until cancelled."""
        self._forget_all()
        self._works = True
        self._unlisted = {*self._namespaces} or {None}
        try:
            async with asyncio.TaskGroup() as group:
                for namespace in self._unlisted.copy():
                    group.create_task(self._follow(namespace))
                for _ in range(WRITERS):
                    group.create_task(self._write_for_ever())
                group.create_task(self._bury_for_ever())
        finally:
            self._works = False
            self._forget_all()

    def _forget_all(self) -> None:
        self._slices.clear()
        self._since.clear()
        self._queue.clear()
        self._queued.clear()
        self._writing.clear()
        self._touched_meanwhile.clear()
        self._failures.clear()

    def _waits(self, key: Key) -> bool:
        return self._is_urgent(key) or self._store.ready_since(key) is None

    async def _follow(self, namespace: str | None) -> None:
        selection = Selection(resource=ENDPOINT_SLICES, namespace=namespace, labels=OWN_SLICES)
        while True:
            try:
                async for change in self._cluster.follow(selection):
                    self._take(change, namespace)
            except ClusterError as error:
                log.warning("the gateways' slices cannot be followed; trying again", error=str(error))
            await asyncio.sleep(AGAIN_SECONDS)

    def _take(self, change: Change, namespace: str | None) -> None:
        match change:
            case Listed(documents):
                self._replace(documents, namespace)
            case Put(document):
                self._put(document)
            case Gone(document):
                gone = OwnSlice.of(document)
                known = self._slices.get(gone.service, {}).get(gone.name)
                if known is not None and known.uid == gone.uid:
                    self._drop(known)
                self.touch(gone.service)

    def _replace(self, documents: Iterable[Document], namespace: str | None) -> None:
        for key in [key for key in self._slices if namespace in {None, key[0]}]:
            del self._slices[key]
        for document in documents:
            found = OwnSlice.of(document)
            self._slices[found.service][found.name] = found
        self._unlisted.discard(namespace)
        if not self._unlisted:
            self.touch_all()

    def _put(self, document: Document) -> None:
        """Take in a slice; an answer to a write of our own may have overtaken the watch."""
        found = OwnSlice.of(document)
        known = self._slices[found.service].get(found.name)
        if known is None or known.uid != found.uid or known.version < found.version:
            self._slices[found.service][found.name] = found
            self.touch(found.service)

    def _drop(self, gone: OwnSlice) -> None:
        same = self._slices[gone.service]
        same.pop(gone.name, None)
        if not same:
            del self._slices[gone.service]

    async def _write_for_ever(self) -> None:
        while True:
            while not self._queue or self._unlisted or not self._members.synced:
                self._work.clear()
                await self._work.wait()
            _, key = heapq.heappop(self._queue)
            self._queued.discard(key)
            self._writing.add(key)
            try:
                await self._write(key, self._planned(key))
                self._failures.pop(key, None)
            except Exception as error:  # noqa: BLE001 - one service's fault must not end the data path of all
                self._failed(key, error)
            finally:
                self._writing.discard(key)
                if key in self._touched_meanwhile:
                    self._touched_meanwhile.discard(key)
                    self.touch(key)

    def _planned(self, key: Key) -> Plan:
        """What there is to be written for a service, and since when nothing is."""
        record, found = self._store.services.get(key), self._slices.get(key, {})
        self._note(key, found)
        if record is None or not record.is_settled:
            return Plan()  # Of a service that is gone, the garbage collector takes them; of others nobody knows yet.
        if record.routed is None:
            return Plan(delete=tuple(found.values()))
        ready_since, now = self._store.ready_since(key), self._clock()
        wanted = wish(record.routed, standby=record.standby, ready_since=ready_since, now=now)
        if wanted is Wish.STAY and found and ready_since is not None:
            seconds = max(0.0, ready_since + OVERLAP_SECONDS - now)
            asyncio.get_running_loop().call_later(seconds + 0.001, self.touch, key)
        if wanted is Wish.HERE and ready_since is not None and not self._listens(record.routed):
            # Pods answer meanwhile; beside them a closed port would be an error to every second client.
            asyncio.get_running_loop().call_later(CLOSED_SECONDS, self.touch, key)
            return Plan()
        return plan(record.routed, wanted, endpoints_of(self._members.live()), found)

    async def _write(self, key: Key, planned: Plan) -> None:
        urgency = Urgency.SCALE if self._waits(key) else Urgency.BODY
        for body in planned.apply:
            answer = await self._cluster.apply_as(FIELD_MANAGER_GATEWAY, ENDPOINT_SLICES, body, urgency=urgency)
            self._put(answer)
        for each in planned.delete:
            await self._cluster.delete(ENDPOINT_SLICES, key[0], each.name, uid=each.uid, urgency=urgency)
            self._drop(each)
        if planned != Plan():
            log.info("slices written", service=key, applied=len(planned.apply), deleted=len(planned.delete))
            self._note(key, self._slices.get(key, {}))

    def _note(self, key: Key, found: Mapping[str, OwnSlice]) -> None:
        record = self._store.services.get(key)
        routed = record.routed if record is not None else None
        if routed is not None and leads_to_all(routed, endpoints_of(self._members.live()), found):
            self._since.setdefault(key, self._clock())
        else:
            self._since.pop(key, None)

    def _failed(self, key: Key, error: Exception) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        seconds = HOLD_SECONDS[min(failures, len(HOLD_SECONDS)) - 1]
        unexpected = None if isinstance(error, ClusterError) else error
        log.warning(
            "a slice was not written; trying again",
            service=key,
            error=str(error),
            in_seconds=seconds,
            exc_info=unexpected,
        )
        asyncio.get_running_loop().call_later(seconds, self.touch, key)

    async def _bury_for_ever(self) -> None:
        """Delete the Leases of gateways that are long dead."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for name, uid in self._members.forgotten():
                try:
                    await self._cluster.delete(LEASES, self._lease_namespace, name, uid=uid, urgency=Urgency.COSMETIC)
                    log.info("deleted the Lease of a gateway that is dead", name=name)
                except ClusterError as error:
                    log.warning("the Lease of a gateway that is dead was not deleted", name=name, error=str(error))
