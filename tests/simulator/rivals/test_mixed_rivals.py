"""Rivals that know of several variants: llm-d's by its published rule, and hindsight."""

from dataclasses import replace

import pytest

from tidegate.simulator.hardware import Hardware
from tidegate.simulator.models import MODELS
from tidegate.simulator.replay import SetUp, replay
from tidegate.simulator.rivals.catalog import RivalContext, rival_named
from tidegate.simulator.rivals.clairvoyant_mix import ClairvoyantMix, fluid_need
from tidegate.simulator.rivals.wva_variants import VariantCapacity, WvaVariants, grown, shrunk
from tidegate.simulator.trace import TraceRequest

CHEAP = VariantCapacity(cost=5.0, per_replica=10_000)
DEAR = VariantCapacity(cost=15.0, per_replica=20_000)
VARIANTS = {"cheap": CHEAP, "dear": DEAR}

GROWN = {
    "cheapest capacity first, in whole replicas": ({"cheap": 2, "dear": 1}, 5000, {"cheap": 3, "dear": 1}),
    "as many as it takes": ({"cheap": 1, "dear": 0}, 25_000, {"cheap": 4, "dear": 0}),
}

SHRUNK = {
    "the dearest first": ({"cheap": 2, "dear": 2}, 20_000, {"cheap": 2, "dear": 1}),
    "no part of a replica": ({"cheap": 2, "dear": 1}, 9_000, {"cheap": 2, "dear": 1}),
    "what the dearest leaves": ({"cheap": 3, "dear": 1}, 40_000, {"cheap": 1, "dear": 0}),
    "the last of the cheapest stays": ({"cheap": 2, "dear": 0}, 90_000, {"cheap": 1, "dear": 0}),
    "and comes where none would be left": ({"cheap": 0, "dear": 1}, 20_000, {"cheap": 1, "dear": 0}),
}


@pytest.mark.parametrize(("sizes", "required", "expected"), GROWN.values(), ids=GROWN)
def test_wva_grows(sizes: dict[str, int], required: float, expected: dict[str, int]) -> None:
    """By the cost of a token of capacity."""
    assert grown(sizes, VARIANTS, required) == expected


@pytest.mark.parametrize(("sizes", "spare", "expected"), SHRUNK.values(), ids=SHRUNK)
def test_wva_shrinks(sizes: dict[str, int], spare: float, expected: dict[str, int]) -> None:
    """By the cost of a replica."""
    assert shrunk(sizes, VARIANTS, spare) == expected


def test_a_variant_without_known_capacity_is_not_bought() -> None:
    """Nothing can be divided by it."""
    unknown = VARIANTS | {"free": VariantCapacity(cost=0.0, per_replica=0)}
    assert grown({"cheap": 0, "dear": 0, "free": 0}, unknown, 1.0) == {"cheap": 1, "dear": 0, "free": 0}


FAST = replace(MODELS["rtx4090"], startup_seconds=60)


def set_up(slow_cost: float) -> SetUp:
    """A fast and a slow variant; the slow one does a third."""
    variants = {
        "default": Hardware(model=FAST, cost_per_hour=3.0, initial_replicas=1),
        "slow": Hardware(model=replace(MODELS["l4"], startup_seconds=60), cost_per_hour=slow_cost),
    }
    return SetUp(model=FAST, variants=variants)


def steady(per_second: float, seconds: int, start: float = 0.0) -> tuple[TraceRequest, ...]:
    """Alike requests, evenly spread."""
    return tuple(TraceRequest(start + index / per_second, 500, 50) for index in range(round(per_second * seconds)))


STEP = (*steady(4, 600), *steady(24, 300, 600), *steady(4, 600, 900))


def test_wva_is_asked_for_by_one_name() -> None:
    """Over several variants where there are several."""
    context = RivalContext(requests=STEP, set_up=set_up(1.0))
    assert isinstance(rival_named("wva-tokens", context), WvaVariants)


@pytest.mark.parametrize(("slow_cost", "used"), [(0.3, "slow"), (2.9, "default")])
def test_hindsight_has_the_cheapest_set(slow_cost: float, used: str) -> None:
    """What is much cheaper for what it does is all that is used."""
    mix = ClairvoyantMix(
        name="mix", requests=STEP, set_up=set_up(slow_cost), loads={"default": 0.8, "slow": 0.8}, interval_seconds=60
    )
    outcome = replay(STEP, mix, set_up(slow_cost))
    other = "slow" if used == "default" else "default"
    last = outcome.points[-1].ready_by_variant
    assert (last[used] > 0, last[other]) == (True, 0)
    assert outcome.slo_attainment > 0.99


def test_hindsight_orders_a_cold_start_ahead() -> None:
    """What the busiest interval takes is ready when that begins; on paper nothing but the intervals is paid."""
    mix = ClairvoyantMix(name="mix", requests=STEP, set_up=set_up(9.0), loads={"default": 0.8}, interval_seconds=60)
    outcome = replay(STEP, mix, set_up(9.0))
    ready = {point.seconds: point.ready for point in outcome.points}
    assert ready[590.0] < ready[610.0] == max(ready.values())
    first = next(change.seconds for change in outcome.changes if change.to_replicas == max(ready.values()))
    assert 535 <= first <= 545
    assert outcome.cost is not None
    assert 0 < mix.paper_cost < outcome.cost


def test_hardware_that_cannot_keep_the_promise_has_no_part() -> None:
    """Even a request that is alone would wait too long."""
    slow = Hardware(model=MODELS["cpu"], cost_per_hour=0.1)
    assert fluid_need(slow, STEP, first_token_seconds=1.0, inter_token_seconds=0.1) is None
    assert fluid_need(slow, STEP, first_token_seconds=5.0, inter_token_seconds=0.1) is not None
