"""How much work arrives, as opposed to how much is served.

Served tokens fall exactly when engines drown, so they are never demand. Demand is the rate at which requests arrive
times the mean size of those that finished lately. Arrivals are put together from what each engine gives (its
`ArrivalMethod`), per pod and as differences between two samples, so that a pod that leaves, restarts or joins never
makes the sum go backwards.

Clients that give up lower the gauges. Engines that count only requests that finish (vLLM: #31503, #55634) then seem to
have fewer arrivals just when they drown, and no averaging brings them back (docs/adr/0001-demand-is-what-arrives.md has
the figures). Where the page has a counter of requests that *ended*, arrivals are exact; where it has not, a pod's term
is never negative and, while requests wait, the estimate falls no faster than their queue.

Where every request passes the gateways, they count the arrivals, exactly and whatever the engine shows; what they hold
waits like what waits in the engines. How large requests are, only the engines know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tidegate.scaling.gateway_traffic import GatewayMemory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.pod_step import ABANDONED_SHARE, PodStep, pod_step
from tidegate.scaling.sample import SIGNAL_NAMES, ArrivalMethod, Sample, ScrapeFailure, believable
from tidegate.scaling.sizes import Sums

WINDOW_SECONDS = 15.0
"""Arrivals are averaged over this long: three scrapes. Shorter follows noise, longer follows late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What happens to a service, summed over its pods. None means not known, never zero."""

    waiting: float | None = None
    running: float | None = None
    kv_usage: float | None = None
    """Mean over the pods, 0 to 1."""

    queue_growth_per_second: float | None = None
    """By how much `waiting` grows; negative while the queue gets shorter."""

    requests_per_second: float | None = None
    """Requests that arrive."""

    held_requests_per_second: float = 0.0
    """How many of those are not seen to arrive any more, and held on to because requests wait still."""

    work_per_request: float | None = None
    """Mean work units of recently finished requests."""

    arriving_per_second: float | None = None
    """Work units per second of the requests that arrive."""

    served_per_second: float | None = None
    """Work units per second that the engines did."""

    starts_per_pod_second: float | None = None
    """Requests that one pod takes out of its queue per second, seen while requests waited."""

    abandoned_per_second: float = 0.0
    """Requests that vanished without finishing, as far as they show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What all pods did within the window, per second. None where nothing is known."""

    arrived: float | None
    served: float | None
    ended: float
    abandoned: float
    queue_growth: float | None
    exact: bool
    """Whether requests that were given up are among `arrived`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The highest rates seen since requests began to wait, and the longest queue."""

    requests_per_second: float = 0.0
    work_per_second: float = 0.0
    waiting: float = 0.0

    def share(self, waiting: float | None) -> float:
        """How much of the rates to hold on to: all, while half of the queue is still there; then less and less."""
        return min(1.0, 2.0 * waiting / self.waiting) if waiting and self.waiting else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalMemory:
    """What the estimate remembers."""

    samples: Mapping[str, Sample] = field(default_factory=lambda: MappingProxyType({}))
    """The last sample of each pod, by uid."""

    steps: Mapping[str, tuple[PodStep, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """What each pod did within the window, by uid, oldest first; of pods that are gone too."""

    latest: Mapping[str, PodStep] = field(default_factory=lambda: MappingProxyType({}))
    """What each pod did up to the samples that were new at the last look, by uid."""

    held: Held = field(default_factory=Held)
    sums: Sums = field(default_factory=Sums)
    present: frozenset[str] | None = None
    """Pods of the last look, by uid; None before the first."""

    gateway: GatewayMemory = field(default_factory=GatewayMemory)
    joining: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Pods that have come since the first look and were not read yet: when they were last seen not ready."""


