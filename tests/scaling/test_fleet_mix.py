"""Which variants do the work, as the load comes and goes."""

import pytest
from fleet_timeline import FleetTimeline, Tick, dear, large, replayed, service_with, small

SETTLED_SECONDS = 1200.0
UNSEEN_SECONDS = 15.0
"""Arrivals are a mean over so long: what has just begun to arrive nobody can know."""


def shrinking(tick: Tick) -> bool:
    """Whether a variant was made smaller by this look."""
    return any(each.to_replicas < tick.sizes[name] for name, each in tick.fleet.decisions.items())


def reversals(changes: list[tuple[float, str, int, int]]) -> int:
    """How often a variant that grew shrank next, or the other way round."""
    count = 0
    last: dict[str, bool] = {}
    for _, name, before, after in changes:
        count += name in last and last[name] != (after > before)
        last[name] = after > before
    return count


def test_light_load_settles_on_the_variant_that_is_cheap_for_little() -> None:
    """One large replica would do, at five times the price of a small one: a small one is tried, and takes over."""
    timeline = FleetTimeline(service_with("small"), [large(size=1), small()]).arrive(0.5).advance(1800)
    assert timeline.sizes["default"] == 0
    assert timeline.sizes["small"] in {1, 2}
    assert timeline.waiting == 0


def test_one_of_a_variant_that_was_never_measured_is_tried_before_it_takes_over() -> None:
    """It is taken to be worth its price; what it is worth is seen of one."""
    timeline = FleetTimeline(service_with("small"), [large(size=1), small()]).arrive(0.7, noise=1).advance(1200)
    grown = [after - before for _, name, before, after in timeline.changes(1200) if name == "small" and after > before]
    assert grown[0] == 1
    assert timeline.sizes["default"] == 0
    first = next(tick for tick in timeline.ticks if tick.fleet.decisions["small"].to_replicas)
    assert "small not measured yet, taken to be worth its price" in first.fleet.whole.message


def test_what_was_tried_and_is_dear_for_what_it_does_goes_again() -> None:
    """A tenth of what its price promised: what is known to be cheaper stays."""
    slow = small(name="slow", load=small().load.__class__(slots=1, seconds=10.0, step_seconds=0.05), cost_per_hour=0.5)
    timeline = FleetTimeline(service_with("slow"), [large(size=1), slow]).arrive(1.5).advance(2700)
    assert timeline.sizes == {"default": 1, "slow": 0}
    assert timeline.changes(1200) == []
    assert max(tick.sizes["slow"] for tick in timeline.ticks) <= 2


def test_heavy_load_is_done_by_the_cheapest_set_within_the_bounds_of_each() -> None:
    """As many small ones as there may be, and large ones for the rest; none of the dear ones."""
    spec = service_with("small", "dear", bounds={"small": {"maxReplicas": 3}})
    timeline = FleetTimeline(spec, [large(size=3), small(size=3), dear(size=1)]).arrive(9, noise=1).advance(1500)
    assert timeline.sizes["dear"] == 0
    assert timeline.sizes["small"] <= 3
    assert 7 <= timeline["default"].does(timeline.sizes["default"]) <= 16
    assert timeline.waiting < 20


def test_the_dearest_for_what_it_does_goes_first_on_the_way_down() -> None:
    """All were needed; then a third of the load is left."""
    spec = service_with("small", "dear", bounds={"default": {}, "small": {"maxReplicas": 4}}, maxReplicas=8)
    timeline = FleetTimeline(spec, [large(size=2), small(size=4), dear(size=2)]).arrive(13).advance(900)
    assert timeline.sizes["dear"] >= 1
    timeline.arrive(4).advance(1800)
    others_shrank = [time for time, name, before, after in timeline.changes(1800) if after < before and name != "dear"]
    assert timeline.sizes["dear"] == 0
    assert all(not t.fleet.decisions["dear"].to_replicas for t in timeline.ticks if t.time >= min(others_shrank))


