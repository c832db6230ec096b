"""Can the metrics be trusted? Missing, stale, NaN and zero are four different things.

Zero is a number like any other. The other three say nothing about demand: a service whose metrics are not all fresh is
never made smaller, and one without any fresh metrics keeps its size.
"""

from dataclasses import dataclass
from enum import StrEnum

from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample, believable
from tidegate.scaling.wording import count


class MetricsState(StrEnum):
    """The state of one service's metrics; also the reasons of the condition `MetricsAvailable`."""

    FRESH = "Fresh"
    """Every ready pod that was asked gave every signal that its engine is known to give, just now."""

    NO_PODS = "NoPods"
    """No pod is ready, or none has been asked yet: there is nothing to judge."""

    MISSING = "Missing"
    """No ready pod could be read, or none gives a signal that its engine should give."""

    STALE = "Stale"
    """The last samples of all ready pods are too old."""

    NOT_A_NUMBER = "NotANumber"
    """All ready pods answer NaN, or what else no signal can be."""

    PARTIAL = "Partial"
    """Some ready pods are fine and some are not."""


NOT_BELIEVED = {MetricsState.MISSING, MetricsState.STALE, MetricsState.NOT_A_NUMBER}
"""Nothing that was read says anything about demand: the size is held."""


@dataclass(frozen=True, slots=True)
class MetricsHealth:
    """What can be believed."""

    state: MetricsState
    message: str
    fresh: tuple[PodObservation, ...]
    """Ready pods whose every expected signal is a number and recent."""

    complete: bool
    """Whether that is every ready pod, and there is one."""


def judge_metrics(observation: Observation, now: float) -> MetricsHealth:
    """Sort the ready pods into those that can be believed and those that cannot, and say why."""
    ready, read = observation.ready_pods, observation.read_pods
    if not read:
        message = f"none of {count(len(ready), 'ready pod')} has been read yet" if ready else "no pod is ready"
        return MetricsHealth(MetricsState.NO_PODS, message, (), complete=False)
    faults = {pod.name: fault for pod in read if (fault := _fault(pod, observation, now)) is not None}
    fresh = tuple(pod for pod in read if pod.name not in faults)
    if not faults:
        unread = len(ready) - len(fresh)
        message = f"the metrics of {count(len(fresh), 'ready pod')} are fresh"
        if unread:
            verb = "is" if unread == 1 else "are"
            message = (
                f"{unread} of {count(len(ready), 'ready pod')} {verb} not read yet; the metrics of the rest are fresh"
            )
        return MetricsHealth(MetricsState.FRESH, message, fresh, complete=not unread)
    example, (state, message) = next(iter(faults.items()))
    summary = f"{len(faults)} of {count(len(ready), 'ready pod')} cannot be believed; {example}: {message}"
    return MetricsHealth(MetricsState.PARTIAL if fresh else state, summary, fresh, complete=False)


def _fault(  # noqa: PLR0911 - a list of cases, the first that holds
    pod: PodObservation, observation: Observation, now: float
) -> tuple[MetricsState, str] | None:
    reading = pod.reading
    if observation.engine_is_silent and observation.is_counted_by_gateways:
        return None  # Nothing is missing: whatever there is to know passes the gateways.
    if reading is None:
        return MetricsState.MISSING, "not read yet"
    if not isinstance(reading, Sample):
        return MetricsState.MISSING, f"{reading.reason}: {reading.message}"
    # A sample from a later time says no more of now: a clock was set back.
    if abs(now - reading.time) > observation.stale_after_seconds:
        return MetricsState.STALE, f"not read for more than {observation.stale_after_seconds:.0f} s"
    values = [(name, getattr(reading, name)) for name in observation.expected_signals]
    missing = [name for name, value in values if value is None]
    if missing:
        return MetricsState.MISSING, f"the page does not give {', '.join(missing)}"
    impossible = [f"{value} for {name}" for name, value in values if believable(value) is None]
    if impossible:
        return MetricsState.NOT_A_NUMBER, f"the page gives {', '.join(impossible)}"
    return None
