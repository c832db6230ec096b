"""What happens when pods of a variant find no place: the others step in, one pod goes on asking, and all comes back."""

import pytest
from fleet_timeline import FleetTimeline, large, replayed, service_with, small
from test_fleet_mix import shrinking

FALLBACK_SECONDS = 180


@pytest.mark.parametrize("refuses", [False, True], ids=["unschedulable", "refused"])
def test_a_variant_without_room_does_not_wind_up_and_the_next_steps_in(*, refuses: bool) -> None:
    """Its size stands still while its pods wait; then, one look after the span, others are ordered."""
    spec = service_with("small", fallbackAfterSeconds=FALLBACK_SECONDS)
    timeline = FleetTimeline(spec, [large(size=2, places=2, refuses=refuses), small(size=1, cost_per_hour=1.2)])
    timeline.arrive(3).advance(100).arrive(8)
    timeline.advance_until(lambda seen: seen["default"].without_place_since is not None, within=300)
    asked, small_before = timeline.sizes["default"], timeline.sizes["small"]
    timeline.advance(FALLBACK_SECONDS - 10)
    assert timeline.sizes["default"] == asked
    assert "placement" in timeline.limits
    assert "no more are ordered, and after 180 s the other variants do their work" in timeline.whole.message
    stuck_since = timeline["default"].without_place_since or 0.0
    timeline.advance_until(lambda seen: seen.sizes["small"] > small_before, within=30)
    told = timeline.ticks[-1].fleet.decisions["small"].message
    assert "of default" in told
    assert "no place; the other variants do their work" in told
    assert timeline.whole.message.count("do their work") == 1
    assert timeline.now - stuck_since <= FALLBACK_SECONDS + 5
    timeline.advance(600)
    assert timeline.sizes["default"] == 3
    assert timeline.waiting < 10
    assert sum(way.does(timeline.ready[way.name]) for way in timeline.ways) >= 8
    assert timeline.changes(300) == []


def test_what_stepped_in_leaves_by_itself_when_there_is_room_again() -> None:
    """The pod that waits finds its place: the work goes back, without a moment with too little."""
    spec = service_with("small", fallbackAfterSeconds=60)
    timeline = FleetTimeline(spec, [large(size=2, places=2), small(cost_per_hour=2.2)]).arrive(4).advance(300)
    timeline.arrive(8).advance(600)
    assert timeline.sizes["small"] > 0
    assert timeline.sizes["default"] == 3
    timeline.change("default", places=20).advance(1200)
    assert timeline.sizes["small"] == 0
    assert timeline.sizes["default"] >= 3
    told = [each.message for tick in timeline.ticks for each in tick.fleet.decisions.values()]
    assert not [message for message in told if "0 pods of" in message]
    assert all(tick.stays >= 8 for tick in timeline.last(1200) if shrinking(tick))
    assert timeline.waiting < 10


def test_where_no_variant_has_room_nothing_grows_and_what_runs_is_left_alone() -> None:
    """All of them wait, and it is said; when there is less to do, what is too much still goes."""
    spec = service_with("small", fallbackAfterSeconds=60)
    timeline = FleetTimeline(spec, [large(size=2, places=2), small(size=2, places=2)]).arrive(6).advance(300)
    timeline.arrive(30).advance(300)
    timeline.advance(300)
    assert timeline.changes(300) == []
    assert timeline.sizes == {"default": 3, "small": 3}
    assert timeline.ready == {"default": 2, "small": 2}
    assert "find no place" in timeline.whole.message
    assert timeline.whole.reason == "InsufficientCapacity"
    for way in timeline.ways:
        for pod in way.pods:
            pod.waiting.clear()
    timeline.arrive(0.5).advance(1800)
    assert sum(timeline.ready.values()) <= 2
    assert sum(timeline.sizes.values()) <= 3


def test_a_pod_that_found_no_place_is_not_ordered_again_and_again() -> None:
    """An hour without room: the sizes stand still."""
    spec = service_with("small", fallbackAfterSeconds=60)
    timeline = FleetTimeline(spec, [large(places=0, cost_per_hour=1.0), small(size=3)]).arrive(3, noise=1)
    timeline.advance(1200)
    assert timeline.ready["default"] == 0
    assert timeline.advance(1800).sizes["default"] <= 1
    assert len(timeline.changes(1800)) <= 4
    assert all(replayed(tick) for tick in timeline.last(60))


def test_a_variant_that_loses_its_places_is_replaced() -> None:
    """All of its nodes are taken away under load: the other comes, after the span and its own lead time."""
    spec = service_with("small", fallbackAfterSeconds=60)
    timeline = FleetTimeline(spec, [large(size=2), small(cost_per_hour=0.8)]).arrive(3).advance(600)
    default = timeline["default"]
    default.places, default.pods = 0, []
    took = timeline.advance_until(lambda seen: seen["small"].does(seen.ready["small"]) >= 3, within=600)
    assert took <= 60 + timeline["small"].cold_start_seconds + 2 * 15
    assert timeline.advance(300).sizes["default"] == 1


def test_a_removed_variant_leaves_when_the_others_can_take_its_work() -> None:
    """Not one pod sooner."""
    timeline = FleetTimeline(service_with("small"), [large(), small(size=6)]).arrive(4).advance(300)
    before = timeline.sizes["small"]
    timeline.change("small", removed=True).advance(30)
    assert timeline.sizes["small"] == before
    assert timeline.sizes["default"] >= 1
    timeline.advance(600)
    assert timeline.sizes["small"] == 0
    assert all(tick.stays >= 4 for tick in timeline.last(600) if shrinking(tick))
    assert timeline.waiting == 0


def test_a_removed_variant_leaves_though_its_pods_cannot_be_read() -> None:
    """Nothing is to be known of it any more."""
    timeline = FleetTimeline(service_with("small"), [large(size=2), small(size=2)]).arrive(4).advance(300)
    timeline.change("small", removed=True, fault=lambda _, __: None).advance(600)
    assert timeline.sizes["small"] == 0
