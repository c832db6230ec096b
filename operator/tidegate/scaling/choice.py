"""How many replicas of each variant: the cheapest set that does, reached without a moment with too little.

Sizes are kept where they do. What is missing is added to what is there, the cheapest first; a set is exchanged for
another only for a saving that is worth it, by the highest need of a while. Nothing that serves is taken away before
what takes its place is ready.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidegate.scaling.cheapest import Option, cheapest
from tidegate.scaling.worth import Worth

WORTH_SAVING = 0.05
"""Of the cost: less is no reason to start other pods."""

IN_ORDER = 0.1
"""Where prices are not known, a variant counts as so much dearer than the one listed before it, for the same work."""

ROUNDING = 1e-9

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One variant, as the choice sees it."""

    name: str
    is_first: bool = False
    """It is the one to begin with while nothing is known of any."""

    present: int
    """The size that it has."""

    ready: int
    starting: int = 0
    """Pods of it that are on their way, as it seems."""

    placeless: int = 0
    """Pods of it that find no place."""

    is_given_up: bool = False
    """They have found none for so long that the others do their work."""

    least: int = 0
    most: int
    cost_per_hour: float | None
    worth: Worth

    @property
    def placed(self) -> int:
        """Replicas that run, or will."""
        return max(0, self.present - self.placeless)

    @property
    def bound(self) -> int:
        """The most that can be counted on. A longer line gets nobody a place."""
        if self.is_given_up:
            return min(self.most, self.placed)
        return min(self.most, self.present) if self.placeless else self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What holds for all variants together."""

    fewest: int
    most: int
    spend_per_hour: float | None = None
    """What all replicas may cost for an hour; None for anything."""


def prices(seats: Sequence[Seat]) -> tuple[float, ...]:
    """What a replica of each costs; where one has no price, what makes them be used in the order of the list."""
    known = tuple(seat.cost_per_hour for seat in seats if seat.cost_per_hour is not None)
    if len(known) == len(seats):
        return known
    return tuple(seat.worth.requests_per_second * (1 + IN_ORDER * place) for place, seat in enumerate(seats))


def best_set(seats: Sequence[Seat], need: float, bounds: Bounds, *, available_only: bool = True) -> tuple[Sizes, bool]:
    """The cheapest set for a need in requests/s, whatever is there now, and whether it covers it."""
    options = [_option(seat, price, available_only) for seat, price in zip(seats, prices(seats), strict=True)]
    return _solve(options, need, bounds, seats)


def chosen(seats: Sequence[Seat], need_up: float, need_down: float, bounds: Bounds) -> Sizes:
    """Choose the sizes.

    Args:
        seats: the variants, as listed.
        need_up: requests/s that the set has to do.
        need_down: requests/s that it has to do still if anything is taken away.
        bounds: of all of them together.
    """
    costs = prices(seats)
    options = [_option(seat, cost, available_only=True) for seat, cost in zip(seats, costs, strict=True)]
    present = [max(option.least, min(seat.present, option.most)) for seat, option in zip(seats, options, strict=True)]
    tried = [_tried_first(seat, option) for seat, option in zip(seats, options, strict=True)]
    for of_each in (tried, options):
        held = [replace(option, least=there) for option, there in zip(of_each, present, strict=True)]
        grown, does = _solve(held, need_up, bounds, seats)
        if does:
            break
    if any(seat.starting for seat in seats):
        # What was begun is waited for: to order, take back and order again would pay for starts alone.
        return _asking_on(seats, _within_spending(seats, grown, bounds), need_up, bounds)
    kept, does = _solve(
        [replace(o, least=min(o.least, most), most=most) for o, most in zip(options, grown, strict=True)],
        need_down,
        bounds,
        seats,
    )
    kept = kept if does else grown
    other, does = _solve(tried, need_down, bounds, seats)
    saves = _cost(other, costs) <= (1 - WORTH_SAVING) * _cost(kept, costs)
    wanted = other if does and saves else kept
    wanted = _within_spending(seats, wanted, bounds)
    return _asking_on(seats, _replaced_first(seats, wanted, need_down, costs), need_up, bounds)


def _replaced_first(seats: Sequence[Seat], wanted: Sizes, need: float, costs: Sequence[float]) -> Sizes:
    """Take away no more than what is ready elsewhere makes up for; the dearest for what it does goes first."""
    sizes = list(wanted)
    for place, seat in enumerate(seats):  # First as if nothing was taken away.
        sizes[place] = max(wanted[place], min(seat.present, seat.most))
    order = sorted(range(len(seats)), key=lambda place: -costs[place] / seats[place].worth.requests_per_second)
    for place in order:
        seat, size = seats[place], sizes[place]
        per_pod = seat.worth.requests_per_second
        spare = sum(_serves(each, at) for each, at in zip(seats, sizes, strict=True)) - need
        while size > wanted[place]:
            loses = per_pod if size <= seat.ready else 0.0  # Those that are not ready leave first.
            if loses and spare - loses < -ROUNDING * need:
                break
            spare -= loses
            size -= 1
        sizes[place] = size
    return tuple(sizes)


def _serves(seat: Seat, size: int) -> float:
    return min(seat.ready, size) * seat.worth.requests_per_second


def _within_spending(seats: Sequence[Seat], wanted: Sizes, bounds: Bounds) -> Sizes:
    """Let those grow that can while the others are still there: both have to be paid for until they are not."""
    spend = bounds.spend_per_hour
    if spend is None:
        return wanted
    costs = [seat.cost_per_hour or 0.0 for seat in seats]
    if _cost([seat.present for seat in seats], costs) > spend * (1 + ROUNDING):
        return wanted  # What is too much goes at once.
    sizes = list(wanted)
    for place in reversed(range(len(seats))):
        while sizes[place] > seats[place].present:
            both = [max(size, seat.present) for size, seat in zip(sizes, seats, strict=True)]
            if _cost(both, costs) <= spend * (1 + ROUNDING):
                break
            sizes[place] -= 1
    return tuple(sizes)


def _asking_on(seats: Sequence[Seat], sizes: Sizes, need: float, bounds: Bounds) -> Sizes:
    """Leave one pod waiting of each variant that would be used if there were room: so that it is seen when there is."""
    if not any(seat.is_given_up for seat in seats):
        return sizes
    ideal, _ = best_set(seats, need, bounds, available_only=False)
    return tuple(
        max(size, seat.placed + 1) if seat.is_given_up and wanted > seat.placed and seat.placed < seat.most else size
        for seat, size, wanted in zip(seats, sizes, ideal, strict=True)
    )


def _option(seat: Seat, price: float, available_only: bool) -> Option:  # noqa: FBT001 - of one caller
    most = seat.bound if available_only else seat.most
    least = min(seat.least, most)
    if seat.worth.too_slow or (seat.worth.is_blind and not seat.present and not seat.is_first):
        most = least
    return Option(cost=price, capacity=seat.worth.requests_per_second, least=least, most=most)


def _tried_first(seat: Seat, option: Option) -> Option:
    """Of a variant that nobody has measured one shows what it is worth; more only where nothing else does."""
    if not seat.worth.is_guess:
        return option
    return replace(option, most=min(option.most, max(option.least, seat.present, 1)))


def _solve(options: Sequence[Option], need: float, bounds: Bounds, seats: Sequence[Seat]) -> tuple[Sizes, bool]:
    spend = bounds.spend_per_hour if all(seat.cost_per_hour is not None for seat in seats) else None
    found = cheapest(options, need, fewest=bounds.fewest, most=bounds.most, spend=spend)
    return found.replicas, found.covers


def _cost(sizes: Sequence[int], costs: Sequence[float]) -> float:
    return sum(size * cost for size, cost in zip(sizes, costs, strict=True))
