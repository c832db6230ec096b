from typing import Any

import pytest
from serving_pod import Load
from timeline import (
    COUNTS_ENDED,
    COUNTS_FINISHED,
    COUNTS_REQUESTS,
    COUNTS_TOKENS,
    TICK_SECONDS,
    Engine,
    Timeline,
    given,
    service,
)

EVERY_ENGINE = pytest.mark.parametrize(
    "engine", [COUNTS_ENDED, COUNTS_FINISHED, COUNTS_TOKENS], ids=["ended", "finished", "tokens"]
)


ROOMY = Load(slots=80)
"""Each pod takes 20 requests/s, so that no queue has a say."""


def two_pods_at_rest(engine: Engine = COUNTS_ENDED, *, cold_start_seconds: float = 60.0, **more: Any) -> Timeline:
    """2 requests/s on two pods that are given 1.6 each, for five minutes."""
    spec = service(tokenThroughput=given(1600))
    timeline = Timeline(spec, engine=engine, size=2, cold_start_seconds=cold_start_seconds, **more)
    return timeline.arrive(2).advance(300)


@EVERY_ENGINE
def test_a_step_of_load_is_answered_within_one_tick(engine: Engine) -> None:
    """The first sample after the load has risen raises the size."""
    timeline = two_pods_at_rest(engine)
    assert timeline.size == 2
    timeline.arrive(10).advance(TICK_SECONDS)
    assert timeline.decision.reason == "ScaledUp"
    assert timeline.size > 2


@pytest.mark.parametrize("engine", [COUNTS_ENDED, COUNTS_FINISHED], ids=["ended", "finished"])
def test_what_arrives_is_ordered_within_half_a_minute(engine: Engine) -> None:
    """10 requests/s at 1.6 per pod are 6.25 pods: six are near enough, and ordered long before one is there."""
    timeline = two_pods_at_rest(engine, load=ROOMY).arrive(10).advance(30)
    assert timeline.size == 6
    assert timeline.arriving == pytest.approx(10)


@EVERY_ENGINE
@pytest.mark.parametrize("cold_start_seconds", [60, 180])
def test_pods_that_are_coming_count_while_the_queue_grows(engine: Engine, cold_start_seconds: float) -> None:
    """The queue grows for want of pods that are ordered already: it must not order more of them at every look."""
    timeline = two_pods_at_rest(engine, cold_start_seconds=cold_start_seconds).arrive(10).advance(40)
    ordered = timeline.size
    timeline.advance(cold_start_seconds - 45)
    assert timeline.waiting > 100
    assert {decision.to_replicas for decision in timeline.last(cold_start_seconds - 45)} == {ordered}


@EVERY_ENGINE
@pytest.mark.parametrize("cold_start_seconds", [60, 180])
def test_an_overload_never_goes_to_the_maximum(engine: Engine, cold_start_seconds: float) -> None:
    """Five pods can serve the load and 6.25 are given it; the backlog of the cold start may order as much again."""
    timeline = two_pods_at_rest(engine, cold_start_seconds=cold_start_seconds).arrive(10).advance(1200)
    assert timeline.largest() <= 14
    assert timeline.waiting == 0
    sizes = [decision.to_replicas for decision in timeline.decisions]
    peak = sizes.index(max(sizes))
    assert sizes == sorted(sizes[:peak]) + sorted(sizes[peak:], reverse=True)  # up, then down, and no more


@EVERY_ENGINE
def test_the_size_settles_where_the_load_needs_it(engine: Engine) -> None:
    """Once the backlog is gone and a window has passed, the size is what arrives ÷ what a replica is given."""
    timeline = two_pods_at_rest(engine).arrive(10).advance(1800)
    assert timeline.size == 7
    assert {decision.to_replicas for decision in timeline.last(600)} == {7}


def test_a_queue_alone_raises_the_size() -> None:
    """Where no capacity is known, requests that wait do: first as a doubling, then at the pace that was seen."""
    timeline = Timeline(service(), engine=COUNTS_REQUESTS, size=2).arrive(2).advance(300).arrive(10)
    timeline.advance(TICK_SECONDS)
    assert timeline.wants["queue"] == 4
    timeline.advance(10)
    assert timeline.wants["queue"] == 6  # 10 requests/s at the 1.8 that a pod was seen to start


