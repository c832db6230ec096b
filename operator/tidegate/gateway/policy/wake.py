"""When to wake a service that sleeps, and to how many replicas.

Pure, one object per service. It is asked for the time of the next attempt and told how each one went.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tidegate.api.routing import WakePlan

SETTLE_SECONDS = 0.020
"""Without a new request for so long, those that came together are there, and the size can be told."""

LONGEST_SETTLE_SECONDS = 0.060
"""Since the first of them: then it wakes for those that are there."""

REFUSED_SECONDS = 5.0
"""How long it is taken for true that the API server refuses to wake a service."""


class WakeResult(StrEnum):
    """What became of an attempt to raise a Deployment from 0. The label `outcome` of the counter of wakes."""

    WOKEN = "Woken"
    """The size was 0 and is what was asked for."""

    ALREADY_AWAKE = "AlreadyAwake"
    """The size was not 0: somebody else was faster, or pods are yet to appear, or the last ones are leaving."""

    CONFLICT = "Conflict"
    """The Deployment changed between reading and writing."""

    REFUSED = "Refused"
    """The API server says no and will again: no right, no such Deployment, an admission policy, pods over quota."""

    UNREACHABLE = "Unreachable"
    """There was no answer, or one that says nothing about this service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeOutcome:
    """How an attempt to wake went."""

    result: WakeResult
    reason: str = ""
    """Refused only: in one CamelCase word."""

    message: str = ""
    """What the API server said, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pace:
    """When to try again: it doubles from attempt to attempt."""

    first_seconds: float
    longest_seconds: float


_PACES: Mapping[WakeResult, _Pace] = MappingProxyType(
    {
        WakeResult.WOKEN: _Pace(first_seconds=5.0, longest_seconds=5.0),
        WakeResult.ALREADY_AWAKE: _Pace(first_seconds=0.25, longest_seconds=5.0),
        WakeResult.CONFLICT: _Pace(first_seconds=0.02, longest_seconds=5.0),
        WakeResult.REFUSED: _Pace(first_seconds=REFUSED_SECONDS, longest_seconds=REFUSED_SECONDS),
        WakeResult.UNREACHABLE: _Pace(first_seconds=0.1, longest_seconds=5.0),
    }
)


def wake_size(held: int, plan: WakePlan) -> int:
    """The least replicas that start what is held in time.

    Args:
        held: how many requests this gateway holds for the service.
        plan: says what one replica can do, and the bounds.
    """
    return max(plan.min_replicas, min(-(-held // plan.requests_per_replica), plan.max_replicas))


class Waking:
    """One service's way from the first request that found no pod to the first pod."""

    __slots__ = (
        "_last_arrival",
        "_not_before",
        "_repeats",
        "_since",
        "awake_since",
        "last",
        "refused_until",
        "running",
        "started",
    )

    def __init__(self) -> None:
        self.running = False
        """An attempt is under way."""

        self.last: WakeOutcome | None = None
        """Of the last attempt since the service was last warm."""

        self.refused_until = 0.0
        """Until when a refusal holds, in seconds of the loop."""

        self.awake_since: float | None = None
        """Since when attempts find a size above 0, and yet no pod takes requests, in seconds of the loop."""

        self.started: float | None = None
        """When the first request found no pod, since the service was last warm."""

        self._since: float | None = None
        self._last_arrival = 0.0
        self._not_before = 0.0
        self._repeats = 0

    def wanted(self, now: float) -> None:
        """A request has come that finds no pod."""
        if self._since is None:
            self._since = now
        if self.started is None:
            self.started = now
        self._last_arrival = now

    def due_at(self, held: int, plan: WakePlan) -> float:
        """When the next attempt is due, in seconds of the loop; perhaps in the past.

        Args:
            held: how many requests are held now.
            plan: of the service; where more requests would change nothing there is nothing to wait for.
        """
        since = self._since if self._since is not None else self._last_arrival
        settled = min(self._last_arrival + SETTLE_SECONDS, since + LONGEST_SETTLE_SECONDS)
        size_is_settled = wake_size(held, plan) >= max(plan.min_replicas, plan.max_replicas)
        return max(since if size_is_settled else settled, self._not_before)

    def attempted(self) -> None:
        """An attempt starts."""
        self.running = True

    def concluded(self, outcome: WakeOutcome, now: float) -> None:
        """An attempt is over."""
        self.running = False
        same = self.last is not None and self.last.result is outcome.result
        self._repeats = self._repeats + 1 if same else 0
        self.last = outcome
        pace = _PACES[outcome.result]
        self._not_before = now + min(pace.first_seconds * 2 ** min(self._repeats, 10), pace.longest_seconds)
        if outcome.result is not WakeResult.ALREADY_AWAKE:
            self.awake_since = None
        elif self.awake_since is None:
            self.awake_since = now
        if outcome.result is WakeResult.REFUSED:
            self.refused_until = self._not_before

    def pods_changed(self, now: float) -> None:
        """The last ones may just have left: who found the service awake before looks again."""
        if self.last is not None and self.last.result is WakeResult.ALREADY_AWAKE:
            self._not_before, self._repeats = now, 0

    def refusal(self, now: float) -> WakeOutcome | None:
        """The refusal that holds now, if one does."""
        return self.last if now < self.refused_until else None

    def nobody_waits(self) -> None:
        """The last held request has left: whoever comes next is first again, though not before the pace allows."""
        self._since = None

    def over(self) -> None:
        """A pod takes requests: what was is no longer of interest."""
        self.nobody_waits()
        self.last, self.started, self._not_before, self._repeats, self.refused_until = None, None, 0.0, 0, 0.0
        self.awake_since = None