def observe_traffic(
    memory: ArrivalMemory, observation: Observation, fresh: tuple[PodObservation, ...], now: float
) -> tuple[Traffic, ArrivalMemory]:
    """Take the latest samples in.

    Args:
        memory: what the last call returned; a new `ArrivalMemory()` at first.
        observation: the service; its `arrival_method` and `work_unit` say how to read the samples.
        fresh: the pods whose samples can be believed (`health.judge_metrics`).
        now: seconds since the epoch.

    Returns:
        The traffic now, and the memory for the next call.
    """
    samples = {pod.uid: pod.reading for pod in fresh if isinstance(pod.reading, Sample)}
    joining = _joining(memory, observation, now)
    new = {
        uid: step
        for uid, sample in samples.items()
        if (before := memory.samples.get(uid) or _at_zero(joining.get(uid), sample)) is not None
        and (step := pod_step(before, sample, observation)) is not None
    }
    steps = _within_window(memory.steps, new, samples, now)
    rates = _rates(steps, samples, now)
    gateway = memory.gateway.see(observation.gateway, now, window_seconds=WINDOW_SECONDS)
    counted = gateway.requests_per_second(now, window_seconds=WINDOW_SECONDS)
    # In the first seconds sizes are made of few steps, too, and wrong the other way round than the arrivals of the same
    # steps: their product is right, that with a count from elsewhere is not.
    is_settled = rates.arrived is None or gateway.covers(WINDOW_SECONDS)
    if counted is not None and is_settled and observation.is_counted_by_gateways:
        rates = replace(rates, arrived=counted, exact=True)
    elif observation.share is not None:
        rates = replace(rates, arrived=None)  # What comes to these pods is not what comes to the service.
    waiting = _with_held(_total(samples, "waiting"), observation)
    given_up = bool(waiting) and rates.abandoned > ABANDONED_SHARE * rates.ended
    sums = memory.sums.take(new.values(), now, sizes_are_biased=given_up)
    size = 1.0 if observation.work_unit == "requests" else sums.work_per_request or observation.work_per_request

    tokens_only = observation.arrival_method is ArrivalMethod.TOKENS_ONLY
    requests = rates.arrived
    work = _work(requests, size)
    if tokens_only and (work is None or observation.share is None):
        work = _of_service(rates.served, observation)
    held = Held() if rates.exact or not waiting else _held(memory.held, requests, work, waiting)
    hold = held.share(waiting)
    held_on = None if requests is None else max(requests, held.requests_per_second * hold)
    traffic = Traffic(
        waiting=waiting,
        running=_with_in_flight(_running(samples, steps), observation),
        kv_usage=_average(samples, "kv_usage"),
        queue_growth_per_second=rates.queue_growth,
        requests_per_second=held_on,
        held_requests_per_second=(held_on or 0.0) - (requests or 0.0),
        work_per_request=size,
        arriving_per_second=None if work is None else max(work, held.work_per_second * hold),
        served_per_second=rates.served,
        starts_per_pod_second=sums.starts_per_pod_second,
        abandoned_per_second=rates.abandoned,
    )
    known = {pod.uid for pod in observation.pods}
    kept = {uid: sample for uid, sample in memory.samples.items() if uid in known}
    return traffic, ArrivalMemory(
        samples=MappingProxyType({**kept, **samples}),
        steps=MappingProxyType(steps),
        latest=MappingProxyType(new),
        held=held,
        sums=sums,
        present=frozenset(known),
        gateway=gateway,
        joining=MappingProxyType({uid: time for uid, time in joining.items() if uid not in samples}),
    )


def _with_held(waiting: float | None, observation: Observation) -> float | None:
    """Requests that wait anywhere. Those that the gateways hold are known, whatever the engines say."""
    if observation.gateway is None or not observation.gateway.complete:
        return waiting
    held = observation.part * observation.gateway.held
    return held if waiting is None and (held or observation.engine_is_silent) else _sum(waiting, held)


def _with_in_flight(running: float | None, observation: Observation) -> float | None:
    """Requests that are worked on; of an engine without metrics, those that are with its pods."""
    if running is None and observation.engine_is_silent and observation.is_counted_by_gateways:
        return observation.part * observation.gateway.in_flight if observation.gateway else None
    return running


def _sum(known: float | None, more: float) -> float | None:
    return None if known is None else known + more


def _joining(memory: ArrivalMemory, observation: Observation, now: float) -> dict[str, float]:
    """Pods that have come since the first look, and when they were last seen before they were ready: at zero.

    A router that looks for the least loaded pod sends a new one nearly everything: what it has done by its first sample
    must not be lost. Of other pods no zero is known: those that were there at the first look may have run for days, and
    those that answer with failures may have served since.
    """
    joining = {}
    for pod in observation.pods:
        is_new = memory.present is not None and pod.uid not in memory.present
        if not pod.ready and (is_new or pod.uid in memory.joining):
            joining[pod.uid] = now
        elif pod.uid in memory.joining and not isinstance(pod.reading, ScrapeFailure):
            joining[pod.uid] = memory.joining[pod.uid]
    return joining


