"""Whether the pods of a Deployment have a place to run: since when not, how many, why, and what would help. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tidegate.api.conditions import Reason
from tidegate.api.timestamps import timestamp_of
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.pod_place import MEANINGS, Cause, NoPlace, cause_of_refusal, shortened

UNSEEN_SECONDS = 60.0
"""A scheduler says something of a pod at once, and within seconds of thousands. Silence for so long is none."""

REJECTED_SECONDS = 60.0
"""A pod that its node has turned away is replaced at once, and stays for the record. Where the last of them is older
than this, the next one was let in; those that came within so long of one another are tries at the same places."""

LONGEST_MESSAGE = 1024
_ORDER = tuple(Cause)


class Pod(Protocol):
    """What is to be known of a pod."""

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""

    @property
    def uid(self) -> str:
        """Its uid."""

    @property
    def created(self) -> float | None:
        """When, in seconds since the epoch."""

    @property
    def leaving(self) -> bool:
        """Whether it is being deleted, or over."""

    @property
    def no_place(self) -> NoPlace | None:
        """Why it has no place."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Pods without a place for one cause."""

    cause: Cause
    pods: int
    since: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Whether the pods of a Deployment have a place."""

    wanted: int = 0
    """Pods that the Deployment is to have."""

    waiting: frozenset[str] = frozenset()
    """The uids of pods that are there and have no place."""

    refused: int = 0
    """Pods that are not there because they may not be created, or are turned away by node after node."""

    without: tuple[Kept, ...] = ()
    """By cause, that of most pods first."""

    @property
    def since(self) -> float | None:
        """From when on at least one pod has had no place, without a pause; None while all have one."""
        return min((kept.since for kept in self.without), default=None)

    @property
    def reason(self) -> Reason:
        """As the condition AcceleratorAvailable has it."""
        return MEANINGS[self.without[0].cause].reason if self.without else Reason.AVAILABLE

    @property
    def message(self) -> str:
        """How many, since when, in whose words, and what would help; empty while all have a place."""
        parts = [_sentence(kept, max(self.wanted, kept.pods)) for kept in self.without]
        return "; ".join(parts)[:LONGEST_MESSAGE]


def placement(pods: Iterable[Pod], deployment: LiveDeployment, now: float) -> Placement:
    """Say whether the pods of a Deployment have a place.

    Args:
        pods: all of them, those that are over as well.
        deployment: theirs; its condition ReplicaFailure tells of pods that may not be created.
        now: seconds since the epoch.
    """
    pods = list(pods)
    waiting = [(pod, found) for pod in pods if not pod.leaving and (found := _waits(pod, now)) is not None]
    causes = Counter(found.cause for _, found in waiting)
    without = [_of_cause(cause, waiting, now) for cause in causes]
    present = sum(not pod.leaving for pod in pods)
    refused = 0
    failure = next((c for c in deployment.conditions if (c.type, c.status) == ("ReplicaFailure", "True")), None)
    if failure is not None and deployment.replicas:
        # While a rollout surges, as many pods as wanted may be there, and one more is refused.
        refused = max(1, deployment.replicas - present)
        since = now if failure.since is None else min(now, failure.since)
        without.append(Kept(cause_of_refusal(failure.message), refused, since, shortened(failure.message)))
    rejected = _rejected(pods, deployment.replicas, now)
    if rejected is not None:
        refused += rejected.pods
        without.append(rejected)
    return Placement(
        wanted=deployment.replicas,
        waiting=frozenset(pod.uid for pod, _ in waiting),
        refused=refused,
        without=tuple(sorted(without, key=lambda kept: (-kept.pods, _ORDER.index(kept.cause)))),
    )


def _waits(pod: Pod, now: float) -> NoPlace | None:
    found = pod.no_place
    is_new = pod.created is None or now - pod.created < UNSEEN_SECONDS
    return None if found is not None and found.cause is Cause.UNSEEN and is_new else found


def _of_cause(cause: Cause, waiting: list[tuple[Pod, NoPlace]], now: float) -> Kept:
    of_it = sorted(((pod, found) for pod, found in waiting if found.cause is cause), key=lambda each: each[0].key)
    times = [found.since or pod.created or now for pod, found in of_it]
    return Kept(cause, len(of_it), min(now, *times), of_it[0][1].words)


def _rejected(pods: list[Pod], wanted: int, now: float) -> Kept | None:
    """Those that are turned away again and again. A node that restarts turns away each of its pods once."""
    turned_away = [pod for pod in pods if pod.no_place is not None and pod.no_place.cause is Cause.REJECTED]
    tries: list[Pod] = []
    before = now
    for pod in sorted(turned_away, key=lambda pod: pod.created or 0.0, reverse=True):
        if before - (pod.created or 0.0) > REJECTED_SECONDS:
            break
        before = pod.created or 0.0
        tries.append(pod)
    running = sum(not pod.leaving and pod.no_place is None for pod in pods)
    if not wanted or len(tries) <= wanted or tries[0].no_place is None:
        return None
    return Kept(Cause.REJECTED, max(1, wanted - running), before, tries[0].no_place.words)


def _sentence(kept: Kept, wanted: int) -> str:
    meaning = MEANINGS[kept.cause]
    pods = f"{kept.pods} of {wanted} pod{'' if wanted == 1 else 's'}"
    return f"{pods} {meaning.matter}, since {timestamp_of(kept.since)}: {kept.words.rstrip('. ')}; {meaning.remedy}"
