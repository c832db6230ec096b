"""Numbers as people say them."""

import math


def number(value: float) -> str:
    """A number with three significant digits at most, and commas: `9,200`, `41`, `0.25`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.{max(digits, 0)}f}".rstrip("0")


def requests(amount: float) -> str:
    """`1 request`, `41 requests`."""
    return f"{number(amount)} request" if amount == 1 else f"{number(amount)} requests"


def count(amount: int, noun: str) -> str:
    """An amount and its noun: `1 replica`, `3 replicas`."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"
