"""A trace replayed through a policy in virtual time.

The policy sees what the operator would: pods, readiness, and samples as old as the last scrape. It is asked at its own
pace; what it wants is ordered at once, and a pod that is ordered is billed from then on and ready after its start-up.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.metrics.readings import Readings
from tidegate.scaling.gateway_traffic import GatewaySample, GatewayTraffic
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import ArrivalMethod, Sample, ScrapeFailure

from .fault_injection import FaultInjection
from .hardware import Hardware
from .models import ReplicaModel
from .outcome import Change, Outcome, Point
from .policy import MixedChoice, MixedPolicy, OnOneVariant, Policy
from .trace import TraceRequest
from .trouble import Fault, Trouble
from .virtual_pods import VirtualPods, sample_of

if TYPE_CHECKING:
    from .request import Request

SERIES_SECONDS = 10.0
"""How far apart the points of the series are."""

OVERTIME_SECONDS = 600.0
"""After the last arrival sizes are frozen and billing ends; requests have so long to end. What has not ended then is
unfinished."""

STALE_AFTER_SCRAPES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """Everything about a replay but the trace and the policy."""

    model: ReplicaModel
    """What each replica can do; its `startup_seconds` is the cold start."""

    variants: Mapping[str, Hardware] = field(default_factory=dict)
    """Where it is not all alike, or prices are known: every variant, `default` among them, with `model`."""

    initial_replicas: int = 1
    """Pods that are ready when the trace begins; with variants, each says how many."""

    max_replicas: int = 40
    scrape_interval_seconds: float = 5.0
    metrics_delay_seconds: float = 0.0
    """How old a sample is before any policy may see it: the way through a metrics store."""

    routing: str = "least-loaded"
    """`least-loaded` (a gateway that counts), `random`, or `sticky` (keep-alive connections through a Service)."""

    seed: int = 0
    first_token_seconds: float = 2.0
    inter_token_seconds: float = 0.1
    """The promise that each request is held to: its time to the first token, and its mean time between tokens."""

    faults: Sequence[Fault] = ()
    """What goes wrong."""

    @property
    def hardware(self) -> Mapping[str, Hardware]:
        """Every variant."""
        alone = Hardware(model=self.model, max_replicas=self.max_replicas, initial_replicas=self.initial_replicas)
        return self.variants or {DEFAULT_VARIANT: alone}

    @property
    def context_tokens(self) -> int:
        """Prompt and answer of the longest request that every replica can serve."""
        return min(each.model.context_tokens for each in self.hardware.values())

    @property
    def is_mixed(self) -> bool:
        """Whether there are several variants. Then there is a gateway, and policies see what it counts."""
        return len(self.variants) > 1


@dataclass(slots=True)
class _Metrics:
    """Readings on their way from the pods to the policy."""

    set_up: SetUp
    faults: FaultInjection
    _seen: Readings = field(default_factory=Readings)
    _coming: deque[tuple[float, Sequence[tuple[int, Sample | ScrapeFailure]]]] = field(default_factory=deque)

    @property
    def stale_after_seconds(self) -> float:
        return STALE_AFTER_SCRAPES * self.set_up.scrape_interval_seconds + self.set_up.metrics_delay_seconds

    def scrape(self, pods: VirtualPods, time: float) -> None:
        readings: list[tuple[int, Sample | ScrapeFailure]] = []
        for pod in pods.ready:
            if self.faults.scrape_fails(time):
                failure = ScrapeFailure(time=time, reason="Timeout", message="the pod did not answer in time")
                readings.append((pod.number, failure))
                continue
            pod.replica.advance(time)
            readings.append((pod.number, sample_of(pod, time)))
        self._coming.append((time + self.set_up.metrics_delay_seconds, readings))

    def arrive(self, time: float) -> None:
        while self._coming and self._coming[0][0] <= time:
            for number, reading in self._coming.popleft()[1]:
                self._seen.put(str(number), reading)

    def of(self, number: int, now: float) -> Sample | ScrapeFailure | None:
        return self._seen.get(str(number), now, self.stale_after_seconds)


def replay(
    requests: Sequence[TraceRequest],
    policy: Policy | MixedPolicy,
    set_up: SetUp,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Replay a trace.

    Args:
        requests: what arrives, by rising time.
        policy: who decides; one that knows of a single size decides that of the variant `default`.
        set_up: everything else.
        on_progress: called with the share done, 0 to 1, now and then.

    Returns:
        What became of every request, what it cost, and every change of size.
    """
    decides = _as_mixed(policy)
    hardware = set_up.hardware
    pods = VirtualPods(
        models={variant: each.model for variant, each in hardware.items()},
        routing=set_up.routing,
        random=random.Random(set_up.seed),  # noqa: S311 - a simulation, and one that is to be repeatable
        victims_are_emptiest=getattr(policy, "victims_are_emptiest", False),
    )
    desired = _at_start(decides, hardware)
    for variant, size in desired.items():
        pods.start(size, variant)
    faults = FaultInjection(Trouble(set_up.faults), pods, set_up.seed)
    metrics = _Metrics(set_up, faults)
    end = requests[-1].time_seconds
    outcome = Outcome(
        policy=policy.name,
        first_token_seconds=set_up.first_token_seconds,
        inter_token_seconds=set_up.inter_token_seconds,
        duration_seconds=end,
        hardware=hardware,
    )
    sent: list[tuple[float, Request]] = []
    next_scrape, next_decision, next_point = 0.0, decides.period_seconds, 0.0
    index, count = 0, len(requests)
    while True:
        arrival = requests[index].time_seconds if index < count else inf
        time = min(arrival, next_scrape, next_decision, next_point, faults.next_time)
        if time > end:
            break
        pods.advance(time)
        if time == faults.next_time:
            faults.act(time)
        elif time == arrival:
            request = faults.request(requests[index])
            sent.append((time, request))
            pods.submit(request, time)
            index += 1
        elif time == next_scrape:
            metrics.scrape(pods, time)
            next_scrape += set_up.scrape_interval_seconds
        elif time == next_decision:
            metrics.arrive(time)
            gateway = _gateway(pods, len(sent), time) if set_up.is_mixed else None
            seen = {variant: _observe(pods, metrics, variant, size, gateway, time) for variant, size in desired.items()}
            choice = decides.decide_mixed(seen, time)
            desired = _ordered(choice, desired, pods, set_up, outcome, time)
            next_decision += decides.period_seconds
        else:
            outcome.points.append(_point(pods, desired, time))
            next_point += SERIES_SECONDS
            if on_progress is not None:
                on_progress(time / end if end else 1.0)
    outcome.seconds_by_variant = pods.billed_seconds(end)
    _end(pods, faults, end)
    outcome.take(sent)
    return outcome


