"""A service that is run in several ways, on a timeline: load arrives at the gateways, pods of all variants serve it.

    timeline = FleetTimeline(service_with("small"), [LARGE(), SMALL()]).arrive(0.5).advance(900)
    assert timeline.sizes == {"default": 0, "small": 1}

A variant is a `Way`: what a pod of it does, what it costs, how long it takes to get ready, and for how many pods there
is a place. Requests go to the pod that holds least beside its weight. A pod that leaves takes no more, and finishes
what it has. Ticks, scrapes and the gateways' reports come every 5 seconds.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from gateway_timeline import Gateway
from metric_faults import Fault, Reading
from serving_pod import Load, ServingPod
from timeline import COUNTS_ENDED, START, TICK_SECONDS, Engine

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.budget import Budget
from tidegate.scaling.decide import decide
from tidegate.scaling.decision import Decision
from tidegate.scaling.fleet import FleetDecision, decide_fleet
from tidegate.scaling.gateway_traffic import GatewaySample, GatewayTraffic
from tidegate.scaling.lane import FleetMemory, Lane
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation

STEP_SECONDS = 1.0


def service_with(*names: str, replicas: int | None = None, **scaling: Any) -> InferenceServiceSpec:
    """The spec of a service of the variants `default` and these. `bounds` are fields of variants, by name."""
    bounds = scaling.pop("bounds", {})
    engine = {"type": "vLLM", "image": "vllm"}
    return InferenceServiceSpec.model_validate(
        {
            "model": {"name": "m"},
            "engine": engine,
            "replicas": replicas,
            "variants": [{"name": name, "engine": engine, **bounds.get(name, {})} for name in names],
            "scaling": {"maxReplicas": 20, **scaling},
        }
    )


@dataclass(slots=True)
class PlacedPod(ServingPod):
    """A pod that may have to wait for a place."""

    has_place: bool = True


@dataclass(slots=True, kw_only=True)
class Way:
    """One variant as it is: a test may change any of it at any time."""

    name: str
    load: Load
    cost_per_hour: float | None
    cold_start_seconds: float = 60.0
    size: int = 0
    places: int = 1000
    """For so many pods there is one."""

    refuses: bool = False
    """Pods without a place are not even created, as under a quota."""

    removed: bool = False
    engine: Engine = COUNTS_ENDED
    fault: Fault | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """Other fields of the observation."""

    pods: list[PlacedPod] = field(default_factory=list)
    leaving: list[PlacedPod] = field(default_factory=list)
    readings: dict[str, Reading] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    without_place_since: float | None = None
    born: int = 0

    def does(self, pods: int) -> float:
        """Requests per second that so many pods do at most."""
        return pods * self.load.slots / self.load.seconds

    def ready(self, now: float) -> list[PlacedPod]:
        """The pods that take requests."""
        return [pod for pod in self.pods if pod.has_place and pod.ready_at <= now]

    def order(self, size: int, now: float, *, cold_start_seconds: float | None = None) -> None:
        """Write the size: those go first that have no place, then those that are not ready, then the youngest."""
        self.size = size
        self.pods.sort(key=lambda pod: (not pod.has_place, pod.ready_at))
        self.leaving += [pod for pod in self.pods[size:] if pod.running or pod.waiting]
        del self.pods[size:]
        self.find_places(now, cold_start_seconds)

    def find_places(self, now: float, cold_start_seconds: float | None = None) -> None:
        """Create pods and place them, as far as there is room."""
        delay = self.cold_start_seconds if cold_start_seconds is None else cold_start_seconds
        room = self.places - sum(pod.has_place for pod in self.pods)
        for pod in self.pods:
            if not pod.has_place and room > 0:
                pod.has_place, pod.ready_at, room = True, now + delay, room - 1
        while len(self.pods) < self.size and (room > 0 or not self.refuses):
            uid = f"{self.name}-{self.born}"
            self.pods.append(PlacedPod(uid, now + delay, created=now, has_place=room > 0))
            self.born, room = self.born + 1, room - 1
        stuck = len(self.pods) < self.size or not all(pod.has_place for pod in self.pods)
        self.without_place_since = (self.without_place_since or now) if stuck else None

    def observation(self, now: float) -> Observation:
        """What is seen of it."""
        ready = {pod.uid for pod in self.ready(now)}
        seen = Observation(
            replicas=self.size,
            pods=tuple(
                PodObservation(
                    uid=pod.uid,
                    name=pod.uid,
                    ready=pod.uid in ready,
                    created=pod.created,
                    unschedulable=not pod.has_place,
                    reading=self.readings.get(pod.uid) if pod.uid in ready else None,
                )
                for pod in self.pods
            ),
            arrival_method=self.engine.arrivals,
            expected_signals=self.engine.signals,
            refused=max(0, self.size - len(self.pods)),
            without_place_since=self.without_place_since,
            cost_per_hour=self.cost_per_hour,
        )
        return replace(seen, **self.facts)


def large(**facts: Any) -> Way:
    """4 requests/s at most for 2 an hour: a request/s costs 0.5."""
    return Way(**{"name": "default", "load": Load(slots=16), "cost_per_hour": 2.0, **facts})


def small(**facts: Any) -> Way:
    """1 request/s at most for 0.4 an hour: a request/s costs 0.4."""
    return Way(**{"name": "small", "load": Load(slots=4), "cost_per_hour": 0.4, **facts})


def dear(**facts: Any) -> Way:
    """4 requests/s at most for 6 an hour: a request/s costs 1.5."""
    return Way(**{"name": "dear", "load": Load(slots=16), "cost_per_hour": 6.0, **facts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One look, and how things stood."""

    time: float
    lanes: tuple[Lane, ...]
    fleet: FleetDecision
    before: FleetMemory
    sizes: dict[str, int]
    """Before."""

    arriving: float
    """Requests per second, in truth."""

    stays: float
    """Requests per second that those pods do, in truth, that are ready and stay."""

    served: float
    """The same of all that were ready before."""


