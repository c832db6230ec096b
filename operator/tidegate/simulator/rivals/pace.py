"""How fast an HPA lets a size change: the stabilization windows and policies of its `behavior`."""

from dataclasses import dataclass, field

from tidegate.api.behavior import ScalingRules
from tidegate.scaling.behavior import (
    Recommendation,
    SizeChange,
    down_limit,
    down_window_seconds,
    remember,
    stabilize,
    up_limit,
    up_window_seconds,
)


@dataclass(slots=True, kw_only=True)
class Pace:
    """One HPA's memory of what it recommended and changed; the same algorithm as Tidegate's own `behavior`.

    The first recommendation is the size that is found, as `recordInitialRecommendation` of the HPA controller has it.
    """

    up: ScalingRules = field(default_factory=ScalingRules)
    down: ScalingRules = field(default_factory=ScalingRules)
    minimum: int = 1
    _recommendations: tuple[Recommendation, ...] = ()
    _changes: tuple[SizeChange, ...] = ()

    def size(self, current: int, wanted: int, now: float) -> int:
        """The size to write now, given what the metrics want; at least the minimum."""
        up_seconds, down_seconds = up_window_seconds(self.up), down_window_seconds(self.down)
        past = self._recommendations or (Recommendation(now, current),)
        size = stabilize(
            current=current,
            wanted=wanted,
            recommendations=past,
            up_seconds=up_seconds,
            down_seconds=down_seconds,
            now=now,
        )
        self._recommendations = remember(past, wanted, window_seconds=max(up_seconds, down_seconds), now=now)
        size = max(size, self.minimum)
        if size > current:
            size = min(size, up_limit(self.up, current=current, changes=self._changes, now=now))
        elif size < current:
            size = max(size, down_limit(self.down, current=current, changes=self._changes, now=now))
        if size != current:
            self._changes = (*self._changes[-MOST_CHANGES:], SizeChange(now, current, size))
        return size


MOST_CHANGES = 500
"""More than an HPA makes within the longest period a policy may have: 1,800 s, at a change every 15 s."""
