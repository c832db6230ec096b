"""Who leads: the rules of the Lease. Pure: the time is an argument, and nothing here reads or writes.

A leader writes its name and the time into a Lease every few seconds. Whoever sees the Lease unchanged for its whole
duration takes it over. Three rules make that safe without trusting anybody's clock:

- A leader counts from the moment it *sent* its last successful renewal, and stops at the renew deadline; others count
  from the moment they *received* the last change, and wait for longer. Times that are written in the Lease are for
  people.
- Every write carries the `resourceVersion` of the Lease that was looked at: of two that take over at once, one loses.
- A Lease that is missing is made anew as one that nobody holds, and waited out like any other: somebody may still be
  working who has not noticed yet that his is gone. Only a leader that stopped working before it said so, by a Lease
  that was released, is followed at once.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

JITTER = 1.2
"""Retries are spread between one and so many retry periods, so that candidates do not march in step."""

REQUEST_SHARE = 0.9
RELEASED_SECONDS = 1
"""The duration in a Lease that its holder gave up; client-go writes the same."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """How long things take; the defaults are client-go's.

    Raises:
        ValueError: if they do not follow one another; the message names the flags.
    """

    lease_duration_seconds: int = 15
    """A candidate waits this long after the last change it has seen."""

    renew_deadline_seconds: float = 10.0
    """A leader that could not renew stops working after this time."""

    retry_period_seconds: float = 2.0
    """Pause between two attempts."""

    def __post_init__(self) -> None:
        lease, renew, retry = self.lease_duration_seconds, self.renew_deadline_seconds, self.retry_period_seconds
        if lease <= renew:
            raise ValueError(
                f"--lease-duration-seconds {lease:g} must be more than --renew-deadline-seconds {renew:g}: a leader "
                "has to stop before anybody may take over"
            )
        if lease <= RELEASED_SECONDS:
            raise ValueError(
                f"--lease-duration-seconds {lease:g} must be more than {RELEASED_SECONDS}, which marks a Lease that "
                "was released"
            )
        if renew <= retry * JITTER:
            raise ValueError(
                f"--renew-deadline-seconds {renew:g} must be more than {JITTER} times --retry-period-seconds {retry:g}"
                ": a leader has to try again before it gives up"
            )

    @property
    def request_timeout_seconds(self) -> float:
        """A request that takes longer has failed: shorter than the retry period, so that no two are under way."""
        return self.retry_period_seconds * REQUEST_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a `coordination.k8s.io/v1` Lease says. Two are equal if nobody has written it in between."""

    uid: str = ""
    """Empty: there is none."""

    holder: str = ""
    duration_seconds: int = 0
    acquire_time: str = ""
    renew_time: str = ""
    transitions: int = 0
    document: Document = field(default_factory=dict, compare=False, repr=False)
    """All of it, with the parts that are none of our business: they are written back as they were."""

    @classmethod
    def of(cls, document: Document) -> "Lease":
        """Read a Lease; every field of its spec may be missing or null."""
        spec = document.get("spec") or {}
        return cls(
            uid=document["metadata"]["uid"],
            holder=spec.get("holderIdentity") or "",
            duration_seconds=spec.get("leaseDurationSeconds") or 0,
            acquire_time=spec.get("acquireTime") or "",
            renew_time=spec.get("renewTime") or "",
            transitions=spec.get("leaseTransitions") or 0,
            document=document,
        )

    @property
    def released(self) -> bool:
        """Whether its holder stopped working and gave it up. Emptied by hand, it says nothing of the kind."""
        return not self.holder and self.duration_seconds == RELEASED_SECONDS

    def to_document(self) -> Document:
        """The document to write in place of the one that was read."""
        spec = {
            **(self.document.get("spec") or {}),
            "holderIdentity": self.holder,
            "leaseDurationSeconds": self.duration_seconds,
            "leaseTransitions": self.transitions,
            "renewTime": self.renew_time,
        }
        if self.acquire_time:
            spec["acquireTime"] = self.acquire_time
        return {**self.document, "spec": spec}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One process that wants to lead: what it has seen of the Lease, and since when it leads.

    All times are seconds of its own clock, which must not stop while the machine sleeps.
    """

    identity: str
    """Another one for each process, not just for each pod: a process never renews what an earlier one held."""

    times: LeaseTimes
    seen: Lease = field(default_factory=Lease)
    seen_at: float = -math.inf
    """When the Lease was first received as it is."""

    renewed_at: float | None = None
    """When the last successful renewal was sent; None for one that does not lead."""

    def may_work(self, now: float) -> bool:
        """Whether it leads, and nobody else can by now."""
        return self.renewed_at is not None and now < self.renewed_at + self.times.renew_deadline_seconds

    def seconds_to_next_turn(self, now: float) -> float:
        """Time until it has to stop, if it leads, or else may take over; 0 if that is so already."""
        limit = self._free_at() if self.renewed_at is None else self.renewed_at + self.times.renew_deadline_seconds
        return max(0.0, limit - now)

    def look(self, found: Lease | None, now: float) -> "Candidate":
        """Take in the Lease as it was received at `now`; None if there is none.

        Whoever led for too long without renewing, or finds another holder, leads no more. What it did must end before
        it asks again.
        """
        if found is None:  # The number of transitions goes on.
            found = replace(self.seen, uid="", holder="", duration_seconds=0, renew_time="", document={})
        still_leads = self.may_work(now) and (found.holder == self.identity or not found.uid)
        return replace(
            self,
            seen=found,
            seen_at=self.seen_at if found == self.seen else now,
            renewed_at=self.renewed_at if still_leads else None,
        )

    def ask(self, now: float, timestamp: str) -> Lease | None:
        """Say what to write; None while somebody else's Lease is to be waited out.

        Args:
            now: seconds.
            timestamp: the same as people write it, for those who read the Lease.
        """
        leads = self.renewed_at is not None
        if not self.seen.uid and not leads:
            return replace(
                self.seen, holder="", duration_seconds=self.times.lease_duration_seconds, renew_time=timestamp
            )
        if not leads and now < self._free_at():
            return None
        same_holder = leads or self.seen.holder == self.identity
        return replace(
            self.seen,
            holder=self.identity,
            duration_seconds=self.times.lease_duration_seconds,
            acquire_time=self.seen.acquire_time if same_holder else timestamp,
            renew_time=timestamp,
            transitions=self.seen.transitions + (0 if same_holder or not self.seen.acquire_time else 1),
        )

    def wrote(self, answer: Lease, sent_at: float, now: float) -> "Candidate":
        """Take in that the API server has taken what was asked for. A write of which that is not known has failed."""
        leads = answer.holder == self.identity
        return replace(self, seen=answer, seen_at=now, renewed_at=sent_at if leads else None)

    def step_down(self) -> "Candidate":
        """Lead no more."""
        return replace(self, renewed_at=None)

    def release(self, timestamp: str) -> Lease | None:
        """Say what to write when it has stopped for good; None if the Lease is not its own."""
        if self.seen.holder != self.identity:
            return None
        return replace(self.seen, holder="", duration_seconds=RELEASED_SECONDS, renew_time=timestamp)

    def _free_at(self) -> float:
        if self.seen.released or self.seen.holder == self.identity:
            return self.seen_at
        # Its holder acts by the duration that it wrote, which need not be ours.
        return self.seen_at + max(self.times.lease_duration_seconds, self.seen.duration_seconds)
