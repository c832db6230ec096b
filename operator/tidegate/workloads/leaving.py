"""The way down: who leaves, what each pod carries meanwhile, and how far the size may go (docs/scale-down.md).

Level-based: all of it follows from what is on the pods, so whoever leads next goes on where the last one stopped.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from tidegate.api.names import ROUTING_DRAINING, ROUTING_SERVING
from tidegate.scaling.observation import PodObservation
from tidegate.scaling.sample import Sample
from tidegate.scaling.victims import emptiness, is_idle

DRAIN_SECONDS = 120.0
"""How long a pod may finish what it has, unless its own grace period is shorter. What runs longer has that, too."""

OUT_OF_SERVICE_SECONDS = 5.0
"""Until every router has seen that a pod is out of the Service: requests may come, so a sample before says nothing."""

COST_SECONDS = 2.0
"""From a mark until the size is lowered: the ReplicaSet controller sorts pods as its own watch has brought them."""

LEAVES_FIRST = -1
"""The deletion cost of pods that leave. All others have none, which counts as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodMarks:
    """What is written on a pod about its way down."""

    routing: str | None = None
    """Value of the routing label; None on pods without it."""

    draining_since: float | None = None
    """In seconds since the epoch; None on a pod that does not drain."""

    deletion_cost: int | None = None
    cost_is_foreign: bool = False
    """Whether somebody else has written the deletion cost: it stays as it is."""

    @property
    def drains(self) -> bool:
        """Whether the pod is on its way out of service."""
        return self.draining_since is not None

    @property
    def is_marked(self) -> bool:
        """Whether we have told Kubernetes to take this pod first."""
        return self.deletion_cost is not None and not self.cost_is_foreign

    def back(self) -> "PodMarks":
        """Those of a pod that stays: in service, and without a word of ours."""
        marks = replace(self, routing=ROUTING_SERVING, draining_since=None) if self.drains else self
        return replace(marks, deletion_cost=None) if marks.is_marked else marks


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingPod:
    """A pod that is there, and may have to leave."""

    seen: PodObservation
    marks: PodMarks
    grace_seconds: float
    """From its deletion until it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayDown:
    """The next step of the way down."""

    replicas: int
    """The size that the workload may have now. Lowered, it takes away exactly the pods that are done."""

    marks: Mapping[str, PodMarks]
    """By uid: what must be written on pods on which it is not."""

    leaving: tuple[LeavingPod, ...]
    """Pods that leave, as they are."""

    serving_after_marks: int
    """Pods in service, those that are still to come included, once the marks are written."""

    serving_after_scale: int
    """The same, once the size is written as well."""

    costs_seen: Mapping[str, float]
    """By uid of the pods that we have marked: when that was first seen."""


def serving_replicas(replicas: int, marks: Collection[PodMarks]) -> int:
    """The size less the pods that drain, as far as it still counts them.

    Args:
        replicas: the size that is written.
        marks: those of the pods that are there and not being deleted.
    """
    return max(0, replicas - sum(each.drains for each in marks) + _counted_no_more(replicas, marks))


def way_down(
    pods: Sequence[LeavingPod],
    *,
    wanted: int,
    replicas: int,
    owned: bool,
    rolls: bool,
    may_mark: bool,
    costs_seen: Mapping[str, float],
    stale_after_seconds: float,
    now: float,
) -> WayDown:
    """Say what is to be written on which pods, and what the size may be.

    Args:
        pods: the pods that are there and not being deleted.
        wanted: the size that was decided, of pods in service.
        replicas: the size that is written.
        owned: whether the pods are ours to drain; else they are only marked for Kubernetes to take first.
        rolls: whether pods of two templates are there: which ones go is then not for us to say.
        may_mark: whether pods can be written on; else the size alone is.
        costs_seen: what the last call returned.
        stale_after_seconds: a sample that is older says nothing about now.
        now: seconds since the epoch.
    """
    present = [pod.marks for pod in pods]
    serving = serving_replicas(replicas, present)
    seen = {pod.seen.uid: costs_seen.get(pod.seen.uid, now) for pod in pods if pod.marks.is_marked}
    if not may_mark:
        return WayDown(
            replicas=wanted,
            marks={},
            leaving=(),
            serving_after_marks=serving,
            serving_after_scale=wanted,
            costs_seen=seen,
        )
    draining = sum(each.drains for each in present)
    count = max(0, min(len(pods) - wanted, draining + serving - wanted))
    if rolls:
        count = min(count, draining)
    order = sorted(pods, key=_leaves_first)
    leaving = tuple(order[:count])
    drained = {pod.seen.uid for pod in leaving if _is_drained(pod, stale_after_seconds, now)} if owned else None
    after = {pod.seen.uid: pod.marks.back() for pod in order[count:]}
    after |= {pod.seen.uid: _leaves(pod, drained, now) for pod in leaving}
    marks = {pod.seen.uid: after[pod.seen.uid] for pod in pods if after[pod.seen.uid] != pod.marks}
    begun = sum(each.drains for each in after.values()) - draining
    done = {pod.seen.uid for pod in leaving if _is_done(pod, drained, seen, now)}
    gone = list(takewhile(lambda pod: pod.seen.uid in done, sorted(pods, key=lambda pod: _as_kubernetes(pod, done))))
    size = _size(wanted, replicas, serving, len(pods) - len(gone), rolls=rolls)
    told_before = max(0, sum(pod.marks.drains for pod in gone) - _counted_no_more(replicas, present))
    return WayDown(
        replicas=size,
        marks=marks,
        leaving=leaving,
        serving_after_marks=serving - begun,
        serving_after_scale=serving - begun + size - replicas + (told_before if size < replicas else 0),
        costs_seen=seen,
    )


def _counted_no_more(replicas: int, marks: Collection[PodMarks]) -> int:
    """Pods that drain and are still there for a moment, although the size has been lowered by them."""
    return min(sum(each.drains and each.is_marked for each in marks), max(0, len(marks) - replicas))


def _size(wanted: int, replicas: int, serving: int, left: int, *, rolls: bool) -> int:
    if rolls:
        return wanted if wanted < serving else max(replicas, wanted)
    return max(wanted, min(replicas, left))


def _leaves_first(pod: LeavingPod) -> tuple[object, ...]:
    """Sorts pods: those that Kubernetes takes anyway, those that others want gone, those on their way, the emptiest."""
    marks = pod.marks
    return (pod.seen.ready, _foreign_cost(pod), not marks.drains, not marks.is_marked, *emptiness(pod.seen))


def _as_kubernetes(pod: LeavingPod, done: Collection[str]) -> tuple[bool, int, bool]:
    """Sorts pods as a ReplicaSet's controller takes them away, as far as we have a say in it."""
    return (pod.seen.ready, pod.marks.deletion_cost or 0, pod.seen.uid not in done)


