"""Samples that come every 15, 30 or 60 s, as from a Prometheus: the same sizes, later by no more than that."""

from functools import cache
from itertools import pairwise

import pytest
from timeline import START, TICK_SECONDS, Timeline, given, service

STEP_AT, FALL_AT = 300.0, 900.0

each_interval = pytest.mark.parametrize("scrape_seconds", [15.0, 30.0, 60.0])


@cache
def story(scrape_seconds: float) -> Timeline:
    """2 requests/s for five minutes, 10 for ten, and 2 again, with samples good for three scrapes."""
    facts = {"stale_after_seconds": 3 * max(TICK_SECONDS, scrape_seconds)}
    spec = service(tokenThroughput=given(1600))
    timeline = Timeline(spec, size=2, scrape_seconds=scrape_seconds, facts=facts)
    timeline.arrive(2).advance(STEP_AT)
    timeline.arrive(10).advance(FALL_AT - STEP_AT)
    return timeline.arrive(2).advance(900)


def reached(timeline: Timeline, size: int) -> float:
    """When so many replicas were first decided, in seconds since the beginning."""
    return next(decision.time for decision in timeline.decisions if decision.to_replicas >= size) - START


def settled(timeline: Timeline) -> float:
    """When the size last changed, in seconds since the beginning."""
    changes = [decision.time for decision in timeline.decisions if decision.from_replicas != decision.to_replicas]
    return changes[-1] - START


@each_interval
def test_a_step_is_answered_one_scrape_later_at_most(scrape_seconds: float) -> None:
    """What every-tick reading orders within half a minute is ordered then, plus one interval."""
    often, seldom = story(TICK_SECONDS), story(scrape_seconds)
    for size in (3, 6):
        assert reached(often, size) <= reached(seldom, size) <= reached(often, size) + scrape_seconds


@each_interval
def test_its_end_is_followed_one_scrape_later_at_most(scrape_seconds: float) -> None:
    """Both shrink to what was there before the step, and stay there."""
    often, seldom = story(TICK_SECONDS), story(scrape_seconds)
    assert often.size == seldom.size == 2
    assert settled(seldom) <= settled(often) + scrape_seconds


@each_interval
def test_samples_that_come_seldom_are_no_reason_for_more(scrape_seconds: float) -> None:
    """A queue that has grown unseen adds no more than one that is watched, and nothing swings.

    Three readings are in the forecast when it orders, not nine: it may take a step for growth of a tenth yet.
    """
    often, seldom = story(TICK_SECONDS), story(scrape_seconds)
    assert seldom.largest() <= often.largest() * 1.15
    sizes = [decision.to_replicas for decision in seldom.decisions]
    turns = [after for before, after in pairwise(sizes) if before != after]
    peak = turns.index(max(turns))
    assert turns == sorted(turns[: peak + 1]) + sorted(turns[peak + 1 :], reverse=True)
    assert seldom.decision.health.complete
