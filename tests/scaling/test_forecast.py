"""Where demand will be when pods that are ordered now are ready."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.scaling.forecast import DAMPING_SECONDS, Forecast

LOOK_SECONDS = 5.0
COUNTED_SECONDS = 15.0


def after(readings: Iterable[float], forecast: Forecast | None = None) -> Forecast:
    """What is expected after these, one every five seconds."""
    seen = forecast or Forecast()
    for reading in readings:
        now = 0.0 if seen.time is None else seen.time + LOOK_SECONDS
        seen = seen.see(reading, now, counted_seconds=COUNTED_SECONDS)
    return seen


def poisson_windows(rate: float, looks: int, seed: int) -> list[float]:
    """Requests per second, as chance has it, each counted over the last 15 seconds."""
    random, now, arrivals = Random(seed), 0.0, []  # noqa: S311 - a test, and one that is to be repeatable
    end = looks * LOOK_SECONDS + COUNTED_SECONDS
    while (now := now + random.expovariate(rate)) < end:
        arrivals.append(now)
    times = (COUNTED_SECONDS + look * LOOK_SECONDS for look in range(looks))
    return [sum(time - COUNTED_SECONDS < at <= time for at in arrivals) / COUNTED_SECONDS for time in times]


def test_the_first_reading_is_the_level() -> None:
    """And nothing is known of where it goes."""
    forecast = after([10.0])
    assert forecast.level == 10
    assert forecast.at_least_growing(60.0) == 10


def test_a_ramp_is_seen_at_the_third_reading() -> None:
    """From 10 on, one more every five seconds: far more is expected in a minute than there is now."""
    forecast = after([10.0, 20.0, 30.0])
    assert forecast.at_least_growing(60.0) > 1.5 * 30


@pytest.mark.parametrize(("start", "growth"), [(20.0, 0.2), (20.0, 1.0), (100.0, 3.0)])
def test_a_ramp_is_followed_without_lagging_behind(start: float, growth: float) -> None:
    """For three minutes the level is where demand is, and after the first half minute more than that is expected."""
    forecast = Forecast()
    for look in range(37):
        demand = start + growth * LOOK_SECONDS * look
        forecast = after([demand], forecast)
        assert forecast.level == pytest.approx(demand, rel=0.03)
        if look in {6, 12}:
            assert forecast.at_least_growing(60.0) > 1.05 * demand


@pytest.mark.parametrize("rate", [2.0, 10.0, 50.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chance_does_not_move_it(rate: float, seed: int) -> None:
    """Ten minutes at one mean: the expectation for a minute ahead stays within what chance does to windows."""
    forecast, expected = after([rate]), []
    for reading in poisson_windows(rate, 120, seed):
        forecast = after([reading], forecast)
        expected.append(forecast.at_least_growing(60.0))
    settled = expected[24:]
    assert max(settled) < rate + 4 * (rate / COUNTED_SECONDS) ** 0.5
    assert sum(settled) / len(settled) == pytest.approx(rate, rel=0.15)


def test_one_window_far_off_is_no_other_level() -> None:
    """A burst of one look, which each of three windows counts: it is not quite believed, and fades within a minute."""
    calm = after([10.0] * 60)
    burst = after([40.0, 40.0], calm)
    assert (burst.level or 0.0) < 25
    assert (after([10.0] * 12, burst).level or 0.0) < 13


def test_two_windows_far_off_are() -> None:
    """Demand that quadruples at once is believed when a whole second window says so, and not crept up to."""
    calm = after([10.0] * 60)
    stepped = after([40.0] * 5, calm)
    assert stepped.level == pytest.approx(40, rel=0.1)


def test_demand_that_ends_is_believed_as_soon() -> None:
    """The same way down, and never below zero."""
    gone = after([0.0] * 6, after([10.0] * 60))
    assert gone.level == pytest.approx(0, abs=1)
    assert gone.at(600.0) >= 0


def test_a_trend_fades() -> None:
    """Nothing grows for ever: however far ahead, no more than the growth of some 65 seconds."""
    forecast = after(10 + look for look in range(20))
    ahead = forecast.at(1e6) - forecast.at(0.0)
    assert ahead == pytest.approx(forecast.trend_per_second * DAMPING_SECONDS)
    assert forecast.at(1e6) < 10 + 20 + 20


def test_a_trend_down_takes_nothing_off() -> None:
    """Pods leave when demand has fallen, not when it may."""
    forecast = after(60 - look for look in range(30))
    assert forecast.trend_per_second < 0
    assert forecast.at_least_growing(60.0) == forecast.level


def test_a_second_look_at_the_same_time_changes_nothing() -> None:
    """A service may be looked at again because its object changed."""
    forecast = after([10.0, 12.0])
    assert forecast.time is not None
    assert forecast.see(99.0, forecast.time, counted_seconds=COUNTED_SECONDS) == forecast


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_it_is_never_negative(readings: list[float]) -> None:
    """Whatever comes, in whatever order."""
    forecast = after(readings)
    assert forecast.level is not None
    assert forecast.level >= 0
    assert forecast.at(60.0) >= 0
    assert forecast.at_least_growing(60.0) >= forecast.level
    assert forecast.doubt[2] >= 0


def test_what_is_left_of_demand_that_ended_is_nothing() -> None:
    """A level that only ever halves would be told with hundreds of zeros."""
    assert after([*[10.0] * 20, *[0.0] * 400]).level == 0