def _foreign_cost(pod: LeavingPod) -> int:
    return (pod.marks.deletion_cost or 0) if pod.marks.cost_is_foreign else 0


def _leaves(pod: LeavingPod, drained: set[str] | None, now: float) -> PodMarks:
    """What a pod that leaves must carry. One that is not ready is taken first in any case."""
    marks = pod.marks
    if not pod.seen.ready:
        return marks
    if drained is not None:
        since = now if marks.draining_since is None else marks.draining_since
        marks = replace(marks, routing=ROUTING_DRAINING, draining_since=since)
    if marks.cost_is_foreign or (drained is not None and pod.seen.uid not in drained and not marks.is_marked):
        return marks
    return replace(marks, deletion_cost=LEAVES_FIRST)


def _is_drained(pod: LeavingPod, stale_after_seconds: float, now: float) -> bool:
    since, sample = pod.marks.draining_since, pod.seen.reading
    if since is None:
        return False
    if now - since >= min(DRAIN_SECONDS, pod.grace_seconds):
        return True
    if not isinstance(sample, Sample) or now - sample.time > stale_after_seconds:
        return False
    return sample.time - since >= OUT_OF_SERVICE_SECONDS and is_idle(sample)


def _is_done(pod: LeavingPod, drained: set[str] | None, costs_seen: Mapping[str, float], now: float) -> bool:
    """Whether the size may be lowered by this pod."""
    if not pod.seen.ready:
        return True
    if pod.marks.cost_is_foreign:
        return drained is None or pod.seen.uid in drained
    return pod.seen.uid in costs_seen and now - costs_seen[pod.seen.uid] >= COST_SECONDS
