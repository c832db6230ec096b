"""What is remembered of cost as a short text, for the next operator: `1 tokens 1770000000.5 491666:2.5,12000,5 ...`."""

import math
from types import MappingProxyType

from tidegate.scaling.cost import HOURS, CostMemory, Hour

FORMAT = "1"
"""Goes up when a reader of the last format would misread the text."""

_DIGITS = (7, 5, 3)


def cost_text(memory: CostMemory, most_characters: int) -> str:
    """Write it, with fewer digits where it would be too long; empty where nothing was ever seen.

    Args:
        memory: what `look` returned.
        most_characters: how long it may be.
    """
    if memory.time is None:
        return ""
    texts = (_text(memory, memory.time, digits) for digits in _DIGITS)
    return next((text for text in texts if len(text) <= most_characters), "")


def recall_cost(text: str) -> CostMemory:
    """Read it back; an empty memory where nobody, or another version, wrote it."""
    parts = text.split(" ")
    if len(parts) < 3 or parts[0] != FORMAT:  # noqa: PLR2004 - format, unit, time
        return CostMemory()
    try:
        hours = dict(_hour(part) for part in parts[3:])
        time = float(parts[2])
    except ValueError:
        return CostMemory()
    if not 0 <= time < math.inf:
        return CostMemory()
    return CostMemory(time=time, work_unit=parts[1], hours=MappingProxyType(hours))


def _text(memory: CostMemory, time: float, digits: int) -> str:
    hours = sorted(memory.hours.items())[-HOURS:]
    told = [
        f"{number}:{hour.cost:.{digits}g},{hour.work:.{digits}g},{hour.needed_cost_per_hour:.{digits}g}"
        for number, hour in hours
    ]
    return " ".join((FORMAT, memory.work_unit or "-", f"{time:.3f}", *told))


def _hour(text: str) -> tuple[int, Hour]:
    number, values = text.split(":")
    cost, work, needed = (float(value) for value in values.split(","))
    if not all(0 <= value < math.inf for value in (cost, work, needed)):
        raise ValueError(f"{text!r}: no hour has such numbers")
    return int(number), Hour(cost=cost, work=work, needed_cost_per_hour=needed)
