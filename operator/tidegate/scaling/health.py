"""Can the metrics be trusted? Missing, stale, NaN and zero are four different things.

Zero is a number like any other. The other three say nothing about demand: a service whose metrics are not all fresh is
never made smaller, and one without any fresh metrics keeps its size.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample


class MetricsState(StrEnum):
    """The state of one service's metrics; also the reasons of the condition `MetricsAvailable`."""

    FRESH = "Fresh"
    """Every ready pod gave every signal that its engine is known to give, just now."""

    NO_PODS = "NoPods"
    """No pod is ready: there is nothing to read."""

    MISSING = "Missing"
    """No ready pod could be read, or none gives a signal that its engine should give."""

    STALE = "Stale"
    """The last samples of all ready pods are too old."""

    NOT_A_NUMBER = "NotANumber"
    """All ready pods answer NaN."""

    PARTIAL = "Partial"
    """Some ready pods are fine and some are not."""


@dataclass(frozen=True, slots=True)
class MetricsHealth:
    """What can be believed."""

    state: MetricsState
    message: str
    fresh: tuple[PodObservation, ...]
    """Ready pods whose every expected signal is a number and recent."""

    @property
    def complete(self) -> bool:
        """Whether every ready pod can be believed, and there is one."""
        return self.state is MetricsState.FRESH


def judge_metrics(observation: Observation, now: float) -> MetricsHealth:
    """Sort the ready pods into those that can be believed and those that cannot, and say why."""
    ready = observation.ready_pods
    if not ready:
        return MetricsHealth(MetricsState.NO_PODS, "no pod is ready, so there are no metrics to read", ())
    faults = {pod.name: fault for pod in ready if (fault := _fault(pod, observation, now)) is not None}
    fresh = tuple(pod for pod in ready if pod.name not in faults)
    if not faults:
        return MetricsHealth(MetricsState.FRESH, f"metrics of all {len(ready)} ready pods are fresh", fresh)
    example, (state, message) = next(iter(faults.items()))
    summary = f"{len(faults)} of {len(ready)} ready pods cannot be believed; {example}: {message}"
    return MetricsHealth(MetricsState.PARTIAL if fresh else state, summary, fresh)


def _fault(pod: PodObservation, observation: Observation, now: float) -> tuple[MetricsState, str] | None:
    reading = pod.reading
    if reading is None:
        return MetricsState.MISSING, "not read yet"
    if not isinstance(reading, Sample):
        return MetricsState.MISSING, f"{reading.reason}: {reading.message}"
    age_seconds = now - reading.time
    if age_seconds > observation.stale_after_seconds:
        return MetricsState.STALE, f"the last sample is {age_seconds:.0f} s old"
    values = [(name, getattr(reading, name)) for name in observation.expected_signals]
    missing = [name for name, value in values if value is None]
    if missing:
        return MetricsState.MISSING, f"the page does not give {', '.join(missing)}"
    not_numbers = [name for name, value in values if math.isnan(value)]
    if not_numbers:
        return MetricsState.NOT_A_NUMBER, f"NaN for {', '.join(not_numbers)}"
    return None
