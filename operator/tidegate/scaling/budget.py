"""What a service may cost now: its own budget, and what is left for it below its namespace's ceiling.

A ceiling is shared without anybody to share it out. Each service works out its part from what all of them hold, and
two rules keep that from ending in a quarrel: nobody takes what another holds, and where more is held than the ceiling
allows, for it was lowered or two have grown at once, the services made last give way. Both are settled by
`(created, name)`, so that every look, in whatever order, comes to the same.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.api.scaling import MAXIMUM_REPLICAS
from tidegate.scaling.wording import number

ROUNDING = 1e-9
"""Prices are decimals, which floats are not: three times 0.1 is affordable with 0.3."""

NAMED_HOLDERS = 3
"""Of those who hold the rest of a ceiling, so many are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a service may cost now."""

    cost_per_hour: float
    """The most that its replicas may cost for an hour, together; never negative."""

    because: str
    """Which bound that is, its numbers, and who holds the rest: the middle of a sentence for people."""

    def affords(self, cost_per_hour: float) -> bool:
        """Whether that much is within it."""
        return cost_per_hour <= self.cost_per_hour * (1 + ROUNDING)

    def replicas(self, cost_per_hour: float) -> int:
        """How many replicas of a price, above zero, are within it: no more than any service may have."""
        return math.floor(min(self.cost_per_hour * (1 + ROUNDING) / cost_per_hour, MAXIMUM_REPLICAS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """What all services of a namespace may cost together."""

    cost_per_hour: float
    """Not negative."""

    source: str
    """Where it is said, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A service of the namespace, and what it holds of the ceiling."""

    name: str
    created: float
    """In seconds since the epoch."""

    cost_per_hour: float
    """What the replicas cost that it has or has ordered, whichever are more."""


def budget_of(
    own_cost_per_hour: float | None, ceiling: Ceiling | None, itself: Holder, others: Iterable[Holder]
) -> Budget | None:
    """Work out what a service may cost now.

    Args:
        own_cost_per_hour: `scaling.budget.maxCostPerHour`; None without one.
        ceiling: that of its namespace; None without one.
        itself: the service, with what it holds.
        others: all other services of the namespace.

    Returns:
        The narrower of the two bounds, its own where they are equal; None where there is neither.
    """
    bounds = []
    if own_cost_per_hour is not None:
        because = f"scaling.budget.maxCostPerHour is {number(own_cost_per_hour)} an hour"
        bounds.append(Budget(cost_per_hour=own_cost_per_hour, because=because))
    if ceiling is not None:
        bounds.append(_left_below(ceiling, itself, tuple(others)))
    return min(bounds, key=lambda bound: bound.cost_per_hour, default=None)


def _left_below(ceiling: Ceiling, itself: Holder, others: tuple[Holder, ...]) -> Budget:
    held_by_others = sum(other.cost_per_hour for other in others)
    held_by_older = sum(other.cost_per_hour for other in others if _age(other) < _age(itself))
    free = ceiling.cost_per_hour - held_by_others
    kept = min(itself.cost_per_hour, ceiling.cost_per_hour - held_by_older)
    allowed = max(0.0, free, kept)
    held = [other for other in others if other.cost_per_hour]
    rest = (
        f"the other services hold {number(held_by_others)} ({_named(held)})" if held else "no other service holds any"
    )
    because = f"the namespace may cost {number(ceiling.cost_per_hour)} an hour ({ceiling.source}), of which {rest}"
    return Budget(cost_per_hour=allowed, because=because)


def _age(holder: Holder) -> tuple[float, str]:
    return holder.created, holder.name


def _named(held: list[Holder]) -> str:
    """The holders of most, and how many more there are."""
    most = sorted(held, key=lambda holder: (-holder.cost_per_hour, *_age(holder)))
    names = [f"{holder.name} {number(holder.cost_per_hour)}" for holder in most[:NAMED_HOLDERS]]
    more = len(most) - len(names)
    return ", ".join([*names, f"{more} more"] if more else names)
