"""The condition AcceleratorAvailable: whether the hardware that was asked for is there. Pure."""

import re
from collections.abc import Iterable

from tidegate.api.conditions import ConditionType, Reason
from tidegate.controller.ready import NUMBERS
from tidegate.controller.records import Document
from tidegate.controller.routing import Row
from tidegate.controller.variant_place import VariantPlace

_OUR_NUMBERS = re.compile(r"[0-9]+ of [0-9]+ pods?|since [^:]+:[^:]+:[0-9]+Z")
"""In messages of a Placement, beside those in the words of others."""


def accelerator_row(places: Iterable[VariantPlace], previous: Document, fallback_seconds: int) -> Row | None:
    """Status, reason and message of AcceleratorAvailable; None for a service without accelerators.

    Args:
        places: of each of its variants.
        previous: the status as it was written last: words of others in which only numbers differ are kept.
        fallback_seconds: how long a variant's pods may be without a place until others do its work.
    """
    every = tuple(places)
    accelerated = [each for each in every if each.accelerated]
    if not accelerated:
        return None
    stuck = [each for each in accelerated if each.place.without]
    if not stuck:
        return "True", Reason.AVAILABLE, "no pod waits for an accelerator"
    if len(every) == 1:
        message = stuck[0].place.message
    else:
        parts = (
            f"variant {each.variant}: {each.place.message}; {_meanwhile(each, every, fallback_seconds)}"
            for each in stuck
        )
        message = "; ".join(parts)
    conditions = previous.get("conditions") or ()
    written = next((c.get("message", "") for c in conditions if c["type"] == ConditionType.ACCELERATOR_AVAILABLE), "")
    return "False", stuck[0].place.reason, calm(message, written)


def calm(message: str, written: str) -> str:
    """What is written already, while only numbers in the words of others differ: schedulers count at each try."""
    return written if _essence(written) == _essence(message) else message


def _meanwhile(stuck: VariantPlace, every: Iterable[VariantPlace], fallback_seconds: int) -> str:
    """Who does its work."""
    others = [each for each in every if each is not stuck and not each.place.without]
    if not others:
        return "no other variant has room either"
    if not stuck.given_up:
        return f"{' or '.join(each.variant for each in others)} steps in {fallback_seconds} s after that"
    serving = [each.variant for each in others if each.ready]
    return (
        f"instead, {' and '.join(serving)} {'serves' if len(serving) == 1 else 'serve'}"
        if serving
        else (f"instead, {' or '.join(each.variant for each in others)} gets ready")
    )


def _essence(message: str) -> tuple[list[str], str]:
    return _OUR_NUMBERS.findall(message), NUMBERS.sub("", message)
