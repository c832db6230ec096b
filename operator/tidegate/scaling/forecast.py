"""Where demand will be when pods that are ordered now are ready: a damped trend (Holt, Gardner and McKenzie 1985).

Demand is a rate that is seen at uneven times, so weights are given as time constants.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

LEVEL_SECONDS = 20.0
TREND_SECONDS = 90.0
"""Time constants: how fast the level follows what is seen, and the trend follows the level."""

DAMPING_SECONDS = 65.0
"""A trend fades with this time constant: nothing grows for ever."""

NOISE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """Level, trend and what they miss by."""

    level: float | None = None
    trend_per_second: float = 0.0
    variance: float = 0.0
    """Mean square of what was seen less what was expected."""

    time: float | None = None

    @property
    def deviation(self) -> float:
        """Standard deviation of what is seen around what was expected."""
        return math.sqrt(self.variance)

    def see(self, value: float, now: float) -> Self:
        """Take in the demand that is seen now."""
        if self.level is None or self.time is None:
            return replace(self, level=value, time=now)
        elapsed = now - self.time
        if elapsed <= 0:
            return self
        expected = self.at(elapsed)
        surprise = value - expected
        level = max(0.0, expected + _weight(elapsed, LEVEL_SECONDS) * surprise)
        damped = self.trend_per_second * math.exp(-elapsed / DAMPING_SECONDS)
        growth = (level - self.level) / elapsed
        trend = damped + _weight(elapsed, TREND_SECONDS) * (growth - damped)
        variance = self.variance + _weight(elapsed, NOISE_SECONDS) * (surprise**2 - self.variance)
        return replace(self, level=level, trend_per_second=trend, variance=variance, time=now)

    def at(self, seconds: float) -> float:
        """Demand that many seconds from the last look; never below 0."""
        travelled = DAMPING_SECONDS * (1 - math.exp(-seconds / DAMPING_SECONDS))
        return max(0.0, (self.level or 0.0) + self.trend_per_second * travelled)


def _weight(elapsed_seconds: float, time_constant_seconds: float) -> float:
    return 1 - math.exp(-elapsed_seconds / time_constant_seconds)
