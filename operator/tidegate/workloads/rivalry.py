"""Other writers of the same replicas, over time: overrule the first change, give way to the third.

Three tools that scale one Deployment would fight for ever if each insisted, and a single slip of the hand would win if
none did.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.ownership import replica_ownership

CHANGES_TO_YIELD = 3
WINDOW_SECONDS = 600.0
"""Three changes by one writer within this time: it means it."""

_MAXIMUM_CHANGES = 10
"""Changes kept: an autoscaler that was yielded to makes many."""

UNNAMED = "somebody"
"""The writer of a size that nobody owns: the API server records no owner of a zero written through /scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignChange:
    """A size that somebody else wrote."""

    at: float
    """When it was seen, in the caller's seconds: the API server records no time for writes through /scale."""

    by: str
    from_replicas: int
    to_replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeMemory:
    """What is remembered of one Deployment's size between two looks at it."""

    uid: str = ""
    """Of the Deployment it speaks of: another one of the same name starts afresh. Empty: of whichever is found."""

    replicas: int | None = None
    """The size that was last written by us or seen; None before the first look."""

    written_over: str = ""
    """The resourceVersion that our last write replaced: as long as it is seen, what is seen is older than the write."""

    changes: tuple[ForeignChange, ...] = ()
    """Foreign changes, newest last."""

    yielded_to: str = ""
    """The writer that was yielded to last."""


@dataclass(frozen=True, slots=True)
class Sole:
    """Nobody else has written the size lately."""


@dataclass(frozen=True, slots=True)
class Overridden:
    """Somebody else did, and the next decision overrules it."""

    change: ForeignChange


@dataclass(frozen=True, slots=True)
class Yielded:
    """Somebody else keeps doing it. Sizes are decided and explained, but not written."""

    to: str
    change: ForeignChange
    """Its last change, or that of yet another writer."""

    until: float
    """When sizes are written again, if nobody else writes one before, in the caller's seconds."""


def wrote_size(memory: SizeMemory, live: LiveDeployment, replicas: int) -> SizeMemory:
    """Remember a size that we have written.

    Args:
        memory: what was remembered before.
        live: the Deployment as it was when the write was decided; the write carried its resourceVersion.
        replicas: the size.
    """
    return replace(memory, uid=live.uid, replicas=replicas, written_over=live.resource_version)


def saw_size(memory: SizeMemory, live: LiveDeployment, *, driving: bool, now: float) -> SizeMemory:
    """Compare the size with the one that is remembered, and remember what changed. Each change counts once.

    One that has just been pointed at a Deployment takes the size it finds as the known one; a new leader starts from a
    memory with the `replicas` that it finds in the service's status, so that a change while nobody looked counts, too.

    Args:
        memory: what was remembered before.
        live: the Deployment as it is.
        driving: whether sizes are written at all (mode Automatic): otherwise others are free to.
        now: seconds of any clock that does not go back.
    """
    if not memory.uid:
        known = live.replicas if memory.replicas is None else memory.replicas
        memory = replace(memory, uid=live.uid, replicas=known)
    if memory.uid != live.uid:
        return SizeMemory(uid=live.uid, replicas=live.replicas)
    if memory.written_over == live.resource_version or memory.replicas == live.replicas:
        return memory
    writer = other_writer(live)
    if memory.replicas is None or writer is None or not driving:
        return replace(memory, replicas=live.replicas)
    change = ForeignChange(at=now, by=writer, from_replicas=memory.replicas, to_replicas=live.replicas)
    return _with_change(replace(memory, replicas=live.replicas), change)


def other_writer(live: LiveDeployment) -> str | None:
    """Name who has set the size that is there; None where it was us.

    A size under one of our names is ours, whichever process wrote it: the leader before this one, for example.
    """
    ownership = replica_ownership(live.managers)
    if ownership.scaler or ownership.body:
        return None
    return ownership.foreign[0].name if ownership.foreign else UNNAMED


def recall_sizes(replicas: int | None, changes: Iterable[ForeignChange]) -> SizeMemory:
    """Begin with what an earlier process has left in the service's status: who was yielded to still is.

    Args:
        replicas: the size it has decided last; None if it wrote none, as while it yielded.
        changes: the foreign changes it has noted, oldest first.
    """
    memory = SizeMemory(replicas=replicas)
    for change in changes:
        memory = _with_change(memory, change)
    return memory


def _with_change(memory: SizeMemory, change: ForeignChange) -> SizeMemory:
    yielded = isinstance(judge(memory, change.at), Yielded)
    recent = tuple(earlier for earlier in memory.changes if change.at - earlier.at < WINDOW_SECONDS)
    insists = sum(earlier.by == change.by for earlier in recent) + 1 >= CHANGES_TO_YIELD
    return replace(
        memory,
        changes=(*recent, change)[-_MAXIMUM_CHANGES:],
        yielded_to=memory.yielded_to if yielded else change.by if insists else "",
    )


def judge(memory: SizeMemory, now: float) -> Sole | Overridden | Yielded:
    """Say where we stand with other writers of the size.

    Yielding ends when no other writer has changed the size for ten minutes; the decision after that is written
    again, and counting starts anew.

    Args:
        memory: what is remembered.
        now: seconds of the clock that `saw_size` was given.
    """
    if not memory.changes:
        return Sole()
    last = memory.changes[-1]
    until = last.at + WINDOW_SECONDS
    if now >= until:
        return Sole()
    if memory.yielded_to:
        return Yielded(to=memory.yielded_to, change=last, until=until)
    return Overridden(last)
