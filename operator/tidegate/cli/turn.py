"""One thing that would change the size of a service."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Where a change would lead."""

    UP = "Up"
    DOWN = "Down"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that would change the size."""

    direction: Direction
    when: str
    """As the end of a sentence: `more than 9,900 tokens/s arrive`."""

    measured: str = ""
    """What it is now, in the same terms; "" where that is not known."""

    threshold: float | None = None
    """The number in `when`, unrounded, where there is one."""
