"""How the promises are kept, and how much more than demand alone needs it takes to keep them: a factor that is learned.

It rises while a promise is broken, one step per minute of which all pods saw the whole, and falls slowly while all are
kept. At most it doubles what demand needs: a promise that this does not keep is one that more replicas cannot keep.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from tidegate.api.scaling import LatencyObjective, Objectives
from tidegate.scaling.latency import WINDOW_SECONDS, RecentLatencies

GAIN = 0.5
LARGEST_STEP = 1.3
"""Of a broken promise's excess this share is answered at a time, and no more than that: latencies rise faster than
load."""

LARGEST_FACTOR = 2.0
HALF_LIFE_SECONDS = 1800.0

ENOUGH_VALUES = 20.0
"""Fewer say nothing of a percentile."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise, and what was measured."""

    name: str
    promise: LatencyObjective
    measured_seconds: float

    @property
    def excess(self) -> float:
        """Measured ÷ promised."""
        return self.measured_seconds * 1000 / self.promise.milliseconds


@dataclass(frozen=True, slots=True)
class Promises:
    """The latencies of the last minute, and the factor."""

    first_token: RecentLatencies = field(default_factory=RecentLatencies)
    inter_token: RecentLatencies = field(default_factory=RecentLatencies)
    factor: float = 1.0
    raised_at: float | None = None
    time: float | None = None

    def verdicts(self, promised: Objectives) -> Iterator[Verdict]:
        """One for each promise of which there is enough to judge by."""
        pairs = (
            ("time to first token", promised.time_to_first_token, self.first_token),
            ("inter-token latency", promised.inter_token_latency, self.inter_token),
        )
        for name, promise, seen in pairs:
            if promise is None or seen.count < ENOUGH_VALUES:
                continue
            measured = seen.percentile(promise.percentile)
            if measured is not None:
                yield Verdict(name, promise, measured)

    def judge(self, promised: Objectives, *, settled_since: float | None, compete: bool, now: float) -> Self:
        """Raise the factor, or let it fall.

        Args:
            promised: what was promised.
            settled_since: since when no pods are awaited; None while some are.
            compete: whether requests wait or share their pod: where they do not, it is the request or the hardware
                that takes so long.
            now: seconds since the epoch.
        """
        elapsed = 0.0 if self.time is None else max(0.0, now - self.time)
        worst = max((verdict.excess for verdict in self.verdicts(promised)), default=0.0)
        if worst <= 1:
            eased = 1 + (self.factor - 1) * 0.5 ** (elapsed / HALF_LIFE_SECONDS)
            return replace(self, factor=eased, time=now)
        since = max((time for time in (settled_since, self.raised_at) if time is not None), default=now)
        if settled_since is None or now - since < WINDOW_SECONDS or not compete:
            return replace(self, time=now)
        step = min(LARGEST_STEP, 1 + GAIN * (worst - 1))
        return replace(self, factor=min(LARGEST_FACTOR, self.factor * step), raised_at=now, time=now)
