"""How a service of several variants goes to sleep, is woken, and what happens where metrics are missing."""

from typing import Any

import pytest
from fleet_timeline import FleetTimeline, large, service_with, small
from metric_faults import only, unreadable

from tidegate.scaling.lead_time import LeadTime

SLEEPS: dict[str, Any] = {"minReplicas": 0, "scaleToZero": {"idleSeconds": 120}}
QUICK = {"scaleDown": {"stabilizationWindowSeconds": 30}}


def both_at_work() -> FleetTimeline:
    """Two small ones, of which there are no more, and as many large ones as it takes beside them."""
    spec = service_with("small", bounds={"small": {"maxReplicas": 2}}, behavior=QUICK)
    timeline = FleetTimeline(spec, [large(size=2), small(size=2)]).arrive(8, noise=1).advance(400)
    assert min(timeline.sizes.values()) > 0
    return timeline


@pytest.mark.parametrize(
    ("leads", "woken"),
    [({"default": 10.0, "small": 300.0}, "default"), ({"default": 60.0, "small": 60.0}, "small"), ({}, "small")],
)
def test_the_variant_that_is_cheapest_to_answer_first_is_woken_with_one_replica(
    leads: dict[str, float], woken: str
) -> None:
    """Its price times its lead time, as far as that is known."""
    timeline = FleetTimeline(service_with("small", **SLEEPS), [large(), small()]).advance(30)
    assert timeline.sizes == {"default": 0, "small": 0}
    for name, seconds in leads.items():
        way = timeline[name]
        learned = way.memory.learned
        lead_time = LeadTime(starts_seconds=(seconds,))
        way.memory = type(way.memory)(learned=type(learned)(lead_time=lead_time))
    timeline.arrive(0.2).advance(10)
    assert timeline.sizes == {"default": 0, "small": 0, woken: 1}
    assert timeline.whole.reason in {"Woken", "Steady"}
    assert any(f"{woken} is the cheapest to answer first" in tick.fleet.whole.message for tick in timeline.ticks)


def test_a_variant_without_room_is_not_the_one_that_is_woken() -> None:
    """It would be the cheapest; but its pod waits for a place."""
    timeline = FleetTimeline(service_with("small", fallbackAfterSeconds=60, **SLEEPS), [large(), small(places=0)])
    timeline.arrive(0.2).advance(300)
    assert timeline.ready["default"] == 1
    assert timeline.waiting == 0


def test_a_variant_that_costs_more_than_may_be_spent_is_not_the_one_that_is_woken() -> None:
    """It would answer first; the other can be paid."""
    timeline = FleetTimeline(service_with("small", **SLEEPS), [large(), small()]).advance(30)
    lead_time = LeadTime(starts_seconds=(1.0,))
    way = timeline["default"]
    way.memory = type(way.memory)(learned=type(way.memory.learned)(lead_time=lead_time))
    timeline.spend(1.0).arrive(0.2).advance(10)
    assert timeline.sizes == {"default": 0, "small": 1}


def test_it_is_said_why_nothing_is_woken_where_nothing_can_be_paid() -> None:
    """The bound is told, though the service sleeps."""
    timeline = FleetTimeline(service_with("small", **SLEEPS), [large(), small()]).advance(30)
    timeline.spend(0.1).arrive(0.2).advance(30)
    assert sum(timeline.sizes.values()) == 0
    assert timeline.whole.reason == "BudgetExhausted"
    assert "the namespace may cost so much" in timeline.whole.message


def test_all_variants_sleep_together_once_nobody_uses_the_service() -> None:
    """After the idle time, all in one look."""
    timeline = FleetTimeline(service_with("small", **SLEEPS), [large(size=1), small(size=2)]).arrive(3).advance(60)
    timeline.arrive(0).advance(90)
    assert sum(timeline.sizes.values()) > 0
    timeline.advance(60)
    assert timeline.sizes == {"default": 0, "small": 0}
    (asleep,) = [tick for tick in timeline.ticks if any(tick.sizes.values()) and not tick.fleet.whole.to_replicas]
    assert asleep.fleet.whole.reason == "ScaledToZero"
    assert "nobody has used it for" in asleep.fleet.whole.message


def test_it_does_not_sleep_while_a_gateway_cannot_be_asked() -> None:
    """It may be in use there."""
    timeline = FleetTimeline(service_with("small", **SLEEPS), [large(size=1), small(size=1)]).arrive(1).advance(60)
    timeline.gateways[1].answers = False
    timeline.arrive(0).advance(300)
    assert sum(timeline.sizes.values()) >= 1
    timeline.gateways[1].answers = True
    timeline.advance(300)
    assert sum(timeline.sizes.values()) == 0


def test_nothing_shrinks_while_one_variant_cannot_be_read() -> None:
    """Its own pods neither, nor those of the others; when it can, both do."""
    timeline = both_at_work()
    before = timeline.sizes
    timeline.change("small", fault=unreadable).arrive(0.5).advance(300)
    assert all(timeline.sizes[name] >= size for name, size in before.items())
    assert "metrics" in timeline.limits
    assert "not down while" in timeline.whole.message
    timeline.change("small", fault=None).advance(300)
    assert sum(timeline.sizes.values()) < sum(before.values())


def test_the_others_grow_while_one_variant_cannot_be_read() -> None:
    """What arrives is known from the gateways."""
    timeline = both_at_work()
    before = timeline.sizes
    timeline.change("small", fault=unreadable).arrive(16).advance(300)
    assert timeline.sizes["default"] > before["default"]
    assert sum(way.does(timeline.sizes[way.name]) for way in timeline.ways) >= 16


def test_one_pod_that_cannot_be_read_closes_the_way_down() -> None:
    """Of all variants."""
    timeline = both_at_work()
    before = timeline.sizes
    uid = timeline["default"].pods[0].uid
    timeline.change("default", fault=only(uid, unreadable)).arrive(0.2).advance(300)
    assert all(timeline.sizes[name] >= size for name, size in before.items())


def test_the_sizes_stand_while_no_pod_can_be_believed() -> None:
    """Neither up nor down, and it is said why."""
    timeline = FleetTimeline(service_with("small"), [large(size=2), small(size=2)]).arrive(5).advance(300)
    before = timeline.sizes
    for way in timeline.ways:
        way.fault = unreadable
    timeline.arrive(30).advance(100).arrive(0.1).advance(400)
    assert timeline.sizes == before
    assert timeline.whole.reason == "MetricsHeld"
    assert "unchanged while" in timeline.whole.message


def test_a_new_operator_takes_nothing_away_within_its_first_window() -> None:
    """What was needed before it came is not known to it."""
    timeline = FleetTimeline(service_with("small"), [large(size=2), small(size=4)]).arrive(9).advance(300)
    before = timeline.sizes
    timeline.arrive(0.5).advance(30).operator_restarts().advance(240)
    assert all(timeline.sizes[name] >= size for name, size in before.items())
