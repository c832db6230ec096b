"""A trace replayed through a policy in virtual time.

The policy sees what the operator would: pods, readiness, and samples as old as the last scrape. It is asked at its own
pace; what it wants is ordered at once, and a pod that is ordered is billed from then on and ready after its start-up.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from tidegate.metrics.readings import Readings
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import ArrivalMethod, Sample, ScrapeFailure

from .fault_injection import FaultInjection
from .models import ReplicaModel
from .outcome import Change, Outcome, Point
from .policy import Policy
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

    initial_replicas: int = 1
    """Pods that are ready when the trace begins."""

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
    policy: Policy,
    set_up: SetUp,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Replay a trace.

    Args:
        requests: what arrives, by rising time.
        policy: who decides.
        set_up: everything else.
        on_progress: called with the share done, 0 to 1, now and then.

    Returns:
        What became of every request, what it cost, and every change of size.
    """
    pods = VirtualPods(
        model=set_up.model,
        routing=set_up.routing,
        random=random.Random(set_up.seed),  # noqa: S311 - a simulation, and one that is to be repeatable
        victims_are_emptiest=getattr(policy, "victims_are_emptiest", False),
    )
    pods.start(set_up.initial_replicas)
    desired = set_up.initial_replicas
    faults = FaultInjection(Trouble(set_up.faults), pods, set_up.seed)
    metrics = _Metrics(set_up, faults)
    end = requests[-1].time_seconds
    outcome = Outcome(
        policy=policy.name,
        first_token_seconds=set_up.first_token_seconds,
        inter_token_seconds=set_up.inter_token_seconds,
        duration_seconds=end,
    )
    sent: list[tuple[float, Request]] = []
    next_scrape, next_decision, next_point = 0.0, policy.period_seconds, 0.0
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
            choice = policy.decide(_observe(pods, metrics, desired, time), time)
            wanted = min(max(choice.replicas, 0), set_up.max_replicas)
            if wanted != desired:
                outcome.changes.append(Change(time, desired, wanted, choice.because, choice.decision))
                desired = wanted
                pods.resize(desired, time)
            next_decision += policy.period_seconds
        else:
            outcome.points.append(_point(pods, desired, time))
            next_point += SERIES_SECONDS
            if on_progress is not None:
                on_progress(time / end if end else 1.0)
    outcome.pod_seconds = pods.billed_seconds(end)
    while (time := min(faults.next_time, end + OVERTIME_SECONDS)) == faults.next_time:
        pods.advance(time)
        faults.act(time)
    pods.advance(time)
    outcome.take(sent)
    return outcome


def _observe(pods: VirtualPods, metrics: _Metrics, desired: int, now: float) -> Observation:
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
            if not pod.leaving
        ),
        arrival_method=ArrivalMethod.ENDED_AND_GAUGES,
        expected_signals=("waiting", "running", "kv_usage"),
        stale_after_seconds=metrics.stale_after_seconds,
    )


def _point(pods: VirtualPods, desired: int, time: float) -> Point:
    return Point(
        seconds=time,
        desired=desired,
        ready=len(pods.ready),
        created=sum(not pod.unschedulable for pod in pods.pods),
        waiting=sum(pod.replica.waiting for pod in pods.pods) + len(pods.held),
        running=sum(pod.replica.running for pod in pods.pods),
        pod_seconds=pods.billed_seconds(time),
    )
