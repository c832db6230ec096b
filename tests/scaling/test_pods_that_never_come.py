"""Pods that are ordered and cannot start: a quota, no free accelerator, an image that is not there."""

import math
from dataclasses import dataclass
from typing import Any, Self

import pytest
from serving_pod import Load
from timeline import Timeline, given, service

from tidegate.scaling.lead_time import LONGEST_SECONDS

LONG_SECONDS = LONGEST_SECONDS + 300
QUEUE: dict[str, Any] = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}
THROUGHPUT: dict[str, Any] = {**QUEUE, "tokenThroughput": given(1600)}

both = pytest.mark.parametrize("scaling", [QUEUE, THROUGHPUT], ids=["queue", "throughput"])


@dataclass(slots=True)
class Crowded(Timeline):
    """A service in a cluster with room for so many pods."""

    room: int = 2

    def resize(self, size: int, *, cold_start_seconds: float | None = None) -> Self:
        """Pods beyond the room never become ready."""
        super(Crowded, self).resize(size, cold_start_seconds=cold_start_seconds)
        for pod in self.pods[self.room :]:
            pod.ready_at = math.inf
        return self

    def make_room(self, room: int) -> Self:
        """Somebody raises the quota, and the pods that waited start."""
        self.room = room
        for pod in self.pods[:room]:
            pod.ready_at = min(pod.ready_at, self.now + self.cold_start_seconds)
        return self


def overloaded(scaling: dict[str, Any]) -> Crowded:
    """Two pods at work, of at most 100, when four times what they can do arrives for long: 10 to 12 pods' worth."""
    timeline = Crowded(service(maxReplicas=100, **scaling), size=2, load=Load(patience_seconds=30)).arrive(2)
    timeline.advance(300).arrive(16).advance(LONG_SECONDS)
    return timeline


@both
def test_the_size_neither_runs_away_nor_flaps_and_falls_as_ever(scaling: dict[str, Any]) -> None:
    """The queue never empties, and yet no more is ordered than what arrives asks for and as much again, and once."""
    timeline = overloaded(scaling)
    assert timeline.waiting > 200
    assert len(timeline.ready) == 2
    assert 10 <= timeline.largest() <= 25
    late = timeline.last(LONG_SECONDS - 600)
    assert [decision for decision in late if decision.from_replicas != decision.to_replicas] == []

    timeline.arrive(0).advance(180)
    assert timeline.size == 1


def test_a_long_wait_is_no_lead_time() -> None:
    """Else the queue would count on so much work of pods that stand idle, and add none for what has piled up."""
    timeline = overloaded(THROUGHPUT)
    timeline.make_room(20).advance(300)
    assert len(timeline.ready) == timeline.size
    assert timeline.memory.learned.lead_time.seconds is None
