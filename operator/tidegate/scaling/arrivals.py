"""How much work arrives, as opposed to how much is served.

Served tokens fall exactly when engines drown, so they are never demand. Demand is the rate at which requests arrive
times the mean size of those that finished lately. Arrivals are put together from what each engine gives (its
`ArrivalMethod`), per pod and as differences between two samples, so that a pod that leaves, restarts or joins never
makes the sum go backwards.

Clients that give up lower the gauges. Engines that count only requests that finish (vLLM: #31503, #55634) then seem to
have fewer arrivals just when they drown, and no averaging brings them back (docs/adr/0001-demand-is-what-arrives.md has
the figures). Where the page has a counter of requests that *ended*, arrivals are exact; where it has not, a pod's term
is never negative and the estimate may rise, not fall, while requests wait.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.pod_step import PodStep, pod_step
from tidegate.scaling.sample import ArrivalMethod, Sample

WINDOW_SECONDS = 15.0
"""Arrivals are averaged over this long: three scrapes. Shorter follows noise, longer follows late."""

SIZE_HALF_LIFE_SECONDS = 120.0
"""Sizes and pace of requests are remembered this long: they change slowly, and single requests differ widely."""

ABANDONED_SHARE = 0.2
"""When more than this share of the requests that end were given up, sizes are not learned: those that still finish are
the small ones."""

ENOUGH_FINISHED = 5.0
"""Unless fewer requests than this have finished: a biased size is better than none."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What one round of scrapes showed, in rates per second summed over the pods."""

    time: float
    seconds: float
    arrived: float
    served: float
    ended: float
    abandoned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums that fade with `SIZE_HALF_LIFE_SECONDS`; their quotients are sizes and paces."""

    finished: float = 0.0
    first_tokens: float = 0.0
    prompt_work: float = 0.0
    """Work of prompts, to be divided by `first_tokens`."""

    other_work: float = 0.0
    """All other work, to be divided by `finished`."""

    starts: float = 0.0
    """Requests taken out of queues, of pods in whose queue some were left."""

    busy_pod_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalMemory:
    """What the estimate remembers."""

    samples: Mapping[str, Sample] = field(default_factory=lambda: MappingProxyType({}))
    """The last sample of each pod, by uid."""

    intervals: tuple[Interval, ...] = ()
    held_requests_per_second: float = 0.0
    """Highest rate seen since requests began to wait."""

    held_work_per_second: float = 0.0
    sums: Sums = field(default_factory=Sums)
    time: float | None = None
    """When `sums` last faded."""


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
        pod_step(before, sample, observation)
        for uid, sample in samples.items()
        if (before := memory.samples.get(uid)) is not None and sample.time > before.time
    ]
    added = (_interval(steps, now),) if steps else ()
    intervals = _recent(memory.intervals + added, now)
    waiting = _total(samples, "waiting")
    sums = _faded_sums(memory, steps, intervals, now, is_waiting=bool(waiting))
    size = _size(sums, observation.work_unit)

    sees_requests = observation.arrival_method is not ArrivalMethod.TOKENS_ONLY
    served = _mean(intervals, "served")
    requests = _mean(intervals, "arrived") if sees_requests else None
    work = served if requests is None else requests * size if size is not None else None
    # Without an exact count, what is missing while requests wait may be clients that gave up.
    exact = steps and all(step.exact for step in steps)
    hold = bool(waiting) and not exact
    held_requests = max(requests or 0.0, memory.held_requests_per_second if hold else 0.0)
    held_work = max(work or 0.0, memory.held_work_per_second if hold else 0.0)
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
        sums=sums,
        time=now,
    )


def _interval(steps: list[PodStep], now: float) -> Interval:
    return Interval(
        time=now,
        seconds=max(step.seconds for step in steps),
        arrived=sum((step.arrived or 0.0) / step.seconds for step in steps),
        served=sum((step.prompt_work + step.other_work) / step.seconds for step in steps),
        ended=sum(step.ended / step.seconds for step in steps),
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


def _faded_sums(
    memory: ArrivalMemory, steps: list[PodStep], intervals: tuple[Interval, ...], now: float, *, is_waiting: bool
) -> Sums:
    before = memory.sums
    ended, abandoned = _mean(intervals, "ended") or 0.0, _mean(intervals, "abandoned") or 0.0
    biased = is_waiting and abandoned > ABANDONED_SHARE * ended and before.finished >= ENOUGH_FINISHED
    keep = 0.5 ** (max(0.0, now - (memory.time or now)) / SIZE_HALF_LIFE_SECONDS)
    busy = [step for step in steps if step.waited and step.starts is not None]
    paces = {
        "starts": before.starts * keep + sum(step.starts or 0.0 for step in busy),
        "busy_pod_seconds": before.busy_pod_seconds * keep + sum(step.seconds for step in busy),
    }
    if biased:
        return replace(before, **paces)
    sizes = ("finished", "first_tokens", "prompt_work", "other_work")
    faded = {name: getattr(before, name) * keep + sum(getattr(step, name) for step in steps) for name in sizes}
    return Sums(**faded, **paces)


def _size(sums: Sums, unit: str) -> float | None:
    """Mean work of a request, each part divided by the count that rises with it.

    Prompts are done long before answers: in an overload, all tokens over finished requests would be far too large.
    """
    if unit == "requests":
        return 1.0
    if sums.finished < 1.0:
        return None
    prompt = sums.prompt_work / sums.first_tokens if sums.first_tokens else 0.0
    return prompt + sums.other_work / sums.finished


def _values(samples: Mapping[str, Sample], name: str) -> list[float]:
    values = (getattr(sample, name) for sample in samples.values())
    return [value for value in values if value is not None and not math.isnan(value)]


def _total(samples: Mapping[str, Sample], name: str) -> float | None:
    values = _values(samples, name)
    return sum(values) if values else None


def _average(samples: Mapping[str, Sample], name: str) -> float | None:
    values = _values(samples, name)
    return sum(values) / len(values) if values else None
