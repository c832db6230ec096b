"""Where demand will be when pods that are ordered now are ready: a level and a damped trend.

Damped trends are Gardner and McKenzie's (1985); weights are those of a Kalman filter (Harvey 1989, local linear
trend): large while little is known, so that a ramp is seen at its third reading, and small later. Demand is a rate of
events, so chance alone makes it vary as Poisson's law has it; readings that vary more, with bursts, count for less.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

DAMPING_SECONDS = 65.0
"""A trend fades with this time constant: nothing grows for ever."""

LEVEL_DRIFT_SHARE = 0.15
TREND_DRIFT_SHARE = 0.05
"""How far the level, and the growth per minute, may wander in a minute, as shares of the level."""

FIRST_TREND_SECONDS = 20.0
"""Before anything is known, demand may as well double, or vanish, within this long."""

LARGEST_SURPRISE = 3.0
"""Readings that stay further off than this many standard deviations are no noise: another level has come."""

LEAST_LEVEL = 1e-6
"""Less than one in a week is none."""

NOISE_SECONDS = 300.0
"""How long the size of the noise is averaged over."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Level, trend, and how far readings are off."""

    level: float | None = None
    trend_per_second: float = 0.0
    doubt: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Variances of level, both, and trend."""

    variance: float = 0.0
    """Mean square of what was seen less what was expected."""

    time: float | None = None

    surprised_since: float | None = None
    """Since when readings are further off than noise, all to the same side; None while they are not."""

    is_above: bool = False

    def see(self, value: float, now: float, *, counted_seconds: float) -> Self:
        """Take in a reading: a rate of events that were counted for `counted_seconds`."""
        if self.level is None or self.time is None:
            return replace(self, level=value, time=now, doubt=_unknown(value, value / counted_seconds))
        elapsed = now - self.time
        if elapsed <= 0:
            return self
        expected = self.at(elapsed)
        surprise = value - expected
        usual = max(self.variance, max(expected, value) / counted_seconds)
        surprised_since = self._surprised_since(surprise, usual, now)
        # One window that is far off may be a burst, over before any pod comes. Two are another level.
        is_shift = surprised_since is not None and now - surprised_since >= counted_seconds
        before = _unknown(max(expected, value), usual) if is_shift else self.doubt
        level, both, trend = _doubt_after(before, elapsed, expected)
        # Readings that share some of their events count for less each.
        total = level + usual * max(1.0, counted_seconds / elapsed)
        level_weight, trend_weight = (level / total, both / total) if total else (1.0, 0.0)
        share = 0.0 if is_shift else 1 - math.exp(-elapsed / NOISE_SECONDS)
        seen = expected + level_weight * surprise
        return replace(
            self,
            level=seen if seen >= LEAST_LEVEL else 0.0,
            trend_per_second=self.trend_per_second * math.exp(-elapsed / DAMPING_SECONDS) + trend_weight * surprise,
            doubt=(level * (1 - level_weight), both * (1 - level_weight), max(0.0, trend - trend_weight * both)),
            variance=self.variance + share * (surprise**2 - self.variance),
            time=now,
            surprised_since=None if is_shift else surprised_since,
            is_above=surprise > 0,
        )

    def _surprised_since(self, surprise: float, usual: float, now: float) -> float | None:
        if abs(surprise) <= LARGEST_SURPRISE * math.sqrt(usual):
            return None
        goes_on = self.surprised_since is not None and self.is_above == (surprise > 0)
        return self.surprised_since if goes_on else now

    def at(self, seconds: float) -> float:
        """Demand that many seconds from the last look; never below 0."""
        return max(0.0, (self.level or 0.0) + self.trend_per_second * _travelled(seconds))

    def at_least_growing(self, seconds: float) -> float:
        """The same, of as much growth only as is no chance."""
        sure = self.trend_per_second - math.sqrt(self.doubt[2])
        return (self.level or 0.0) + max(0.0, sure) * _travelled(seconds)


def _doubt_after(doubt: tuple[float, float, float], elapsed: float, level: float) -> tuple[float, float, float]:
    of_level, both, of_trend = doubt
    travelled, kept, minutes = _travelled(elapsed), math.exp(-elapsed / DAMPING_SECONDS), elapsed / 60
    return (
        of_level + 2 * travelled * both + travelled**2 * of_trend + (LEVEL_DRIFT_SHARE * level) ** 2 * minutes,
        kept * (both + travelled * of_trend),
        kept**2 * of_trend + (TREND_DRIFT_SHARE * level / 60) ** 2 * minutes,
    )


def _unknown(value: float, usual: float) -> tuple[float, float, float]:
    """Where nothing but one reading is known."""
    return (10 * usual, 0.0, (value / FIRST_TREND_SECONDS) ** 2)


def _travelled(seconds: float) -> float:
    """How far a damped trend of 1 per second gets."""
    return DAMPING_SECONDS * (1 - math.exp(-seconds / DAMPING_SECONDS))
