"""Other writers of replicas over time: a story is a list of looks and writes, a verdict is asked at the end."""

from dataclasses import replace
from typing import Any

import pytest

from tidegate.workloads.live import LiveDeployment, live_deployment
from tidegate.workloads.rivalry import (
    UNNAMED,
    WINDOW_SECONDS,
    Overridden,
    SizeMemory,
    Sole,
    Yielded,
    judge,
    saw_size,
    wrote_size,
)

OURS = ("tidegate-scaler", "Apply", "scale")
BODY = ("tidegate", "Apply", "")
KUBECTL = ("kubectl", "Update", "scale")
AUTOSCALER = ("kube-controller-manager", "Update", "scale")
NOBODY = None

Writer = tuple[str, str, str] | None


class Story:
    """One Deployment, our memory of it, and a clock."""

    def __init__(self, replicas: int = 3, *, driving: bool = True) -> None:
        """Begin with a size of ours that was seen once."""
        self.now = 0.0
        self.version = 0
        self.driving = driving
        self.memory = SizeMemory()
        self.live = self.document(replicas, OURS)
        self.look()

    def document(self, replicas: int, writer: Writer, uid: str = "u") -> LiveDeployment:
        """The Deployment after a write."""
        self.version += 1
        entries: list[dict[str, Any]] = []
        if writer is not None:
            name, operation, subresource = writer
            fields: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
            entries = [
                {"manager": name, "operation": operation, "subresource": subresource, "fieldsV1": fields},
            ]
        metadata = {
            "namespace": "default",
            "name": "chat",
            "uid": uid,
            "resourceVersion": str(self.version),
            "managedFields": entries,
        }
        return live_deployment({"metadata": metadata, "spec": {"replicas": replicas}})

    def look(self) -> None:
        """One tick."""
        self.memory = saw_size(self.memory, self.live, driving=self.driving, now=self.now)

    def theirs(self, replicas: int, writer: Writer = KUBECTL, after: float = 0.0) -> "Story":
        """Somebody writes, and we look twice."""
        self.now += after
        self.live = self.document(replicas, writer)
        self.look()
        self.look()
        return self

    def ours(self, replicas: int, after: float = 0.0) -> "Story":
        """We write, and look once more before the watch shows it, and once after."""
        self.now += after
        self.memory = wrote_size(self.memory, self.live, replicas)
        self.look()
        self.live = self.document(replicas, OURS)
        self.look()
        return self

    def verdict(self, after: float = 0.0) -> Sole | Overridden | Yielded:
        """What we think of it then."""
        return judge(self.memory, self.now + after)


def test_nobody_else() -> None:
    """Our own writes are no conflict, seen early, late or twice."""
    assert Story().ours(5).ours(0).ours(2).verdict() == Sole()


def test_the_first_look_takes_what_it_finds() -> None:
    """A size found by a new leader, or on a target that is taken over, is nobody's offence."""
    story = Story()
    story.memory = SizeMemory()
    assert story.theirs(9).verdict() == Sole()
    assert story.memory.replicas == 9


def test_a_new_leader_with_a_memory_from_status_sees_what_happened_meanwhile() -> None:
    """It knows the size that was written last, and who wrote another one since."""
    story = Story()
    story.memory = SizeMemory(uid="u", replicas=3)
    verdict = story.theirs(9).verdict()
    assert isinstance(verdict, Overridden)
    assert (verdict.change.by, verdict.change.from_replicas, verdict.change.to_replicas) == ("kubectl", 3, 9)


def test_one_change_is_overridden_and_told_for_ten_minutes() -> None:
    """It counts once however often it is seen."""
    story = Story().theirs(7, after=5).ours(4, after=5)
    verdict = story.verdict()
    assert isinstance(verdict, Overridden)
    assert verdict.change.at == 5
    assert len(story.memory.changes) == 1
    assert story.verdict(after=WINDOW_SECONDS - 6) == verdict
    assert story.verdict(after=WINDOW_SECONDS - 5) == Sole()


def test_two_changes_are_overridden_too() -> None:
    """Twice may still be a slip."""
    assert isinstance(Story().theirs(7).ours(4).theirs(7, after=30).verdict(), Overridden)


