"""How much work arrives, as opposed to how much is served.

Served tokens fall exactly when engines drown, so they are never demand. Demand is the rate at which requests arrive
times the mean size of those that finished lately. Arrivals are put together from what each engine gives (its
`ArrivalMethod`), per pod and as differences between two samples, so that a pod that leaves, restarts or joins never
makes the sum go backwards.

Clients that give up lower the gauges without raising any counter (vLLM does not count aborted requests: vllm #31503,
#55634). Read naively, each of them is an arrival that did not happen, just when the service drowns. So a pod's term is
never negative (what is missing is `abandoned`), and while requests wait the estimate may rise but not fall.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import COUNTER_NAMES, SIGNAL_NAMES, ArrivalMethod, Sample

WINDOW_SECONDS = 15.0
"""Arrivals are averaged over this long: three scrapes. Shorter follows noise; longer misses the seconds between the
onset of an overload and the first client that gives up, in which alone all arrivals are seen."""

SIZE_HALF_LIFE_SECONDS = 120.0
"""Sizes and pace of requests are remembered this long: they change slowly, and single requests differ widely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What happens to a service, summed over its pods. None means not known, never zero."""

    waiting: float | None = None
    running: float | None = None
    kv_usage: float | None = None
    """Mean over the pods, 0 to 1."""

    requests_per_second: float | None = None
    """Requests that arrive."""

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


@dataclass(frozen=True, slots=True)
class Interval:
    """What one pair of scrapes showed, in rates per second summed over the pods."""

    time: float
    seconds: float
    arrived: float
    served: float
    abandoned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalMemory:
    """What the estimate remembers."""

    samples: Mapping[str, Sample] = field(default_factory=lambda: MappingProxyType({}))
    """The last sample of each pod, by uid."""

    intervals: tuple[Interval, ...] = ()
    held_requests_per_second: float = 0.0
    """Highest rate seen since requests began to wait."""

    held_work_per_second: float = 0.0
    time: float | None = None
    """When the decaying sums below were last decayed."""

    finished: float = 0.0
    work: float = 0.0
    starts: float = 0.0
    busy_pod_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Step:
    """What one pod did between two samples."""

    seconds: float
    arrived: float | None
    abandoned: float
    finished: float
    work: float
    starts: float | None
    waited: bool


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
    steps = [
        _step(before, sample, observation)
        for uid, sample in samples.items()
        if (before := memory.samples.get(uid)) is not None and sample.time > before.time
    ]
    added = (_interval(steps, now),) if steps else ()
    intervals = _recent(memory.intervals + added, now)

    waiting = _total(samples, "waiting")
    sums = _decayed_sums(memory, steps, now)
    size = _size(observation, sums)
    requests = _mean(intervals, "arrived") if _sees_requests(observation) else None
    served = _mean(intervals, "served")
    work = served if requests is None else requests * size if size is not None else None

    # While requests wait, the estimate may rise but not fall: what is missing may be clients that gave up.
    is_waiting = bool(waiting)
    held_requests = max(requests or 0.0, memory.held_requests_per_second if is_waiting else 0.0)
    held_work = max(work or 0.0, memory.held_work_per_second if is_waiting else 0.0)
    traffic = Traffic(
        waiting=waiting,
        running=_total(samples, "running"),
        kv_usage=_average(samples, "kv_usage"),
        requests_per_second=None if requests is None else held_requests,
        work_per_request=size,
        arriving_per_second=None if work is None else held_work,
        served_per_second=served,
        starts_per_pod_second=sums.starts / sums.busy_pod_seconds if sums.starts and sums.busy_pod_seconds else None,
        abandoned_per_second=_mean(intervals, "abandoned") or 0.0,
    )
    known = {pod.uid for pod in observation.pods}
    kept = {uid: sample for uid, sample in memory.samples.items() if uid in known}
    return traffic, ArrivalMemory(
        samples=MappingProxyType({**kept, **samples}),
        intervals=intervals,
        held_requests_per_second=held_requests,
        held_work_per_second=held_work,
        time=now,
        finished=sums.finished,
        work=sums.work,
        starts=sums.starts,
        busy_pod_seconds=sums.busy_pod_seconds,
    )


def _step(before: Sample, after: Sample, observation: Observation) -> _Step:
    changed = _changes(before, after)
    finished, running = changed["requests_finished"], changed["running"]
    arrived = _arrived(changed, observation.arrival_method)
    return _Step(
        seconds=after.time - before.time,
        arrived=None if arrived is None else max(0.0, arrived),
        abandoned=max(0.0, -(arrived or 0.0)),
        finished=(arrived or 0.0) if finished is None else finished,
        work=_work(changed, observation.work_unit),
        starts=None if finished is None or running is None else max(0.0, finished + running),
        waited=bool(before.waiting and after.waiting),
    )


def _changes(before: Sample, after: Sample) -> dict[str, float | None]:
    """Each signal's change between two samples; after a restart, its whole value; None where it is not known."""
    restarted = _restarted(before, after)
    changes: dict[str, float | None] = {}
    for name in SIGNAL_NAMES:
        old, new = getattr(before, name), getattr(after, name)
        if new is None or math.isnan(new) or (not restarted and (old is None or math.isnan(old))):
            changes[name] = None
        else:
            changes[name] = new if restarted else new - old
    return changes


