import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scaling.frontier import Point, Regret, pareto, regret

FRONTIER = [Point(0.90, 4), Point(0.98, 6), Point(1.0, 10)]
POINTS = st.lists(st.builds(Point, attainment=st.floats(0, 1), gpu_hours=st.floats(0.1, 100)), min_size=1, max_size=12)


def test_the_frontier_leaves_out_what_is_worse_and_dearer() -> None:
    """Points that another one beats or equals are not on it; the rest rises in both."""
    worse = [Point(0.90, 5), Point(0.97, 6), Point(1.0, 11), Point(0.5, 4)]
    assert pareto([*worse, *reversed(FRONTIER)]) == FRONTIER


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (Point(0.98, 6), Regret(1.0)),
        (Point(0.94, 10), Regret(2.0)),  # half-way from 4 to 6
        (Point(0.99, 4), Regret(0.5)),
        (Point(0.9, 5), Regret(1.25)),
    ],
)
def test_regret_is_the_cost_in_units_of_the_frontier_at_the_same_share(point: Point, expected: Regret) -> None:
    """Between two points of the frontier its cost is interpolated."""
    assert regret(point, FRONTIER).ratio == pytest.approx(expected.ratio)
    assert not regret(point, FRONTIER).beyond


def test_who_is_better_than_hindsight_is_compared_with_its_best() -> None:
    """No cost is known for it; the ratio is marked as too high."""
    assert regret(Point(0.995, 12), FRONTIER[:2]) == Regret(2.0, beyond=True)


def test_who_is_worse_than_all_of_hindsight_is_compared_with_its_cheapest() -> None:
    """That it paid less says nothing; the ratio is marked."""
    assert regret(Point(0.1, 1), FRONTIER) == Regret(0.25, below=True)


def test_without_hindsight_there_is_no_regret() -> None:
    """The message says what to run."""
    with pytest.raises(ValueError, match="run static sizes or clairvoyants"):
        regret(Point(0.9, 1), [])


@given(POINTS)
def test_nobody_is_below_the_frontier(points: list[Point]) -> None:
    """Whatever the points are: each of them has a regret of at least 1, and the frontier rises in both."""
    frontier = pareto(points)
    assert all(regret(point, frontier).ratio >= 1 - 1e-9 for point in points)
    assert frontier == sorted(frontier)
    assert [it.gpu_hours for it in frontier] == sorted({it.gpu_hours for it in frontier})
