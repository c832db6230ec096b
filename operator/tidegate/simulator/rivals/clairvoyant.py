"""Scalers that know what will arrive: no rule that sees only the past can be held to more.

They pay what everyone pays: the cold start, and a minimum time for which a size that was needed is held. What is needed
is the fluid bound of `fluid`, computed from the trace and the replica model.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.scaling.observation import Observation
from tidegate.scaling.sample import Sample
from tidegate.simulator.policy import Choice
from tidegate.simulator.replay import SetUp
from tidegate.simulator.trace import TraceRequest

from .fluid import BIN_SECONDS, OperatingPoint, needed_replicas, operating_point
from .signals import fresh_samples

PERIOD_SECONDS = 1.0


def point_of(requests: Sequence[TraceRequest], set_up: SetUp) -> OperatingPoint:
    """Where replicas run with this trace's mean request."""
    return operating_point(
        set_up.model,
        prompt_tokens=sum(request.prompt_tokens for request in requests) / len(requests),
        output_tokens=sum(request.output_tokens for request in requests) / len(requests),
        inter_token_seconds=set_up.inter_token_seconds,
    )


def highest_within(values: Sequence[float], before: int, after: int) -> list[float]:
    """For every index the highest value from ``before`` earlier to ``after`` later."""
    highest = []
    candidates: deque[int] = deque()
    end = 0
    for index in range(len(values)):
        while end < len(values) and end <= index + after:
            while candidates and values[candidates[-1]] <= values[end]:
                candidates.pop()
            candidates.append(end)
            end += 1
        while candidates[0] < index - before:
            candidates.popleft()
        highest.append(values[candidates[0]])
    return highest


@dataclass(slots=True, kw_only=True)
class Clairvoyant:
    """Orders ahead by the cold start what the trace will need, and holds it."""

    name: str
    requests: Sequence[TraceRequest]
    set_up: SetUp
    load: float
    """How busy replicas are meant to be, 1 being all the time: the slack for chance and for uneven routing."""

    hold_seconds: float
    from_first_scrape: bool = False
    """Whether it may order only once a sample shows that anything has arrived, which no other scaler can do before."""

    period_seconds: float = PERIOD_SECONDS
    _sizes: list[int] = field(default_factory=list)

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`."""
        if not self._sizes:
            if self.from_first_scrape and not any(_has_work(each) for each in fresh_samples(observation, now).values()):
                return Choice(observation.replicas, "nothing seen yet")
            self._sizes = self._plan(now)
        return Choice(self._sizes[min(int(now / BIN_SECONDS), len(self._sizes) - 1)], "known in advance")

    def _plan(self, now: float) -> list[int]:
        """The size to have ordered at each second."""
        set_up, point = self.set_up, point_of(self.requests, self.set_up)
        need = needed_replicas(self.requests, point, first_token_seconds=set_up.first_token_seconds)
        need = [each / self.load for each in need]
        lead_seconds = set_up.model.startup_seconds + self.period_seconds
        first, last = _drowned(need, set_up.initial_replicas, now + lead_seconds)
        for index in range(first, min(last, len(need))):
            need[index] += set_up.initial_replicas
        highest = highest_within(
            need, before=round(self.hold_seconds / BIN_SECONDS), after=math.ceil(lead_seconds / BIN_SECONDS)
        )
        return [max(1, math.ceil(each - 1e-9)) for each in highest]


def _has_work(sample: Sample) -> bool:
    return any(value is not None and value > 0 for value in (sample.running, sample.waiting, sample.requests_ended))


def _drowned(need: Sequence[float], replicas: int, ready_at: float) -> tuple[int, int]:
    """From which second to which the replicas of the start only work off what nobody else could take."""
    ready = min(int(ready_at / BIN_SECONDS), len(need))
    backlog = 0.0
    for each in need[:ready]:
        backlog = max(0.0, backlog + (each - replicas) * BIN_SECONDS)
    return ready, ready + math.ceil(backlog / max(1, replicas) / BIN_SECONDS)
