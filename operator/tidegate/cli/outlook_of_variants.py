"""What would change the sizes of a service's variants: their parts of the rule, turned round. Pure.

What all variants are to do together is what counts, in requests per second; how much room for chance each of them asks
for follows from how many requests a replica of it works on at once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.api.variant_status import VariantStatus
from tidegate.cli.turn import Direction, Turn
from tidegate.scaling.demand_terms import BUSY_SHARE_DOWN, BUSY_SHARE_UP, ROOM_DEVIATIONS
from tidegate.scaling.wording import number


@dataclass(frozen=True, slots=True)
class _Part:
    """The replicas of one variant."""

    name: str
    replicas: int
    requests_per_second: float
    """What one of them does."""

    at_once: float | None
    """Requests that one of them works on; None where that is not known."""


def more_of_variants(status: InferenceServiceStatus) -> Iterator[Turn]:
    """From when on the variants that there are do not do; nothing where that is not known of one that is used."""
    parts = _parts(status)
    if parts:
        amount = _enough_for(parts)
        when = f"more than about {number(amount)} requests/s are to be expected"
        yield Turn(Direction.UP, when, _arriving(status), amount)


def fewer_of_variants(status: InferenceServiceStatus) -> list[Turn]:
    """From when on a replica less does, of the variant whose replicas do least."""
    parts = _parts(status)
    if not parts:
        return []
    least = min(range(len(parts)), key=lambda place: parts[place].requests_per_second)
    rest = [
        _Part(part.name, part.replicas - (place == least), part.requests_per_second, part.at_once)
        for place, part in enumerate(parts)
    ]
    amount = _enough_for(rest) * BUSY_SHARE_DOWN / BUSY_SHARE_UP
    when = f"fewer than about {number(amount)} requests/s are to be expected: {parts[least].name} then has one less"
    return [Turn(Direction.DOWN, when, _arriving(status), amount)]


def others_of_variants(status: InferenceServiceStatus) -> Iterator[Turn]:
    """Variants whose pods find no place: when they do, the sizes of the others change as well."""
    for each in status.variants:
        if each.unavailable_since is not None:
            yield Turn(Direction.OTHER, f"pods of {each.name} find a place")


def _parts(status: InferenceServiceStatus) -> list[_Part]:
    """Those that are used; none where it is not known what one of them does."""
    known = {each.variant: each for each in status.capacity if each.requests_per_second is not None}
    used = [(each.name, replicas) for each in status.variants if (replicas := _counted(each))]
    if any(name not in known for name, _ in used):
        return []
    return [
        _Part(
            name,
            replicas,
            float(known[name].requests_per_second or 0),
            float(found) if (found := known[name].requests_at_once) else None,
        )
        for name, replicas in used
    ]


def _counted(variant: VariantStatus) -> int:
    """Replicas that may be counted on: of those that find no place, the ones that are there."""
    return variant.desired_replicas if variant.unavailable_since is None else variant.ready_replicas


def _enough_for(parts: Sequence[_Part]) -> float:
    """How many requests per second they are enough for: `needed_for` of all of them, turned round."""
    total = sum(part.replicas * part.requests_per_second for part in parts)
    if not total:
        return 0.0
    room = sum(
        ROOM_DEVIATIONS * math.sqrt(part.requests_per_second / part.at_once) * part.replicas * part.requests_per_second
        for part in parts
        if part.at_once
    )
    room /= total
    return min(BUSY_SHARE_UP * total, ((math.sqrt(room**2 + 4 * total) - room) / 2) ** 2)


def _arriving(status: InferenceServiceStatus) -> str:
    found = status.signals.requests_per_second if status.signals else None
    return "" if found is None else f"{number(float(found))} arrive"