@dataclass(slots=True)
class FleetTimeline:
    """One service in virtual time. What acts returns the timeline, so that a story can be chained."""

    spec: InferenceServiceSpec
    ways: list[Way]
    now: float = START
    per_second: float = 0.0
    noise: random.Random | None = None
    gateways: list[Gateway] = field(default_factory=lambda: [Gateway("a", START), Gateway("b", START)])
    budget: Budget | None = None
    memory: FleetMemory = field(default_factory=FleetMemory)
    ticks: list[Tick] = field(default_factory=list)
    arrived: int = 0
    owed: float = -1.0
    weights: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The pods of the first sizes are ready."""
        for way in self.ways:
            way.order(way.size, self.now, cold_start_seconds=0.0)

    # What happens ---------------------------------------------------------------------------------------------------

    def arrive(self, per_second: float, *, noise: int | None = None) -> Self:
        """From now on, so many requests arrive per second: evenly, or as chance has it where a seed is given."""
        self.per_second = per_second
        self.noise = None if noise is None else random.Random(noise)  # noqa: S311 - load, no secret
        return self

    def advance(self, seconds: float) -> Self:
        """Let time pass, tick by tick."""
        for _ in range(round(seconds / TICK_SECONDS)):
            self.serve(TICK_SECONDS)
            self.look()
        return self

    def advance_until(self, happens: Callable[[Self], bool], *, within: float) -> float:
        """Let time pass until something is so.

        Returns:
            How long it took, in seconds.

        Raises:
            AssertionError: if it takes longer than `within` seconds.
        """
        began = self.now
        while not happens(self):
            assert self.now - began < within, f"not within {within} s: {self.sizes}, {self.whole.message}"
            self.advance(TICK_SECONDS)
        return self.now - began

    def change(self, name: str, **facts: Any) -> Self:
        """From now on, something about a variant is so."""
        for fact, value in facts.items():
            setattr(self[name], fact, value)
        return self

    def spend(self, cost_per_hour: float | None, because: str = "the namespace may cost so much") -> Self:
        """From now on, so much may be spent."""
        self.budget = None if cost_per_hour is None else Budget(cost_per_hour=cost_per_hour, because=because)
        return self

    def apply(self, spec: InferenceServiceSpec) -> Self:
        """The user applies another spec."""
        self.spec = spec
        return self

    def operator_restarts(self) -> Self:
        """What was remembered is gone."""
        self.memory = FleetMemory()
        for way in self.ways:
            way.memory = Memory()
        return self

    # What is seen ---------------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Way:
        """A variant by its name."""
        return next(way for way in self.ways if way.name == name)

    @property
    def sizes(self) -> dict[str, int]:
        """As they are written."""
        return {way.name: way.size for way in self.ways}

    @property
    def ready(self) -> dict[str, int]:
        """Pods that are ready."""
        return {way.name: len(way.ready(self.now)) for way in self.ways}

    @property
    def whole(self) -> Decision:
        """The last decision about the service."""
        return self.ticks[-1].fleet.whole

    @property
    def limits(self) -> list[str]:
        """The names of the limits that bit last."""
        return [limit.name for limit in self.whole.limits]

    @property
    def cost_per_hour(self) -> float:
        """Of all that is ordered."""
        return sum(way.size * (way.cost_per_hour or 0.0) for way in self.ways)

    @property
    def waiting(self) -> int:
        """Requests that wait, at the gateways or in pods."""
        held = sum(gateway.held for gateway in self.gateways)
        return held + sum(len(pod.waiting) for way in self.ways for pod in (*way.pods, *way.leaving))

    def last(self, seconds: float) -> list[Tick]:
        """The looks of the last so many seconds."""
        return [tick for tick in self.ticks if tick.time > self.now - seconds]

    def changes(self, seconds: float) -> list[tuple[float, str, int, int]]:
        """Sizes that changed in the last so many seconds: when, of what, from, to."""
        return [
            (tick.time, name, tick.sizes[name], decision.to_replicas)
            for tick in self.last(seconds)
            for name, decision in tick.fleet.decisions.items()
            if decision.applied and decision.to_replicas != tick.sizes[name]
        ]

    # How it goes on -------------------------------------------------------------------------------------------------

    def serve(self, seconds: float) -> None:
        """Requests arrive and are served."""
        for _ in range(round(seconds / STEP_SECONDS)):
            self.owed += self.per_second * STEP_SECONDS
            while self.owed >= 0.0:
                self.owed -= 1.0 if self.noise is None else self.noise.expovariate(1.0)
                self.route()
            for way in self.ways:
                way.find_places(self.now)
                for pod in (*way.ready(self.now), *way.leaving):
                    if pod.running or pod.waiting:
                        pod.serve(way.load, self.now, STEP_SECONDS)
                way.leaving = [pod for pod in way.leaving if pod.running or pod.waiting]
            self.now += STEP_SECONDS
            if any(self.ready.values()):
                self.hand_on()

    def route(self) -> None:
        """One request arrives at a gateway, which hands it on, or holds it."""
        gateway = self.gateways[self.arrived % len(self.gateways)]
        self.arrived += 1
        gateway.use(self.now)
        gateway.held += 1
        if any(self.ready.values()):
            self.hand_on()

    def hand_on(self) -> None:
        """What is held goes to the pods that hold least beside their weight."""
        pods = [(pod, self.weights.get(way.name, 1)) for way in self.ways for pod in way.ready(self.now)]
        for gateway in self.gateways:
            while gateway.held:
                gateway.held -= 1
                pod, _ = min(pods, key=lambda each: (len(each[0].waiting) + len(each[0].running)) / each[1])
                pod.receive(self.now)

    def traffic(self) -> GatewayTraffic:
        """What the gateways say."""
        pods = [pod for way in self.ways for pod in (*way.pods, *way.leaving)]
        in_flight = sum(len(pod.waiting) + len(pod.running) for pod in pods)
        for gateway in self.gateways:
            if in_flight and gateway is self.gateways[0]:
                gateway.last_use = self.now
        samples = tuple(
            GatewaySample(
                gateway=gateway.name,
                time=self.now,
                requests=gateway.requests,
                in_flight=in_flight if gateway is self.gateways[0] else 0,
                held=gateway.held,
                abandoned=gateway.abandoned,
                last_use=max(gateway.started, gateway.last_use),
            )
            for gateway in self.gateways
            if gateway.answers
        )
        complete = bool(samples) and len(samples) == len(self.gateways)
        return GatewayTraffic(samples=samples, complete=complete, carries_all=True)

    def read(self) -> None:
        """Read the metrics of the pods that are ready."""
        for way in self.ways:
            for pod in way.ready(self.now):
                sample = pod.sample(self.now, way.load, way.engine.signals)
                reading = way.fault(pod, sample) if way.fault else sample
                if reading is not None:
                    way.readings[pod.uid] = reading

    def lanes(self) -> tuple[Lane, ...]:
        """All variants as the rule sees them now."""
        traffic, lanes = self.traffic(), []
        for way in self.ways:
            spec = self.spec.of_variant(way.name)
            if way.removed:
                spec = spec.model_copy(update={"scaling": spec.scaling.model_copy(update={"max_replicas": 0})})
            seen = replace(way.observation(self.now), gateway=traffic, budget=self.budget)
            lanes.append(Lane(name=way.name, spec=spec, observation=seen, memory=way.memory))
        return tuple(lanes)

    def look(self) -> FleetDecision:
        """Read, decide, and carry it out."""
        self.read()
        lanes, before, sizes = self.lanes(), self.memory, self.sizes
        served = sum(way.does(len(way.ready(self.now))) for way in self.ways)
        fleet = decide_fleet(self.spec, lanes, before, self.now)
        self.remember(fleet)
        for way in self.ways:
            decision = fleet.decisions[way.name]
            if decision.applied and decision.to_replicas != way.size:
                way.order(decision.to_replicas, self.now)
        self.ticks.append(
            Tick(
                time=self.now,
                lanes=lanes,
                fleet=fleet,
                before=before,
                sizes=sizes,
                arriving=self.per_second,
                stays=sum(way.does(len(way.ready(self.now))) for way in self.ways),
                served=served,
            )
        )
        if self.sizes != sizes:
            # The watch brings the new sizes back at once, and the service is looked at again.
            self.remember(decide_fleet(self.spec, self.lanes(), self.memory, self.now))
        return fleet

    def remember(self, fleet: FleetDecision) -> None:
        """Keep what a decision leaves behind."""
        self.memory, self.weights = fleet.memory, dict(fleet.weights)
        for way in self.ways:
            way.memory = fleet.memories[way.name]


def replayed(tick: Tick) -> bool:
    """Whether each variant's decision comes out the same from what is recorded of it."""
    return all(
        decide(lane.spec, tick.fleet.observations[lane.name], lane.memory, tick.time)
        == (tick.fleet.decisions[lane.name], tick.fleet.memories[lane.name])
        for lane in tick.lanes
    )
