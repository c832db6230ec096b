"""What a decision must remember. Small, immutable, and rebuilt from status after a restart."""

from dataclasses import dataclass, field

from tidegate.scaling.arrivals import ArrivalMemory
from tidegate.scaling.behavior import Recommendation, SizeChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the decisions about one service remember."""

    arrivals: ArrivalMemory = field(default_factory=ArrivalMemory)

    recommendations: tuple[Recommendation, ...] = ()
    """Past recommendations, oldest first, no older than the longer of the two stabilization windows."""

    changes: tuple[SizeChange, ...] = ()
    """Past changes of size, oldest first, no older than the longest policy period."""

    replicas: int | None = None
    """The size at the last decision; None before the first."""

    carried_running: float | None = None
    """Most running requests per ready pod ever seen while none waited: what a pod is known to carry."""
