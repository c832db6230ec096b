"""What the policy counts, for the operator and for people: the exporter turns it into series."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.gateway.routed_service import Key

COLD_START_BOUNDS_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 3600.0)


@dataclass(slots=True)
class Durations:
    """A histogram of seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(COLD_START_BOUNDS_SECONDS) + 1))
    """How many fell into each; the last has no upper bound. Not cumulative."""

    total_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(COLD_START_BOUNDS_SECONDS, seconds)] += 1
        self.total_seconds += seconds

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.buckets)


@dataclass(slots=True)
class Tally:
    """What has happened to one service's requests since the picker started. Nothing in it ever falls."""

    requests: int = 0
    abandoned: int = 0
    retries: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    wakes: Counter[str] = field(default_factory=Counter)
    responses: Counter[int] = field(default_factory=Counter)
    cold_starts: Durations | None = None

    def cold_start(self, seconds: float) -> None:
        """A request that found no pod has got one."""
        if self.cold_starts is None:  # Most of thousands of services never have one.
            self.cold_starts = Durations()
        self.cold_starts.add(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCounts:
    """One service at one instant."""

    requests_total: int
    """Uses that arrived; second attempts are no arrivals."""

    in_flight: int
    """Uses that were forwarded and have not ended, those of a picker before this one included."""

    held: int
    oldest_held_seconds: float
    """0 where none is held."""

    held_bytes: int
    abandoned_total: int
    """Uses whose client left before the end."""

    last_use: float
    """When a use last arrived or ended, in seconds of the gateway's clock; the picker's start if none has."""

    slots: int
    """How many requests the pods that take some would take from this gateway at once."""

    state: str
    """Warm, Waking, Asleep, Blocked or Gone."""

    retries_total: int
    rejected: Mapping[str, int]
    """By `Refusal`."""

    wakes: Mapping[str, int]
    """By `WakeResult`."""

    responses: Mapping[int, int]
    """By status, of pods and of the gateway itself; 0: none was begun."""

    cold_start: Durations | None
    """From the arrival at no pod until it was forwarded. None while there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All counts at one instant."""

    services: Mapping[Key, ServiceCounts]
    held: int
    held_bytes: int
    held_bytes_limit: int
    unrouted: Mapping[str, int]
    """Refused requests that belong to no service, at the shared address or at a port whose service is gone; by
    `Refusal`."""

    mended: int
    """Requests whose end was told to nobody and came out when Envoy was asked, since the start."""

    leaving: bool
    """SIGTERM has come."""