def test_a_queue_at_an_unknown_pace_doubles_once_per_cold_start() -> None:
    """Engines that count no requests show no pace: twice the pods, and again only when those had their time."""
    timeline = Timeline(service(), engine=COUNTS_TOKENS, size=1).arrive(1).advance(300).arrive(10)
    timeline.advance(55)
    assert timeline.largest() == 2
    timeline.advance(70)
    assert timeline.largest() == 4


def test_a_queue_at_an_unknown_pace_that_gets_shorter_is_left_to_get_shorter() -> None:
    """More pods than suffice would only come when it is over."""
    timeline = Timeline(service(), engine=COUNTS_TOKENS, size=4).arrive(6).advance(60).burst(200).advance(TICK_SECONDS)
    assert timeline.size == 8
    timeline.arrive(1).advance(90)
    assert timeline.largest() == 8


def test_a_backlog_adds_what_starts_it_within_drain_seconds() -> None:
    """A pod fills its 8 places at once and starts 2 requests/s: 60 s drain 128 requests per pod, 10 s drain 28."""
    sizes = {}
    for drain_seconds in (10, 60):
        spec = service(queueDepth={"targetPerReplica": 4, "drainSeconds": drain_seconds}, maxReplicas=100)
        timeline = Timeline(spec, engine=COUNTS_REQUESTS, size=4, cold_start_seconds=0.0)
        timeline.arrive(7.6).advance(120).burst(250)
        timeline.advance(TICK_SECONDS)
        sizes[drain_seconds] = timeline.advance(TICK_SECONDS).wants["queue"]
    assert sizes[60] < sizes[10]


def test_the_lead_time_is_learned_from_the_pods_that_came() -> None:
    """From the creation of each until it was seen to be ready."""
    timeline = two_pods_at_rest(cold_start_seconds=120).arrive(4.8).advance(300)
    assert timeline.memory.learned.lead_time.seconds == pytest.approx(120, abs=2 * TICK_SECONDS)


@pytest.mark.parametrize(
    ("engine", "most"),
    [(COUNTS_ENDED, 9), (COUNTS_FINISHED, 12), (COUNTS_TOKENS, 9)],
    ids=["ended", "finished", "tokens"],
)
def test_a_single_burst_does_not_go_to_the_maximum(engine: Engine, most: int) -> None:
    """200 requests at once are 100 seconds' work of one pod: worth some more pods, not all there may be.

    Where only finished requests are counted, its arrivals are held on to while it waits.
    """
    for rate in (0, 1):
        timeline = Timeline(service(tokenThroughput=given(1600)), engine=engine).arrive(rate).advance(300).burst(200)
        timeline.advance(600)
        assert 2 <= timeline.largest() <= most
        timeline.advance(300)
        assert timeline.size == 1


def test_a_single_burst_is_over_when_it_is_over() -> None:
    """Where arrivals are exact, a burst counts for one window, however long its requests wait."""
    timeline = Timeline(service(tokenThroughput=given(1600))).arrive(1).advance(300).burst(200).advance(20)
    assert timeline.waiting > 100
    assert timeline.arriving == pytest.approx(1)


def test_the_first_load_after_idleness_is_not_taken_for_a_larger_one() -> None:
    """Tokens are generated before the first request has finished: half-done requests count half, not nothing."""
    load = Load(slots=50, seconds=20.0, step_seconds=0.1)
    timeline = Timeline(service(tokenThroughput=given(1600)), size=4, load=load).advance(60)
    timeline.arrive(3).advance(TICK_SECONDS)
    for _ in range(24):
        timeline.advance(TICK_SECONDS)
        assert 800 <= timeline.decision.traffic.work_per_request <= 1200
    assert timeline.largest() == 4


def test_at_the_maximum_the_record_says_how_many_would_do() -> None:
    """A service that is held down by maxReplicas says so, and what it would take."""
    spec = service(tokenThroughput=given(1600), maxReplicas=3)
    timeline = Timeline(spec, size=3, load=ROOMY).arrive(10).advance(30)
    assert timeline.size == 3
    assert timeline.limits[-1] == "maxReplicas"
    assert timeline.decision.reason == "MaximumReplicas"
    assert timeline.decision.message == (
        "3: 10,000 tokens/s are arriving and each replica is given 1,600 (7 would do); scaling.maxReplicas is 3"
    )
