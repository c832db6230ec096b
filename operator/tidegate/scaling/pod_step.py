"""What one pod did between two samples: differences of counters, with restarts seen and gaps respected."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.scaling.observation import Observation
from tidegate.scaling.sample import COUNTER_NAMES, SIGNAL_NAMES, ArrivalMethod, CountedAt, Sample, believable

ABANDONED_SHARE = 0.2
"""Where more than this share of the requests that end were given up, the rest is no example. While others wait, those
that still finish are the small ones: sizes are not learned from them. And prompts whose client leaves before the first
token take an engine's time and show in no counter of its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStep:
    """What one pod did between two samples. Counts are never negative, but for one."""

    start: float
    end: float

    arrived: float | None
    """Requests that arrived; None where the engine does not let arrivals be seen."""

    exact: bool
    """Whether requests that were given up are among `arrived`."""

    ended: float
    abandoned: float

    started: float | None
    """Requests that left the queue to be worked on; None where the engine does not show it."""

    finished: float
    served: float | None
    """Work units done; None where the engine does not count them."""

    prompt_work: float
    """The part of `served` that is prompts."""

    prompts: float
    """Requests that `prompt_work` is of."""

    answers: float
    """Requests that the rest of `served` is of. One that is half done counts half."""

    waiting_change: float
    """By how much the queue grew; the one count that can be negative."""

    waited: bool
    """Whether requests waited at both ends: the pod had all it could take in between."""

    running: float = 0.0
    """Requests that were being worked on, as a mean of both ends; or of the time between, where only that is told."""

    busy_share: float | None = None
    """Whether the pod had any request at both ends (1), at one (0.5), at none (0): right on average, not each time.
    None where the engine does not show it."""

    steps: float | None = None
    """Steps of the engine; None where it does not count them."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start

    @property
    def shows_its_work(self) -> bool:
        """Whether it is known if the pod was at work, and its counters say with what."""
        return self.busy_share is not None and self.abandoned <= ABANDONED_SHARE * self.ended


def pod_step(before: Sample, after: Sample, observation: Observation) -> PodStep | None:
    """Compare two samples of one pod.

    Returns:
        What happened in between. None if `after` is not the later one, and None if a counter fell: the container
        restarted, and counts anew from `after` on. What it did since the restart is too little to be missed; what its
        counters seem to say, if they fell for another reason, would be too much to be believed.
    """
    changed = {name: _change(getattr(before, name), getattr(after, name)) for name in SIGNAL_NAMES}
    restarted = any((changed[name] or 0.0) < 0 for name in COUNTER_NAMES)
    if restarted or after.time <= before.time:
        return None
    waiting_change, running_change = changed["waiting"] or 0.0, changed["running"] or 0.0
    ended, finished = _ended(changed), changed["requests_finished"]
    arrived = _arrived(changed, observation.arrival_method, ended)
    if finished is None and arrived is not None:
        finished = max(0.0, arrived - waiting_change - running_change)
    started = changed["first_tokens"]
    if started is None and finished is not None:
        started = finished + running_change
    done = finished or 0.0
    served, prompt_work = _work(changed, observation.work_unit, finished)
    prompts = {CountedAt.ARRIVAL: arrived, CountedAt.DONE: started, CountedAt.END: finished}
    running, busy_share = _occupancy(before, after, changed["seconds_worked"])
    answers = {CountedAt.ARRIVAL: arrived or 0.0, CountedAt.DONE: done + running_change / 2, CountedAt.END: done}
    return PodStep(
        start=before.time,
        end=after.time,
        arrived=None if arrived is None else max(0.0, arrived),
        exact=ended is not None or _counts_arrivals(changed, observation.arrival_method),
        ended=done if ended is None else ended,
        abandoned=max(0.0, -(arrived or 0.0) if ended is None else ended - done),
        started=None if started is None else max(0.0, started),
        finished=done,
        served=served,
        prompt_work=prompt_work,
        prompts=max(0.0, prompts[observation.prompts_counted_at] or 0.0),
        answers=0.0 if served is None or finished is None else max(0.0, answers[observation.answers_counted_at]),
        waiting_change=waiting_change,
        waited=bool(believable(before.waiting) and believable(after.waiting)),
        running=running,
        busy_share=busy_share,
        steps=changed["steps"],
    )


def _occupancy(before: Sample, after: Sample, seconds_worked: float | None) -> tuple[float, float | None]:
    """Requests that were worked on, as a mean, and the share of the time in which there were any; None if not known.

    Where no gauge shows the first, it follows from how long the requests took that were done meanwhile; the second is
    then too large while several were worked on at once and none in between, which errs towards more replicas.
    """
    if before.running is None and after.running is None and seconds_worked is not None:
        mean = seconds_worked / (after.time - before.time)
        return mean, min(1.0, mean)
    if before.running is None or after.running is None:
        return 0.0, None
    mean = ((believable(before.running) or 0.0) + (believable(after.running) or 0.0)) / 2
    return mean, (_has_requests(before) + _has_requests(after)) / 2


def _has_requests(sample: Sample) -> bool:
    return bool(believable(sample.running) or believable(sample.waiting))


def _change(old: float | None, new: float | None) -> float | None:
    """A signal's change; None where it is not known at both ends."""
    if old is None or new is None:
        return None
    before, after = believable(old), believable(new)
    return None if before is None or after is None else after - before


def _ended(changed: Mapping[str, float | None]) -> float | None:
    """Requests that ended in any way; None where the engine does not count those that were given up."""
    if changed["requests_ended"] is not None:
        return changed["requests_ended"]
    finished, failed = changed["requests_finished"], changed["requests_failed"]
    return None if finished is None or failed is None else finished + failed


def _counts_arrivals(changed: Mapping[str, float | None], method: ArrivalMethod) -> bool:
    return method is ArrivalMethod.REQUEST_COUNTER and changed["requests_received"] is not None


def _arrived(changed: Mapping[str, float | None], method: ArrivalMethod, ended: float | None) -> float | None:
    """Requests that arrived; negative where requests vanished; None where the engine does not let them be seen."""
    if method is ArrivalMethod.TOKENS_ONLY:
        return None
    if _counts_arrivals(changed, method):
        return changed["requests_received"]
    left = changed["requests_finished"] if ended is None else ended
    return None if left is None else left + (changed["waiting"] or 0.0) + (changed["running"] or 0.0)


def _work(changed: Mapping[str, float | None], unit: str, finished: float | None) -> tuple[float | None, float]:
    """Work done, and how much of it was prompts. Tokens are two counters, requests their own, all else `work_done`."""
    if unit == "requests":
        return finished, 0.0
    if unit != "tokens":
        return changed["work_done"], 0.0
    prompt, generated = changed["prompt_tokens"], changed["generated_tokens"]
    if prompt is None and generated is None:
        return None, 0.0
    return (prompt or 0.0) + (generated or 0.0), prompt or 0.0
