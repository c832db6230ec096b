"""What rivals look at: one number per pod, read from the pod's last samples."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tidegate.scaling.observation import Observation
from tidegate.scaling.sample import Sample, believable


def fresh_samples(observation: Observation, now: float) -> dict[str, Sample]:
    """The last sample of each ready pod, by uid; without pods that were never read, not lately, or in vain."""
    return {
        pod.uid: pod.reading
        for pod in observation.ready_pods
        if isinstance(pod.reading, Sample) and now - pod.reading.time <= observation.stale_after_seconds
    }


class Signal(Protocol):
    """One number per pod."""

    def read(self, samples: Mapping[str, Sample]) -> dict[str, float]:
        """The signal of each pod that has it, by uid. To be called once per decision: some signals remember."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """The sum of some gauges of the same page."""

    names: tuple[str, ...]

    def read(self, samples: Mapping[str, Sample]) -> dict[str, float]:
        """See `Signal`; a pod that lacks one of the gauges has no value."""
        totals = ((uid, _total(sample, self.names)) for uid, sample in samples.items())
        return {uid: total for uid, total in totals if total is not None}


IN_FLIGHT = Gauges(("running", "waiting"))
"""Requests that a pod has, worked on or not: what a proxy before it counts."""


TWO = 2
"""Samples that a rate takes."""


@dataclass(slots=True)
class TokensServed:
    """Tokens per second that a pod has processed and generated.

    A rate over 15 s, or over two samples where those are further apart. vLLM's production-stack asks Prometheus for
    one over a minute (operator, `autoscalingConfig`, a6c01db); that is worse on every trace that was tried.
    """

    window_seconds: float = 15.0
    _totals: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)

    def read(self, samples: Mapping[str, Sample]) -> dict[str, float]:
        """See `Signal`; a pod has a rate from its second sample on."""
        self._totals = {uid: self._totals.get(uid, deque()) for uid in samples}
        rates = {}
        for uid, sample in samples.items():
            total = _total(sample, ("prompt_tokens", "generated_tokens"))
            if total is None:
                continue
            totals = self._totals[uid]
            if totals and total < totals[-1][1]:  # the engine was restarted
                totals.clear()
            if not totals or sample.time > totals[-1][0]:
                totals.append((sample.time, total))
            while len(totals) > TWO and totals[0][0] < sample.time - self.window_seconds:
                totals.popleft()
            (start, first), (end, last) = totals[0], totals[-1]
            if end > start:
                rates[uid] = (last - first) / (end - start)
        return rates


def _total(sample: Sample, names: tuple[str, ...]) -> float | None:
    total = 0.0
    for name in names:
        value = believable(getattr(sample, name))
        if value is None:
            return None
        total += value
    return total
