"""Sets of variants, and what keeps them from being others, as people say it."""

from collections.abc import Sequence

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.choice import Seat
from tidegate.scaling.wording import count, number


def sizes_text(seats: Sequence[Seat], sizes: Sequence[int]) -> str:
    """`2 l4 and 1 cpu`."""
    named = [f"{size} {seat.name}" for seat, size in zip(seats, sizes, strict=True) if size]
    if len(named) <= 1:
        return named[0] if named else "none"
    return f"{', '.join(named[:-1])} and {named[-1]}"


def set_text(seats: Sequence[Seat], sizes: Sequence[int]) -> str:
    """What is to be there, and what it costs, or why it is not chosen by that."""
    said = sizes_text(seats, sizes)
    unpriced = [seat.name for seat in seats if seat.cost_per_hour is None]
    guessed = [seat.name for seat, size in zip(seats, sizes, strict=True) if size and seat.worth.is_guess]
    slow = [f"{seat.name} is left out: {seat.worth.too_slow}" for seat in seats if seat.worth.too_slow]
    if unpriced:
        said += f", in the order listed: {', '.join(unpriced)} has no price"
    else:
        cost = sum(size * (seat.cost_per_hour or 0.0) for seat, size in zip(seats, sizes, strict=True))
        said += f" for {number(cost)} an hour"
    if guessed:
        said += f" ({', '.join(guessed)} not measured yet, taken to be worth its price)"
    return "; ".join([said, *slow])


def placeless_text(stuck: Sequence[Seat], spec: InferenceServiceSpec) -> str:
    """Who waits for a place, and who does the work meanwhile."""
    waiting = " and ".join(f"{count(seat.placeless, 'pod')} of {seat.name}" for seat in stuck)
    verb = "finds" if sum(seat.placeless for seat in stuck) == 1 else "find"
    if all(seat.is_given_up for seat in stuck):
        return f"{waiting} {verb} no place; the other variants do their work"
    after = spec.scaling.fallback_after_seconds
    return f"{waiting} {verb} no place; no more are ordered, and after {after} s the other variants do their work"


def spending_text(seats: Sequence[Seat], unbound: Sequence[int], cost_per_hour: float, because: str) -> str:
    """What was wanted, what it would cost, and what forbids it."""
    return f"{sizes_text(seats, unbound)} would cost {number(cost_per_hour)} an hour; {because}"
