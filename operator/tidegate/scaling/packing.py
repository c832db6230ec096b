"""A bounded knapsack whose number of items is bounded too, solved exactly by branch and bound."""

from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_STEPS = 20_000
"""After how many steps the search ends with the best it has found: some 20 milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How many of each item to pack.

    Attributes:
        counts: Of each item.
        steps: Nodes of the search that were looked at.
        proven: Whether nothing better exists; false where the search ended at `MOST_STEPS`.
    """

    counts: tuple[int, ...]
    steps: int
    proven: bool


@dataclass(slots=True, kw_only=True)
class Knapsack:
    """Maximise what is packed: integers throughout, so that nothing is lost to rounding.

    The bound of a node is its fractional relaxation: items may be cut, and the best by value per weight go first. No
    whole packing is worth more, as each is one of the cut ones too; a node whose bound does not beat the best packing
    found so far is left, with all that comes after it in its row: those are bounded by less (Martello & Toth, Knapsack
    Problems, 1990, chapters 2 and 3). Where the number of items is what limits, each item is charged a toll and what
    the allowed number would pay is handed back: no packing of at most so many loses by that (Lagrange), and the toll
    is the one that makes the first bound tightest.

    Attributes:
        values: Of one item of each kind (> 0).
        weights: Of one item of each kind (> 0).
        most: How many there are of each kind.
        room: The largest weight of all.
        fewest_items: How many are packed at least.
        most_items: How many are packed at most.
    """

    values: Sequence[int]
    weights: Sequence[int]
    most: Sequence[int]
    room: int
    fewest_items: int
    most_items: int
    _order: list[int] = field(init=False, default_factory=list)
    _toll: int = field(init=False, default=0)
    _after: list[tuple[tuple[int, int, int], ...]] = field(init=False, default_factory=list)
    _lightest: list[int] = field(init=False, default_factory=list)
    _left: list[int] = field(init=False, default_factory=list)
    _better: list[list[int]] = field(init=False, default_factory=list)
    _counts: list[int] = field(init=False, default_factory=list)
    _best: tuple[int, ...] | None = field(init=False, default=None)
    _best_value: int = field(init=False, default=-1)
    _steps: int = field(init=False, default=0)

    def solve(self, seed: Sequence[int] | None = None) -> Packing | None:
        """Return the packing of the greatest value; None if no packing is within the bounds.

        Args:
            seed: A packing within the bounds, to begin with.
        """
        if seed is not None:
            self._best = tuple(seed)
            self._best_value = sum(value * count for value, count in zip(self.values, seed, strict=True))
        self._lay_out(self._tightest_toll())
        self._counts = [0] * len(self.values)
        self._descend(0, self.room, self.fewest_items, self.most_items, 0)
        if self._best is None:
            return None
        return Packing(counts=self._best, steps=self._steps, proven=self._steps < MOST_STEPS)

    def _tightest_toll(self) -> int:
        """Return what to charge an item: below 0 where too few would be packed without."""
        items = range(len(self.values))
        self._lay_out(0)
        packed, room = 0.0, self.room
        for _, weight, most in self._after[0]:
            count = min(most, room / weight)
            packed, room = packed + count, max(room - most * weight, 0)
        if self.fewest_items <= packed <= self.most_items:
            return 0
        tolls = set(self.values)
        for one in items:
            for other in range(one):
                if self.weights[one] != self.weights[other]:
                    rise = self.values[one] * self.weights[other] - self.values[other] * self.weights[one]
                    tolls.add(rise // (self.weights[other] - self.weights[one]))
        best = (self._bound(0, self.room, self.fewest_items, self.most_items), 0)
        for toll in tolls:
            if (toll > 0) == (packed > self.most_items):
                self._after = [self._rows(toll, self._sorted(toll))]
                self._toll = toll
                best = min(best, (self._bound(0, self.room, self.fewest_items, self.most_items), toll))
        return best[1]

    def _sorted(self, toll: int) -> list[int]:
        """Return the items by what they are worth per weight after the toll; shifted, so that none are equal."""
        worth = [((value - toll) << 256) // weight for value, weight in zip(self.values, self.weights, strict=True)]
        return sorted(range(len(worth)), key=worth.__getitem__, reverse=True)

    def _rows(self, toll: int, order: Sequence[int]) -> tuple[tuple[int, int, int], ...]:
        """Return what each item is worth after the toll, its weight, and how many there are."""
        return tuple((self.values[item] - toll, self.weights[item], self.most[item]) for item in order)

    def _lay_out(self, toll: int) -> None:
        """Order the items, and sum up what follows each."""
        order = self._sorted(toll)
        rows = self._rows(toll, order)
        self._order, self._toll = order, toll
        self._after = [rows[place:] for place in range(len(rows) + 1)]
        self._left = [sum(most for _, _, most in after) for after in self._after]
        self._lightest = [min((weight for _, weight, _ in after), default=0) for after in self._after]
        # Who packs the worse of two kinds while there is one of the better left gains by an exchange.
        self._better = [
            [
                other
                for other in order[:place]
                if self.values[other] >= self.values[item] and self.weights[other] <= self.weights[item]
            ]
            for place, item in enumerate(order)
        ]

    def _bound(self, place: int, room: int, fewest: int, most: int) -> int:
        """Return what the items from here on are worth at most."""
        bound = self._toll * (most if self._toll > 0 else fewest)
        for worth, weight, count in self._after[place]:
            if worth <= 0:
                break
            if weight * count >= room:
                return bound + -(-worth * room // weight)
            bound, room = bound + worth * count, room - weight * count
        return bound

    def _descend(self, place: int, room: int, fewest: int, most: int, value: int) -> None:
        """Try every number of one kind that may lead to something better; the likeliest first."""
        if place == len(self._order):
            if fewest <= 0 and value > self._best_value:
                self._best, self._best_value = tuple(self._counts), value
            return
        item = self._order[place]
        weight, worth = self.weights[item], self._after[place][0][0]
        top = min(self.most[item], room // weight, most)
        if any(self._counts[other] < self.most[other] for other in self._better[place]):
            top = 0
        last = place + 1 == len(self._order)
        rising = worth <= 0 and not last
        for count in range(top + 1) if rising else range(top, top - 1 if last else -1, -1):
            if self._steps >= MOST_STEPS:
                break
            self._steps += 1
            after = value + count * self.values[item]
            room_left, fewest_left, most_left = room - count * weight, fewest - count, most - count
            if after + self._bound(place + 1, room_left, fewest_left, most_left) <= self._best_value:
                break
            if fewest_left > self._left[place + 1] or fewest_left * self._lightest[place + 1] > room_left:
                continue
            self._counts[item] = count
            self._descend(place + 1, room_left, fewest_left, most_left, after)
        self._counts[item] = 0
