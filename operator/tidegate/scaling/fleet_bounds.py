"""What each variant is given: the choice, within all that bounds the service, the first rule that has a say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.scaling import MAXIMUM_REPLICAS
from tidegate.scaling.allotment import Allotment
from tidegate.scaling.choice import Bounds, Seat, Sizes, best_set, chosen, fits, fitted
from tidegate.scaling.decision import Limit
from tidegate.scaling.evaluation import Evaluation
from tidegate.scaling.first_to_answer import Sleeper, first_to_answer
from tidegate.scaling.fleet_need import FleetNeed
from tidegate.scaling.fleet_wording import placeless_text, set_text, spending_text
from tidegate.scaling.health import MetricsState
from tidegate.scaling.idleness import is_wanted, unused_for
from tidegate.scaling.observation import Observation
from tidegate.scaling.schedules import floor_at
from tidegate.scaling.term_input import LIKELY_LEAD_SECONDS
from tidegate.scaling.wording import requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """All that a rule may look at. Sequences are in the order of the variants."""

    spec: InferenceServiceSpec
    seats: tuple[Seat, ...]
    observations: tuple[Observation, ...]
    seen: tuple[Evaluation, ...]
    need: FleetNeed
    """What a set has to be able to do now."""

    need_up: float
    """The least of it in the window of the way up."""

    need_down: float
    """The most that what is left has to be able to do, in the window of the way down."""

    now: float

    @property
    def present(self) -> Sizes:
        """The sizes as they are."""
        return tuple(seat.present for seat in self.seats)

    @property
    def spend_per_hour(self) -> float | None:
        """What may be spent."""
        budget = self.observations[0].budget
        return None if budget is None else budget.cost_per_hour

    def cost(self, sizes: Sequence[int]) -> float:
        """What so many cost for an hour, as far as their prices are known."""
        return sum(size * (seat.cost_per_hour or 0.0) for size, seat in zip(sizes, self.seats, strict=True))

    def affords(self, sizes: Sequence[int]) -> bool:
        """Whether so many are within what may be spent."""
        budget = self.observations[0].budget
        return budget is None or budget.affords(self.cost(sizes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotted:
    """What a rule says."""

    of_each: tuple[Allotment, ...]
    limits: tuple[Limit, ...] = ()

    @property
    def sizes(self) -> Sizes:
        """As numbers."""
        return tuple(each.replicas for each in self.of_each)


Rule = Callable[[Given], Allotted | None]


def allotments(given: Given) -> Allotted:
    """Say what each variant is given."""
    return next(found for rule in RULES if (found := rule(given)) is not None)


def pinned(given: Given) -> Allotted | None:
    """`spec.replicas`, set by hand: so many, of the variants in their order, as far as the budget goes."""
    wanted = given.spec.replicas
    if wanted is None:
        return None
    sizes, left = [], wanted
    for seat in given.seats:
        sizes.append(min(left, seat.bound))
        left -= sizes[-1]
    sizes[0] += left  # No variant has room for them: then they are the first one's to wait for.
    sizes = _until_ready(given, sizes, wanted)
    because = f"spec.replicas is pinned by hand to {wanted}; unset it to scale on demand again"
    affordable = _affordable(given, sizes)
    limits = [Limit("pin", sum(given.present), wanted, because)]
    if affordable != tuple(sizes):
        limits.append(_budget_limit(given, wanted, sum(affordable), sizes))
    return _all_at_once(affordable, limits[-1].because, tuple(limits))


def asleep(given: Given) -> Allotted | None:
    """None at all of a service that nobody uses, where it may sleep; one, of one variant, when somebody does again."""
    scaling, gateway = given.spec.scaling, given.observations[0].gateway
    floor, _ = _floor(given)
    if scaling.min_replicas or floor or gateway is None:
        return None
    nothing = (0,) * len(given.seats)
    total = sum(given.present)
    if total:
        idle_seconds = given.now - max(each.used_at for each in given.seen)
        rolls = any(each.rollout_in_progress for each in given.observations)
        if idle_seconds < scaling.scale_to_zero.idle_seconds or rolls:
            return None
        because = unused_for(idle_seconds)
        return _all_at_once(nothing, because, (Limit("scaleToZero", total, 0, because),))
    if not is_wanted(gateway):
        return _all_at_once(nothing, "it sleeps until a request arrives", ())
    first = first_to_answer(_sleeper(given, place) for place in range(len(given.seats)))
    one = _one_of(given, first)
    because = f"{requests(gateway.held)} held by the gateways; {first} is the cheapest to answer first"
    limits = () if given.affords(one) else (_budget_limit(given, 1, 0, one),)
    return _all_at_once(_affordable(given, one), limits[-1].because if limits else because, limits)


def unbelievable(given: Given) -> Allotted | None:
    """The sizes as they are, while nothing that can be believed says what is needed; no fewer than must be."""
    gateway = given.observations[0].gateway
    wanted = gateway is not None and gateway.complete and is_wanted(gateway)
    if not any(given.present) or wanted or any(seen.health.fresh for seen in given.seen):
        return None
    at = next((place for place, size in enumerate(given.present) if size), 0)
    because = f"unchanged while {given.seen[at].health.message}"
    bounds, floor_because = _bounds(given)
    before = sum(given.present)
    limits = [Limit("metrics", before, before, because)]
    sizes = given.present
    # What waits for a place in vain is no pod of the fewest that there are to be.
    counted = sum(seat.placed if seat.is_given_up else seat.present for seat in given.seats)
    if counted < bounds.fewest:
        grown = chosen(given.seats, 0.0, 0.0, bounds)
        # Of those that were given up one goes on asking; the others would only be in the way of a node autoscaler.
        kept = (min(seat.present, seat.placed + 1) if seat.is_given_up else seat.present for seat in given.seats)
        sizes = tuple(max(pair) for pair in zip(grown, kept, strict=True))
        limits = [Limit("minReplicas", before, sum(sizes), floor_because)]
    elif not fits(given.seats, given.present, bounds):
        sizes = fitted(given.seats, given.present, bounds)
        limits.append(_outgrown(given, sizes, bounds))
    return _all_at_once(sizes, limits[-1].because, tuple(limits))


def by_need(given: Given) -> Allotted:
    """The cheapest set that does."""
    bounds, floor_because = _bounds(given)
    sizes = chosen(given.seats, given.need_up, given.need_down, bounds)
    present, limits = given.present, []
    free = replace(bounds, most=MAXIMUM_REPLICAS, spend_per_hour=None)
    unbound, _ = best_set(given.seats, given.need_up, replace(free, fewest=0))
    wanted, _ = best_set(given.seats, given.need_up, free)
    _, does_within_maximum = best_set(given.seats, given.need_up, replace(bounds, spend_per_hour=None))
    if sum(unbound) < bounds.fewest == sum(sizes):
        name = "schedules" if _floor(given)[0] == bounds.fewest else "minReplicas"
        limits.append(Limit(name, sum(unbound), sum(sizes), floor_because))
    stuck = [seat for seat in given.seats if seat.placeless]
    if stuck:
        ideal, _ = best_set(given.seats, given.need_up, bounds, available_only=False)
        limits.append(Limit("placement", sum(ideal), sum(sizes), placeless_text(stuck, given.spec)))
    now_up, now_down = given.need.requests_per_second, given.need.to_keep_requests_per_second
    is_windowed = (given.need_up, given.need_down) != (now_up, now_down)  # Else it was chosen already.
    if is_windowed and (eager := chosen(given.seats, now_up, now_down, bounds)) != sizes:
        limits.append(Limit("stabilization", sum(eager), sum(sizes), _window_text(given, sizes)))
    incomplete = next(
        (s.health for s in given.seen if not s.health.complete and s.health.state is not MetricsState.NO_PODS), None
    )
    if incomplete is not None and any(size < there for size, there in zip(sizes, present, strict=True)):
        # Those that are to be removed, and those above a bound, are needed no more when others are ready.
        held = (max(size, min(seat.present, seat.most)) for size, seat in zip(sizes, given.seats, strict=True))
        kept = fitted(given.seats, tuple(held), bounds)
        limits.append(Limit("metrics", sum(sizes), sum(kept), f"not down while {incomplete.message}"))
        sizes = kept
    too_few = sum(present) < bounds.fewest
    too_many = not fits(given.seats, present, bounds)
    if not does_within_maximum and sum(wanted) > bounds.most:
        limits.append(Limit("maxReplicas", sum(wanted), sum(sizes), f"scaling.maxReplicas is {bounds.most}"))
    if not given.affords(wanted):
        limits.append(_budget_limit(given, sum(wanted), sum(sizes), wanted))
    elif too_many:
        limits.append(_outgrown(given, sizes, bounds))
    because = "; ".join([_because(given, sizes), *(limit.because for limit in limits[-1:] if limit.name == "budget")])
    return Allotted(
        of_each=tuple(
            Allotment(
                replicas=size,
                because=because,
                at_once=(too_few and size > seat.present) or (too_many and size < seat.present),
            )
            for size, seat in zip(sizes, given.seats, strict=True)
        ),
        limits=tuple(limits),
    )


RULES: tuple[Rule, ...] = (
    pinned,  # a person's hand
    asleep,  # to sleep is another thing than to shrink
    unbelievable,  # no sight, no change
    by_need,
)


def _bounds(given: Given) -> tuple[Bounds, str]:
    """Of all variants together, and why there are to be so many at least."""
    scaling = given.spec.scaling
    floor, floor_because = _floor(given)
    least, because = scaling.min_replicas, f"scaling.minReplicas is {scaling.min_replicas}"
    if not least:
        least, because = 1, f"it sleeps when nobody has used it for {scaling.scale_to_zero.idle_seconds} s"
    if floor > least:
        least, because = floor, floor_because
    most = scaling.max_replicas
    return Bounds(fewest=min(least, most), most=most, spend_per_hour=given.spend_per_hour), because


def _floor(given: Given) -> tuple[int, str]:
    known = (each.memory.learned.lead_time.seconds for each in given.seen)
    lead_seconds = max((seconds for seconds in known if seconds), default=LIKELY_LEAD_SECONDS)
    return floor_at(given.spec.scaling.schedules, given.now, lead_seconds)


def _because(given: Given, sizes: Sizes) -> str:
    """What drives the need most, the set that covers it, and whose work others do for want of a place."""
    given_up = [seat for seat in given.seats if seat.is_given_up and seat.placeless]
    told = (given.need.because, set_text(given.seats, sizes), placeless_text(given_up, given.spec) if given_up else "")
    return "; ".join(filter(None, told))


def _window_text(given: Given, sizes: Sizes) -> str:
    way = "scaleUp holds the least" if given.need_up < given.need.requests_per_second else "scaleDown holds the most"
    return f"behavior.{way} that was needed in its window: {set_text(given.seats, sizes)}"


def _budget_limit(given: Given, wanted: int, had: int, unbound: Sequence[int]) -> Limit:
    budget = given.observations[0].budget
    because = "" if budget is None else budget.because
    return Limit("budget", wanted, had, spending_text(given.seats, unbound, given.cost(unbound), because))


def _outgrown(given: Given, sizes: Sizes, bounds: Bounds) -> Limit:
    """What there is is more than a bound that was lowered."""
    if sum(given.present) > bounds.most:
        return Limit("maxReplicas", sum(given.present), sum(sizes), f"scaling.maxReplicas is {bounds.most}")
    return _budget_limit(given, sum(given.present), sum(sizes), given.present)


def _until_ready(given: Given, sizes: Sequence[int], wanted: int) -> list[int]:
    """Those that are ready serve on until as many others are, and one pod waits on for a place where more would be."""
    awaited = sum(max(0, size - seat.ready) for size, seat in zip(sizes, given.seats, strict=True))
    kept, left = [], wanted
    for size, seat in zip(sizes, given.seats, strict=True):
        stay = min(max(0, min(seat.ready, seat.present) - size), awaited)
        awaited -= stay
        asks = seat.is_given_up and size == seat.placed < min(left, seat.most)
        left -= size
        kept.append(size + stay + int(asks))
    return kept


def _affordable(given: Given, sizes: Sequence[int]) -> Sizes:
    """As many of them as may be spent on, the last listed giving way first."""
    kept = list(sizes)
    for place in reversed(range(len(kept))):
        while kept[place] and given.seats[place].cost_per_hour and not given.affords(kept):
            kept[place] -= 1
    return tuple(kept)


def _one_of(given: Given, name: str) -> Sizes:
    return tuple(int(seat.name == name) for seat in given.seats)


def _sleeper(given: Given, place: int) -> Sleeper:
    seat = given.seats[place]
    return Sleeper(
        name=seat.name,
        cost_per_hour=seat.cost_per_hour,
        lead_seconds=given.seen[place].memory.learned.lead_time.seconds,
        can_start=seat.bound > 0 and not seat.placeless and given.affords(_one_of(given, seat.name)),
    )


def _all_at_once(sizes: Sizes, because: str, limits: tuple[Limit, ...]) -> Allotted:
    return Allotted(
        of_each=tuple(Allotment(replicas=size, because=because, at_once=True) for size in sizes), limits=limits
    )
