"""What is told of what was learned: anew after a change of more than five percent, or ten minutes. Pure.

In between the same object is told, so that to find nothing new costs a few comparisons.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from pydantic import ValidationError

from tidegate.api.inference_service_status import MAXIMUM_LEARNED
from tidegate.api.learned_status import Confidence, LearnedCapacity, LearnedLeadTime
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.quantity import to_number
from tidegate.api.scaling import Scaling
from tidegate.cluster.reading import seconds
from tidegate.controller.records import Document, timestamp
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.learned_text import learned_text
from tidegate.scaling.memory import Memory

CHANGE = 0.05
"""A capacity or a lead time within five percent of the one that is told is the same."""

REFRESH_SECONDS = 600.0
"""What changes less is told as often as this, if there was anything to learn from; at first, whenever there has been
twice as much."""

DIGITS = 3

LONGEST_NAME = 20
"""Of a variant."""

TEXTS_FOR_SURE = 6
"""For the texts of so many variants there is room, bursts left out; of more, the last may have to learn anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedStatus:
    """What the status says of it."""

    capacity: LearnedCapacity | None = None
    lead_time: LearnedLeadTime | None = None
    text: str | None = None
    """All of it, for the next operator."""

    looks: int = 0
    """From how many looks at pods at work, and at pods that start, it was learned."""

    at: float = 0.0
    """When it was written so."""

    @classmethod
    def adopt(cls, status: Document, memory: Memory, variant: str = DEFAULT_VARIANT) -> Self:
        """What a status says of a variant that `memory` is of; nothing, if another version wrote it otherwise."""
        try:
            capacities = map(LearnedCapacity.model_validate, status.get("capacity") or ())
            lead_times = map(LearnedLeadTime.model_validate, status.get("leadTime") or ())
            capacity = next((each for each in capacities if each.variant == variant), None)
            lead_time = next((each for each in lead_times if each.variant == variant), None)
            at = max((seconds(each.time) for each in (capacity, lead_time) if each is not None), default=0.0)
        except (ValidationError, ValueError):
            return cls()
        text = text_of(status.get("learned") or "", variant) or None
        return cls(capacity=capacity, lead_time=lead_time, text=text, looks=_looks(memory), at=at)


def room_for(variants: int) -> int:
    """How many characters the text of each of so many variants may have."""
    if variants == 1:
        return MAXIMUM_LEARNED
    return MAXIMUM_LEARNED // min(variants, TEXTS_FOR_SURE) - len("\n ") - LONGEST_NAME


def joined(texts: Iterable[tuple[str, str | None]]) -> str | None:
    """One text of those of all variants: a line for each; those that there is no room for are left out.

    That of the variant default stands alone in its line, as that of a service that has no other.

    Args:
        texts: name and text of each, in order of importance.
    """
    whole = ""
    for variant, text in texts:
        line = text if not text or variant == DEFAULT_VARIANT else f"{variant} {text}"
        if line and len(whole) + bool(whole) + len(line) <= MAXIMUM_LEARNED:
            whole = f"{whole}\n{line}" if whole else line
    return whole or None


def text_of(whole: str, variant: str) -> str:
    """The text of one variant out of what `joined` has made; empty where there is none."""
    for line in whole.splitlines():
        name, _, text = (DEFAULT_VARIANT, "", line) if line.startswith("{") else line.partition(" ")
        if name == variant:
            return text
    return ""


def renewed(
    told: LearnedStatus,
    memory: Memory,
    capacity: Capacity | None,
    scaling: Scaling,
    now: float,
    *,
    variant: str = DEFAULT_VARIANT,
    room: int = MAXIMUM_LEARNED,
) -> LearnedStatus:
    """What is to be told now: `told` itself while there is nothing new.

    Args:
        told: what the status says.
        memory: what the last decision left behind.
        capacity: what it took a replica's capacity for; None where it was not learned.
        scaling: the policy, which may give a capacity.
        now: seconds since the epoch.
        variant: of which it is told.
        room: the most characters that its text may have.
    """
    units, confidence = _capacity(capacity, scaling)
    looks = _looks(memory)
    is_due = looks >= 2 * max(1, told.looks) or (looks != told.looks and now - told.at >= REFRESH_SECONDS)
    is_due = is_due or len(told.text or "") > room
    if not (is_due or _tells_of_another(told, memory, units, confidence)):
        return told
    return LearnedStatus(
        capacity=_learned_capacity(variant, memory, capacity, units, confidence, now),
        lead_time=_learned_lead_time(variant, memory, now),
        text=learned_text(memory, room) or None,
        looks=looks,
        at=now,
    )


def _capacity(capacity: Capacity | None, scaling: Scaling) -> tuple[float | None, Confidence]:
    """Work units per second, and how sure that is; a capacity that is given wins."""
    if scaling.token_throughput is not None:
        return to_number(scaling.token_throughput.target_per_replica), Confidence.GIVEN
    if capacity is None:
        return None, Confidence.LOW
    return capacity.units_per_second, Confidence(capacity.confidence)


def _looks(memory: Memory) -> int:
    return memory.learned.step_time.samples + len(memory.learned.lead_time.starts_seconds)


def _tells_of_another(told: LearnedStatus, memory: Memory, units: float | None, confidence: Confidence) -> bool:
    steps, lead_seconds = memory.learned.step_time, memory.learned.lead_time.seconds
    written, written_lead = told.capacity, told.lead_time
    if _moved(lead_seconds, None if written_lead is None else written_lead.p75_seconds):
        return True
    if written is None:
        return units is not None or steps.seconds is not None
    return (
        _moved(units, None if written.units_per_second is None else float(written.units_per_second))
        or confidence is not written.confidence
        or (steps.seconds is not None and (written.template_hash or "") != steps.template)
    )


def _moved(value: float | None, written: float | None) -> bool:
    """Whether it is more than five percent off what is written, and more than what rounding takes."""
    if value is None or written is None:
        return value is not written
    return abs(value - written) > max(CHANGE * abs(written), 0.5 if isinstance(written, int) else 0.0)


def _learned_capacity(
    variant: str, memory: Memory, capacity: Capacity | None, units: float | None, confidence: Confidence, now: float
) -> LearnedCapacity | None:
    steps = memory.learned.step_time
    if units is None and steps.seconds is None:
        return None
    alpha, beta, c = (None, None, None) if steps.seconds is None else (1000 * each for each in steps.seconds)
    return LearnedCapacity(
        variant=variant,
        units_per_second=_digits(units),
        requests_per_second=_digits(None if capacity is None else capacity.requests_per_second),
        requests_at_once=_digits(None if capacity is None else capacity.batch),
        confidence=confidence,
        template_hash=steps.template or None,
        alpha_milliseconds=_digits(alpha),
        beta_milliseconds=_digits(beta),
        c_milliseconds=_digits(c),
        samples=steps.samples,
        time=timestamp(now),
    )


def _learned_lead_time(variant: str, memory: Memory, now: float) -> LearnedLeadTime | None:
    lead_time = memory.learned.lead_time
    half, most = lead_time.percentile(50), lead_time.percentile(75)
    if half is None or most is None:
        return None
    return LearnedLeadTime(
        variant=variant,
        p50_seconds=round(half),
        p75_seconds=round(most),
        samples=len(lead_time.starts_seconds),
        time=timestamp(now),
    )


def _digits(value: float | None) -> str | None:
    """Three significant digits, without an exponent."""
    return None if value is None else f"{Decimal(f'{value:.{DIGITS}g}'):f}"