def _at_zero(time: float | None, like: Sample) -> Sample | None:
    """What a pod would have said before its first request."""
    if time is None:
        return None
    zeros = {name: 0.0 for name in SIGNAL_NAMES if getattr(like, name) is not None}
    return Sample(time=time, **zeros)  # type: ignore[arg-type] # Latencies are no signals.


def _running(samples: Mapping[str, Sample], steps: Mapping[str, tuple[PodStep, ...]]) -> float | None:
    """Requests that are worked on; where no gauge shows them but their time does, as a mean over the window."""
    shown = _total(samples, "running")
    if shown is not None or any(sample.seconds_worked is None for sample in samples.values()):
        return shown
    windows = [steps.get(uid, ()) for uid in samples]
    if not windows or not all(windows):
        return None
    means = (
        sum(step.running * step.seconds for step in window) / sum(step.seconds for step in window) for window in windows
    )
    return sum(means)


def _within_window(
    steps: Mapping[str, tuple[PodStep, ...]], new: Mapping[str, PodStep], samples: Mapping[str, Sample], now: float
) -> dict[str, tuple[PodStep, ...]]:
    kept = {}
    for uid in {**steps, **new}:
        end = _window_end(uid, samples, now)
        candidates = (*steps.get(uid, ()), *([new[uid]] if uid in new else ()))
        recent = tuple(step for step in candidates if _overlap_seconds(step, end) > 0)
        if recent:
            kept[uid] = recent
    return kept


def _window_end(uid: str, samples: Mapping[str, Sample], now: float) -> float:
    """Where a pod's window ends: at its last sample, for it is not known to have changed since; or now, if it left."""
    return samples[uid].time if uid in samples else now


def _overlap_seconds(step: PodStep, window_end: float) -> float:
    return min(step.end, window_end) - max(step.start, window_end - WINDOW_SECONDS)


def _rates(steps: Mapping[str, tuple[PodStep, ...]], samples: Mapping[str, Sample], now: float) -> Rates:
    """Sum what fell into the window over all pods, then divide: pods that join or leave within it count for a part."""
    covered = arrived = served = ended = abandoned = growth = 0.0
    sees_arrivals = sees_work = exact = bool(steps)
    for uid, of_pod in steps.items():
        end = _window_end(uid, samples, now)
        covered = max(covered, min(WINDOW_SECONDS, end - of_pod[0].start))
        for step in of_pod:
            share = _overlap_seconds(step, end) / step.seconds
            arrived += share * (step.arrived or 0.0)
            served += share * (step.served or 0.0)
            ended += share * step.ended
            abandoned += share * step.abandoned
            growth += share * step.waiting_change
            sees_arrivals = sees_arrivals and step.arrived is not None
            sees_work = sees_work and step.served is not None
            exact = exact and step.exact
    return Rates(
        arrived=arrived / covered if sees_arrivals else None,
        served=served / covered if sees_work else None,
        ended=ended / covered if covered else 0.0,
        abandoned=abandoned / covered if covered else 0.0,
        queue_growth=growth / covered if covered else None,
        exact=exact,
    )


def _work(requests: float | None, size: float | None) -> float | None:
    """Work per second of so many requests per second. None are no work, whatever their size."""
    if requests is None or (requests and size is None):
        return None
    return requests * (size or 0.0)


def _of_service(served: float | None, observation: Observation) -> float | None:
    """What all pods of a service do, by what those of one variant did."""
    return None if served is None or not observation.part else served / observation.part


def _held(before: Held, requests: float | None, work: float | None, waiting: float) -> Held:
    return Held(
        requests_per_second=max(before.requests_per_second, requests or 0.0),
        work_per_second=max(before.work_per_second, work or 0.0),
        waiting=max(before.waiting, waiting),
    )


def _values(samples: Mapping[str, Sample], name: str) -> list[float]:
    values = (believable(getattr(sample, name)) for sample in samples.values())
    return [value for value in values if value is not None]


def _total(samples: Mapping[str, Sample], name: str) -> float | None:
    values = _values(samples, name)
    return sum(values) if values else None


def _average(samples: Mapping[str, Sample], name: str) -> float | None:
    values = _values(samples, name)
    return sum(values) / len(values) if values else None