def _as_mixed(policy: Policy | MixedPolicy) -> MixedPolicy:
    return policy if isinstance(policy, MixedPolicy) else OnOneVariant(policy)


def _ordered(
    choice: MixedChoice,
    desired: dict[str, int],
    pods: VirtualPods,
    set_up: SetUp,
    outcome: Outcome,
    time: float,
) -> dict[str, int]:
    """The sizes that are desired from now on: pods are ordered or leave."""
    pods.set_weights(choice.weights)
    wanted = _within(choice.sizes, set_up)
    if wanted == desired:
        return desired
    outcome.changes.append(Change(time, desired, wanted, choice.because, choice.decision))
    for variant, size in wanted.items():
        if size != desired[variant]:
            pods.resize(size, time, variant)
    return wanted


def _end(pods: VirtualPods, faults: FaultInjection, end: float) -> None:
    """Requests have their time to end, and clients theirs to leave."""
    while (time := min(faults.next_time, end + OVERTIME_SECONDS)) == faults.next_time:
        pods.advance(time)
        faults.act(time)
    pods.advance(time)


def _at_start(policy: MixedPolicy, hardware: Mapping[str, Hardware]) -> dict[str, int]:
    """The sizes that the trace begins with."""
    sizes = {variant: each.initial_replicas for variant, each in hardware.items()}
    if not isinstance(policy, OnOneVariant):
        return sizes
    size = sizes[policy.variant] if policy.initial_replicas is None else policy.initial_replicas
    return dict.fromkeys(sizes, 0) | {policy.variant: size}


def _within(sizes: Mapping[str, int], set_up: SetUp) -> dict[str, int]:
    """No more of a variant than there may be, nor together: what comes last is left out."""
    left, within = set_up.max_replicas, {}
    for variant, each in set_up.hardware.items():
        within[variant] = min(max(sizes.get(variant, 0), 0), each.max_replicas, left)
        left -= within[variant]
    return within


def _gateway(pods: VirtualPods, arrived: int, now: float) -> GatewayTraffic:
    """What the gateway, all requests pass it, would say if it was asked now."""
    sample = GatewaySample(
        gateway="simulated",
        time=now,
        requests=float(arrived),
        in_flight=float(sum(pod.in_flight for pod in pods.pods)),
        held=float(len(pods.held)),
        last_use=now,
    )
    return GatewayTraffic(samples=(sample,), complete=True, carries_all=True)


def _observe(
    pods: VirtualPods, metrics: _Metrics, variant: str, desired: int, gateway: GatewayTraffic | None, now: float
) -> Observation:
    return Observation(
        replicas=desired,
        pods=tuple(
            PodObservation(
                uid=str(pod.number),
                name=f"pod-{pod.number}",
                ready=pod.is_ready,
                created=pod.created,
                template="simulated",
                unschedulable=pod.unschedulable,
                reading=metrics.of(pod.number, now) if pod.is_ready else None,
            )
            for pod in pods.pods
            if not pod.leaving and pod.variant == variant
        ),
        arrival_method=ArrivalMethod.ENDED_AND_GAUGES,
        expected_signals=("waiting", "running", "kv_usage"),
        stale_after_seconds=metrics.stale_after_seconds,
        gateway=gateway,
    )


def _point(pods: VirtualPods, desired: Mapping[str, int], time: float) -> Point:
    return Point(
        seconds=time,
        desired=sum(desired.values()),
        ready=len(pods.ready),
        ready_by_variant={variant: sum(pod.variant == variant for pod in pods.ready) for variant in desired},
        created=sum(not pod.unschedulable for pod in pods.pods),
        waiting=sum(pod.replica.waiting for pod in pods.pods) + len(pods.held),
        running=sum(pod.replica.running for pod in pods.pods),
        seconds_by_variant=pods.billed_seconds(time),
    )
