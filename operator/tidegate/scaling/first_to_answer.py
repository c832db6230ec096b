"""Which variant of a service that sleeps is woken: the one that is cheapest to have answer first."""

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.scaling.term_input import LIKELY_LEAD_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeper:
    """One variant, asleep."""

    name: str
    cost_per_hour: float | None
    lead_seconds: float | None
    """How long its pods take to get ready; None where that is not known."""

    can_start: bool = True
    """Whether nothing is known to keep it from starting."""


def first_to_answer(sleepers: Iterable[Sleeper]) -> str:
    """The one whose first replica costs least until it answers; without all prices, the one that answers soonest.

    Args:
        sleepers: as listed; of equals the first is taken, and one that cannot start only where none can.

    Returns:
        Its name.
    """
    listed = list(sleepers)
    able = [each for each in listed if each.can_start] or listed
    priced = all(each.cost_per_hour is not None for each in able)
    return min(able, key=lambda each: _price_of_answer(each, priced=priced)).name


def _price_of_answer(sleeper: Sleeper, *, priced: bool) -> tuple[float, float]:
    lead_seconds = LIKELY_LEAD_SECONDS if sleeper.lead_seconds is None else sleeper.lead_seconds
    return (lead_seconds * (sleeper.cost_per_hour or 0.0) if priced else lead_seconds), lead_seconds
