"""All that was learned as one text and back, so that the next operator goes on where this one stopped.

Left out is what is of this minute alone: where demand stands (known again after the second look), how each single pod
keeps up, and which pods are on their way.
"""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from tidegate.scaling.codec import decode, encode
from tidegate.scaling.forecast import Forecast
from tidegate.scaling.lead_time import LeadTime
from tidegate.scaling.learned import Learned
from tidegate.scaling.memory import Memory
from tidegate.scaling.pod_pace import PodPaces
from tidegate.scaling.promises import Promises
from tidegate.scaling.recurrence import MEMORY_SECONDS
from tidegate.scaling.sizes import Sums

FORMAT = 1
"""Goes up when what is learned means something else than before."""

DIGITS = 9
"""Of each number: no decision hangs on the tenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    format: int
    learned: Learned
    sums: Sums
    """Sizes of requests, without which no step time is a capacity."""


def learned_text(memory: Memory, longest: int) -> str:
    """What a memory has learned, as JSON in at most `longest` characters; "" while it is nothing.

    Where it is too long, the oldest bursts are left out.
    """
    learned = memory.learned
    lasting = replace(
        learned,
        step_time=replace(learned.step_time, pooled=None),
        paces=PodPaces(),
        lead_time=LeadTime(starts_seconds=learned.lead_time.starts_seconds),
        forecast=Forecast(),
        promises=Promises(factor=learned.promises.factor),
    )
    if learned.step_time.seconds is None and not learned.lead_time.starts_seconds:
        return ""
    while True:
        kept = _Kept(format=FORMAT, learned=lasting, sums=memory.arrivals.sums)
        text = json.dumps(_rounded(encode(_Kept, kept)), allow_nan=False, separators=(",", ":"))
        if len(text) <= longest:
            return text
        spans = lasting.recurrence.spans
        if not spans:
            return ""
        lasting = replace(lasting, recurrence=replace(lasting.recurrence, spans=spans[(len(spans) + 1) // 2 :]))


def recall(text: str, now: float) -> Memory:
    """A memory that has learned what `learned_text` wrote, bursts aside that nobody waits for any more by now.

    It is an empty one if the text is not of this version.
    """
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("format") != FORMAT or not _is_finite(document):
            return Memory()
        kept = decode(_Kept, document)
    except (ValueError, TypeError):
        return Memory()
    recurrence = kept.learned.recurrence
    spans = tuple(span for span in recurrence.spans if 0 <= now - span.start < MEMORY_SECONDS)
    awaited = replace(recurrence, spans=spans)
    empty = Memory()
    return replace(
        empty, learned=replace(kept.learned, recurrence=awaited), arrivals=replace(empty.arrivals, sums=kept.sums)
    )


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.{DIGITS}g}")
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
        case _:
            return value


def _is_finite(value: Any) -> bool:
    """Whether all numbers in it are: sums went wrong otherwise, and would for ever."""
    match value:
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(_is_finite, value.values()))
        case list():
            return all(map(_is_finite, value))
        case _:
            return value not in {"nan", "inf", "-inf"}
