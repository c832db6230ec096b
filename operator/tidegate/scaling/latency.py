"""Latencies of the last minute: what all pods' histograms have grown by, and percentiles of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Self

from tidegate.scaling.sample import Latencies, Sample

WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RecentLatencies:
    """What one histogram has grown by at each look of the window, oldest first: (time, values per bucket)."""

    growths: tuple[tuple[float, Latencies], ...] = ()

    def see(self, signal: str, before: Mapping[str, Sample], after: Mapping[str, Sample], now: float) -> Self:
        """Take in what each pod's histogram has grown by; `signal` is the field of `Sample`."""
        grown: dict[float, float] = {}
        for uid, sample in after.items():
            old = getattr(before[uid], signal) if uid in before else None
            new = getattr(sample, signal)
            for bound, count in _growth(old, new):
                grown[bound] = grown.get(bound, 0.0) + count
        kept = tuple(growth for growth in self.growths if now - growth[0] < WINDOW_SECONDS)
        return type(self)((*kept, (now, tuple(sorted(grown.items())))) if grown else kept)

    @property
    def count(self) -> float:
        """How many values there were."""
        return sum(count for _, growth in self.growths for _, count in growth)

    def percentile(self, percent: float) -> float | None:
        """In seconds, as Prometheus' `histogram_quantile` has it: evenly spread within a bucket. None of nothing."""
        sums: dict[float, float] = {}
        for _, growth in self.growths:
            for bound, count in growth:
                sums[bound] = sums.get(bound, 0.0) + count
        wanted = sum(sums.values()) * percent / 100
        reached, lower = 0.0, 0.0
        for bound in sorted(sums):
            if reached + sums[bound] >= wanted and sums[bound]:
                share = (wanted - reached) / sums[bound]
                return lower if bound == inf else lower + share * (bound - lower)
            reached += sums[bound]
            lower = bound
        return None


def _growth(old: Latencies | None, new: Latencies | None) -> Iterable[tuple[float, float]]:
    """New values per bucket. Nothing where the buckets are not the same or a count fell: the engine restarted."""
    if old is None or new is None or len(old) != len(new):
        return ()
    growth, below = [], 0.0
    for (bound, before), (same_bound, after) in zip(old, new, strict=True):
        rise = after - before
        if bound != same_bound or rise < below:
            return ()
        growth.append((bound, rise - below))
        below = rise
    return growth
