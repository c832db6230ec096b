"""The cheapest set of replicas: readable cases, comparison with every set there is, and instances that are hard."""

from collections.abc import Sequence
from itertools import product
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.scaling import packing
from tidegate.scaling.cheapest import Choice, Option, cheapest


def option(cost: float, capacity: float, most: int = 50, *, least: int = 0) -> Option:
    """One variant: what a replica costs, what it does, how many there may be."""
    return Option(cost=cost, capacity=capacity, least=least, most=most)


CPU = option(0.2, 1, 4)
HALF_GPU = option(0.5, 4)
GPU = option(1, 10)
LARGE = option(5, 40)


@pytest.mark.parametrize(
    ("options", "need", "bounds", "replicas"),
    [
        pytest.param((GPU, HALF_GPU), 3, {}, (0, 1), id="half a GPU where half is enough"),
        pytest.param((GPU, HALF_GPU), 4.1, {}, (1, 0), id="a whole one where two halves cost as much"),
        pytest.param((GPU, HALF_GPU), 13, {}, (1, 1), id="one and a half"),
        pytest.param((GPU, CPU), 2, {}, (0, 2), id="CPUs for light work"),
        pytest.param((GPU, CPU), 6, {}, (1, 0), id="not for more than they are allowed to do"),
        pytest.param((LARGE, GPU), 20, {}, (0, 2), id="two small ones beat a large one"),
        pytest.param((option(2, 40), GPU), 30, {}, (1, 0), id="a large one beats three small ones"),
        pytest.param((GPU, HALF_GPU), 0, {}, (0, 0), id="nothing is needed"),
        pytest.param((option(1, 10, least=1), CPU), 11, {}, (1, 1), id="a least that is dear is kept and counted"),
        pytest.param((option(1, 10, 2), LARGE), 30, {}, (0, 1), id="at most two: the others would not be enough"),
        pytest.param((GPU, HALF_GPU), 3, {"fewest": 3}, (0, 3), id="three in total: the cheapest three"),
        pytest.param((GPU, HALF_GPU), 13, {"fewest": 3}, (1, 2), id="three for what four halves cost"),
        pytest.param((GPU, LARGE), 40, {"most": 3}, (0, 1), id="four small ones are too many"),
        pytest.param((GPU, LARGE), 40, {"spend": 4}, (4, 0), id="as much as may be spent"),
        pytest.param((option(0.1, 1), option(0.3, 3)), 3, {"spend": 0.3}, (0, 1), id="0.3 is three times 0.1"),
        pytest.param((option(1 / 7, 1), option(1, 7)), 7, {}, (0, 1), id="a card rather than seven sevenths of it"),
        pytest.param((GPU, GPU), 30, {}, (3, 0), id="of equals the earlier"),
        pytest.param((GPU,), 10 * (1 + 1e-12), {}, (1,), id="what is lost to rounding is not needed"),
        pytest.param((option(0, 1), GPU), 12, {}, (12, 0), id="what is free"),
        pytest.param((GPU, CPU), 1e-320, {}, (0, 1), id="next to nothing is needed"),
        pytest.param((option(1, 1e300), CPU), 5, {}, (1, 0), id="more than can be counted"),
        pytest.param((option(0, 1),), 0, {"spend": -1}, (0,), id="nothing, for less than nothing"),
        pytest.param((), 0, {}, (), id="no option and no need"),
    ],
)
def test_the_cheapest_set_that_covers(
    options: Sequence[Option], need: float, bounds: dict[str, Any], replicas: tuple[int, ...]
) -> None:
    """The need is covered, and nothing that covers it costs less."""
    found = cheapest(options, need, **{"most": 50, **bounds})
    assert found == Choice(replicas=replicas, covers=True, proven=True, steps=found.steps)


@pytest.mark.parametrize(
    ("options", "need", "bounds", "replicas"),
    [
        pytest.param((option(1, 10, 2), CPU), 100, {}, (2, 4), id="all there is"),
        pytest.param((GPU, HALF_GPU), inf, {"most": 3}, (3, 0), id="the largest three"),
        pytest.param((GPU, HALF_GPU), 100, {"spend": 2.5}, (2, 1), id="the most that the money buys"),
        pytest.param((option(3, 10), GPU), 100, {"most": 3}, (0, 3), id="of equal capacity the cheaper"),
        pytest.param((option(1, 5), option(2, 10)), 100, {"spend": 4}, (0, 2), id="of equal price the fewer"),
        pytest.param(
            (option(1, 5), option(3, 9)), 9, {"fewest": 2, "most": 2, "spend": 1.5}, (1, 0), id="not even two"
        ),
        pytest.param((option(1, 1), option(5, 6)), 6, {"fewest": 3, "spend": 5}, (5, 0), id="fewest before the need"),
        pytest.param((GPU,), 1, {"most": 0}, (0,), id="none at all"),
        pytest.param((GPU,), 1, {"spend": 0}, (0,), id="no money at all"),
        pytest.param((), 1, {}, (), id="no option"),
    ],
)
def test_what_cannot_be_covered_is_covered_as_far_as_can_be(
    options: Sequence[Option], need: float, bounds: dict[str, Any], replicas: tuple[int, ...]
) -> None:
    """Where nothing covers the need, as much as can be had is taken, and it is said."""
    found = cheapest(options, need, **{"most": 50, **bounds})
    assert found == Choice(replicas=replicas, covers=False, proven=True, steps=found.steps)


