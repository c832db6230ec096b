import pytest
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


@EVERY_ENGINE
def test_an_idle_service_goes_to_the_minimum_after_a_window(engine: Engine) -> None:
    """Nothing arrives: the size stays for 300 seconds, then goes to minReplicas at once."""
    timeline = Timeline(service(tokenThroughput=given(1600), minReplicas=2), engine=engine, size=6).arrive(9)
    timeline.advance(600).arrive(0).advance(290)
    assert timeline.size == 6
    timeline.advance(50)
    assert timeline.size == 2
    assert timeline.decision.reason == "Steady"
    assert timeline.limits == ["minReplicas"]


@pytest.mark.parametrize("engine", [COUNTS_REQUESTS, COUNTS_TOKENS], ids=["requests", "tokens"])
def test_an_idle_service_of_which_no_capacity_is_known_goes_to_the_minimum_too(engine: Engine) -> None:
    """Nothing waits and nothing runs."""
    timeline = Timeline(service(), engine=engine, size=6).arrive(9).advance(300).arrive(0).advance(330)
    assert timeline.size == 1
    assert timeline.decision.message == "1: 0 requests waiting, 4 allowed (0 would do); scaling.minReplicas is 1"


@pytest.mark.parametrize("engine", [COUNTS_ENDED, COUNTS_FINISHED], ids=["ended", "finished"])
def test_without_a_target_what_came_is_waited_for_and_then_forgotten(engine: Engine) -> None:
    """It may have been a burst that comes again: until that is unlikely the size stays, and nothing is added to it."""
    timeline = Timeline(service(), engine=engine, size=6).arrive(9).advance(300).arrive(0)
    timeline.advance(60)
    found = timeline.size
    timeline.advance(500)
    assert {decision.to_replicas for decision in timeline.last(500)} == {found}
    assert timeline.wants["bursts"] == max(timeline.wants.values())
    timeline.advance(900)
    assert timeline.size == 1


def test_a_window_of_the_users_is_all_that_is_waited_for() -> None:
    """A service without a target goes to the minimum after a window that is given, bursts or not."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 120}}
    timeline = Timeline(service(behavior=behavior), size=6).arrive(9).advance(300).arrive(0).advance(110)
    assert timeline.size >= 6
    timeline.advance(100)
    assert timeline.size == 1


def test_a_fall_is_followed_after_the_window() -> None:
    """Half the load is half the size, once the window has forgotten the whole."""
    timeline = Timeline(service(tokenThroughput=given(1600)), size=8).arrive(12.4).advance(600)
    assert timeline.size == 8
    timeline.arrive(6).advance(290)
    assert timeline.size == 8
    assert timeline.decision.reason == "Stabilizing"
    timeline.advance(30)
    assert timeline.size == 4


def test_a_dip_shorter_than_the_window_changes_nothing() -> None:
    """The highest recommendation of the last 300 seconds holds."""
    timeline = Timeline(service(tokenThroughput=given(1600)), size=8).arrive(12.4).advance(600)
    timeline.arrive(1).advance(280).arrive(12.4).advance(400)
    assert {decision.to_replicas for decision in timeline.decisions} == {8}


def test_the_record_says_why_a_size_stays() -> None:
    """At 3 a.m. the question is why there are 8 and not 1."""
    timeline = Timeline(service(tokenThroughput=given(1600)), size=8).arrive(12.4).advance(600).arrive(1).advance(60)
    assert timeline.decision.message == (
        "8: 1,000 tokens/s are arriving and each replica is given 1,600 (1 would do); "
        "behavior.scaleDown holds the most that was wanted or found in the last 300 s: 8"
    )


@EVERY_ENGINE
def test_an_operator_that_restarts_never_shrinks_before_a_whole_window(engine: Engine) -> None:
    """It adopts the size that it finds: what was wanted before it started is not known."""
    timeline = Timeline(service(tokenThroughput=given(1600)), engine=engine, size=8).arrive(1).advance(200)
    timeline.operator_restarts().advance(300)
    assert {decision.to_replicas for decision in timeline.decisions} == {8}
    timeline.advance(10)
    assert timeline.size == 1


def test_a_service_that_nobody_looked_at_for_a_window_is_adopted_anew() -> None:
    """An operator that stood still does not know what was needed meanwhile: it watches for a whole window first."""
    timeline = Timeline(service(tokenThroughput=given(1600)), size=8).arrive(12.4).advance(600).arrive(1)
    timeline.serve(900)
    timeline.advance(290)
    assert {decision.to_replicas for decision in timeline.decisions} == {8}
    timeline.advance(30)
    assert timeline.size == 1


def test_without_a_window_a_restart_does_not_shrink_on_what_is_not_known_yet() -> None:
    """One sample shows no rate: how much arrives is unknown then, and unknown is not zero."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    timeline = Timeline(service(tokenThroughput=given(1600), behavior=behavior), size=8).arrive(12).advance(300)
    timeline.operator_restarts().advance(TICK_SECONDS)
    assert timeline.decision.traffic.arriving_per_second is None
    assert timeline.wants["throughput"] == 8
    timeline.advance(60)
    assert {decision.to_replicas for decision in timeline.decisions} == {8}


