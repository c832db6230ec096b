"""Schedules in their calendars: when a span holds and when it does not, by the clock on the wall."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tidegate.api.scaling import Schedule

DAY = 86_400.0


def schedule(
    start: str = "0 8 * * 1-5",
    end: str = "0 18 * * 1-5",
    zone: str = "Europe/Paris",
    *,
    replicas: int = 3,
    name: str = "office",
) -> Schedule:
    """A schedule; office hours unless told otherwise."""
    return Schedule(name=name, start=start, end=end, time_zone=zone, min_replicas=replicas)


def instant(local: str, zone: str) -> float:
    """A time as a clock there shows it, with its offset where it shows it twice."""
    read = datetime.fromisoformat(local)
    return (read if read.tzinfo else read.replace(tzinfo=ZoneInfo(zone))).timestamp()


class Calendar(NamedTuple):
    """One row: a schedule's start, end and zone, and whether it holds at each time there."""

    start: str
    end: str
    zone: str
    holds: dict[str, bool]


CALENDARS = {
    "office hours": Calendar(
        "0 8 * * 1-5",
        "0 18 * * 1-5",
        "Europe/Paris",
        {
            "2026-11-20 07:59:59": False,  # a Friday
            "2026-11-20 08:00:00": True,
            "2026-11-20 17:59:59": True,
            "2026-11-20 18:00:00": False,
            "2026-11-21 12:00:00": False,
            "2026-11-22 12:00:00": False,
            "2026-11-23 07:59:59": False,
            "2026-11-23 08:00:00": True,
        },
    ),
    "office hours, the day after clocks went forward": Calendar(
        "0 8 * * *",
        "0 18 * * *",
        "Europe/Paris",
        {
            "2026-03-28 07:59:59+01:00": False,
            "2026-03-28 08:00:00+01:00": True,
            "2026-03-29 07:59:59+02:00": False,
            "2026-03-29 08:00:00+02:00": True,  # an hour earlier for the sun
            "2026-03-29 18:00:00+02:00": False,
        },
    ),
    "office hours, the day after clocks went back": Calendar(
        "0 8 * * *",
        "0 18 * * *",
        "Europe/Paris",
        {
            "2026-10-24 08:00:00+02:00": True,
            "2026-10-25 07:59:59+01:00": False,
            "2026-10-25 08:00:00+01:00": True,
            "2026-10-25 17:59:59+01:00": True,
            "2026-10-25 18:00:00+01:00": False,
        },
    ),
    "a start in the hour that is left out": Calendar(
        "30 2 * * *",
        "0 6 * * *",
        "Europe/Paris",
        {
            "2026-03-29 01:59:59+01:00": False,
            "2026-03-29 03:00:00+02:00": True,  # the next second
            "2026-03-29 06:00:00+02:00": False,
            "2026-03-30 02:29:59+02:00": False,
            "2026-03-30 02:30:00+02:00": True,
        },
    ),
    "an end in the hour that is left out": Calendar(
        "0 22 * * *",
        "30 2 * * *",
        "Europe/Paris",
        {"2026-03-29 01:59:59+01:00": True, "2026-03-29 03:00:00+02:00": False, "2026-03-29 22:00:00+02:00": True},
    ),
    "a start in the hour that comes twice": Calendar(
        "30 2 * * *",
        "0 6 * * *",
        "Europe/Paris",
        {
            "2026-10-25 02:29:59+02:00": False,
            "2026-10-25 02:30:00+02:00": True,  # the first of the two
            "2026-10-25 02:00:00+01:00": True,
            "2026-10-25 02:29:59+01:00": True,
            "2026-10-25 05:59:59+01:00": True,
            "2026-10-25 06:00:00+01:00": False,
        },
    ),
    "an end in the hour that comes twice": Calendar(
        "0 22 * * *",
        "30 2 * * *",
        "Europe/Paris",
        {
            "2026-10-25 02:29:59+02:00": True,
            "2026-10-25 02:30:00+02:00": False,
            "2026-10-25 02:15:00+01:00": False,  # again before half past two
            "2026-10-25 03:00:00+01:00": False,
            "2026-10-25 22:00:00+01:00": True,
        },
    ),
    "a night in New York, clocks forward": Calendar(
        "0 22 * * *",
        "0 6 * * *",
        "America/New_York",
        {
            "2026-03-07 21:59:59-05:00": False,
            "2026-03-07 22:00:00-05:00": True,
            "2026-03-08 03:00:00-04:00": True,
            "2026-03-08 05:59:59-04:00": True,
            "2026-03-08 06:00:00-04:00": False,
        },
    ),
    "a night in New York, clocks back": Calendar(
        "0 22 * * *",
        "0 6 * * *",
        "America/New_York",
        {
            "2026-10-31 22:00:00-04:00": True,
            "2026-11-01 01:30:00-04:00": True,
            "2026-11-01 01:30:00-05:00": True,
            "2026-11-01 05:59:59-05:00": True,
            "2026-11-01 06:00:00-05:00": False,
        },
    ),
    "half an hour from everybody else": Calendar(
        "30 9 * * 1-6",
        "0 21 * * 1-6",
        "Asia/Kolkata",
        {
            "2026-11-21 03:59:59+00:00": False,  # a Saturday
            "2026-11-21 04:00:00+00:00": True,
            "2026-11-21 15:29:59+00:00": True,
            "2026-11-21 15:30:00+00:00": False,
            "2026-11-22 06:00:00+00:00": False,
        },
    ),
    "a weekend": Calendar(
        "0 18 * * FRI",
        "0 6 * * MON",
        "UTC",
        {
            "2026-11-20 17:59:59": False,
            "2026-11-20 18:00:00": True,
            "2026-11-22 12:00:00": True,
            "2026-11-23 05:59:59": True,
            "2026-11-23 06:00:00": False,
            "2026-11-26 12:00:00": False,
        },
    ),
    "the end of the month": Calendar(
        "0 0 L * *",
        "0 0 3 * *",
        "UTC",
        {
            "2028-02-28 23:59:59": False,
            "2028-02-29 00:00:00": True,
            "2028-03-02 23:59:59": True,
            "2028-03-03 00:00:00": False,
            "2028-03-30 23:59:59": False,
            "2028-03-31 00:00:00": True,
            "2028-04-01 00:00:00": True,
        },
    ),
    "the turn of the year": Calendar(
        "0 12 24 12 *",
        "0 8 2 1 *",
        "Europe/Paris",
        {
            "2026-12-24 11:59:59": False,
            "2026-12-24 12:00:00": True,
            "2027-01-01 00:00:00": True,
            "2027-01-02 08:00:00": False,
            "2027-07-01 00:00:00": False,
        },
    ),
    "one day of leap years": Calendar(
        "0 0 29 2 *",
        "0 0 1 3 *",
        "UTC",
        {"2027-02-28 12:00:00": False, "2028-02-29 12:00:00": True, "2028-03-01 00:00:00": False},
    ),
    "several starts for one end": Calendar(
        "0 8,12 * * *",
        "0 18 * * *",
        "UTC",
        {"2026-11-20 07:00:00": False, "2026-11-20 09:00:00": True, "2026-11-20 13:00:00": True},
    ),
    "several ends for one start": Calendar(
        "0 8 * * *",
        "0 18,20 * * *",
        "UTC",
        {"2026-11-20 17:00:00": True, "2026-11-20 19:00:00": False, "2026-11-20 21:00:00": False},
    ),
    "shifts, one after the other": Calendar(
        "0 6,14 * * *",
        "0 14,22 * * *",
        "UTC",
        {
            "2026-11-20 05:59:59": False,
            "2026-11-20 13:59:59": True,
            "2026-11-20 14:00:00": True,
            "2026-11-20 21:59:59": True,
            "2026-11-20 22:00:00": False,
        },
    ),
    "ten minutes of each hour": Calendar(
        "55 * * * *",
        "5 * * * *",
        "Europe/Paris",
        {
            "2026-10-25 02:54:59+02:00": False,
            "2026-10-25 02:55:00+02:00": True,
            "2026-10-25 02:04:59+01:00": True,
            "2026-10-25 02:05:00+01:00": False,
            "2026-10-25 02:55:00+01:00": True,
        },
    ),
}
