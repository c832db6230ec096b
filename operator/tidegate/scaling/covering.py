"""To cover a number at the least price, or to come as near to it as money goes: in whole numbers, as two knapsacks."""

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.scaling.packing import Knapsack, Packing


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What there is to choose from: each sequence has one figure for each kind, for a replica of it.

    Attributes:
        capacities: What a replica covers (> 0).
        costs: What a replica takes of the money (>= 0).
        prices: What is to be made small (> 0): the cost, and what decides between sets of equal cost.
        most: How many replicas there are.
        fewest: How many are taken of all kinds, at least. No more than can be had.
        most_items: How many are taken of all kinds, at most.
    """

    capacities: Sequence[int]
    costs: Sequence[int]
    prices: Sequence[int]
    most: Sequence[int]
    fewest: int
    most_items: int


def total(each: Sequence[int], counts: Sequence[int]) -> int:
    """Return what so many of each add up to."""
    return sum(one * count for one, count in zip(each, counts, strict=True))


def affordable(costs: Sequence[int], most: Sequence[int], money: int) -> int:
    """Return how many replicas the money buys at most: the cheapest first."""
    bought = 0
    for cost, count in sorted(zip(costs, most, strict=True)):
        can = min(count, max(money, 0) // cost) if cost else count
        bought, money = bought + can, money - can * cost
    return bought


def covering(offer: Offer, missing: int) -> Packing | None:
    """Return the counts of the least price that cover what is missing, whatever they cost; None if none do."""
    # No more of one kind than cover all by themselves.
    top = [
        min(count, max(-(-missing // capacity), offer.fewest))
        for capacity, count in zip(offer.capacities, offer.most, strict=True)
    ]
    large = _largest_first(offer, top, missing)
    if large is None:
        return None
    fewest = sum(large)  # Fewer do not cover it, or are not allowed: the search has tighter bounds when told.
    left_out = Knapsack(
        values=offer.prices,
        weights=offer.capacities,
        most=top,
        room=total(offer.capacities, top) - missing,
        fewest_items=max(sum(top) - offer.most_items, 0),
        most_items=sum(top) - fewest,
    ).solve(seed=[count - taken for count, taken in zip(top, large, strict=True)])
    if left_out is None:
        return None
    kept = tuple(count - out for count, out in zip(top, left_out.counts, strict=True))
    return Packing(counts=kept, steps=left_out.steps, proven=left_out.proven)


def _largest_first(offer: Offer, top: Sequence[int], missing: int) -> list[int] | None:
    """Return counts of the fewest replicas that cover what is missing; None if none do."""
    taken = [0] * len(top)
    slots = offer.most_items
    for kind in sorted(range(len(top)), key=lambda kind: -offer.capacities[kind]):
        taken[kind] = min(top[kind], -(-missing // offer.capacities[kind]), slots)
        missing = max(missing - taken[kind] * offer.capacities[kind], 0)
        slots -= taken[kind]
    few = offer.fewest - sum(taken)
    for kind in sorted(range(len(top)), key=offer.prices.__getitem__):
        more = max(min(few, top[kind] - taken[kind]), 0)
        taken[kind] += more
        few -= more
    return None if missing else taken


def greatest(offer: Offer, money: int) -> Packing:
    """Return the counts of the greatest capacity that the money buys; of those the ones of the least price."""
    dearest = total(offer.prices, offer.most) + 1
    free = sum(offer.most) + 1
    found = Knapsack(
        values=[capacity * dearest - price for capacity, price in zip(offer.capacities, offer.prices, strict=True)],
        weights=[cost * free + 1 for cost in offer.costs],  # What is free takes some room too, never any that counts.
        most=offer.most,
        room=max(money, 0) * free + free - 1,
        fewest_items=offer.fewest,
        most_items=min(offer.most_items, affordable(offer.costs, offer.most, money)),
    ).solve()
    return found or Packing(counts=(0,) * len(offer.costs), steps=0, proven=True)