def test_where_no_capacity_is_known_it_shrinks_as_far_as_pods_were_seen_to_carry() -> None:
    """Pods that queued held 8 requests each; 40 at 80 % of that are 6.25 pods."""
    timeline = Timeline(service(), engine=COUNTS_REQUESTS, size=2).arrive(10).advance(1500)
    assert timeline.waiting == 0
    assert timeline.decision.traffic.running == 40
    assert timeline.size == 7
    assert timeline.decision.message == "7: 40 requests running; a pod can carry 8 at once"


def test_where_no_capacity_is_known_a_load_whose_limits_are_unknown_stays() -> None:
    """Nothing waits, but what a pod can carry was never seen to be more than it carries now."""
    timeline = Timeline(service(), engine=COUNTS_REQUESTS, size=6).arrive(9).advance(1200)
    assert timeline.size == 6


def test_a_learned_capacity_says_how_far_to_shrink_where_nothing_was_ever_full() -> None:
    """A pod does 1.6 requests/s with 85 % of its cache in use: 2.5/s are 1.6 pods, and room for chance makes them 3."""
    timeline = Timeline(service(), size=12).arrive(2.5).advance(2400)
    assert timeline.decision.capacity is not None
    assert timeline.decision.capacity.requests_per_second == pytest.approx(1.6, rel=0.05)
    assert timeline.waiting == 0
    assert timeline.size == 3
    assert "running" not in timeline.wants


def test_what_pods_can_carry_follows_the_requests() -> None:
    """Requests that became larger fill a pod sooner: what it once carried no longer counts."""
    timeline = Timeline(service(), engine=COUNTS_REQUESTS, size=2).arrive(10).advance(1500)
    assert timeline.memory.carried_running == 8
    timeline.load = type(timeline.load)(slots=4, seconds=4.0)
    timeline.arrive(12).advance(120)
    assert timeline.memory.carried_running == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize("missing", ["running", "waiting"])
def test_waiting_and_running_alone_say_nothing_of_the_way_down(missing: str) -> None:
    """An engine that shows only one of the two and no work, and no throughput target: the size stays."""
    signals = tuple(name for name in COUNTS_REQUESTS.signals if name != missing)
    engine = Engine(signals=signals, arrivals=COUNTS_REQUESTS.arrivals)
    timeline = Timeline(service(), engine=engine, size=6).arrive(3).advance(900)
    assert timeline.size == 6


def test_arrivals_that_can_never_be_seen_hold_the_size() -> None:
    """A throughput target for an engine that counts no work: unknown is not zero."""
    engine = Engine(signals=("waiting", "running"), arrivals=COUNTS_TOKENS.arrivals)
    timeline = Timeline(service(tokenThroughput=given(1600)), engine=engine, size=6).arrive(3).advance(900)
    assert timeline.size == 6
    assert timeline.decision.message == "6: how many tokens/s arrive is not known yet"


def test_requests_whose_size_was_never_seen_hold_the_size() -> None:
    """Requests arrive, but none has finished or generated anything yet: their work is unknown, and not zero."""
    engine = Engine(signals=("waiting", "running", "requests_finished"), arrivals=COUNTS_FINISHED.arrivals)
    timeline = Timeline(service(tokenThroughput=given(1600)), engine=engine, size=6).arrive(3).advance(900)
    assert timeline.arriving == pytest.approx(3)
    assert timeline.size == 6
