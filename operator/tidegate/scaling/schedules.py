"""Spans of time that return, such as office hours: is one running now, until when, and when does the next begin?

A span lasts from an instant at which `start` fires to the next at which `end` fires and `start` does not. Calendars are
the one thing in this room that needs datetime; the instant is handed in, no clock is asked.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from tidegate.api.scaling import Schedule

KNOWN_SCHEDULES = 65_536
"""Of so many different schedules it is remembered what they say now."""

LONGEST_REPETITION_SECONDS = 10_800.0
"""No clock that is put back repeats more than three hours."""

MOST_ENDS_PASSED_OVER = 400
"""Of the ends that fall on a start. Beyond, the last of them is taken: the question is asked again then."""

SOME_INSTANT = 1_700_000_000.0
"""Where to begin when it is asked whether something ever comes."""


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a schedule says one thing, in seconds since the epoch: from `since` to just before `until`."""

    since: float
    until: float
    is_span: bool
    """Whether it is a span; otherwise it is the time between two, and `until` is when the next begins."""

    until_words: str
    """`until` as a clock in the schedule's time zone shows it."""


def floor_at(schedules: Iterable[Schedule], now: float, lead_seconds: float = 0.0) -> tuple[int, str]:
    """The fewest replicas that schedules ask for.

    Args:
        schedules: of one service. One that cannot be kept asks for nothing; `fault` says what is wrong with it.
        now: seconds since the epoch.
        lead_seconds: how long before a start the replicas are asked for, so that they are ready in time.

    Returns:
        The highest `minReplicas` of the schedules that hold now, and why as a sentence for people; 0 and "" if none
        does.
    """
    floor, because = 0, ""
    for schedule in schedules:
        if schedule.min_replicas <= floor:
            continue
        period = _period_at(schedule, now)
        if period is None:
            continue
        if period.is_span:
            floor = schedule.min_replicas
            because = f"schedule {schedule.name} holds {floor} until {period.until_words}"
        elif now >= period.until - lead_seconds:
            floor = schedule.min_replicas
            because = (
                f"schedule {schedule.name} asks for {floor} from {period.until_words} on, and pods are ordered "
                f"{lead_seconds:.0f} s before"
            )
    return floor, because


def next_start(schedule: Schedule, now: float) -> tuple[float, str] | None:
    """When the next span of a schedule begins, in seconds since the epoch and as its clocks show it.

    None while one is running, and for a schedule that cannot be kept or never begins.
    """
    period = _period_at(schedule, now)
    return None if period is None or period.is_span or period.until == math.inf else (period.until, period.until_words)


def fault(schedule: Schedule) -> str:
    """What is wrong with a schedule: the field, the value, the fix; "" if it can be kept."""
    return _fault(schedule.start, schedule.end, schedule.time_zone)


@lru_cache(maxsize=KNOWN_SCHEDULES)
def _fault(start: str, end: str, time_zone: str) -> str:
    try:
        zone = _zone(time_zone)
    except ValueError:
        return (
            f"timeZone: {time_zone!r} is no time zone of the IANA's list; write it like Europe/Paris, "
            "America/New_York or UTC"
        )
    for field, expression in (("start", start), ("end", end)):
        try:
            _parse(expression)
        except ValueError as error:
            return (
                f"{field}: {expression!r} is not a time that comes ({error}); give five cron fields, minute, hour, "
                "day of month, month and day of week, for example '0 8 * * 1-5'"
            )
    if not _Calendar(start, end, zone).ever_ends():
        return (
            f"end: {end!r} only fires together with start {start!r}, so the span would never end; give it another "
            "time, or use scaling.minReplicas"
        )
    return ""


def _period_at(schedule: Schedule, now: float) -> Period | None:
    """What a schedule says now; None if it cannot be kept."""
    calendar = _calendar(schedule.start, schedule.end, schedule.time_zone)
    return None if calendar is None else calendar.period_at(now)


class _Calendar:
    """One schedule, and the period that was asked for last: it holds for hours, and is asked for every few seconds."""

    __slots__ = ("_end", "_period", "_start", "_zone")

    def __init__(self, start: str, end: str, zone: ZoneInfo) -> None:
        self._start, self._end, self._zone = start, end, zone
        self._period = Period(math.inf, math.inf, is_span=False, until_words="")

    def period_at(self, now: float) -> Period:
        """The period that `now` is in. What was remembered changes how long it takes, never the answer."""
        if not self._period.since <= now < self._period.until:
            self._period = self._find(now)
        return self._period

    def ever_ends(self) -> bool:
        """Whether an end comes that does not fall on a start."""
        end = self._end_after(SOME_INSTANT)
        return end < math.inf and self._last(self._start, end) != end

    def _find(self, now: float) -> Period:
        started, ended = self._last(self._start, now), self._last(self._end, now)
        is_span = started >= ended and started > -math.inf
        until = self._end_after(now) if is_span else self._next(self._start, now)
        words = "" if until == math.inf else datetime.fromtimestamp(until, self._zone).strftime("%Y-%m-%d %H:%M")
        # An end that fell on a start has changed nothing.
        return Period(max(started, ended), until, is_span, f"{words} {self._zone.key}")

    def _end_after(self, now: float) -> float:
        end = now
        for _ in range(MOST_ENDS_PASSED_OVER):
            end = self._next(self._end, end)
            if end == math.inf or self._last(self._start, end) != end:
                break
        return end

    def _next(self, expression: str, now: float) -> float:
        """The first time after `now`; never, if it does not come within fifty years."""
        return next((tick for tick in _ticks(expression, now, self._zone) if tick > now), math.inf)

    def _last(self, expression: str, now: float) -> float:
        """The last time up to `now`."""
        # Where a clock was put back, the same time of day may have been before: begin well after it.
        begin = now + 1.0
        if datetime.fromtimestamp(begin, self._zone).fold:
            begin += LONGEST_REPETITION_SECONDS
        ticks = _ticks(expression, begin, self._zone, reverse=True)
        return next((tick for tick in ticks if tick <= now), -math.inf)


def _ticks(expression: str, begin: float, zone: ZoneInfo, *, reverse: bool = False) -> Iterator[float]:
    """When an expression fires, from an instant on, as far as calendars reach: to the year 9999."""
    try:
        for tick in CronSim(expression, datetime.fromtimestamp(math.floor(begin), zone), reverse=reverse):
            yield tick.timestamp()
    except (OverflowError, ValueError):
        return


@lru_cache(maxsize=KNOWN_SCHEDULES)
def _calendar(start: str, end: str, time_zone: str) -> _Calendar | None:
    return None if _fault(start, end, time_zone) else _Calendar(start, end, _zone(time_zone))


def _parse(expression: str) -> None:
    """Look whether an expression means anything.

    Raises:
        ValueError: if it does not, or never comes.
    """
    if len(expression.split()) != 5:  # noqa: PLR2004 - the library takes a sixth, of seconds
        raise ValueError("it has not five fields")
    try:
        next(CronSim(expression, datetime.fromtimestamp(SOME_INSTANT, UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(str(error) or "it never comes") from None


def _zone(time_zone: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        ValueError: if there is none of that name.
    """
    try:
        return ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, OSError) as error:  # A folder of zones, such as Europe, is an OSError.
        raise ValueError(str(error)) from None
