"""How figures are drawn together and shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a case.

    Attributes:
        what: Left column.
        value: Middle column, with its unit.
        goal: Right column; empty where none was set.
    """

    what: str
    value: str
    goal: str = ""


def shown(figures: Sequence[Figure]) -> str:
    """Lines for people."""
    lines = [f"  {each.what:58}{each.value:>22}" + (f"    goal {each.goal}" if each.goal else "") for each in figures]
    return "\n".join(lines)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that this share of all values does not exceed (nearest rank).

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("no percentile of no values")
    return sorted(values)[max(0, ceil(percent / 100 * len(values)) - 1)]


def times(what: str, seconds: Sequence[float], goal: str = "") -> Figure:
    """Median, p99 and maximum of times, in milliseconds."""
    if not seconds:
        return Figure(what, "nothing measured", goal)
    median, high = percentile(seconds, 50), percentile(seconds, 99)
    return Figure(
        f"{what}: p50, p99, most of {len(seconds)}",
        f"{1000 * median:.0f}, {1000 * high:.0f}, {1000 * max(seconds):.0f} ms",
        goal,
    )
