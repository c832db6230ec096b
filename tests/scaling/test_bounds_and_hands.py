import pytest
from serving_pod import Load
from timeline import TICK_SECONDS, Timeline, given, service

from tidegate.api.inference_service import InferenceServiceSpec

ROOMY = Load(slots=80)
"""Each pod takes 20 requests/s, more than it is given, so that no queue has a say."""


def spec(**scaling: object) -> InferenceServiceSpec:
    """A service that is given 1,600 tokens/s per replica."""
    return service(tokenThroughput=given(1600), **scaling)


def test_the_size_stays_between_the_bounds() -> None:
    """Neither an idle nor a drowning service leaves them."""
    timeline = Timeline(spec(minReplicas=2, maxReplicas=5), size=3).arrive(30).advance(120)
    assert timeline.largest() == 5
    timeline.arrive(0).advance(900)
    assert timeline.size == 2


@pytest.mark.parametrize(("bounds", "size"), [({"minReplicas": 9}, 9), ({"maxReplicas": 2}, 2)])
def test_a_new_bound_holds_at_once(bounds: dict[str, int], size: int) -> None:
    """Neither a window nor a policy delays what a person sets."""
    timeline = Timeline(spec(), size=4).arrive(6).advance(120).apply(spec(**bounds)).advance(TICK_SECONDS)
    assert timeline.size == size


@pytest.mark.parametrize("pinned", [0, 1, 12, 30])
def test_a_pin_wins_over_demand_and_bounds(pinned: int) -> None:
    """Below the minimum, above the maximum, at zero: a hand wins."""
    timeline = Timeline(spec(minReplicas=2, maxReplicas=20), size=4).arrive(6).advance(120)
    timeline.apply(spec(minReplicas=2, maxReplicas=20, replicas=pinned)).advance(300)
    assert timeline.size == pinned
    assert timeline.decision.reason == "Pinned"
    assert timeline.decision.applied


def test_a_pin_says_that_it_is_outside_the_bounds() -> None:
    """And how to be rid of it."""
    timeline = Timeline(spec(maxReplicas=5, replicas=7)).advance(TICK_SECONDS)
    assert timeline.decision.limits[-1].because == (
        "spec.replicas is pinned by hand to 7, outside 1 to 5; unset it to scale on demand again"
    )


def test_a_pin_is_told_even_where_demand_agrees() -> None:
    """The reason is the pin: it would hold if demand changed."""
    timeline = Timeline(spec(replicas=4), size=4).arrive(6).advance(120)
    assert timeline.decision.reason == "Pinned"


def test_without_its_pin_a_service_follows_demand_again() -> None:
    """What demand asked for meanwhile is known, so nothing has to be waited for."""
    timeline = Timeline(spec(replicas=10), size=10).arrive(6).advance(600).apply(spec()).advance(TICK_SECONDS)
    assert timeline.size == 4


def test_a_service_that_was_pinned_at_zero_comes_back_to_the_minimum() -> None:
    """There is nothing to measure, but a minimum to keep."""
    timeline = Timeline(spec(minReplicas=2, replicas=0), size=3).advance(600)
    assert timeline.size == 0
    timeline.apply(spec(minReplicas=2)).advance(TICK_SECONDS)
    assert timeline.size == 2


def test_paused_decides_nothing() -> None:
    """The size stays where it is found, whatever arrives."""
    timeline = Timeline(spec(mode="Paused"), size=3).arrive(30).advance(120).resize(5).advance(120)
    assert {decision.to_replicas for decision in timeline.decisions} == {3, 5}
    assert all(decision.reason == "Paused" and not decision.applied for decision in timeline.decisions)
    assert timeline.decision.message.endswith("; scaling.mode is Paused")


def test_paused_holds_outside_the_bounds_and_against_a_pin() -> None:
    """Paused is a person's word to leave it alone."""
    timeline = Timeline(spec(mode="Paused", replicas=9, maxReplicas=2), size=3).advance(60)
    assert timeline.decision.to_replicas == 3


def test_advisory_decides_and_does_not_carry_out() -> None:
    """It says what it would do, beside what somebody else did."""
    timeline = Timeline(spec(mode="Advisory"), size=2).arrive(9).advance(60)
    assert timeline.size == 2
    assert timeline.decision.to_replicas == 6
    assert not timeline.decision.applied
    assert timeline.decision.message.startswith("2 → 6 advised: ")


def test_a_writer_that_was_yielded_to_is_named() -> None:
    """The decision is told, not carried out."""
    timeline = Timeline(spec(), size=2, facts={"yielded_to": "kube-controller-manager"}).arrive(9).advance(60)
    assert timeline.size == 2
    assert not timeline.decision.applied
    assert timeline.decision.message.startswith("2 → 6 advised, yielded to kube-controller-manager: ")


@pytest.mark.parametrize(("found", "expected"), [(12, 4), (1, 4)])
def test_a_size_that_somebody_else_writes_is_overridden(found: int, expected: int) -> None:
    """The next decision goes back to what demand asks for."""
    timeline = Timeline(spec(), size=4, load=ROOMY).arrive(6).advance(600).resize(found).advance(30)
    assert timeline.size == expected


def test_while_a_rollout_runs_up_is_allowed_and_down_waits() -> None:
    """Two templates stand side by side: what looks spare may be about to leave."""
    timeline = Timeline(spec(), size=4, load=ROOMY).arrive(6).advance(120).observe_with(rollout_in_progress=True)
    timeline.arrive(0).advance(900)
    assert timeline.size == 4
    assert timeline.decision.reason == "RolloutHeld"
    timeline.arrive(12).advance(60)
    assert timeline.size == 8


def test_surge_pods_of_a_rollout_are_not_counted_as_coming() -> None:
    """More pods than replicas are ready: nothing is awaited, and nothing is negative."""
    timeline = Timeline(spec(), size=4).arrive(6).advance(60)
    timeline.resize(5, cold_start_seconds=0).advance(TICK_SECONDS)
    observation = timeline.observe_with(replicas=4, rollout_in_progress=True).observation()
    assert observation.coming == 0


def test_the_pods_of_a_rollout_teach_how_long_each_of_them_took() -> None:
    """They come one after the other, and each is counted from its own creation, not from the first one's."""
    timeline = Timeline(spec(), size=4, load=ROOMY).arrive(6).advance(60).observe_with(rollout_in_progress=True)
    timeline.lose_pod().advance(40).lose_pod().advance(120)
    assert timeline.memory.learned.lead_time.starts_seconds == pytest.approx((60, 60), abs=TICK_SECONDS)


def test_advice_is_no_more_nervous_than_the_rule() -> None:
    """In mode Advisory nobody may follow advice to grow; it holds for the window all the same when demand falls."""
    timeline = Timeline(service(mode="Advisory", tokenThroughput=given(1000)), size=2).arrive(1).advance(300)
    timeline.arrive(4).advance(60)
    advised = timeline.decision.to_replicas
    assert advised > 2

    timeline.arrive(1).advance(120)

    assert timeline.size == 2
    assert timeline.decision.to_replicas == advised