@pytest.mark.parametrize(("seed", "cold_start_seconds"), [(1, 30.0), (2, 300.0)])
def test_nothing_is_taken_away_before_what_takes_its_place_is_ready(seed: int, cold_start_seconds: float) -> None:
    """Load rises, falls and rises: whenever a variant shrinks, what is ready and stays does what arrives."""
    ways = [large(size=2, cold_start_seconds=cold_start_seconds), small(cold_start_seconds=cold_start_seconds), dear()]
    timeline = FleetTimeline(service_with("small", "dear"), ways)
    shrunk = []
    for rate in (1, 9, 2):
        timeline.arrive(rate, noise=seed).advance(900)
        shrunk += [tick for tick in timeline.last(900 - UNSEEN_SECONDS) if shrinking(tick)]
    assert shrunk
    assert all(tick.stays >= tick.arriving for tick in shrunk)


@pytest.mark.parametrize("rate", [0.7, 5.0])
def test_a_steady_load_with_its_noise_moves_nothing_to_and_fro(rate: float) -> None:
    """Half an hour after it has settled: a few changes at most, and hardly one that takes another back."""
    timeline = FleetTimeline(service_with("small", "dear", maxReplicas=30), [large(size=4), small(), dear()])
    timeline.arrive(rate, noise=2).advance(SETTLED_SECONDS).advance(1800)
    changes = timeline.changes(1800)
    assert len(changes) <= 4
    assert reversals(changes) <= 2
    assert timeline.waiting < 10


def test_the_total_is_never_above_its_maximum_while_one_set_takes_the_place_of_another() -> None:
    """Both count until the one is gone."""
    timeline = FleetTimeline(service_with("small", maxReplicas=8), [large(size=3), small(size=3)])
    timeline.arrive(4, noise=1).advance(900).arrive(2, noise=1).advance(1500)
    assert timeline.sizes["default"] == 0
    assert max(sum(decision.to_replicas for decision in t.fleet.decisions.values()) for t in timeline.ticks) <= 8


def test_variants_without_prices_are_used_in_the_order_of_the_list() -> None:
    """The first does what it may, the next one the rest; and the message says why."""
    spec = service_with("second", maxReplicas=12)
    first = large(size=1, cost_per_hour=None)
    second = large(name="second", cost_per_hour=None)
    timeline = FleetTimeline(spec, [first, second]).arrive(3).advance(300).arrive(7).advance(900)
    assert timeline.sizes["default"] >= 2
    assert timeline.sizes["second"] <= 1
    assert "in the order listed: default, second has no price" in timeline.whole.message


def test_a_variant_that_breaks_a_promise_alone_is_left_out_in_so_many_words() -> None:
    """Its every token takes longer than is promised: more of it would not mend that."""
    spec = service_with("slow", objectives={"interTokenLatency": {"milliseconds": 50}})
    slow = small(name="slow", load=small().load.__class__(slots=4, seconds=20.0, step_seconds=0.1), cost_per_hour=0.1)
    timeline = FleetTimeline(spec, [large(size=1), slow]).arrive(1).advance(1500)
    assert timeline.sizes == {"default": 1, "slow": 0}
    assert "ms alone, 50 are promised" in timeline.whole.message


def test_requests_are_told_to_follow_what_each_pod_works_on_at_once() -> None:
    """A large pod takes four times as many as a small one."""
    timeline = FleetTimeline(service_with("small"), [large(size=1), small(size=2)]).arrive(5).advance(300)
    told = timeline.ticks[-1].fleet.weights
    assert told["default"] / told["small"] == pytest.approx(4, rel=0.3)


def test_every_decision_is_the_same_again_from_what_is_recorded() -> None:
    """Through growth, exchange and lack of room."""
    timeline = FleetTimeline(service_with("small", "dear"), [large(size=1, places=2), small(), dear()])
    for rate in (1, 8, 2):
        timeline.arrive(rate, noise=1).advance(400)
    assert all(replayed(tick) for tick in timeline.ticks)
