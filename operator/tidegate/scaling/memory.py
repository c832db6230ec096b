"""What a decision must remember. Small, immutable, and rebuilt from status after a restart."""

from dataclasses import dataclass, field

from tidegate.scaling.arrivals import ArrivalMemory
from tidegate.scaling.behavior import Recommendation, SizeChange
from tidegate.scaling.learned import Learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the decisions about one service remember."""

    arrivals: ArrivalMemory = field(default_factory=ArrivalMemory)

    recommendations: tuple[Recommendation, ...] = ()
    """When each size was last recommended, oldest first, no longer ago than the longer stabilization window."""

    changes: tuple[SizeChange, ...] = ()
    """Past changes of size, oldest first, no older than the longest policy period."""

    replicas: int | None = None
    """The size at the last decision; None before the first."""

    decided: int | None = None
    """The size that was decided last. Advice to grow, which nobody may follow, is held like a size that is there: it
    must not be more nervous than the rule would be."""

    carried_running: float | None = None
    """Running requests per ready pod that a pod is known to carry: the most ever seen, or, since a queue was last
    seen, what pods held then."""

    learned: Learned = field(default_factory=Learned)
    used_at: float | None = None
    """When the service was last used, or may have been, in seconds since the epoch; None before the first look."""

    time: float | None = None
    """When the last decision was taken; None before the first."""
