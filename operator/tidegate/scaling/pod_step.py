"""What one pod did between two samples: differences of counters, with restarts seen and gaps respected."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.scaling.observation import Observation
from tidegate.scaling.sample import COUNTER_NAMES, SIGNAL_NAMES, ArrivalMethod, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStep:
    """What one pod did between two samples."""

    seconds: float
    arrived: float | None
    """Never negative; None where the engine does not let arrivals be seen."""

    exact: bool
    """Whether requests that were given up are among `arrived`."""

    ended: float
    abandoned: float
    finished: float
    first_tokens: float
    prompt_work: float
    other_work: float
    starts: float | None
    waited: bool


def pod_step(before: Sample, after: Sample, observation: Observation) -> PodStep:
    """Compare two samples of one pod; `after` is the later one."""
    changed = _changes(before, after)
    finished, ended = changed["requests_finished"], changed["requests_ended"]
    arrived = _arrived(changed, observation.arrival_method)
    gone = 0.0 if ended is None or finished is None else max(0.0, ended - finished)
    known_finished = (arrived or 0.0) if finished is None else finished
    prompt_work, other_work = _work(changed, observation.work_unit)
    first_tokens = changed["first_tokens"]
    running = changed["running"]
    starts = first_tokens if first_tokens is not None else None if running is None else known_finished + running
    return PodStep(
        seconds=after.time - before.time,
        arrived=None if arrived is None else max(0.0, arrived),
        exact=observation.arrival_method is ArrivalMethod.REQUEST_COUNTER or ended is not None,
        ended=known_finished if ended is None else ended,
        abandoned=gone if ended is not None else max(0.0, -(arrived or 0.0)),
        finished=known_finished,
        first_tokens=known_finished if first_tokens is None else first_tokens,
        prompt_work=prompt_work,
        other_work=other_work,
        starts=None if starts is None else max(0.0, starts),
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
        case ArrivalMethod.ENDED_AND_GAUGES | ArrivalMethod.FINISHED_AND_GAUGES:
            ended = changed["requests_ended"]
            left = ended if ended is not None else changed["requests_finished"]
            held = (changed["waiting"] or 0.0) + (changed["running"] or 0.0)
            return None if left is None else left + held
        case ArrivalMethod.TOKENS_ONLY:
            return None


def _work(changed: Mapping[str, float | None], unit: str) -> tuple[float, float]:
    """Work done, of prompts and other. Tokens are two counters, requests their own, any other unit is `work_done`."""
    if unit == "tokens":
        return changed["prompt_tokens"] or 0.0, changed["generated_tokens"] or 0.0
    if unit == "requests":
        return 0.0, changed["requests_finished"] or changed["requests_received"] or 0.0
    return 0.0, changed["work_done"] or 0.0


def _restarted(before: Sample, after: Sample) -> bool:
    """Whether any counter went backwards: the container restarted, and all of its counters with it."""
    pairs = ((getattr(before, name), getattr(after, name)) for name in COUNTER_NAMES)
    return any(old is not None and new is not None and new < old for old, new in pairs)
