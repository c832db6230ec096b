"""The cheapest set of replicas that covers a need: how many of each variant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, inf, log10

from tidegate.scaling.packing import Knapsack, Packing

TOLERANCE = 1e-9
"""What may lack of a need, or be above what may be spent, relative to it."""

_DIGITS = 12
"""To how many digits behind the first of the greatest figures are counted. Prices are decimal: this loses nothing."""

_A_REPLICA = 1000
"""What a replica counts beside its price, in units of the last digit: of two sets at one price the smaller is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One variant, as the choice sees it.

    Attributes:
        cost: Of a replica (>= 0), in any unit.
        capacity: What a replica adds (> 0), in the unit of the need.
        least: The fewest replicas.
        most: The most replicas (>= least).
    """

    cost: float
    capacity: float
    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How many replicas of each option.

    Attributes:
        replicas: Of each option, in the order given.
        covers: Whether they cover the need.
        proven: Whether no other set is better; false where the search was cut short, which takes many options of
            nearly the same price per capacity.
        steps: How many steps the search took.
    """

    replicas: tuple[int, ...]
    covers: bool
    proven: bool = True
    steps: int = 0


def cheapest(
    options: Sequence[Option], need: float, *, fewest: int = 0, most: int, spend: float | None = None
) -> Choice:
    """Return the cheapest numbers of replicas that cover the need, within all bounds.

    Of sets at one price the one with fewer replicas is taken, then the one with more of earlier options. Where nothing
    within the bounds covers the need, it is the set with the greatest capacity; of those the cheapest, then the
    smallest. Prices are told apart to about a billionth of the dearest replica's.

    To cover a need at the least price is to leave out, of all the replicas there could be, the dearest whose capacity
    can be spared: the knapsack problem of the replicas that are left out, see `packing.Knapsack`. It is solved
    exactly, save where `MOST_STEPS` ends the search (`proven` is false): what is returned then still covers the need.

    Nothing is an error. Where the leasts are above `most` or `spend`, they are lowered, the last option's first, until
    they fit; where `fewest` cannot be had within the other bounds, it is as many as can.

    Args:
        options: At most 9, each with at most 1000 replicas: more only take longer.
        need: What the capacities have to add up to, less `TOLERANCE`; may be infinite.
        fewest: The fewest replicas in total.
        most: The most replicas in total.
        spend: What all replicas may cost together; None: anything.
    """
    least = _leasts(options, most, spend)
    slots = max(most - sum(least), 0)
    extra = [max(min(option.most - low, slots), 0) for option, low in zip(options, least, strict=True)]
    reach = sum(option.capacity * (low + more) for option, low, more in zip(options, least, extra, strict=True))
    covered = sum(option.capacity * low for option, low in zip(options, least, strict=True))
    missing = min(need * (1 - TOLERANCE), 2 * reach) - covered
    # A replica that covers all that is missing is not better for being larger.
    *capacities, lacking = _digits([*(min(option.capacity, max(missing, 0)) for option in options), max(missing, 0)])
    costs = _digits([option.cost for option in options], greatest=max((option.cost for option in options), default=0))
    money = inf if spend is None else _left_to_spend(options, least, costs, spend)
    slots = min(slots, sum(extra))
    few = min(max(fewest - sum(least), 0), slots, _affordable(costs, extra, money))
    base = max(extra, default=0) + 1
    prices = [
        (cost + _A_REPLICA) * base ** len(options) - base ** (len(options) - 1 - place)
        for place, cost in enumerate(costs)
    ]
    found = _covering(capacities, prices, extra, lacking, few, slots)
    if found is None or sum(cost * count for cost, count in zip(costs, found.counts, strict=True)) > money:
        found = _greatest(capacities, costs, prices, extra, money, few, slots, found)
    return Choice(
        replicas=tuple(low + count for low, count in zip(least, found.counts, strict=True)),
        covers=sum(a * count for a, count in zip(capacities, found.counts, strict=True)) >= lacking,
        proven=found.proven,
        steps=found.steps,
    )
