"""Bursts that come again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.scaling.recurrence import (
    GRAINS,
    MEMORY_SECONDS,
    PEAK_SHARE,
    SHORTEST_WAIT_SECONDS,
    SPAN_SECONDS,
    Recurrence,
)

LOOK_SECONDS = 5.0


def after(*phases: tuple[float, float], past: Recurrence | None = None, begin: float = 0.0) -> tuple[Recurrence, float]:
    """What is remembered after phases of (seconds, replicas needed), each of which does one request/s; and when."""
    seen, now = past or Recurrence(), begin
    for seconds, need in phases:
        for _ in range(round(seconds / LOOK_SECONDS)):
            now += LOOK_SECONDS
            seen = seen.see(need, need * LOOK_SECONDS, LOOK_SECONDS, now)
    return seen, now


def floor_after(*phases: tuple[float, float]) -> float:
    """How many replicas are kept then."""
    seen, now = after(*phases)
    return seen.floor(now)


def test_nothing_came_nothing_is_kept() -> None:
    """Neither of no past, nor of half an hour of nothing."""
    assert Recurrence().floor(0.0) == 0
    assert floor_after((1800, 0)) == 0


def test_smooth_demand_keeps_what_it_needs() -> None:
    """Where nothing varies there are no peaks that do not show."""
    assert floor_after((1800, 4)) == 4


@pytest.mark.parametrize(
    ("small", "large", "kept"),
    [
        pytest.param(1.0, 8.0, 8.0, id="a fifth of the time brings two of three requests: they are kept room for"),
        pytest.param(4.0, 4.5, 4.5, id="hardly a burst"),
        pytest.param(8.0, 1.0, 8.0, id="lulls: they bring next to nothing"),
    ],
)
def test_requests_count_and_not_minutes(small: float, large: float, kept: float) -> None:
    """Four minutes of one, one minute of the other, six times."""
    floor = floor_after(*[(240, small), (60, large)] * 6)
    assert kept <= floor <= kept * (1 + PEAK_SHARE)


def test_the_largest_fifth_of_the_requests_is_let_go() -> None:
    """A single peak in which one of ten requests came is not kept room for."""
    assert floor_after((1500, 2), (20, 10)) < 3


def test_what_varies_between_looks_varies_within_them() -> None:
    """The burstier, the more is added; at most 65 percent of what was enough."""
    smooth, bursty, extreme = (
        floor_after(*[(600 - burst, 8 * rest), (burst, 8)] * 3) for rest, burst in ((0.9, 60), (0.2, 60), (0.0, 60))
    )
    assert smooth < bursty <= extreme == pytest.approx(8 * (1 + PEAK_SHARE))


def test_a_burst_is_forgotten_half_an_hour_after_it() -> None:
    """Though bursts came regularly until then."""
    bursts, now = after(*[(540, 0), (60, 8)] * 3)
    assert bursts.floor(now) > 8
    later, end = after((MEMORY_SECONDS + SPAN_SECONDS, 0), past=bursts, begin=now)
    assert later.floor(end) == 0


def test_a_single_burst_is_waited_for_ten_minutes() -> None:
    """It has not been seen to come again."""
    once, now = after((60, 8))
    assert once.floor(now + SHORTEST_WAIT_SECONDS) >= 8
    assert once.floor(now + SHORTEST_WAIT_SECONDS + 2 * SPAN_SECONDS) == 0


def test_a_burst_that_came_again_is_waited_for_twice_as_long_as_it_took() -> None:
    """Every ten minutes so far: it is not given up after eleven."""
    rhythm, now = after(*[(540, 0), (60, 8)] * 3)
    assert rhythm.floor(now + 900) >= 8


def test_demand_that_has_gone_leaves_what_came_since() -> None:
    """An hour of eight replicas, then a quarter of an hour of two: there is no rhythm in that."""
    assert 2 <= floor_after((3600, 8), (960, 2)) < 3


def test_requests_that_stay_for_minutes_are_no_burst_when_two_come_together() -> None:
    """One in twenty seconds, each of which keeps 16 places busy for five minutes: windows show 0, 1 or 2 of them."""
    kept = []
    for stay_seconds in (0.0, 300.0):
        seen, now = Recurrence(), 0.0
        for look in range(360):
            now += LOOK_SECONDS
            came = look % 20 in {0, 2, 9, 15, 17}
            seen = seen.see(4.0 * came, float(came), LOOK_SECONDS, now, stay_seconds=stay_seconds)
        kept.append(seen.floor(now))
    assert kept[0] > 4
    assert 0.9 < kept[1] < 1.5


def test_it_fits_into_a_few_dozen_numbers() -> None:
    """Half an hour of any demand: so it can be kept in status."""
    seen, _ = after(*[(5, index % 40) for index in range(720)])
    assert len(seen.spans) <= MEMORY_SECONDS / SPAN_SECONDS + 1
    assert seen.minutes == pytest.approx(30, abs=3)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=80))
def test_no_more_is_kept_than_the_most_that_was_needed_and_its_peaks(looks: list[tuple[float, float]]) -> None:
    """And never less than nothing, whatever came."""
    seen, now = Recurrence(), 0.0
    for need, requests in looks:
        now += LOOK_SECONDS
        seen = seen.see(need, requests, LOOK_SECONDS, now)
    most = max((min(need, 1e4) for need, _ in looks), default=0.0)
    assert 0 <= seen.floor(now) <= (most + 1 / GRAINS) * (1 + PEAK_SHARE)
