"""The cheapest set of replicas that covers a need: how many of each variant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, gcd, log10

from tidegate.scaling.covering import Offer, affordable, covering, greatest, total

TOLERANCE = 1e-9
"""How much of a need may be left uncovered, and how far above what may be spent a set may be, relative to it."""

_DIGITS = 14
"""To how many digits behind the first of the greatest figures are counted: nothing is lost of decimal prices."""

_A_REPLICA = 10**5
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
        proven: Whether no other set is better; false where the search was cut short (see `packing.MOST_STEPS`).
        steps: How many steps the search took.
    """

    replicas: tuple[int, ...]
    covers: bool
    proven: bool
    steps: int


def cheapest(
    options: Sequence[Option], need: float, *, fewest: int = 0, most: int, spend: float | None = None
) -> Choice:
    """Return the cheapest numbers of replicas that cover the need, within all bounds.

    Of sets at one price the one with fewer replicas is taken, then the one with more of earlier options. Where nothing
    within the bounds covers the need, it is the set with the greatest capacity; of those the cheapest, then as above.
    Prices are told apart down to a billionth of the dearest replica's.

    To cover a need at the least price is to leave out, of all the replicas there could be, the dearest whose capacity
    can be spared: a knapsack of what is left out, solved exactly by `packing.Knapsack`, save where its `MOST_STEPS`
    end the search. Then `proven` is false: what is returned covers the need all the same where no `spend` is given,
    and is no dearer than the set of the fewest replicas; with a `spend`, a set that covers may have been missed.

    Nothing is an error. Where the leasts are above `most` or `spend`, they are lowered, the last option's first, until
    they fit; where `fewest` cannot be had within the other bounds, it is as many as can.

    Args:
        options: At most 9, each with at most 1000 replicas: more only take longer.
        need: What the capacities have to add up to, less `TOLERANCE`; may be infinite.
        fewest: The fewest replicas in total.
        most: The most replicas in total.
        spend: What all replicas may cost together; None: anything.
    """
    unit = _per_unit(max((option.cost for option in options), default=0.0))
    costs = [round(option.cost * unit) for option in options]
    all_of_them = total(costs, [max(option.most, 0) for option in options])
    money = all_of_them if spend is None else floor(min(max(spend, 0) * (1 + TOLERANCE) * unit, all_of_them))
    least = _leasts(options, costs, most, money)
    money -= total(costs, least)
    slots = max(most - sum(least), 0)
    extra = [max(min(option.most - low, slots), 0) for option, low in zip(options, least, strict=True)]
    capacities, missing = _whole_capacities(options, least, extra, need)
    slots = min(slots, sum(extra))
    few = max(min(fewest - sum(least), slots, affordable(costs, extra, money)), 0)
    # One figure says it all: first the price, then the number of replicas, then which of the earlier options.
    base = max(extra, default=0) + 1
    prices = [(cost + _A_REPLICA) * base ** len(costs) - base**place for place, cost in enumerate(reversed(costs))]
    prices.reverse()
    offer = Offer(capacities=capacities, costs=costs, prices=prices, most=extra, fewest=few, most_items=slots)
    found = covering(offer, missing)
    steps = found.steps if found else 0
    if found is None or total(costs, found.counts) > money:
        cut_short = found is not None and not found.proven
        found = greatest(offer, money)
        steps += found.steps
        if cut_short and total(capacities, found.counts) >= missing:
            found = replace(found, proven=False)
    return Choice(
        replicas=tuple(low + count for low, count in zip(least, found.counts, strict=True)),
        covers=total(capacities, found.counts) >= missing,
        proven=found.proven,
        steps=steps,
    )


def _per_unit(greatest: float) -> float:
    """Return by what power of ten to multiply figures up to this one to have whole numbers."""
    digits = _DIGITS - floor(log10(greatest)) if greatest > 0 else 0
    return 10.0 ** min(digits, 300)


def _leasts(options: Sequence[Option], costs: Sequence[int], most: int, money: int) -> list[int]:
    """Return the leasts, lowered from the last option on until they are within the totals."""
    least = [max(option.least, 0) for option in options]
    for place in reversed(range(len(least))):
        above = max(sum(least) - max(most, 0), 0)
        too_dear = total(costs, least) - money
        if too_dear > 0 and costs[place]:
            above = max(above, -(-too_dear // costs[place]))
        least[place] -= min(above, least[place])
    return least


def _whole_capacities(
    options: Sequence[Option], least: Sequence[int], extra: Sequence[int], need: float
) -> tuple[list[int], int]:
    """Return the capacities, and what the leasts leave uncovered of the need, as whole numbers."""
    covered = sum(option.capacity * low for option, low in zip(options, least, strict=True))
    reach = sum(option.capacity * count for option, count in zip(options, extra, strict=True))
    out_of_reach = reach + max((option.capacity for option in options), default=1.0)
    missing = min(need * (1 - TOLERANCE) - covered, out_of_reach)  # Finite, and not so great that digits are lost.
    if missing <= 0:
        return [1] * len(options), 0
    unit = _per_unit(missing)
    lacking = max(round(missing * unit), 1)
    whole = [max(round(min(option.capacity, missing) * unit), 1) for option in options]
    # Sets only add up to multiples of what all have in common.
    common = gcd(*(one for one in whole if one < lacking)) or 1
    lacking = -(-lacking // common) * common
    # A replica that covers all that is missing is no better for being larger.
    return [one if one % common == 0 and one < lacking else lacking for one in whole], lacking
