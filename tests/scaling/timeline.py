"""A service on a timeline: load arrives, pods serve it, metrics are read, sizes are decided and carried out.

A test tells a story with a `Timeline` and then says what it expects:

    timeline = Timeline(service(tokenThroughput=given(1600)), size=2).arrive(2).advance(300)
    timeline.arrive(10).advance(TICK_SECONDS)
    assert timeline.size > 2

Unless a test says otherwise, a pod takes 8 requests at once, each for 4 seconds and of 1,000 tokens: 2 requests/s or
2,000 tokens/s at most. It is ready a minute after it was ordered. Ticks and scrapes come every 5 seconds.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Self

from metric_faults import Fault, Reading
from serving_pod import Load, ServingPod

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.decide import decide
from tidegate.scaling.decision import Decision
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import ArrivalMethod

TICK_SECONDS = 5.0
STEP_SECONDS = 0.25
START = 1_700_000_000.0


def service(**scaling: Any) -> InferenceServiceSpec:
    """The spec of a service of at most 20 replicas. `replicas` pins it, the rest are fields of `scaling` as in YAML."""
    pinned = scaling.pop("replicas", None)
    return InferenceServiceSpec.model_validate(
        {
            "model": {"name": "m"},
            "engine": {"type": "vLLM", "image": "vllm"},
            "replicas": pinned,
            "scaling": {"maxReplicas": 20, **scaling},
        }
    )


def given(target: int | str) -> dict[str, Any]:
    """A term's target per replica."""
    return {"targetPerReplica": target}


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What an engine shows of itself."""

    signals: tuple[str, ...]
    arrivals: ArrivalMethod
    work_unit: str = "tokens"


GAUGES = ("waiting", "running")
TOKENS = ("prompt_tokens", "generated_tokens")
COUNTS_ENDED = Engine(
    signals=(*GAUGES, "kv_usage", "requests_ended", "requests_finished", "first_tokens", "steps", *TOKENS),
    arrivals=ArrivalMethod.ENDED_AND_GAUGES,
)
"""As vLLM, which counts requests that ended, given up or not."""

COUNTS_FINISHED = Engine(
    signals=(*GAUGES, "kv_usage", "requests_finished", *TOKENS), arrivals=ArrivalMethod.FINISHED_AND_GAUGES
)
"""As an engine that counts only requests that finish."""

COUNTS_REQUESTS = Engine(
    signals=(*GAUGES, "requests_ended", "requests_finished", "first_tokens"), arrivals=ArrivalMethod.ENDED_AND_GAUGES
)
"""As an engine that counts no work: what one replica can do is never learned."""

COUNTS_TOKENS = Engine(signals=(*GAUGES, *TOKENS), arrivals=ArrivalMethod.TOKENS_ONLY)
"""As llama.cpp."""


def counts_work(unit: str) -> Engine:
    """As a server that counts requests when they arrive, and its own units of work when they are done."""
    return Engine(
        signals=(*GAUGES, "requests_received", "work_done"), arrivals=ArrivalMethod.REQUEST_COUNTER, work_unit=unit
    )


@dataclass(slots=True)
class Timeline:
    """One service in virtual time. What acts returns the timeline, so that a story can be chained."""

    spec: InferenceServiceSpec
    engine: Engine = COUNTS_ENDED
    load: Load = field(default_factory=Load)
    size: int = 1
    cold_start_seconds: float = 60.0
    scrape_seconds: float = TICK_SECONDS
    facts: dict[str, Any] = field(default_factory=dict)
    """Other fields of the observation, such as `rollout_in_progress`."""

    now: float = START
    per_second: float = 0.0
    fault: Fault | None = None
    pods: list[ServingPod] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    decisions: list[Decision] = field(default_factory=list)
    arrived: int = 0
    owed: float = 0.0
    born: int = 0
    readings: dict[str, Reading] = field(default_factory=dict)
    read_at: float = -math.inf

    def __post_init__(self) -> None:
        """The pods of the first size are ready."""
        self.resize(self.size, cold_start_seconds=0.0)

    # What happens ---------------------------------------------------------------------------------------------------

    def arrive(self, per_second: float) -> Self:
        """From now on, so many requests arrive per second, evenly."""
        self.per_second = per_second
        return self

    def burst(self, requests: int) -> Self:
        """So many requests arrive at once."""
        for _ in range(requests):
            self.route()
        return self

    def advance(self, seconds: float) -> Self:
        """Let time pass, tick by tick."""
        for _ in range(round(seconds / TICK_SECONDS)):
            self.serve(TICK_SECONDS)
            self.read()
            self.decide()
        return self

    def lose_pod(self) -> Self:
        """A node fails: the oldest pod is gone, and its Deployment starts another."""
        self.pods.pop(0)
        return self.resize(self.size)

    def restart_pod(self, seconds: float) -> Self:
        """The container of the oldest pod restarts, and is ready again after so many seconds."""
        self.pods[0].restart(self.now + seconds)
        return self

    def resize(self, size: int, *, cold_start_seconds: float | None = None) -> Self:
        """Somebody writes the size. The youngest pods go first."""
        delay = self.cold_start_seconds if cold_start_seconds is None else cold_start_seconds
        self.size = size
        self.pods = sorted(self.pods, key=lambda pod: pod.ready_at)[:size]
        while len(self.pods) < size:
            self.pods.append(ServingPod(uid=f"pod-{self.born}", ready_at=self.now + delay, created=self.now))
            self.born += 1
        return self

    def operator_restarts(self) -> Self:
        """What was remembered is gone."""
        self.memory = Memory()
        return self

    def apply(self, spec: InferenceServiceSpec) -> Self:
        """The user applies another spec."""
        self.spec = spec
        return self

    def observe_with(self, **facts: Any) -> Self:
        """From now on, the observation has these fields."""
        self.facts = facts
        return self

    def break_metrics(self, fault: Fault | None) -> Self:
        """From now on, this is read instead of the pods' samples; None mends it."""
        self.fault = fault
        return self

    # What is seen ---------------------------------------------------------------------------------------------------

    @property
    def decision(self) -> Decision:
        """The last decision."""
        return self.decisions[-1]

    @property
    def arriving(self) -> float | None:
        """Requests per second that the last decision saw arrive."""
        return self.decision.traffic.requests_per_second

    @property
    def ready(self) -> list[ServingPod]:
        """The pods that take requests."""
        return [pod for pod in self.pods if pod.ready_at <= self.now]

    @property
    def waiting(self) -> int:
        """Requests in all queues."""
        return sum(len(pod.waiting) for pod in self.pods)

    @property
    def limits(self) -> list[str]:
        """The names of the limits that bit last."""
        return [limit.name for limit in self.decision.limits]

    @property
    def wants(self) -> dict[str, int]:
        """What each term proposed last."""
        return {proposal.term: proposal.replicas for proposal in self.decision.proposals}

    def last(self, seconds: float) -> list[Decision]:
        """The decisions of the last so many seconds."""
        return [decision for decision in self.decisions if decision.time > self.now - seconds]

    def largest(self, seconds: float = math.inf) -> int:
        """The largest size that was decided in the last so many seconds."""
        return max(decision.to_replicas for decision in self.last(seconds))

    # How it goes on -------------------------------------------------------------------------------------------------

    def serve(self, seconds: float) -> None:
        """Requests arrive and are served."""
        for _ in range(round(seconds / STEP_SECONDS)):
            self.owed += self.per_second * STEP_SECONDS
            while self.owed >= 1.0:
                self.owed -= 1.0
                self.route()
            for pod in self.ready:
                pod.serve(self.load, self.now, STEP_SECONDS)
            self.now += STEP_SECONDS

    def route(self) -> None:
        """One request arrives at the ready pod that holds least; at none, if none is ready."""
        self.arrived += 1
        if self.ready:
            min(self.ready, key=lambda pod: len(pod.waiting) + len(pod.running)).receive(self.now)

    def read(self) -> None:
        """Read the metrics of the pods that are ready, if it is time to."""
        if self.now - self.read_at < self.scrape_seconds:
            return
        self.read_at = self.now
        for pod in self.ready:
            sample = pod.sample(self.now, self.load, self.engine.signals)
            reading = self.fault(pod, sample) if self.fault else sample
            if reading is not None:
                self.readings[pod.uid] = reading

    def decide(self) -> Decision:
        """Decide, and carry it out."""
        decision, self.memory = decide(self.spec, self.observation(), self.memory, self.now)
        self.decisions.append(decision)
        if decision.applied and decision.to_replicas != self.size:
            self.resize(decision.to_replicas)
            # The watch brings the new size back at once, and the service is looked at again.
            _, self.memory = decide(self.spec, self.observation(), self.memory, self.now)
        return decision

    def observation(self) -> Observation:
        """The service as the rule sees it now."""
        ready = {pod.uid for pod in self.ready}
        pods = tuple(
            PodObservation(
                uid=pod.uid,
                name=pod.uid,
                ready=pod.uid in ready,
                created=pod.created,
                reading=self.readings.get(pod.uid) if pod.uid in ready else None,
            )
            for pod in self.pods
        )
        seen = Observation(
            replicas=self.size,
            pods=pods,
            arrival_method=self.engine.arrivals,
            expected_signals=self.engine.signals,
            work_unit=self.engine.work_unit,
            stale_after_seconds=3 * self.scrape_seconds,
        )
        return replace(seen, **self.facts)
