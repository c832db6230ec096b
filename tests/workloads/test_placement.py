"""Whether the pods of a Deployment have a place: since when not, how many, why, what would help."""

from dataclasses import dataclass

import pytest

from tidegate.api.conditions import Reason
from tidegate.workloads.live import LiveDeployment, live_deployment
from tidegate.workloads.placement import REJECTED_SECONDS, UNSEEN_SECONDS, Placement, placement
from tidegate.workloads.pod_place import Cause, NoPlace

NOW = 1_000_000.0
FULL = NoPlace(Cause.FULL, "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", NOW - 300)
UNSEEN = NoPlace(Cause.UNSEEN, "nothing is said of them", None)
REJECTED = NoPlace(Cause.REJECTED, "UnexpectedAdmissionError: no devices", None)
QUOTA = "exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: 2, limited: 2"


@dataclass(frozen=True, slots=True)
class OnePod:
    """A pod as far as its place goes."""

    name: str
    no_place: NoPlace | None = None
    created: float | None = NOW - 400
    leaving: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return ("default", self.name)

    @property
    def uid(self) -> str:
        """Its name will do."""
        return self.name


def deployment(replicas: int = 3, failure: str = "") -> LiveDeployment:
    """One that is to have so many pods."""
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure}
    conditions = [{**condition, "lastTransitionTime": "1970-01-12T13:36:40Z"}] if failure else []
    return live_deployment(
        {
            "metadata": {"namespace": "default", "name": "chat", "uid": "u", "resourceVersion": "1"},
            "spec": {"replicas": replicas},
            "status": {"conditions": conditions},
        }
    )


def gone(name: str, ago: float) -> OnePod:
    """A pod that its node has turned away."""
    return OnePod(name, REJECTED, NOW - ago, leaving=True)


def test_all_have_a_place() -> None:
    """Nothing to say."""
    found = placement([OnePod("a"), OnePod("b")], deployment(2), NOW)
    assert found == Placement(wanted=2)
    assert (found.since, found.reason, found.message) == (None, Reason.AVAILABLE, "")


def test_pods_without_a_node() -> None:
    """Since the first of them was told so; with the numbers, the scheduler's words, and what would help."""
    later = NoPlace(Cause.FULL, FULL.words, NOW - 100)
    found = placement([OnePod("a"), OnePod("b", later), OnePod("c", FULL)], deployment(), NOW)
    assert (found.waiting, found.refused, found.since) == ({"b", "c"}, 0, NOW - 300)
    assert found.reason is Reason.NO_ROOM
    assert found.message == (
        "2 of 3 pods without a node, since 1970-01-12T13:41:40Z: 0/3 nodes are available: 3 Insufficient "
        "nvidia.com/gpu; they go on by themselves when others free some, or nodes are added"
    )


def test_a_pod_that_leaves_waits_for_nothing() -> None:
    """Its successor may."""
    assert placement([OnePod("a", FULL, leaving=True)], deployment(1), NOW) == Placement(wanted=1)


@pytest.mark.parametrize(("replicas", "refused"), [(5, 3), (2, 1)], ids=["short", "of a surge"])
def test_pods_that_a_quota_refuses(replicas: int, refused: int) -> None:
    """Those that are missing, and one at least; since the Deployment's controller says so."""
    found = placement([OnePod("a"), OnePod("b")], deployment(replicas, QUOTA), NOW)
    assert (found.waiting, found.refused, found.since) == (frozenset(), refused, NOW - 600)
    assert found.reason is Reason.QUOTA_EXCEEDED
    assert QUOTA in found.message
    assert "raise the ResourceQuota" in found.message


def test_at_no_size_nothing_is_refused() -> None:
    """A condition may be left from before."""
    assert placement([], deployment(0, QUOTA), NOW) == Placement()


def test_two_causes_are_both_told_that_of_most_pods_first() -> None:
    """As where a quota lets some be created for which there is no node then."""
    found = placement([OnePod("a", FULL), OnePod("b", FULL)], deployment(3, QUOTA), NOW)
    assert [(kept.cause, kept.pods) for kept in found.without] == [(Cause.FULL, 2), (Cause.QUOTA, 1)]
    assert (found.reason, found.since) == (Reason.NO_ROOM, NOW - 600)
    assert found.message.index("2 of 3 pods without a node") < found.message.index(
        "1 of 3 pods not allowed to be created"
    )


@pytest.mark.parametrize(("age", "waits"), [(UNSEEN_SECONDS - 1, False), (UNSEEN_SECONDS, True)])
def test_silence_of_a_scheduler(age: float, *, waits: bool) -> None:
    """A pod is new for a while; then no scheduler is there that looks at it."""
    found = placement([OnePod("a", UNSEEN, NOW - age)], deployment(1), NOW)
    assert bool(found.waiting) is waits
    assert found.since == (NOW - age if waits else None)


TURNED_AWAY: dict[str, tuple[list[OnePod], int, int | None, float | None]] = {
    "once, at a restart of the node": ([gone("a", 5), gone("b", 6), OnePod("c", created=NOW - 4)], 2, None, None),
    "again and again": ([gone("a", 5), gone("b", 9), gone("c", 14), OnePod("d", created=NOW - 1)], 2, 1, NOW - 14),
    "again and again, at present none": ([gone("a", 5), gone("b", 9)], 1, 1, NOW - 9),
    "until lately": ([gone("a", REJECTED_SECONDS + 1), gone("b", REJECTED_SECONDS + 5)], 1, None, None),
    "last week, and again": ([gone("a", 5), gone("b", 9), gone("old", 600_000)], 1, 1, NOW - 9),
    "of a service that sleeps now": ([gone("a", 5), gone("b", 9)], 0, None, None),
}


@pytest.mark.parametrize(("pods", "wanted", "refused", "since"), TURNED_AWAY.values(), ids=TURNED_AWAY)
def test_pods_that_their_nodes_turn_away(
    pods: list[OnePod], wanted: int, refused: int | None, since: float | None
) -> None:
    """They are over, and stay for the record; only tries again and again say that there is no place."""
    found = placement(pods, deployment(wanted), NOW)
    assert (found.refused, found.since) == (refused or 0, since)
    assert found.reason is (Reason.NO_DEVICE_PLUGIN if refused else Reason.AVAILABLE)


def test_times_of_other_clocks_are_not_in_the_future() -> None:
    """The scheduler's may be ahead of ours."""
    ahead = NoPlace(Cause.FULL, FULL.words, NOW + 5)
    assert placement([OnePod("a", ahead)], deployment(1), NOW).since == NOW
