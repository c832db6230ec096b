"""One loop over all services: look, decide, write. Level-based: it acts on what is, not on what happened.

It wakes at every tick, for all services that are due, and in between for those that something has happened to. A turn
never overlaps the next; a slow API server makes ticks late, not parallel.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import structlog

from tidegate.api.inference_service import MetricsSource
from tidegate.api.routing import RoutingMode
from tidegate.api.scaling import Objectives
from tidegate.cluster.client import Cluster
from tidegate.cluster.resources import Key
from tidegate.controller.actions import Action
from tidegate.controller.exporter import Exporter
from tidegate.controller.gateway_ports import GatewayPorts
from tidegate.controller.looks import looks_taken
from tidegate.controller.pod_reader import PodKey, PodReader, PodToRead, Readings
from tidegate.controller.profile_rollouts import ProfileRollouts
from tidegate.controller.records import PodRecord, ServiceRecord
from tidegate.controller.routing_views import RoutingViews
from tidegate.controller.service_series import Row
from tidegate.controller.spending import Spending
from tidegate.controller.state import ServiceState
from tidegate.controller.store import Store
from tidegate.controller.surroundings import surroundings
from tidegate.controller.visit import visit
from tidegate.controller.writer import Writer
from tidegate.engines.table import EngineTable
from tidegate.scaling.recording import Look
from tidegate.scaling.sample import Sample

SETTLE_SECONDS = 0.2
"""After something has happened, wait this long for what belongs to it: a Deployment brings its pods along."""

LOOK_SECONDS = 1.0
"""While last pods drain, gateways are asked so often whether a request waits for them: it must not wait for a tick."""

TURN_TIMEOUT_SECONDS = 30.0
"""Writes that take longer are given up; the next turn plans them anew from what is then."""

ALIVE_SECONDS = 120.0
"""Without a finished turn for this long, the process is to be restarted."""

QUIET_SECONDS = 30.0
QUIET_AFTER_SECONDS = 60.0
HOT_PODS = 1000
"""Up to so many pods are read at every tick. Beyond, those of services at rest for a minute wait half a minute."""

SERVICES_AT_ONCE = 16

Plan = tuple[ServiceRecord, ServiceState, list[Action]]

log = structlog.get_logger(__name__)


class Loop:
    """The loop and what it remembers of each service."""

    def __init__(  # one parameter per seam
        self,
        *,
        store: Store,
        cluster: Cluster,
        reader: PodReader,
        exporter: Exporter,
        clock: Callable[[], float],
        tick_seconds: float,
        metrics_source: MetricsSource = MetricsSource.POD_SCRAPE,
        routing: RoutingViews | None = None,
        record: Callable[[Look], None] | None = None,
        max_cost_per_hour: float | None = None,
    ) -> None:
        self._store = store
        self._routing = routing or RoutingViews(store, None, GatewayPorts(), RoutingMode.NONE)
        self._record = record
        self._reader = reader
        self._metrics_source = metrics_source
        self._exporter = exporter
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._states: dict[Key, ServiceState] = {}
        self._rollouts = ProfileRollouts(store)
        self._spending = Spending(store, max_cost_per_hour)
        self._writer = Writer(store, cluster, exporter, clock)
        self._places = asyncio.Semaphore(SERVICES_AT_ONCE)
        self._next_tick = 0.0
        self._falling_asleep: set[Key] = set()
        self._next_look = 0.0
        self._last_turn = clock()
        self.runs = False
        """Whether it turns at all: that of a follower stands still."""

        exporter.watch_services(self._rows)

    def is_alive(self) -> bool:
        """Whether a turn was finished lately."""
        return self._clock() - self._last_turn < ALIVE_SECONDS

    async def run(self) -> None:
        """Turn until cancelled; begin with what is, and what statuses remember, not with what an earlier run knew."""
        self._states.clear()
        self._spending.clear()
        self._falling_asleep.clear()
        self._next_tick, self._last_turn = 0.0, self._clock()
        self._store.mark(self._store.inference_services.keys())
        self.runs = True
        try:
            while True:
                await self._wait()
                await self._try_a_turn()
        finally:
            self.runs = False

    async def _try_a_turn(self) -> None:
        try:
            async with asyncio.timeout(TURN_TIMEOUT_SECONDS):
                await self.turn()
        except TimeoutError:
            log.warning("writes were given up after a turn's time; they are planned anew", seconds=TURN_TIMEOUT_SECONDS)
        except Exception:
            log.exception("a turn failed; the next one starts afresh")
        else:
            self._exporter.last_turn.set(self._clock())
        self._last_turn = self._clock()

    async def turn(self) -> None:
        """Look once at every service that is due."""
        started, now = time.monotonic(), self._clock()
        if not self._next_tick:
            self._routing.begin()
        due = self._store.take_dirty()
        self._forget(due)
        if now >= self._next_tick:
            self._next_tick = now + self._tick_seconds
            due |= {key for key in self._store.inference_services if self._is_due(key, now)}
            await asyncio.gather(self._read(due), self._routing.read())
            for resource in self._store.watched:
                self._exporter.objects.labels(resource.kind).set(self._store.count(resource))
            self._next_look = now + LOOK_SECONDS
        elif self._falling_asleep and now >= self._next_look:
            await self._routing.read()
            due |= {key for key in self._falling_asleep if self._routing.is_waited_for(key)}
            self._next_look = now + LOOK_SECONDS
        in_order = self._spending.in_order(due)
        for key in in_order:
            self._note_spending(key)
        plans = [plan for key in in_order if (plan := self._visit(key)) is not None]
        self._exporter.visits.inc(len(due))
        await asyncio.gather(*(self._carry_out(*plan) for plan in plans))
        self._exporter.tick_seconds.observe(time.monotonic() - started)

    async def _wait(self) -> None:
        until = min(self._next_tick, self._next_look) if self._falling_asleep else self._next_tick
        delay_seconds = max(0.0, until - self._clock())
        try:
            async with asyncio.timeout(delay_seconds):
                await self._store.changed.wait()
                await asyncio.sleep(SETTLE_SECONDS)
        except TimeoutError:
            pass

    def _is_due(self, key: Key, now: float) -> bool:
        state = self._states.get(key)
        if state is None or len(self._store.pods) <= HOT_PODS:
            return True
        resting = now - state.busy_at > QUIET_AFTER_SECONDS
        return not resting or _period(key, now) > _period(key, state.read_at)

    async def _read(self, due: Iterable[Key]) -> None:
        pods = [pod for key in due for pod in self._to_read(key)]
        # Pods that let us wait come last, and those among them first that have waited longest themselves: a broken
        # network must not make the samples of all others stale.
        pods.sort(key=lambda pod: self._states[pod.key[0]].readings.failed_at(pod.key[1]))
        await self._reader.read(pods, self._take_in, self._learn_intervals)

    def _take_in(self, readings: Readings) -> None:
        for (key, uid), reading in readings.items():
            self._exporter.scrapes.labels("Read" if isinstance(reading, Sample) else reading.reason).inc()
            if key in self._states:
                self._states[key].readings.put(uid, reading)

    def _learn_intervals(self, seconds: Mapping[PodKey, float]) -> None:
        longest: dict[Key, float] = {}
        for (key, _), interval_seconds in seconds.items():
            longest[key] = max(longest.get(key, 0.0), interval_seconds)
        for key, interval_seconds in longest.items():
            if key in self._states:
                self._states[key].scrape_interval_seconds = interval_seconds

    def _to_read(self, key: Key) -> Iterator[PodToRead]:
        service = self._store.inference_services.get(key)
        if service is None or service.spec is None:
            return
        state = self._state(service)
        if all(own.table is None for own in state.every):
            return
        now, source = self._clock(), service.spec.metrics.source or self._metrics_source
        interval_seconds = QUIET_SECONDS if now - state.busy_at > QUIET_AFTER_SECONDS else self._tick_seconds
        if source is MetricsSource.PROMETHEUS:
            interval_seconds = max(interval_seconds, state.scrape_interval_seconds)
        state.expect_next_reading(now, interval_seconds)
        for pod, table in self._pods_with_tables(service, state):
            if pod.ready and not pod.leaving and pod.address:
                yield PodToRead(
                    key=(key, pod.uid),
                    pod=pod,
                    source=source,
                    table=table,
                    model_name=service.spec.model.name,
                    stale_after_seconds=state.stale_after_seconds,
                    with_latencies=service.spec.scaling.objectives != Objectives(),
                )

    def _pods_with_tables(self, service: ServiceRecord, state: ServiceState) -> Iterator[tuple[PodRecord, EngineTable]]:
        """The pods of all variants, each with the table of its engine."""
        for own in state.every:
            if own.table is not None:
                for pod in self._store.pods_of(service.workload_of(own.name)):
                    yield pod, own.table

    def _note_spending(self, key: Key) -> None:
        service = self._store.inference_services.get(key)
        if service is not None:
            self._spending.note(service, self._state(service))

    def _visit(self, key: Key) -> Plan | None:
        service = self._store.inference_services.get(key)
        if service is None:
            return None
        now = self._clock()
        try:
            state = self._state(service)
            may_follow = partial(self._rollouts.may_begin, now=now)
            given = surroundings(self._store, service, state, self._routing.of(service), may_follow)
            given = self._spending.bound(given)
            if gone_at := self._store.gone_at:
                given = replace(given, gone_at=gone_at)
            before = {own.name: own.memory for own in state.every}
            pods = (pod for own in before for pod in self._store.pods_of(service.workload_of(own)))
            actions = visit(state, given, pods, now)
            self._spending.note(service, state)  # What it has just ordered, those after it in this turn cannot have.
            if self._record is not None:
                for look in looks_taken(service, state, before, now):
                    self._record(look)
            (self._falling_asleep.add if state.falls_asleep else self._falling_asleep.discard)(key)
            for start in state.cold_starts.new:
                self._exporter.saw_cold_start(start)
        except Exception:
            # One service that cannot be handled must not stop the others.
            self._exporter.faults.inc()
            log.exception("a service could not be looked at", service=key)
            return None
        return (service, state, actions) if actions and now >= state.hold_writes_until else None

    async def _carry_out(self, service: ServiceRecord, state: ServiceState, actions: list[Action]) -> None:
        async with self._places:
            try:
                await self._writer.carry_out(service, state, actions)
            except Exception:
                # The same, and more: an error here would end the turn while the others still write.
                self._exporter.faults.inc()
                log.exception("a service could not be written", service=service.key)

    def _state(self, service: ServiceRecord) -> ServiceState:
        state = self._states.get(service.key)
        if state is None or state.uid != service.uid:
            state = self._states[service.key] = ServiceState.adopt(service, self._clock())
        state.follow(service, self._clock())
        return state

    def _forget(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key not in self._store.inference_services:
                self._states.pop(key, None)
                self._routing.forget(key)
                self._spending.forget(key)
                self._falling_asleep.discard(key)

    def _rows(self) -> Iterator[Row]:
        for key in list(self._states):  # The page is written in parts; services come and go in between.
            service, state = self._store.inference_services.get(key), self._states.get(key)
            if service is not None and state is not None:
                yield service, state


def _period(key: Key, time: float) -> int:
    """Number a service's half minutes. Those of others begin at other times, so that each tick has its share."""
    return int((time + hash(key) % QUIET_SECONDS) // QUIET_SECONDS)
