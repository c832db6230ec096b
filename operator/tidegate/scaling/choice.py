"""How many replicas of each variant: the cheapest set that does, reached without a moment with too little.

Sizes are kept where they do. What is missing is added to what is there, the cheapest first; a set is exchanged for
another only for a saving that is worth it, by the highest need of a while. Nothing that serves is taken away before
what takes its place is ready.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tidegate.scaling.cheapest import TOLERANCE, Option, cheapest
from tidegate.scaling.worth import Worth

WORTH_SAVING = 0.05
"""Of the cost: less is no reason to start other pods."""

PAYS_WITHIN_SECONDS = 1800.0
"""Demand is not counted on to stay as it is for longer, so within this time an exchange must have paid for itself."""

IN_ORDER = 0.1
"""Where prices are not known, a variant counts as so much dearer than the one listed before it, for the same work."""

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

    is_held: bool = False
    """Another writer sets its size, and was yielded to."""

    least: int = 0
    most: int
    cost_per_hour: float | None
    worth: Worth
    lead_seconds: float = 0.0
    """How long its pods take until they are ready."""

    on_trial: bool = False
    """It runs to be measured, and was not yet."""

    is_spent: bool = False
    """It has run for that, and could not be."""

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
    # What is to leave altogether leaves when the others do as much as anything that is taken away has to leave.
    must_leave = any(seat.present > seat.most for seat in seats)
    enough = max(need_up, need_down) if must_leave else need_up
    for of_each in (tried, options):
        held = [replace(option, least=there) for option, there in zip(of_each, present, strict=True)]
        grown, does = _solve(held, enough, bounds, seats)
        if does:
            break
    wanted = grown
    if not any(seat.starting for seat in seats):
        # What was begun is waited for: to order, take back and order again would pay for starts alone.
        wanted = _exchanged(seats, options, tried, grown, need_down, bounds)
    sizes = _replaced_first(seats, _beside(seats, wanted, bounds), need_down, costs, bounds.fewest)
    return _asking_on(seats, fitted(seats, sizes, bounds), need_up, bounds)


def fits(seats: Sequence[Seat], sizes: Sequence[int], bounds: Bounds) -> bool:
    """Whether so many are within the totals, as far as prices are known."""
    spend = bounds.spend_per_hour
    cost = _cost(sizes, [seat.cost_per_hour or 0.0 for seat in seats])
    return sum(sizes) <= bounds.most and (spend is None or cost <= spend * (1 + TOLERANCE))


def fitted(seats: Sequence[Seat], sizes: Sequence[int], bounds: Bounds) -> Sizes:
    """As many of them as are within the totals: the dearest for what it does gives way first."""
    kept = list(sizes)
    for place in _dearest_first(seats, prices(seats)):
        seat = seats[place]
        helps = seat.cost_per_hour or sum(kept) > bounds.most
        while kept[place] and helps and not seat.is_held and not fits(seats, kept, bounds):
            kept[place] -= 1
    return tuple(kept)


def _exchanged(
    seats: Sequence[Seat],
    options: Sequence[Option],
    tried: Sequence[Option],
    grown: Sizes,
    need: float,
    bounds: Bounds,
) -> Sizes:
    """The part of what there is that does; or another set, where that saves."""
    parts = [replace(o, least=min(o.least, most), most=most) for o, most in zip(options, grown, strict=True)]
    kept, does = _solve(parts, need, bounds, seats)
    kept = kept if does else grown
    for of_each in (tried, options):
        other, does = _solve(of_each, need, bounds, seats)
        if does and _is_worth_it(seats, kept, other):
            # Of the untried ones, one beside what is there shows whether the saving is true.
            return other if of_each is tried else tuple(_with_one_to_try(seats, tried, kept, other))
    return kept


def _is_worth_it(seats: Sequence[Seat], kept: Sizes, other: Sizes) -> bool:
    """Whether another set saves enough: more than the pods cost that are started for it, while nothing leaves yet."""
    costs = prices(seats)
    saving = _cost(kept, costs) - _cost(other, costs)
    starts = sum(
        max(0, size - seat.present) * cost * seat.lead_seconds
        for seat, size, cost in zip(seats, other, costs, strict=True)
    )
    return saving >= WORTH_SAVING * _cost(kept, costs) and saving * PAYS_WITHIN_SECONDS >= starts


def _with_one_to_try(seats: Sequence[Seat], tried: Sequence[Option], kept: Sizes, other: Sizes) -> Iterator[int]:
    for seat, option, size, hoped in zip(seats, tried, kept, other, strict=True):
        yield max(size, min(hoped, option.most)) if seat.worth.is_guess else size


def _dearest_first(seats: Sequence[Seat], costs: Sequence[float]) -> list[int]:
    """Places of the seats, by what a replica costs for what it does."""
    return sorted(range(len(seats)), key=lambda place: -costs[place] / seats[place].worth.requests_per_second)


def _replaced_first(seats: Sequence[Seat], wanted: Sizes, need: float, costs: Sequence[float], fewest: int) -> Sizes:
    """Take away no more than what is ready elsewhere makes up for; the dearest for what it does goes first.

    Nor more than leaves the fewest pods ready that there are to be: also while there is nothing to do for them.
    """
    sizes = [max(size, seat.present) for seat, size in zip(seats, wanted, strict=True)]
    sure = [0.0 if seat.worth.is_guess else seat.worth.requests_per_second for seat in seats]
    fewest_ready = min(fewest, sum(seat.ready for seat in seats))
    for place in _dearest_first(seats, costs):
        seat, size = seats[place], sizes[place]
        per_pod = seat.worth.requests_per_second
        # What nobody has measured well takes the place of nothing that is.
        counted = [each.worth.requests_per_second for each in seats] if seat.worth.is_guess else sure
        spare = sum(min(e.ready, at) * does for e, at, does in zip(seats, sizes, counted, strict=True)) - need
        left = sum(min(each.ready, at) for each, at in zip(seats, sizes, strict=True))
        while size > wanted[place]:
            is_ready = size <= seat.ready  # Those that are not leave first.
            if is_ready and (spare - per_pod < -TOLERANCE * need or left <= fewest_ready):
                break
            spare, left = spare - per_pod * is_ready, left - is_ready
            size -= 1
        sizes[place] = size
    return tuple(sizes)


def _beside(seats: Sequence[Seat], wanted: Sizes, bounds: Bounds) -> Sizes:
    """Let those grow that can while the others are still there: both count, and are paid for, until they are not."""
    sizes = list(wanted)
    for place in reversed(range(len(seats))):
        while sizes[place] > seats[place].present:
            both = [max(size, seat.present) for size, seat in zip(sizes, seats, strict=True)]
            if fits(seats, both, bounds):
                break
            sizes[place] -= 1
    return tuple(sizes)


def _asking_on(seats: Sequence[Seat], sizes: Sizes, need: float, bounds: Bounds) -> Sizes:
    """Leave one pod waiting of each variant that would be used if it had room: so that it is seen when there is.

    If it alone had: where several have none, each of them is to ask on, not only the one that all would prefer.
    """
    asking = list(sizes)
    for place, seat in enumerate(seats):
        if not seat.is_given_up or seat.placed >= seat.most:
            continue
        with_room = [_with_room(each) if each is seat else _as_measured(each) for each in seats]
        ideal, _ = best_set(with_room, need, bounds)
        if ideal[place] > seat.placed:
            asking[place] = max(sizes[place], seat.placed + 1)
            if not fits(seats, asking, bounds):
                asking[place] = sizes[place]
    return tuple(asking)


def _with_room(seat: Seat) -> Seat:
    return replace(seat, is_given_up=False, placeless=0)


def _as_measured(seat: Seat) -> Seat:
    """What stands in on trial is not known to be the better one."""
    return replace(seat, on_trial=False, most=seat.least) if seat.worth.is_guess else seat


def _option(seat: Seat, price: float, available_only: bool) -> Option:  # noqa: FBT001 - of one caller
    most = seat.bound if available_only else seat.most
    least = min(max(seat.least, int(seat.on_trial)), most)
    if seat.worth.too_slow or (seat.worth.is_blind and not seat.present and not seat.is_first):
        most = least
    return Option(cost=price, capacity=seat.worth.requests_per_second, least=least, most=most)


def _tried_first(seat: Seat, option: Option) -> Option:
    """Of a variant that nobody has measured one shows what it is worth; more only where nothing else does."""
    if not seat.worth.is_guess:
        return option
    one = 0 if seat.is_spent else 1
    return replace(option, most=min(option.most, max(option.least, seat.present, one)))


def _solve(options: Sequence[Option], need: float, bounds: Bounds, seats: Sequence[Seat]) -> tuple[Sizes, bool]:
    spend = bounds.spend_per_hour if all(seat.cost_per_hour is not None for seat in seats) else None
    found = cheapest(options, need, fewest=bounds.fewest, most=bounds.most, spend=spend)
    return found.replicas, found.covers and sum(found.replicas) >= bounds.fewest


def _cost(sizes: Sequence[int], costs: Sequence[float]) -> float:
    return sum(size * cost for size, cost in zip(sizes, costs, strict=True))
