"""What bounds a service of several variants: its own bounds and each one's, hands, schedules, and what it may cost."""

from datetime import UTC, datetime

import pytest
from fleet_timeline import FleetTimeline, Tick, dear, large, service_with, small
from metric_faults import unreadable
from timeline import START


def within(tick: Tick, spend: float) -> bool:
    """Whether what is decided costs no more."""
    costs = {lane.name: lane.observation.cost_per_hour or 0.0 for lane in tick.lanes}
    return sum(d.to_replicas * costs[name] for name, d in tick.fleet.decisions.items()) <= spend + 1e-9


def test_the_fewest_and_the_most_of_each_variant_hold() -> None:
    """One of them is never without a replica, another never has more than two."""
    spec = service_with("small", "dear", bounds={"small": {"maxReplicas": 2}, "dear": {"minReplicas": 1}})
    timeline = FleetTimeline(spec, [large(size=1), small(), dear(size=1)])
    for rate in (2, 12, 1):
        timeline.arrive(rate, noise=1).advance(600)
        assert all(tick.fleet.decisions["dear"].to_replicas >= 1 for tick in timeline.last(600))
        assert all(tick.fleet.decisions["small"].to_replicas <= 2 for tick in timeline.last(600))
    assert max(tick.sizes["small"] for tick in timeline.ticks) == 2


def test_the_fewest_of_all_together_are_the_cheapest_so_many() -> None:
    """Three are wanted whatever comes: then of those that cost least."""
    timeline = FleetTimeline(service_with("small", minReplicas=3), [large(size=3), small()]).arrive(0.5).advance(1800)
    assert timeline.sizes == {"default": 0, "small": 3}
    assert "minReplicas" in timeline.limits


def test_the_most_of_all_together_is_said_where_it_is_too_little() -> None:
    """More is needed than so many can do."""
    timeline = FleetTimeline(service_with("small", maxReplicas=3), [large(size=3), small()]).arrive(20).advance(900)
    assert sum(timeline.sizes.values()) == 3
    assert timeline.whole.reason == "MaximumReplicas"
    assert "scaling.maxReplicas is 3" in timeline.whole.message


def test_a_maximum_that_does_not_bite_is_not_told() -> None:
    """More of the cheapest would be cheaper still, but what there is does."""
    spec = service_with("small", maxReplicas=6)
    timeline = FleetTimeline(spec, [large(size=4), small(size=2)]).arrive(9).advance(1200)
    assert timeline.waiting == 0
    assert "maxReplicas" not in timeline.limits


def test_a_total_that_is_lowered_holds_at_once() -> None:
    """Without metrics, too."""
    timeline = FleetTimeline(service_with("small"), [large(size=4), small(size=4)]).arrive(9).advance(300)
    timeline.apply(service_with("small", maxReplicas=3)).advance(5)
    assert sum(timeline.sizes.values()) <= 3
    for name in ("default", "small"):
        timeline.change(name, fault=unreadable)
    timeline.advance(30).apply(service_with("small", maxReplicas=2)).advance(5)
    assert sum(timeline.sizes.values()) <= 2


def test_a_schedule_wakes_a_service_that_sleeps() -> None:
    """With a lead, the cheapest so many; and when the span ends, it goes to sleep again."""
    begin = datetime.fromtimestamp(START, UTC)
    span = {
        "name": "soon",
        "start": f"{(begin.minute + 10) % 60} {(begin.hour + (begin.minute + 10) // 60) % 24} * * *",
        "end": f"{(begin.minute + 30) % 60} {(begin.hour + (begin.minute + 30) // 60) % 24} * * *",
        "timeZone": "UTC",
        "minReplicas": 2,
    }
    spec = service_with("small", minReplicas=0, schedules=[span], scaleToZero={"idleSeconds": 60})
    timeline = FleetTimeline(spec, [large(), small()]).advance(480)
    assert sum(timeline.sizes.values()) == 0
    timeline.advance(180)
    assert sum(timeline.sizes.values()) == 2
    assert "schedules" in timeline.limits
    timeline.advance(1800)
    assert sum(timeline.sizes.values()) == 0


def test_a_pin_is_filled_in_the_order_of_the_list() -> None:
    """The first as far as it may go, then the next."""
    spec = service_with("small", replicas=5, bounds={"small": {"maxReplicas": 9}}, maxReplicas=9)
    timeline = FleetTimeline(spec, [large(size=1), small(size=1)]).arrive(1).advance(300)
    assert timeline.sizes == {"default": 5, "small": 0}
    assert timeline.whole.reason == "Pinned"


def test_a_pin_at_none_switches_off_at_once() -> None:
    """And what is held wakes nobody."""
    timeline = FleetTimeline(service_with("small", replicas=0), [large(size=1), small(size=1)]).arrive(1).advance(60)
    assert timeline.sizes == {"default": 0, "small": 0}
    assert timeline.whole.reason == "Pinned"


def test_a_pin_stays_within_what_may_be_spent() -> None:
    """What was pinned, and what was given, are both told."""
    timeline = FleetTimeline(service_with("small", replicas=5), [large(size=1), small()]).spend(6).advance(60)
    assert timeline.sizes == {"default": 3, "small": 0}
    assert timeline.whole.reason == "BudgetExhausted"
    assert "5 default would cost 10 an hour; the namespace may cost so much" in timeline.whole.message


