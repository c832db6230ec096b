"""Bursts that come again: what was needed in the last half hour, and for how much of the work.

A burst shorter than a cold start is over before new pods are ready. Pods that are there when it comes again are all that
helps, so enough are kept for most of the requests that came lately, had they come as they came.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from types import MappingProxyType
from typing import Self

HALF_LIFE_SECONDS = 600.0
"""What was needed fades: a burst counts half after so long."""

SHARE_KEPT = 0.9
"""Of the requests of the past, for how many there is to be room."""

FADED = 1e-3


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How many requests came when how many replicas were needed: sums that fade."""

    requests_by_need: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    time: float | None = None

    def see(self, need: float, requests: float, now: float) -> Self:
        """Take in what is needed now, and how many requests came since the last look."""
        keep = 1.0 if self.time is None else 0.5 ** (max(0.0, now - self.time) / HALF_LIFE_SECONDS)
        sums = {size: weight * keep for size, weight in self.requests_by_need.items() if weight * keep > FADED}
        size = ceil(need)
        if requests > 0:
            sums[size] = sums.get(size, 0.0) + requests
        return type(self)(MappingProxyType(sums), now)

    def floor(self, share: float = SHARE_KEPT) -> int:
        """Replicas that were enough for this share of the requests."""
        total = sum(self.requests_by_need.values())
        reached = 0.0
        for size in sorted(self.requests_by_need):
            reached += self.requests_by_need[size]
            if reached >= share * total:
                return size
        return 0
