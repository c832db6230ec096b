"""Traps of metrics that are late, wrong or not there, and of operators and pods that come and go, as stories."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from replayed import Story, Tamper, Watched, arrivals, replayed
from serving_pod import Load
from timeline import Timeline, service

from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import COUNTER_NAMES, SIGNAL_NAMES, Sample

ZEROS: dict[str, Any] = {name: 0.0 for name in SIGNAL_NAMES if name not in {"seconds_worked", "work_done"}}
RISE = arrivals(3.0, 300) + arrivals(14.0, 500, begin=300)


def each_pod(change: Callable[[PodObservation], PodObservation], begin: float = 0.0, end: float = math.inf) -> Tamper:
    """Has every pod be seen otherwise for a while."""
    return lambda observation, now: (
        replace(observation, pods=tuple(map(change, observation.pods))) if begin <= now < end else observation
    )


def showing(**signals: float | None) -> Callable[[PodObservation], PodObservation]:
    """A pod's page gives these values instead of its own."""
    changed: Any = signals
    return lambda pod: replace(pod, reading=replace(pod.reading, **changed)) if isinstance(pod.reading, Sample) else pod


def sizes(story: Story) -> list[int]:
    """All that were decided."""
    return [each.to_replicas for each in story.decisions()]


def test_zeros_of_pods_that_are_not_ready_do_not_dilute_those_that_are() -> None:
    """Pods that load answer with an empty page: not one decision is another one for it."""

    def loading(pod: PodObservation) -> PodObservation:
        return pod if pod.ready else replace(pod, reading=Sample(time=0.0, **ZEROS))

    with_zeros = replayed(RISE, size=1, watched=Watched(tamper=each_pod(loading)))
    assert sizes(with_zeros) == sizes(replayed(RISE, size=1))
    assert with_zeros.largest() > 3


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(showing(**dict.fromkeys(SIGNAL_NAMES, math.nan)), id="every value is NaN"),
        pytest.param(showing(**dict.fromkeys(SIGNAL_NAMES)), id="no page names a signal"),
        pytest.param(showing(**dict.fromkeys(COUNTER_NAMES)), id="no page has counters any more"),
        pytest.param(showing(running=math.nan, waiting=math.nan), id="gauges are NaN"),
        pytest.param(lambda pod: replace(pod, reading=None), id="pods seem never to have been read"),
    ],
)
def test_what_is_not_known_is_not_zero(broken: Callable[[PodObservation], PodObservation]) -> None:
    """For seven minutes nothing is known of a service that needs five replicas: longer than the window holds."""
    load = arrivals(18.0, 900)
    story = replayed(load, size=5, watched=Watched(tamper=each_pod(broken, 300, 720)))
    before = story.decisions(295)[0]
    assert story.smallest(300, 900) >= before.to_replicas
    assert story.largest(300, 900) <= before.to_replicas + 1
    assert story.busy_seconds(890) == pytest.approx(replayed(load, size=5).busy_seconds(890), rel=0.2)


def test_counters_of_pods_that_come_and_go_never_make_arrivals_negative() -> None:
    """A pod is lost every twenty seconds, another restarts: the sum of all counters falls, and demand does not."""
    timeline = Timeline(service(), size=4, load=Load(), cold_start_seconds=10.0).arrive(4).advance(120)
    for _ in range(10):
        timeline.lose_pod().advance(10).restart_pod(5).advance(10)
    seen = [each.traffic.requests_per_second or 0.0 for each in timeline.last(200)]
    assert min(seen) > 2
    assert sum(seen) / len(seen) == pytest.approx(4, rel=0.25)
    assert timeline.largest() <= 6
    assert timeline.size >= 3


@pytest.mark.parametrize("restarts_at", [305, 320, 345, 400])
def test_a_leader_that_takes_over_in_the_midst_of_a_scale_up_goes_on_where_it_stood(restarts_at: float) -> None:
    """What was learned is in status, what was ordered in the workload: nothing is cancelled, nothing ordered twice."""
    alone = replayed(RISE, size=1)
    taken_over = replayed(RISE, size=1, watched=Watched(restarts_at=restarts_at))
    after = sizes(taken_over)[round(restarts_at / 5) - 1 :]
    ordered = taken_over.decisions(0, restarts_at)[-1].to_replicas
    assert min(after[:60]) >= ordered
    assert taken_over.largest() <= alone.largest() + 1
    assert taken_over.kept > alone.kept - 0.02


def test_a_leader_that_takes_over_while_pods_leave_does_not_call_them_back() -> None:
    """Load has fallen, the size too: the next operator finds it so and leaves it so."""
    load = arrivals(14.0, 300) + arrivals(3.0, 500, begin=300)
    spec = service(behavior={"scaleDown": {"stabilizationWindowSeconds": 300}})
    alone = replayed(load, size=4, watched=Watched(spec))
    down = next(change.seconds for change in alone.outcome.changes if change.to_replicas < change.from_replicas)
    taken_over = replayed(load, size=4, watched=Watched(spec, restarts_at=down + 10))
    assert taken_over.largest(down + 10) <= taken_over.decisions(down)[0].to_replicas
    assert taken_over.kept > 0.99


def surge(observation: Observation, now: float) -> Observation:
    """A rollout from 300 s to 600 s: beside the pods stands one of the next template, which has no load yet."""
    if not 300 <= now < 600:
        return observation
    reading = Sample(time=now, **ZEROS) if now > 330 else None
    new = PodObservation(uid="surge", name="surge", ready=now > 330, created=300.0, template="next", reading=reading)
    return replace(observation, pods=(*observation.pods, new), rollout_in_progress=True)


def test_pods_of_a_rollout_are_neither_spare_nor_teachers() -> None:
    """An idle surge pod halves every mean: the size stays, arrivals are what they are, and nothing is learned of it."""
    load = arrivals(10.0, 900)
    story, without = replayed(load, size=4, watched=Watched(tamper=surge)), replayed(load, size=4)
    assert story.smallest(300, 600) == story.decisions(290)[0].to_replicas
    assert story.largest(300, 600) <= story.decisions(290)[0].to_replicas + 1
    arriving = [each.traffic.requests_per_second or 0.0 for each in story.decisions(350, 600)]
    assert sum(arriving) / len(arriving) == pytest.approx(10, rel=0.1)
    known = story.watched.memory.learned.step_time
    assert known.template == "simulated"
    assert story.busy_seconds(590) == pytest.approx(without.busy_seconds(590), rel=0.15)


def test_scrapes_that_fail_at_random_cost_little() -> None:
    """A fifth of all scrapes fail: sizes are those of one who sees all, give or take one, and nobody notices."""
    all_seen, some_seen = (replayed(RISE, size=1, faults=faults) for faults in ([], ["scrape-failures:20"]))
    assert abs(some_seen.largest() - all_seen.largest()) <= 1
    assert some_seen.kept > all_seen.kept - 0.02
