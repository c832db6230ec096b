"""The way down: who leaves, what each pod carries meanwhile, and how far the size may go (docs/scale-down.md).

Level-based: all of it follows from what is on the pods, so whoever leads next goes on where the last one stopped.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
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

    @property
    def is_ours(self) -> bool:
        """Whether any of it is our word."""
        return self.drains or self.is_marked

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
class Situation:
    """A workload on its way down."""

    pods: Sequence[LeavingPod]
    """Those that are there and not being deleted."""

    replicas: int
    """The size that is written."""

    owned: bool = True
    """Whether the pods are ours to drain; else they are only marked for Kubernetes to take first."""

    rolls: bool = False
    """Whether pods of two templates are there: which of them go is then not for us to say."""

    may_mark: bool = True
    """Whether pods can be written on; else the size alone is."""

    costs_seen: Mapping[str, float]
    """What the last step has returned."""

    stale_after_seconds: float
    """A sample that is older says nothing about now."""

    now: float
    """Seconds since the epoch."""

    tells_requests: bool = True
    """Whether the engine has metrics: of one without, only the gateways know whether a pod is done."""

    unused_at: float | None = None
    """When the gateways said last that no request is with any of the pods; None where that is not so, or not known."""

    @property
    def serving(self) -> int:
        """The size as the rule sees it."""
        return serving_replicas(self.replicas, [(pod.seen.ready, pod.marks) for pod in self.pods])


class Stage(Enum):
    """Where a pod that leaves has got to."""

    DRAINS = auto()
    """It has streams to finish."""

    DRAINED = auto()
    """It is done, and Kubernetes is to be told so."""

    MARKED = auto()
    """Kubernetes was told just now."""

    GOES = auto()
    """The size may be lowered by it."""

    UNGUIDED = auto()
    """The size may be lowered at once: whatever is written on it, Kubernetes chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayDown:
    """The next step of the way down."""

    replicas: int
    """The size that the workload may have now. Lowered, it takes away exactly the pods that are done."""

    marks: Mapping[str, PodMarks]
    """By uid: what must be written on pods on which it is not."""

    stages: Mapping[str, Stage]
    """By uid of the pods that leave."""

    serving_after_marks: int
    """Pods in service, those that are still to come included, once the marks are written."""

    serving_after_scale: int
    """The same, once the size is written as well."""

    costs_seen: Mapping[str, float]
    """By uid of the pods that we have marked: when that was first seen."""


def serving_replicas(replicas: int, pods: Collection[tuple[bool, PodMarks]]) -> int:
    """The size less the pods that drain, as far as it still counts them.

    Args:
        replicas: the size that is written.
        pods: whether each pod is ready, and its marks, of those that are there and not being deleted.
    """
    return max(0, replicas - sum(marks.drains for _, marks in pods) + _counted_no_more(replicas, pods))


def way_down(given: Situation, wanted: int) -> WayDown:
    """Say what is to be written on which pods, and what the size may be.

    Args:
        given: what is.
        wanted: the size that was decided, of pods in service.
    """
    seen = {pod.seen.uid: given.costs_seen.get(pod.seen.uid, given.now) for pod in given.pods if pod.marks.is_marked}
    given = replace(given, costs_seen=seen)
    serving = given.serving
    if not given.may_mark:
        return WayDown(
            # The size counts pods that drain, and none of those can be brought back now.
            replicas=wanted + max(0, given.replicas - serving),
            marks={},
            stages={},
            serving_after_marks=serving,
            serving_after_scale=wanted,
            costs_seen=seen,
        )
    leaving = _leaving(given, wanted)
    stages = {pod.seen.uid: _stage(pod, given, chosen) for pod, chosen in leaving}
    after = {pod.seen.uid: _marks(pod, stages.get(pod.seen.uid), given) for pod in given.pods}
    begun = sum(after[pod.seen.uid].drains - pod.marks.drains for pod in given.pods)
    gone = _gone(given, stages)
    size = _size(given, wanted, len(given.pods) - len(gone))
    return WayDown(
        replicas=size,
        marks={pod.seen.uid: after[pod.seen.uid] for pod in given.pods if after[pod.seen.uid] != pod.marks},
        stages=stages,
        serving_after_marks=serving - begun,
        serving_after_scale=serving - begun + _told(given, sum(after[pod.seen.uid].drains for pod in gone), size),
        costs_seen=seen,
    )


