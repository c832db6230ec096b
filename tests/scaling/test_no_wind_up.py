"""Pods of which the cluster says that they find no place: nothing winds up, and room is used when it comes."""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import pytest
from serving_pod import Load
from timeline import TICK_SECONDS, Timeline, given, service

from tidegate.scaling.observation import Observation

SCALING: dict[str, Any] = {
    "tokenThroughput": given(1600),
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
}
MANY = 16
"""Requests per second for ten pods and more; a pod does two."""


@dataclass(slots=True)
class Crowded(Timeline):
    """A service in a cluster with room for so many pods, which says of the others that they have no place."""

    room: int = 2
    by_quota: bool = False
    """Whether a quota refuses them, so that they are not there at all; otherwise they wait for a node."""

    def resize(self, size: int, *, cold_start_seconds: float | None = None) -> Self:
        """Pods beyond the room get no place."""
        super(Crowded, self).resize(size, cold_start_seconds=cold_start_seconds)
        for pod in self.pods[self.room :]:
            pod.ready_at = math.inf
        return self

    def make_room(self, room: int) -> Self:
        """Nodes are added, or the quota is raised."""
        self.room = room
        for pod in self.pods[:room]:
            pod.ready_at = min(pod.ready_at, self.now + self.cold_start_seconds)
        return self

    def observation(self) -> Observation:
        """As the rule sees it."""
        seen = super(Crowded, self).observation()
        placed = tuple(replace(pod, unschedulable=index >= self.room) for index, pod in enumerate(seen.pods))
        missing = max(0, len(placed) - self.room)
        since = self.now if missing else None
        if self.by_quota:
            return replace(seen, pods=placed[: self.room], refused=missing, without_place_since=since)
        return replace(seen, pods=placed, without_place_since=since)


kinds = pytest.mark.parametrize("by_quota", [False, True], ids=["nodes", "quota"])


def crowded(*, by_quota: bool) -> Crowded:
    """Two pods at work, of at most 100, when eight times what they can do begins to arrive."""
    load = Load(patience_seconds=30)
    timeline = Crowded(service(maxReplicas=100, **SCALING), size=2, load=load, by_quota=by_quota)
    return timeline.arrive(2).advance(300).arrive(MANY)


@kinds
def test_what_was_ordered_once_is_not_ordered_more(*, by_quota: bool) -> None:
    """From when the first of them have no place, for as long as it lasts; and it is said with the numbers."""
    timeline = crowded(by_quota=by_quota)
    while timeline.size == 2:
        timeline.advance(TICK_SECONDS)
    ordered = timeline.size
    timeline.advance(1800)
    assert timeline.largest(1700) == ordered
    assert "placement" in timeline.limits
    what = "refused" if by_quota else "without a node"
    assert f"of {ordered} that were ordered, {ordered - 2} pods {what}" in timeline.decision.message
    assert timeline.decision.reason == "InsufficientCapacity"


@kinds
def test_the_way_down_is_as_ever(*, by_quota: bool) -> None:
    """Half an hour of need that nobody could meet is owed to nobody: a window after the load, the size is small."""
    timeline = crowded(by_quota=by_quota).advance(1800)
    timeline.arrive(1).advance(240)
    assert timeline.size == 1
    assert "placement" not in timeline.limits
    assert timeline.largest(60) == 1


@kinds
def test_room_is_used_when_it_comes(*, by_quota: bool) -> None:
    """Nobody has to touch anything; and as much is ordered as arrives, not what has piled up meanwhile."""
    timeline = crowded(by_quota=by_quota).advance(1800)
    short = timeline.size
    timeline.make_room(100).advance(300)
    assert short < timeline.size
    assert 10 <= timeline.size <= 25
    assert len(timeline.ready) == timeline.size


@kinds
def test_room_that_comes_after_the_need_is_left_to_others(*, by_quota: bool) -> None:
    """The load has gone before the nodes come: nothing grows then."""
    timeline = crowded(by_quota=by_quota).advance(1800)
    timeline.arrive(1).advance(240).make_room(100).advance(300)
    assert timeline.largest(300) == 1


@pytest.mark.parametrize("scaling", [{"minReplicas": 4}, {"replicas": 4}], ids=["minimum", "pin"])
@kinds
def test_what_people_ask_for_is_ordered_all_the_same(scaling: dict[str, Any], *, by_quota: bool) -> None:
    """Once: node autoscalers act on pods that wait."""
    timeline = crowded(by_quota=by_quota)
    timeline.room = 1
    timeline.resize(2).apply(service(maxReplicas=100, **SCALING, **scaling)).advance(60)
    assert timeline.size == 4
