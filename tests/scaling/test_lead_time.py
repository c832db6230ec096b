"""How long pods take until they are ready."""

from collections.abc import Iterable

import pytest

from tidegate.scaling.lead_time import LONGEST_SECONDS, MOST_STARTS, LeadTime
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample


def pod(uid: str, *, ready: bool, created: float | None = None, unschedulable: bool = False) -> PodObservation:
    """One pod; one that is ready has been read."""
    reading = Sample(time=0.0) if ready else None
    return PodObservation(uid=uid, name=uid, ready=ready, created=created, unschedulable=unschedulable, reading=reading)


def looked(*looks: tuple[float, Iterable[PodObservation]], replicas: int = 1) -> LeadTime:
    """What is known after these looks, each of them at a time."""
    lead_time = LeadTime()
    for now, pods in looks:
        lead_time = lead_time.observe(Observation(replicas=replicas, pods=tuple(pods)), now)
    return lead_time


def test_a_start_lasts_from_creation_to_ready() -> None:
    """Not from when it was first seen, ten seconds later."""
    lead = looked((110.0, [pod("a", ready=False, created=100.0)]), (170.0, [pod("a", ready=True, created=100.0)]))
    assert lead.seconds == 70


def test_without_a_time_of_creation_it_counts_from_when_the_pod_was_seen() -> None:
    """As for workloads whose pods are only known by their addresses."""
    assert looked((110.0, [pod("a", ready=False)]), (170.0, [pod("a", ready=True)])).seconds == 60


def test_pods_that_were_ready_when_they_were_first_seen_teach_nothing() -> None:
    """After a restart of the operator nobody knows how long those took, nor since when they are ready."""
    assert looked((100.0, [pod("a", ready=True, created=0.0)]), (105.0, [pod("a", ready=True)])).seconds is None


def test_a_pod_that_falls_ill_and_recovers_is_not_taken_for_one_that_started_long_ago() -> None:
    """A pod of last week that was not ready for a minute took no week to start."""
    week = 7 * 86_400.0
    lead = looked(
        (week, [pod("a", ready=True, created=0.0)]),
        (week + 5, [pod("a", ready=False, created=0.0)]),
        (week + 65, [pod("a", ready=True, created=0.0)]),
    )
    assert lead.seconds is None


def test_three_of_four_pods_do_not_exceed_it() -> None:
    """One that pulled its image first does not count for all."""
    lead = LeadTime(starts_seconds=(50.0, 60.0, 70.0, 400.0))
    assert lead.seconds == 70
    assert lead.percentile(50) == 60


def test_the_latest_starts_count() -> None:
    """When images get smaller, last month's starts are forgotten."""
    looks: list[tuple[float, list[PodObservation]]] = []
    for number in range(2 * MOST_STARTS):
        took = 300.0 if number < MOST_STARTS else 40.0
        created = 1000.0 * number
        looks += [
            (created, [pod(str(number), ready=False, created=created)]),
            (created + took, [pod(str(number), ready=True, created=created)]),
        ]
    lead = looked(*looks)
    assert len(lead.starts_seconds) == MOST_STARTS
    assert lead.seconds == 40


@pytest.mark.parametrize(
    ("stuck_for", "expected"), [(LONGEST_SECONDS, LONGEST_SECONDS), (LONGEST_SECONDS + 1, None)], ids=["slow", "stuck"]
)
def test_a_pod_that_came_after_more_than_half_an_hour_was_stuck(stuck_for: float, expected: float | None) -> None:
    """It was helped by somebody; that says nothing of the next."""
    lead = looked((0.0, [pod("a", ready=False, created=0.0)]), (stuck_for, [pod("a", ready=True, created=0.0)]))
    assert lead.seconds == expected


def test_a_pod_that_found_no_node_at_first_teaches_nothing() -> None:
    """How long the cloud takes to bring a node is not the pod's to say; nor does it count from then."""
    lead = looked(
        (0.0, [pod("a", ready=False, created=0.0, unschedulable=True)]),
        (600.0, [pod("a", ready=False, created=0.0, unschedulable=True)]),
        (700.0, [pod("a", ready=True, created=0.0)]),
    )
    assert lead.seconds is None


def test_since_when_pods_are_awaited_and_when_they_were_there() -> None:
    """Both are needed to know whether pods that were ordered had their time."""
    first = looked((0.0, [pod("a", ready=True)]), (5.0, [pod("a", ready=True)]))
    assert (first.awaited_since, first.complete_since) == (None, None)
    waiting = first.observe(Observation(replicas=2, pods=(pod("a", ready=True),)), 10.0)
    waiting = waiting.observe(Observation(replicas=2, pods=(pod("a", ready=True),)), 15.0)
    assert (waiting.awaited_since, waiting.complete_since) == (10.0, None)
    there = waiting.observe(Observation(replicas=2, pods=(pod("a", ready=True), pod("b", ready=True))), 20.0)
    assert (there.awaited_since, there.complete_since) == (None, 20.0)