def _leaving(given: Situation, wanted: int) -> list[tuple[LeavingPod, bool]]:
    """The pods that leave, and whether they are chosen.

    They are not where others stay on which somebody else has put the same cost.
    """
    draining = sum(pod.marks.drains for pod in given.pods)
    count = max(0, min(len(given.pods) - wanted, draining + given.serving - wanted))
    if given.rolls:
        count = min(count, draining)
    order = sorted(given.pods, key=_leaves_first)
    stays = {_foreign_cost(pod) for pod in order[count:] if pod.seen.ready} - {None}
    return [(pod, _foreign_cost(pod) not in stays) for pod in order[:count]]


def _stage(pod: LeavingPod, given: Situation, chosen: bool) -> Stage:  # noqa: FBT001 - it is in the pair
    """The state table of docs/scale-down.md."""
    if not pod.seen.ready or not chosen:
        return Stage.UNGUIDED
    if given.owned and not pod.marks.is_marked and not _is_drained(pod, given):
        return Stage.DRAINS
    if pod.marks.cost_is_foreign:
        return Stage.GOES
    if not pod.marks.is_marked:
        return Stage.DRAINED
    return Stage.GOES if given.now - given.costs_seen[pod.seen.uid] >= COST_SECONDS else Stage.MARKED


def _marks(pod: LeavingPod, stage: Stage | None, given: Situation) -> PodMarks:
    """What a pod must carry."""
    marks = pod.marks
    match stage:
        case None:
            return marks.back()
        case Stage.UNGUIDED:
            return marks.back() if pod.seen.ready else marks
        case Stage.DRAINS:
            since = given.now if marks.draining_since is None else marks.draining_since
            return replace(marks, routing=ROUTING_DRAINING, draining_since=since)
        case Stage.DRAINED:
            return replace(marks, deletion_cost=LEAVES_FIRST)
        case _:
            return marks


def _gone(given: Situation, stages: Mapping[str, Stage]) -> list[LeavingPod]:
    """The pods by which the size may be lowered: Kubernetes takes these before all others."""
    free = {uid for uid, stage in stages.items() if stage in {Stage.GOES, Stage.UNGUIDED}}
    order = sorted(given.pods, key=lambda pod: (*_as_kubernetes(pod.seen.ready, pod.marks), pod.seen.uid not in free))
    return list(takewhile(lambda pod: pod.seen.uid in free, order))


def _size(given: Situation, wanted: int, left: int) -> int:
    if given.rolls:
        return wanted if wanted < given.serving else max(given.replicas, wanted)
    return max(wanted, min(given.replicas, left))


def _told(given: Situation, drained: int, size: int) -> int:
    """By how much a size changes the pods in service: not by those that have drained."""
    if size >= given.replicas:
        return size - given.replicas
    counted_no_more = _counted_no_more(given.replicas, [(pod.seen.ready, pod.marks) for pod in given.pods])
    return size - given.replicas + max(0, drained - counted_no_more)


def _counted_no_more(replicas: int, pods: Collection[tuple[bool, PodMarks]]) -> int:
    """Pods that drain and are still there for a moment, although the size has been lowered by them."""
    order = sorted((*_as_kubernetes(ready, marks), marks.drains) for ready, marks in pods)
    return sum(drains for *_, drains in order[: max(0, len(pods) - replicas)])


def _as_kubernetes(ready: bool, marks: PodMarks) -> tuple[bool, int, bool]:  # noqa: FBT001 - it is in the pair
    """Sorts pods as a ReplicaSet's controller takes them away, as far as anybody has a say in it.

    Where it may choose, those that nobody has written on come first: they are the ones that must not go unseen.
    """
    return (ready, marks.deletion_cost or 0, marks.cost_is_foreign)


def _leaves_first(pod: LeavingPod) -> tuple[object, ...]:
    """Sorts pods: those that Kubernetes takes anyway, those that others want gone, those on their way, the emptiest."""
    marks, theirs = pod.marks, _foreign_cost(pod)
    on_their_way = (not marks.drains, not marks.is_marked)
    return (pod.seen.ready, theirs or 0, theirs is not None, *on_their_way, *emptiness(pod.seen))


def _foreign_cost(pod: LeavingPod) -> int | None:
    return pod.marks.deletion_cost if pod.marks.cost_is_foreign else None


def _is_drained(pod: LeavingPod, given: Situation) -> bool:
    since, sample = pod.marks.draining_since, pod.seen.reading
    if since is None:
        return False
    if given.now - since >= min(DRAIN_SECONDS, pod.grace_seconds):
        return True
    if given.unused_at is not None and not given.tells_requests:
        return given.unused_at - since >= OUT_OF_SERVICE_SECONDS
    if not isinstance(sample, Sample) or given.now - sample.time > given.stale_after_seconds:
        return False
    return sample.time - since >= OUT_OF_SERVICE_SECONDS and is_idle(sample)
