"""How an engine is told which share of what it sees is its own: memory of a device, or processors."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tidegate.api.quantity import to_number
from tidegate.engines.arguments import flags_given
from tidegate.engines.table import EngineTable, Flag

_PERCENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Share:
    """What an engine is told. Nothing, by default."""

    flags: tuple[Flag, ...] = ()
    """Flags to add to those that its table has."""

    memory_utilization: str | None = None
    """Share of the memory that it sees which it is told to take; None where it is told nothing."""

    note: str = ""
    """What people should know of it: that their own flag has won, or that the engine cannot be told."""


NOTHING = Share()


def memory_share(table: EngineTable, user_arguments: Sequence[str], visible_share: Decimal) -> Share:
    """Tell an engine how much of the memory that it sees it may take.

    Args:
        table: the engine's table.
        user_arguments: `engine.args` of the spec; a flag in them wins.
        visible_share: share of that memory which is its own; 1 where it sees nothing else, which leaves it alone.
    """
    whole_device = visible_share >= 1
    known = table.memory
    given = flags_given(user_arguments)
    if known is not None:
        own = next((name for name in (*known.spellings, *known.instead) if name in given), None)
        if own is not None:
            return _own(own, given[own], visible_share, is_share=own in known.spellings)
    if whole_device:
        return NOTHING
    percent = f"{100 * visible_share:.0f} %"
    if known is None:
        return Share(
            note=f"nobody keeps the engine to its {percent} of the device's memory, and no flag of {table.type} is "
            "known that does: limit it in engine.args"
        )
    value = (visible_share * known.usual).quantize(_PERCENT, rounding="ROUND_FLOOR")
    return Share((Flag(spellings=known.spellings, value=f"{value}"),), f"{value}")


def _own(flag: str, value: str, visible_share: Decimal, *, is_share: bool) -> Share:
    """What the user gave wins; whether it may be too much is told."""
    if visible_share >= 1:
        return Share(memory_utilization=value if is_share else None)
    note = f"engine.args gives {flag} {value}, which is left as it is"
    if is_share and _exceeds(value, visible_share):
        note += f"; that is more than its share of the device, {visible_share.quantize(_PERCENT)}"
    return Share(memory_utilization=value if is_share else None, note=note)


def _exceeds(value: str, visible_share: Decimal) -> bool:
    try:
        return to_number(value) > visible_share
    except ValueError:
        return False


def processor_share(table: EngineTable, cpu_limit: Any) -> Share:
    """Tell an engine that counts the node's processors how many of them it may use.

    Args:
        table: the engine's table.
        cpu_limit: the container's limit of `cpu`; None without one, which leaves the engine alone.
    """
    if not table.thread_flags or not isinstance(cpu_limit, int | float | str):
        return NOTHING
    try:
        threads = int(to_number(str(cpu_limit)))
    except ValueError:
        return NOTHING  # The API server refuses it, and says so.
    return Share((Flag(spellings=table.thread_flags, value=str(max(1, threads))),))
