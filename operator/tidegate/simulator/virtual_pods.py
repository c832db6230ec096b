"""Pods in virtual time: they are created, become ready, take requests, leave, and are billed from first to last."""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.scaling.sample import Sample

from .models import ReplicaModel
from .replica import Replica
from .request import Request, RequestState

CONNECTIONS = 64
CONNECTION_SECONDS = 60.0
"""With sticky routing clients keep so many connections open, each of them for so long on average. A connection stays
with its pod while that serves; a new one goes to any ready pod, as kube-proxy would have it."""


@dataclass(slots=True, eq=False)
class VirtualPod:
    """One pod with an engine in it."""

    number: int
    created: float
    replica: Replica
    variant: str = DEFAULT_VARIANT
    weight: float = 1.0
    """Its share of the requests, beside that of others."""

    leaving: bool = False
    gone: float = inf
    """When it is deleted: when the last request that it had has ended."""

    next_event: float = inf
    """The entry of the event heap that counts; others are left over."""

    is_ready: bool = False
    unschedulable: bool = False
    placed: float = 0.0
    """When it found a node: it is billed from then on."""

    @property
    def in_flight(self) -> int:
        """Requests that it has."""
        return self.replica.waiting + self.replica.running


@dataclass(slots=True)
class VirtualPods:
    """All pods of one service and the router before them. Time only moves forward, through `advance`."""

    models: Mapping[str, ReplicaModel]
    """Of each variant."""

    routing: str
    random: random.Random
    victims_are_emptiest: bool = False
    """Who leaves first of the ready pods: the emptiest, or else the newest, as a ReplicaSet has it."""

    schedulable: float = inf
    """No more pods than this find a node."""

    without_room: Collection[str] = ()
    """No more pods of these variants find a node; those that have one keep it."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Of a pod of each variant; 1 where it is not said."""

    pods: list[VirtualPod] = field(default_factory=list)
    ready: list[VirtualPod] = field(default_factory=list)
    """Those that take requests."""

    held: list[Request] = field(default_factory=list)
    """Requests for which no pod was ready."""

    past: list[VirtualPod] = field(default_factory=list)
    """Those that are gone."""

    _events: list[tuple[float, int, VirtualPod]] = field(default_factory=list)
    _places: dict[Request, VirtualPod] = field(default_factory=dict)
    _connections: dict[int, tuple[VirtualPod, float]] = field(default_factory=dict)
    _created: int = 0
    _event_count: int = 0

    @property
    def context_tokens(self) -> int:
        """Prompt and answer of the longest request that every pod can serve."""
        return min(model.context_tokens for model in self.models.values())

    def start(self, count: int, variant: str = DEFAULT_VARIANT) -> None:
        """Have so many pods ready at time 0."""
        for _ in range(count):
            pod = self._create(variant, -self.models[variant].startup_seconds)
            pod.is_ready = True
            self.ready.append(pod)

    def resize(self, size: int, time: float, variant: str = DEFAULT_VARIANT) -> None:
        """Create pods, or have some leave: those that are not ready first."""
        staying = [pod for pod in self.pods if not pod.leaving and pod.variant == variant]
        for _ in range(size - len(staying)):
            self._create(variant, time)
        surplus = len(staying) - size
        if surplus <= 0:
            return
        staying.sort(key=self._leaves_later)
        for pod in staying[:surplus]:
            pod.leaving = True
            if pod.is_ready:
                self.ready.remove(pod)
            if not pod.in_flight:
                self._delete(pod, time)

    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Share requests out by these from now on; a variant that is not named has 1."""
        if weights != self.weights:
            self.weights = weights
            for pod in self.pods:
                pod.weight = weights.get(pod.variant, 1.0)

    def submit(self, request: Request, time: float) -> None:
        """Route a request; hold it while no pod is ready."""
        if not self.ready:
            self.held.append(request)
            return
        pod = self._places[request] = self._route(time)
        pod.replica.submit(request, time)
        self._expect(pod)

    def advance(self, time: float) -> None:
        """Let everything happen that happens until then."""
        events = self._events
        while events and events[0][0] <= time:
            at, _, pod = heappop(events)
            if at != pod.next_event or pod.gone < inf:
                continue
            if not pod.is_ready:
                self._become_ready(pod, at)
                continue
            pod.replica.advance(at)
            if pod.leaving and not pod.in_flight:
                self._delete(pod, at)
            else:
                self._expect(pod)

    def abort(self, request: Request, time: float) -> None:
        """A client leaves, wherever its request is."""
        pod = self._places.get(request)
        if pod is None:
            self.held.remove(request)
            request.state = RequestState.ABORTED
            return
        pod.replica.abort(request, time)
        if pod.leaving and not pod.in_flight:
            self._delete(pod, time)
        else:
            self._expect(pod)

    def slow_down(self, pod: VirtualPod, factor: float, time: float) -> None:
        """Make every step of a pod so many times as long as its model says; one that is gone stays as it is."""
        if pod.gone == inf:
            pod.replica.slow_down(factor, time)
            self._expect(pod)

    def set_nodes(self, nodes: float, time: float, without_room: Collection[str] = ()) -> None:
        """From now on no more pods than this find a node, and none of some variants; those that have one keep it."""
        self.schedulable = nodes
        self.without_room = without_room
        self._schedule_waiting(time)

    def billed_seconds(self, until: float) -> dict[str, float]:
        """Pod seconds so far by variant, of those that load or drain too."""
        return {variant: self._billed(variant, until) for variant in self.models}

    def _billed(self, variant: str, until: float) -> float:
        ended = sum(min(pod.gone, until) - pod.placed for pod in self.past if pod.variant == variant)
        return ended + sum(until - pod.placed for pod in self.pods if pod.variant == variant and not pod.unschedulable)

    def _create(self, variant: str, time: float) -> VirtualPod:
        pod = VirtualPod(
            self._created,
            time,
            Replica(self.models[variant], created=time),
            variant=variant,
            weight=self.weights.get(variant, 1.0),
            placed=max(time, 0.0),
        )
        self._created += 1
        self.pods.append(pod)
        pod.unschedulable = len(self.pods) > self.schedulable or variant in self.without_room
        if not pod.unschedulable:
            self._at(pod.replica.ready_time, pod)
        return pod

    def _schedule_waiting(self, time: float) -> None:
        """Pods that found no node take the place of those that are gone."""
        for pod in self.pods:
            placed = sum(not other.unschedulable for other in self.pods)
            if pod.unschedulable and placed < self.schedulable and pod.variant not in self.without_room:
                pod.unschedulable = False
                pod.placed = time
                pod.replica = Replica(self.models[pod.variant], created=time)
                self._at(pod.replica.ready_time, pod)

    def _become_ready(self, pod: VirtualPod, time: float) -> None:
        pod.is_ready = True
        pod.next_event = inf
        if pod.leaving:
            return
        self.ready.append(pod)
        held, self.held = self.held, []
        for request in held:
            self.submit(request, time)

    def _delete(self, pod: VirtualPod, time: float) -> None:
        pod.gone = time
        self.pods.remove(pod)
        if not pod.unschedulable:
            self.past.append(pod)
            self._schedule_waiting(time)

    def _leaves_later(self, pod: VirtualPod) -> tuple[float, ...]:
        load = float(pod.in_flight) if self.victims_are_emptiest else 0.0
        return (not pod.unschedulable, pod.is_ready, load, -pod.number)

    def _route(self, time: float) -> VirtualPod:
        ready = self.ready
        if len(ready) == 1:
            return ready[0]
        if self.routing == "least-loaded":
            return min(ready, key=_load)
        if self.routing == "random":
            return self.random.choice(ready)
        connection = self.random.randrange(CONNECTIONS)
        pod, until = self._connections.get(connection, (None, 0.0))
        if pod is None or pod.leaving or time > until:
            pod = self.random.choice(ready)
            self._connections[connection] = (pod, time + self.random.expovariate(1 / CONNECTION_SECONDS))
        return pod

    def _expect(self, pod: VirtualPod) -> None:
        self._at(pod.replica.next_event_time(), pod)

    def _at(self, time: float, pod: VirtualPod) -> None:
        if time != pod.next_event:
            pod.next_event = time
            if time < inf:
                self._event_count += 1
                heappush(self._events, (time, self._event_count, pod))


def _load(pod: VirtualPod) -> float:
    """With one request more, for its weight: as the gateway picks."""
    replica = pod.replica
    return (replica.waiting + replica.running + 1) / pod.weight


def sample_of(pod: VirtualPod, time: float) -> Sample:
    """What the pod's metrics page would say, in the words of vLLM's table."""
    measures = pod.replica.measures
    return Sample(
        time=time,
        waiting=float(pod.replica.waiting),
        running=float(pod.replica.running),
        kv_usage=pod.replica.kv_usage,
        requests_ended=float(measures.finished + measures.aborted),
        requests_finished=float(measures.finished),
        first_tokens=float(measures.time_to_first_token_seconds.count),
        prompt_tokens=float(measures.prompt_tokens),
        generated_tokens=float(measures.generated_tokens),
        steps=float(measures.steps),
        first_token_seconds=measures.time_to_first_token_seconds.cumulative(),
        inter_token_seconds=measures.inter_token_seconds.cumulative(),
    )
