"""Bursts that come again: what was needed in the last half hour, and for how many of the requests.

A burst shorter than a cold start is over before new pods are ready. Only pods that are there when it comes again help,
so enough are kept for most of the requests that came lately, had they come as they came. Counting requests, not
minutes, makes short bursts weigh what they bring; on smooth demand it asks for little more than the mean.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, exp, sqrt
from typing import Self

from tidegate.api.scaling import MAXIMUM_REPLICAS

MEMORY_SECONDS = 1800.0
"""A burst is remembered for so long."""

HIGH_SHARE = 0.7
SHORTEST_WAIT_SECONDS = 600.0
LULLS_WAITED = 2.0
"""A burst is waited for as long as twice the longest lull between needs of at least this share of what is kept, and at
least for ten minutes; not longer than it is remembered."""

SPAN_SECONDS = 120.0
"""What came is kept in spans of this length, so that a half hour is a few dozen numbers."""

SHARE_KEPT = 0.8
"""For how many of the requests there is to be room."""

PEAK_SHARE = 0.65
"""Needs are seen as means over some seconds. Those that vary much between such means vary as much within them: at a
coefficient of variation of 1 or more, so much is added for the peaks that do not show."""

GRAINS = 8
"""Needs are told apart to this part of a replica."""


@dataclass(frozen=True, slots=True)
class Span:
    """What came in a while."""

    start: float
    seconds: float = 0.0
    requests_by_need: tuple[tuple[int, float], ...] = ()
    """(needed in eighths of a replica, requests that came while so much was)."""

    work_seconds: float = 0.0
    """Need, added up over the seconds."""

    @property
    def most_needed(self) -> float:
        """Replicas, at the highest."""
        return max((size for size, _ in self.requests_by_need), default=0) / GRAINS


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How many requests came when how many replicas were needed."""

    spans: tuple[Span, ...] = ()
    """Oldest first; the last one is not over."""

    level: float = 0.0
    """Replicas that are needed, as a mean over as long as requests stay; 0 before any came."""

    def see(self, need: float, requests: float, seconds: float, now: float, *, stay_seconds: float = 0.0) -> Self:
        """Take in what came since the last look.

        Args:
            need: replicas for the requests that come now.
            requests: how many have come.
            seconds: since the last look.
            now: seconds since the epoch.
            stay_seconds: how much longer a request stays than the time over which `need` is a mean. Two that stay for
                minutes and come one after the other are no burst, however close together.
        """
        share = 1 - exp(-seconds / stay_seconds) if stay_seconds > 0 else 1.0
        # More than every size that the API allows is as good as that.
        need = self.level + share * (min(need, MAXIMUM_REPLICAS) - self.level)
        spans = tuple(span for span in self.spans if now - span.start < MEMORY_SECONDS)
        current = Span(now)
        if spans and now - spans[-1].start < SPAN_SECONDS:
            *earlier, current = spans
            spans = tuple(earlier)
        sizes = dict(current.requests_by_need)
        if requests > 0:
            size = ceil(need * GRAINS)
            sizes[size] = sizes.get(size, 0.0) + requests
        grown = Span(
            start=current.start,
            seconds=current.seconds + seconds,
            requests_by_need=tuple(sorted(sizes.items())),
            work_seconds=current.work_seconds + need * seconds,
        )
        return type(self)((*spans, grown), need)

    @property
    def minutes(self) -> float:
        """How much of the past is known."""
        return sum(span.seconds for span in self.spans) / 60

    def floor(self, now: float) -> float:
        """Replicas that were enough for that share of the requests; 0 where none came.

        What came before a lull that is far longer than any before it does not come again: it was no burst but demand
        that has gone.
        """
        spans = self.spans
        while (enough := _enough(spans)) > 0:
            high = [span.start for span in spans if span.most_needed >= HIGH_SHARE * enough]
            lulls = [later - earlier for earlier, later in pairwise(high)]
            if now - high[-1] <= max(SHORTEST_WAIT_SECONDS, LULLS_WAITED * max(lulls, default=0.0)) + SPAN_SECONDS:
                # The lull of now is one between bursts when the next one comes. Before, it may be the end of it all:
                # a steady load that stops would look like a burst, and the more so the longer nothing comes.
                until_now = [span for span in spans if span.start <= high[-1]]
                return enough * (1 + PEAK_SHARE * min(1.0, _variation(until_now)))
            spans = tuple(span for span in spans if span.start > high[-1])
        return 0.0


def _enough(spans: Iterable[Span]) -> float:
    """Replicas in which that share of the requests came, each of them as of when it came."""
    came: dict[int, float] = {}
    for span in spans:
        for size, requests in span.requests_by_need:
            came[size] = came.get(size, 0.0) + requests
    reached, enough, wanted = 0.0, 0, SHARE_KEPT * sum(came.values())
    for enough in sorted(came):
        reached += came[enough]
        if reached >= wanted:
            break
    return enough / GRAINS


def _variation(spans: Sequence[Span]) -> float:
    """Coefficient of variation of the need over time.

    The mean over requests, who are many when the need is high, exceeds the mean over time by its square.
    """
    weights = [(size / GRAINS, requests) for span in spans for size, requests in span.requests_by_need]
    total = sum(requests for _, requests in weights)
    seconds, work_seconds = sum(span.seconds for span in spans), sum(span.work_seconds for span in spans)
    if not total or not work_seconds:
        return 0.0
    mean_of_requests = sum(size * requests for size, requests in weights) / total
    return sqrt(max(0.0, mean_of_requests * seconds / work_seconds - 1))