def test_a_pinned_service_is_served_by_others_where_its_first_variant_finds_no_place() -> None:
    """They stay until the places are found, and one goes on waiting all the while: nothing goes to and fro."""
    spec = service_with("small", replicas=3, fallbackAfterSeconds=120)
    timeline = FleetTimeline(spec, [large(size=1, places=1), small()]).arrive(1).advance(600)
    assert timeline.sizes == {"default": 2, "small": 2}
    assert timeline.changes(400) == []
    timeline.change("default", places=9).advance(300)
    assert timeline.sizes == {"default": 3, "small": 0}
    assert all(tick.stays >= 1 for tick in timeline.last(300))


def test_advice_is_given_and_not_taken() -> None:
    """Mode Advisory."""
    timeline = FleetTimeline(service_with("small", mode="Advisory"), [large(size=1), small()]).arrive(9).advance(300)
    assert timeline.sizes == {"default": 1, "small": 0}
    assert not timeline.whole.applied
    assert timeline.whole.to_replicas > 1
    assert "advised" in timeline.whole.message


def test_a_paused_service_is_left_alone() -> None:
    """Mode Paused."""
    timeline = FleetTimeline(service_with("small", mode="Paused"), [large(size=1), small()]).arrive(9).advance(300)
    assert timeline.sizes == {"default": 1, "small": 0}
    assert timeline.whole.reason == "Paused"
    assert timeline.whole.message == "1: scaling.mode is Paused"


def test_others_do_the_work_beside_a_variant_that_another_writer_has() -> None:
    """Its size is as it is; what is missing is ordered of the others, and that is carried out."""
    timeline = FleetTimeline(service_with("small"), [large(size=1), small(size=1)])
    timeline.change("default", facts={"yielded_to": "some-hpa"}).arrive(7).advance(400)
    assert timeline.sizes["default"] == 1
    assert timeline["small"].does(timeline.sizes["small"]) >= 3
    timeline.arrive(0.2).advance(300)
    assert timeline.sizes["default"] == 1
    assert timeline.whole.applied


def test_growth_ends_where_the_money_does() -> None:
    """What was wanted, what was given and who holds the rest is said."""
    timeline = FleetTimeline(service_with("small"), [large(size=1), small(size=1)])
    timeline.spend(5, "the namespace may cost 9 an hour, of which the other services hold 4 (b 4)")
    timeline.arrive(12).advance(300)
    assert timeline.whole.reason == "BudgetExhausted"
    assert all(within(tick, 5) for tick in timeline.ticks)
    assert timeline.cost_per_hour > 4
    limit = timeline.whole.limits[-1]
    assert limit.name == "budget"
    assert limit.from_replicas > limit.to_replicas == sum(timeline.sizes.values())
    assert "would cost" in limit.because
    assert "the other services hold 4 (b 4)" in limit.because


@pytest.mark.parametrize("fault", [None, unreadable])
def test_money_that_is_withdrawn_is_given_back_at_once(fault: object) -> None:
    """By the dearest first, whatever the metrics say, while nothing else starts that costs."""
    timeline = FleetTimeline(service_with("small", "dear"), [large(size=2), small(size=3), dear(size=2)])
    timeline.spend(100).arrive(12).advance(120)
    for name in ("default", "small", "dear"):
        timeline.change(name, fault=fault)
    timeline.advance(30).spend(6).advance(5)
    assert timeline.cost_per_hour <= 6
    assert timeline.sizes["dear"] == 0
    assert timeline.sizes["default"] + timeline.sizes["small"] > 0
    assert "budget" in timeline.limits
    assert all(within(tick, 6) for tick in timeline.advance(300).last(300))


def test_an_exchange_never_costs_more_than_may_be_spent() -> None:
    """Both sets are paid for until the one is gone; so it is made step by step."""
    timeline = FleetTimeline(service_with("small"), [large(size=3), small()]).spend(6.8).arrive(2, noise=3)
    timeline.advance(1500)
    assert all(within(tick, 6.8) for tick in timeline.ticks)
    assert timeline.sizes["default"] == 0


def test_a_budget_below_one_replica_gives_none() -> None:
    """Not even of the cheapest."""
    timeline = FleetTimeline(service_with("small"), [large(size=1), small()]).spend(0.3).arrive(1).advance(300)
    assert timeline.sizes == {"default": 0, "small": 0}
    assert timeline.whole.reason in {"BudgetExhausted", "ScaledToZero"}
    assert "would cost" in timeline.whole.message


@pytest.mark.parametrize("pinned", [0, 2])
def test_no_pod_waits_for_a_place_that_a_pin_would_not_use(pinned: int) -> None:
    """The small ones have no room, which is tried for on and on, but not by a service that a hand has set."""
    spec = service_with("small", fallbackAfterSeconds=60)
    timeline = FleetTimeline(spec, [large(), small(places=0)]).arrive(3).advance(300)
    assert timeline.sizes["small"] == 1
    timeline.apply(service_with("small", replicas=pinned, fallbackAfterSeconds=60)).advance(300)
    assert timeline.sizes == {"default": pinned, "small": 0}