def test_the_third_change_in_ten_minutes_is_yielded_to() -> None:
    """Whether we overruled the ones before or not."""
    fought = Story().theirs(7).ours(4).theirs(7, after=60).ours(4).theirs(8, after=60)
    left_alone = Story().theirs(5).theirs(6, after=60).theirs(7, after=60)
    for story in (fought, left_alone):
        verdict = story.verdict()
        assert isinstance(verdict, Yielded)
        assert (verdict.to, verdict.until) == ("kubectl", 120 + WINDOW_SECONDS)


def test_three_changes_over_a_longer_time_are_not() -> None:
    """Ten minutes after the first it no longer counts."""
    story = Story().theirs(7).ours(4).theirs(7, after=300).ours(4).theirs(7, after=300)
    assert isinstance(story.verdict(), Overridden)


def test_three_changes_by_three_writers_are_not() -> None:
    """Each insists only for itself."""
    story = Story().theirs(7).ours(4).theirs(8, AUTOSCALER).ours(4).theirs(9, ("helm", "Update", ""))
    verdict = story.verdict()
    assert isinstance(verdict, Overridden)
    assert verdict.change.by == "helm"


def test_yielding_lasts_until_ten_minutes_of_quiet() -> None:
    """Each further change, by whomever, begins the ten minutes anew."""
    story = Story().theirs(5).theirs(6).theirs(7)
    for size in (8, 9, 10, 11, 12):
        story.theirs(size, after=540)
        assert isinstance(story.verdict(), Yielded)
    story.theirs(2, AUTOSCALER, after=540)
    verdict = story.verdict()
    assert isinstance(verdict, Yielded)
    assert verdict.to == "kubectl"
    assert story.verdict(after=WINDOW_SECONDS) == Sole()


def test_after_yielding_counting_starts_anew() -> None:
    """The next single change is overruled again."""
    story = Story().theirs(5).theirs(6).theirs(7).ours(4, after=WINDOW_SECONDS)
    assert isinstance(story.theirs(9, after=1).verdict(), Overridden)


def test_a_zero_without_an_owner_is_somebodys() -> None:
    """The API server records no owner for it, so the writer cannot be named; it is still a foreign change."""
    verdict = Story().theirs(0, NOBODY).verdict()
    assert isinstance(verdict, Overridden)
    assert verdict.change.by == UNNAMED


@pytest.mark.parametrize("writer", [OURS, BODY], ids=["scaler", "body"])
def test_sizes_under_our_names_are_ours(writer: Writer) -> None:
    """Another process of ours wrote them: the leader before this one."""
    assert Story().theirs(9, writer).verdict() == Sole()


def test_others_may_scale_what_we_do_not_drive() -> None:
    """In modes Advisory and Paused their changes are none of our business."""
    story = Story(driving=False).theirs(5).theirs(6).theirs(7)
    assert story.verdict() == Sole()
    story.driving = True
    assert isinstance(story.theirs(8).verdict(), Overridden)


def test_another_deployment_of_the_same_name_starts_afresh() -> None:
    """A Deployment that was deleted and created anew has the size its creator gave it."""
    story = Story().theirs(5).theirs(6).theirs(7)
    story.live = story.document(1, KUBECTL, uid="another")
    story.look()
    assert story.verdict() == Sole()
    assert story.memory.replicas == 1


def test_the_memory_stays_small() -> None:
    """An autoscaler that was yielded to makes many changes; only the last ten are kept."""
    story = Story()
    for size in range(4, 60):
        story.theirs(size, AUTOSCALER, after=15)
    assert len(story.memory.changes) == 10
    assert isinstance(story.verdict(), Yielded)


def test_a_view_older_than_our_write_is_no_change() -> None:
    """Until the watch has caught up with our write, the size from before it is not a foreign one."""
    story = Story()
    story.memory = wrote_size(story.memory, story.live, 8)
    before = replace(story.live)
    story.memory = saw_size(story.memory, before, driving=True, now=1.0)
    assert judge(story.memory, 1.0) == Sole()
    assert story.memory.replicas == 8