@pytest.mark.parametrize(
    ("bounds", "replicas"),
    [
        pytest.param({"most": 5}, (2, 3), id="they fit"),
        pytest.param({"most": 4}, (2, 2), id="one too many"),
        pytest.param({"most": 1}, (1, 0), id="only one"),
        pytest.param({"most": 5, "spend": 5}, (2, 1), id="the money is short by four"),
        pytest.param({"most": 5, "spend": 4.5}, (2, 1), id="by four and a half"),
        pytest.param({"most": 5, "spend": 0}, (0, 0), id="no money"),
    ],
)
def test_leasts_that_do_not_fit_are_lowered_from_the_last_option_on(
    bounds: dict[str, Any], replicas: tuple[int, ...]
) -> None:
    """Of two leasts that are too much together, the later option's gives way first."""
    options = (option(1, 1, 2, least=2), option(2, 1, 3, least=3))
    assert cheapest(options, 0, **bounds).replicas == replicas


hundredths = st.integers(1, 500).map(lambda each: each / 100)
prices = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 2.0]), hundredths)
sizes = st.one_of(st.sampled_from([0.5, 1.0, 2.0]), hundredths)
small_options = st.lists(
    st.builds(
        lambda cost, capacity, least, more: option(cost, capacity, min(least + more, 6), least=least),
        prices,
        sizes,
        st.sampled_from([0, 0, 1, 2]),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=3,
)
needs = st.integers(0, 3000).map(lambda each: each / 100)


def price(one: Option, count: int) -> float:
    """Return what so many replicas cost."""
    return one.cost * count


def by_trying_everything(
    options: Sequence[Option], need: float, fewest: int, most: int, spend: float | None
) -> tuple[tuple[int, ...], bool] | None:
    """Return what every set of replicas there is, compared by the rule, says; None if no set is within the bounds."""
    sets = []
    for counts in product(*(range(each.least, each.most + 1) for each in options)):
        cost = sum(round(each.cost * 100) * count for each, count in zip(options, counts, strict=True))
        capacity = sum(round(each.capacity * 100) * count for each, count in zip(options, counts, strict=True))
        if sum(counts) <= most and (spend is None or cost <= round(spend * 100)):
            lacks = max(round(need * 100) - capacity, 0)
            earlier = tuple(-count for count in counts)
            sets.append((max(fewest - sum(counts), 0), lacks, cost, sum(counts), earlier, counts))
    if not sets:
        return None
    _, lacks, _, _, _, counts = min(sets)
    return counts, lacks == 0


@settings(max_examples=300, deadline=None)
@given(
    options=small_options,
    need=needs,
    fewest=st.sampled_from([0, 0, 1, 3, 8]),
    most=st.integers(0, 20),
    spend=st.one_of(st.none(), needs),
)
def test_nothing_that_is_tried_is_better(
    options: list[Option], need: float, fewest: int, most: int, spend: float | None
) -> None:
    """Of small instances the very set is found that is the best of all, ties included."""
    found = cheapest(options, need, fewest=fewest, most=most, spend=spend)
    tried = by_trying_everything(options, need, fewest, most, spend)
    assert found.proven
    if tried is not None:
        assert (found.replicas, found.covers) == tried
    else:
        assert sum(found.replicas) <= most
        assert spend is None or sum(map(price, options, found.replicas)) <= spend + 1e-6


@settings(max_examples=200, deadline=None)
@given(options=small_options, need=needs, more=needs, most=st.integers(1, 20))
def test_more_need_never_costs_less(options: list[Option], need: float, more: float, most: int) -> None:
    """Where the larger need is covered, so is the smaller one, for no more."""
    smaller, larger = cheapest(options, need, most=most), cheapest(options, need + more, most=most)
    if larger.covers:
        assert smaller.covers
        assert sum(map(price, options, smaller.replicas)) <= sum(map(price, options, larger.replicas)) + 1e-9


nearly_alike = [option(1 + place * 1e-4, 0.9999 + place * 2.5e-5, 1000) for place in range(9)]
evens = [option(2.0 * place, 2.0 * place, 1000) for place in range(1, 10)]


@pytest.mark.parametrize(
    ("options", "need", "bounds"),
    [
        pytest.param(nearly_alike, 20.3, {}, id="nearly alike"),
        pytest.param(nearly_alike, 801.37, {}, id="nearly alike, hundreds"),
        pytest.param(nearly_alike, 801.37, {"most": 802}, id="nearly alike, just enough"),
        pytest.param(nearly_alike, 801.37, {"most": 800}, id="nearly alike, not enough"),
        pytest.param([option(2, 2, 1000)] * 9, 801, {}, id="all equal"),
        pytest.param(evens, 801, {}, id="an odd need of even ones"),
        pytest.param(evens, 801, {"most": 66}, id="an odd need of few even ones"),
        pytest.param([option(k**1.5, k, 1000) for k in range(1, 10)], 801.5, {"most": 200}, id="the large are dear"),
        pytest.param([option(k**0.8, k, 1000) for k in range(1, 10)], 801.5, {}, id="the large are cheap"),
        pytest.param(nearly_alike, 20.3, {"fewest": 500}, id="more than are needed"),
    ],
)
def test_hard_ones_are_proven_in_few_steps(options: list[Option], need: float, bounds: dict[str, Any]) -> None:
    """What has more sets than could ever be tried takes some thousands of steps at most."""
    found = cheapest(options, need, **{"most": 9000, **bounds})
    assert found.proven
    assert found.steps < 10_000


def test_a_search_that_is_cut_short_still_covers() -> None:
    """Sets of which millions cost nearly the same end the search: the need is covered, within 0.1 % of the least."""
    found = cheapest(nearly_alike, 800.013, most=9000)
    assert (found.proven, found.steps) == (False, packing.MOST_STEPS)
    assert found.covers
    cost = sum(map(price, nearly_alike, found.replicas))
    assert cost <= 800.013 * min(each.cost / each.capacity for each in nearly_alike) * 1.001
