"""What to do and why: the record that people read at 3 a.m."""

from dataclasses import dataclass

from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.health import MetricsHealth


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one term would have."""

    term: str
    replicas: int
    because: str
    exact: float | None = None
    """The same before it was rounded, and without regard to the present size; None where that is no other."""

    @property
    def needed(self) -> float:
        """How many replicas there should be, as a fraction."""
        return self.replicas if self.exact is None else self.exact


@dataclass(frozen=True, slots=True)
class Limit:
    """A step that changed the outcome."""

    name: str
    from_replicas: int
    to_replicas: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision about one service."""

    time: float
    from_replicas: int
    to_replicas: int
    reason: str
    message: str
    applied: bool
    """Whether the size is to be written: not in modes Advisory and Paused, nor when another writer was yielded to."""

    proposals: tuple[Proposal, ...]
    limits: tuple[Limit, ...]
    health: MetricsHealth
    traffic: Traffic
    capacity: Capacity | None = None
    """What one replica can do, as far as it was learned."""

    idle_since: float | None = None
    """Since when nobody has used the service, in seconds since the epoch; None while somebody does, or may."""