def _arrived(changed: Mapping[str, float | None], method: ArrivalMethod) -> float | None:
    """Requests that arrived; negative where requests vanished; None where the engine does not let them be seen."""
    match method:
        case ArrivalMethod.REQUEST_COUNTER:
            return changed["requests_received"]
        case ArrivalMethod.FINISHED_AND_GAUGES:
            finished = changed["requests_finished"]
            held = (changed["waiting"] or 0.0) + (changed["running"] or 0.0)
            return None if finished is None else finished + held
        case ArrivalMethod.TOKENS_ONLY:
            return None


def _work(changed: Mapping[str, float | None], unit: str) -> float:
    """Work units done: tokens are two counters, requests their own, any other unit is `work_done`."""
    if unit == "tokens":
        return (changed["prompt_tokens"] or 0.0) + (changed["generated_tokens"] or 0.0)
    if unit == "requests":
        return changed["requests_finished"] or changed["requests_received"] or 0.0
    return changed["work_done"] or 0.0


def _restarted(before: Sample, after: Sample) -> bool:
    """Whether any counter went backwards: the container restarted, and all of its counters with it."""
    pairs = ((getattr(before, name), getattr(after, name)) for name in COUNTER_NAMES)
    return any(old is not None and new is not None and new < old for old, new in pairs)


def _interval(steps: list[_Step], now: float) -> Interval:
    return Interval(
        time=now,
        seconds=max(step.seconds for step in steps),
        arrived=sum((step.arrived or 0.0) / step.seconds for step in steps),
        served=sum(step.work / step.seconds for step in steps),
        abandoned=sum(step.abandoned / step.seconds for step in steps),
    )


def _recent(intervals: tuple[Interval, ...], now: float) -> tuple[Interval, ...]:
    # The latest stays however old it is: a quiet service is scraped less often than the window is long.
    recent = tuple(interval for interval in intervals if interval.time > now - WINDOW_SECONDS)
    return recent or intervals[-1:]


def _mean(intervals: tuple[Interval, ...], name: str) -> float | None:
    seconds = sum(interval.seconds for interval in intervals)
    total = sum(float(getattr(interval, name)) * interval.seconds for interval in intervals)
    return total / seconds if seconds else None


@dataclass(frozen=True, slots=True)
class _Sums:
    finished: float
    work: float
    starts: float
    busy_pod_seconds: float


def _decayed_sums(memory: ArrivalMemory, steps: list[_Step], now: float) -> _Sums:
    age_seconds = 0.0 if memory.time is None else max(0.0, now - memory.time)
    keep = 0.5 ** (age_seconds / SIZE_HALF_LIFE_SECONDS)
    busy = [step for step in steps if step.waited and step.starts is not None]
    return _Sums(
        finished=memory.finished * keep + sum(step.finished for step in steps),
        work=memory.work * keep + sum(step.work for step in steps),
        starts=memory.starts * keep + sum(step.starts or 0.0 for step in busy),
        busy_pod_seconds=memory.busy_pod_seconds * keep + sum(step.seconds for step in busy),
    )


def _size(observation: Observation, sums: _Sums) -> float | None:
    if observation.work_unit == "requests":
        return 1.0
    return sums.work / sums.finished if sums.finished >= 1.0 else None


def _sees_requests(observation: Observation) -> bool:
    return observation.arrival_method is not ArrivalMethod.TOKENS_ONLY


def _values(samples: Mapping[str, Sample], name: str) -> list[float]:
    values = (getattr(sample, name) for sample in samples.values())
    return [value for value in values if value is not None and not math.isnan(value)]


def _total(samples: Mapping[str, Sample], name: str) -> float | None:
    values = _values(samples, name)
    return sum(values) if values else None


def _average(samples: Mapping[str, Sample], name: str) -> float | None:
    values = _values(samples, name)
    return sum(values) / len(values) if values else None
