"""The factor that is learned where promises are broken."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from tidegate.api.scaling import LatencyObjective, Objectives
from tidegate.scaling.latency import RecentLatencies
from tidegate.scaling.promises import ENOUGH_VALUES, HALF_LIFE_SECONDS, LARGEST_FACTOR, LARGEST_STEP, Promises

TWO_SECONDS = Objectives(time_to_first_token=LatencyObjective(percentile=95, milliseconds=2000))


def measured(seconds: float, values: float = 100.0) -> RecentLatencies:
    """A minute in which the p95 was about this."""
    return RecentLatencies(((0.0, ((seconds * (1 - 1e-9), 0.0), (seconds, values), (inf, 0.0))),))


def judged(promises: Promises, seconds: float, *, until: float, begin: float = 0.0, **facts: Any) -> Promises:
    """What is learned while the p95 is this, looked at every five seconds."""
    said = {"settled_since": -inf, "compete": True} | facts
    now = begin
    while now <= until:
        promises = replace(promises, first_token=measured(seconds)).judge(TWO_SECONDS, now=now, **said)
        now += 5.0
    return promises


def test_a_broken_promise_takes_one_step_at_once_and_one_a_minute() -> None:
    """Half of the excess at a time, at most 30 percent; a second look at the same minute is no second failure."""
    assert judged(Promises(), 2.4, until=0).factor == pytest.approx(1.1)
    assert judged(Promises(), 2.4, until=55).factor == pytest.approx(1.1)
    assert judged(Promises(), 2.4, until=60).factor == pytest.approx(1.1**2)
    assert judged(Promises(), 60.0, until=0).factor == pytest.approx(LARGEST_STEP)


def test_at_most_it_doubles_what_demand_needs() -> None:
    """A promise that this does not keep is one that more replicas cannot keep."""
    assert judged(Promises(), 60.0, until=3600).factor == LARGEST_FACTOR


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"compete": False}, id="requests neither wait nor share a pod: it is the request, or the card"),
        pytest.param({"settled_since": None}, id="pods are on their way"),
    ],
)
def test_it_does_not_rise_where_more_replicas_would_not_help(facts: dict[str, Any]) -> None:
    """However long the promise is broken."""
    assert judged(Promises(), 60.0, until=3600, **facts).factor == 1


def test_it_waits_a_minute_for_pods_that_have_just_come() -> None:
    """The latencies of the last minute are those of fewer pods."""
    assert judged(Promises(), 60.0, until=55, settled_since=0.0).factor == 1
    assert judged(Promises(), 60.0, until=60, settled_since=0.0).factor == LARGEST_STEP


def test_too_few_requests_say_nothing_of_a_percentile() -> None:
    """The slowest of nineteen may be anything."""
    few = Promises(first_token=measured(60.0, ENOUGH_VALUES - 1))
    assert few.judge(TWO_SECONDS, settled_since=-inf, compete=True, now=0.0).factor == 1
    enough = Promises(first_token=measured(60.0, ENOUGH_VALUES))
    assert enough.judge(TWO_SECONDS, settled_since=-inf, compete=True, now=0.0).factor > 1


def test_while_all_are_kept_it_fades_by_half_in_half_an_hour() -> None:
    """Slowly, for what fades is learned again only by breaking the promise."""
    high = Promises(factor=1.8)
    assert judged(high, 1.0, until=HALF_LIFE_SECONDS).factor == pytest.approx(1.4)
    assert judged(high, 1.0, until=8 * HALF_LIFE_SECONDS).factor == pytest.approx(1, abs=0.01)


def test_a_broken_promise_holds_it_even_where_it_may_not_rise() -> None:
    """It does not fade while the promise is broken."""
    assert judged(Promises(factor=1.8), 60.0, until=3600, settled_since=None).factor == 1.8


def test_the_worst_of_two_promises_counts() -> None:
    """The first token comes in time, those after it do not."""
    both = Objectives(
        time_to_first_token=LatencyObjective(percentile=95, milliseconds=2000),
        inter_token_latency=LatencyObjective(percentile=95, milliseconds=100),
    )
    promises = Promises(first_token=measured(1.0), inter_token=measured(0.12))
    assert [verdict.excess for verdict in promises.verdicts(both)] == pytest.approx([0.5, 1.2], rel=0.01)
    assert promises.judge(both, settled_since=-inf, compete=True, now=0.0).factor == pytest.approx(1.1, rel=0.01)


def test_without_a_promise_nothing_is_judged() -> None:
    """Whatever was measured."""
    assert Promises(first_token=measured(60.0)).judge(Objectives(), settled_since=-inf, compete=True, now=0.0) == (
        Promises(first_token=measured(60.0), time=0.0)
    )
