"""Spans of time that return, read as calendars: instants in local time, and the floor at each."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from calendars import CALENDARS, DAY, Calendar, instant, schedule
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline import START, TICK_SECONDS, Timeline, service
from timeline import given as target

from tidegate.api.scaling import Schedule
from tidegate.scaling.schedules import fault, floor_at


@pytest.mark.parametrize("row", CALENDARS.values(), ids=CALENDARS)
def test_a_calendar(row: Calendar) -> None:
    """A span holds from its start to just before its end, as the clocks there show them."""
    there = schedule(row.start, row.end, row.zone)
    held = {local: floor_at([there], instant(local, row.zone)) for local in row.holds}
    assert {local: floor > 0 for local, (floor, _) in held.items()} == row.holds
    assert all(bool(because) == (floor > 0) for floor, because in held.values())


@pytest.mark.parametrize("row", CALENDARS.values(), ids=CALENDARS)
def test_what_was_asked_before_changes_no_answer(row: Calendar) -> None:
    """Asked backwards in time, or of two schedules in turn, it answers the same."""
    there, other = schedule(row.start, row.end, row.zone), schedule("0 1 * * *", "0 2 * * *", "UTC", replicas=1)
    for local, holds in reversed(row.holds.items()):
        now = instant(local, row.zone)
        assert floor_at([other, there], now)[0] >= 3 * holds
        assert (floor_at([there], now)[0] == 3) is holds


class TestLeadTime:
    """Pods are ordered before a span begins."""

    @pytest.mark.parametrize(
        ("lead_seconds", "local", "floor"),
        [
            (0, "2026-11-20 07:59:59", 0),
            (180, "2026-11-20 07:56:59", 0),
            (180, "2026-11-20 07:57:00", 3),
            (180, "2026-11-20 17:58:00", 3),
            (180, "2026-11-20 18:00:00", 0),
            (3 * DAY, "2026-11-20 18:00:00", 3),  # longer than the weekend
            (2 * DAY, "2026-11-20 18:00:00", 0),
            (2 * DAY, "2026-11-21 08:00:00", 3),
            (12 * 3600, "2026-11-19 19:59:59", 0),  # longer than the span itself
            (12 * 3600, "2026-11-19 20:00:00", 3),
        ],
    )
    def test_the_floor_holds_that_much_earlier_and_no_longer(self, lead_seconds: float, local: str, floor: int) -> None:
        """From the start less the lead time to the end."""
        assert floor_at([schedule()], instant(local, "Europe/Paris"), lead_seconds)[0] == floor

    def test_it_says_so(self) -> None:
        """An on-call engineer sees pods before eight and reads why."""
        now = instant("2026-11-20 07:58", "Europe/Paris")
        assert floor_at([schedule()], now, 180) == (
            3,
            "schedule office asks for 3 from 2026-11-20 08:00 Europe/Paris on, and pods are ordered 180 s before",
        )


class TestSeveral:
    """Schedules of one service."""

    NOON = instant("2026-11-20 12:00", "Europe/Paris")

    def test_the_highest_holds(self) -> None:
        """And gives the reason."""
        both = [schedule(), schedule("0 11 * * *", "30 13 * * *", name="lunch", replicas=7)]
        for order in (both, both[::-1]):
            assert floor_at(order, self.NOON) == (7, "schedule lunch holds 7 until 2026-11-20 13:30 Europe/Paris")

    def test_none_asks_for_nothing(self) -> None:
        """There is no floor without a schedule."""
        assert floor_at([], self.NOON) == (0, "")

    @pytest.mark.parametrize("bad", [schedule(zone="Europe/Bonn", replicas=9), schedule(end="0 25 * * *", replicas=9)])
    def test_one_that_cannot_be_kept_asks_for_nothing_and_stops_no_other(self, bad: Schedule) -> None:
        """The operator tells of it; the service is scaled meanwhile."""
        assert floor_at([bad, schedule()], self.NOON)[0] == 3

    def test_a_span_goes_on_over_an_end_on_which_another_starts(self) -> None:
        """It says when it really ends."""
        shifts = schedule("0 6,14 * * *", "0 14,22 * * *")
        assert floor_at([shifts], self.NOON)[1].endswith("until 2026-11-20 22:00 Europe/Paris")


FAULTS = {
    "a zone that does not exist": (schedule(zone="Europe/Bonn"), ("timeZone: 'Europe/Bonn'", "Europe/Paris")),
    "a part of the world": (schedule(zone="Europe"), ("timeZone: 'Europe'",)),
    "an hour too late": (schedule(end="0 24 * * *"), ("end: '0 24 * * *'", "Bad hour", "'0 8 * * 1-5'")),
    "a word for a day": (schedule(start="0 8 * * weekdays"), ("start: '0 8 * * weekdays'", "Bad day-of-week")),
    "a day that no month has": (schedule(start="0 8 30 2 *"), ("start: '0 8 30 2 *'", "Bad day-of-month")),
    "seconds": (schedule(start="0 0 8 * * 1-5"), ("start: '0 0 8 * * 1-5'", "five fields")),
    "a word for all of it": (schedule(start="@daily"), ("start: '@daily'", "five fields")),
    "an end that is the start in other words": (
        schedule("0 8 * * 1-5", "0 08 * * MON-FRI"),
        ("end: '0 08 * * MON-FRI'", "would never end", "scaling.minReplicas"),
    ),
    "an end that always falls on a start": (schedule("0 * * * *", "0 18 * * 1-5"), ("end: '0 18 * * 1-5'",)),
    "Sunday by its two numbers": (schedule("0 8 * * 0", "0 8 * * 7"), ("would never end",)),
    "an end beyond all calendars": (schedule("0 0 * * *", "0 0 29 2 */7"), ("would never end",)),
}


@pytest.mark.parametrize(("bad", "says"), FAULTS.values(), ids=FAULTS)
def test_a_schedule_that_cannot_be_kept(bad: Schedule, says: tuple[str, ...]) -> None:
    """The field, the value, the fix."""
    told = fault(bad)
    for part in says:
        assert part in told


@pytest.mark.parametrize("row", CALENDARS.values(), ids=CALENDARS)
def test_a_schedule_that_can_be_kept(row: Calendar) -> None:
    """Nothing is found wrong with it."""
    assert fault(schedule(row.start, row.end, row.zone)) == ""


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0 8 * * 1-5", "0 8 * * 6"),  # the same time, on other days
        ("0 0 1 * 1", "0 0 1 * *"),  # the first, or a Monday; the first whatever day it is: always a start
        ("0 0 1 * *", "0 0 1 * 1"),  # Mondays end what began on the first
        ("0 8 * * *", "0 8 1 * 1"),  # whatever day it is: always a start
    ],
)
def test_ends_are_compared_as_calendars_not_as_words(start: str, end: str) -> None:
    """Of a day of month and a day of week, either is enough where both are given."""
    assert bool(fault(schedule(start, end))) == (start in {"0 0 1 * 1", "0 8 * * *"})


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """Cron expressions whose hours are near those at which clocks change."""
    minute = draw(st.sampled_from(["0", "30", "59", "*/20", "0,45"]))
    hour = draw(st.sampled_from(["*", "*/3", "0", "1", "2", "3", "1-3", "8", "23"]))
    day = draw(st.sampled_from(["*", "*", "25-31", "1", "L"]))
    return f"{minute} {hour} {day} * {draw(st.sampled_from(['*', '1-5', '0', 'SUN#1']))}"


CHANGES = {
    "Europe/Paris": ("2026-03-29 02:00+01:00", "2026-10-25 02:00+02:00"),
    "America/New_York": ("2026-03-08 01:00-05:00", "2026-11-01 01:00-04:00"),
    "Asia/Kolkata": ("2026-03-29 02:00+05:30",),
    "UTC": ("2026-12-31 23:00+00:00",),
}
"""Where clocks change, and where they do not."""


@given(expressions(), expressions(), st.sampled_from(sorted(CHANGES)), st.data())
@settings(max_examples=60, deadline=None)
def test_it_is_as_if_every_tick_had_been_counted(start: str, end: str, zone: str, data: st.DataObject) -> None:
    """A span is on if, of all ticks so far, the last was a start, or both at once."""
    middle = instant(data.draw(st.sampled_from(CHANGES[zone])), zone)
    now = middle + data.draw(st.integers(-12 * 3600, 36 * 3600))
    long_ago = datetime.fromtimestamp(middle - 35 * DAY, ZoneInfo(zone))

    def last(expression: str) -> float:
        latest = 0.0
        for tick in CronSim(expression, long_ago):
            if tick.timestamp() > now + DAY:
                return latest
            latest = max(latest, tick.timestamp()) if tick.timestamp() <= now else latest
        raise AssertionError("it never comes")

    if not (last(start) and last(end)):
        return  # longer ago than is counted here
    there = schedule(start, end, zone)
    assert (floor_at([there], now)[0] == 3) is (last(start) >= last(end) and not fault(there))


def office(**scaling: object) -> dict[str, object]:
    """The scaling of a service with a schedule from 160 s after the start of a timeline to 760 s after it."""
    begin, stop = (datetime.fromtimestamp(START + seconds, ZoneInfo("UTC")) for seconds in (160, 760))
    span = {"name": "office", "timeZone": "UTC", "minReplicas": 6}
    times = {"start": f"{begin:%M %H * * *}", "end": f"{stop:%M %H * * *}"}
    return {"tokenThroughput": target(1600), "schedules": [{**span, **times}], **scaling}


class TestDecisions:
    """A service with a schedule. A timeline starts at 22:13:20, so the span is from 22:16:00 to 22:26:00."""

    def test_pods_are_ready_when_the_span_begins_and_go_when_it_has_ended(self) -> None:
        """The size rises a lead time before."""
        timeline = Timeline(service(**office()), size=1)
        while timeline.size == 1:
            timeline.advance(TICK_SECONDS)
        assert 60 <= START + 160 - timeline.now < 60 + 2 * TICK_SECONDS
        assert timeline.decision.reason == "ScaledUp"
        assert "schedule office asks for 6" in timeline.decision.message
        timeline.advance(60)
        assert len(timeline.ready) == 6
        timeline.advance(500)
        assert (timeline.size, timeline.limits[-1:]) == (6, ["schedules"])
        timeline.advance(600)
        assert timeline.size == 1

    def test_it_needs_no_metrics(self) -> None:
        """What is known in advance is known without them."""
        timeline = Timeline(service(**office()), size=1).break_metrics(lambda _, __: None)
        assert timeline.advance(300).size == 6

    @pytest.mark.parametrize(
        ("scaling", "size"),
        [({"maxReplicas": 4}, 4), ({"minReplicas": 8}, 8), ({"replicas": 2}, 2), ({"mode": "Paused"}, 1)],
    )
    def test_it_only_raises_and_stays_within_bounds(self, scaling: dict[str, object], size: int) -> None:
        """Neither the maximum, a pin nor a pause is overruled."""
        assert Timeline(service(**office(**scaling)), size=1).advance(300).size == size

    def test_demand_above_it_counts(self) -> None:
        """A schedule is a floor, no ceiling."""
        assert Timeline(service(**office()), size=1).arrive(16).advance(400).size > 6
