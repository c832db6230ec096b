"""How much of the machine others took meanwhile: figures of time are worth little where that is much."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path

from bench.gateway_cases.figures import Figure

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_BUSY_FIELDS = (0, 1, 2, 5, 6)
"""Of /proc/stat: user, nice, system, interrupts; neither idle nor waiting."""


@dataclass(frozen=True, slots=True)
class Busy:
    """CPU time so far, in seconds."""

    machine: float
    own: float
    """Of this process and of all that it has started and that have ended."""


def busy_seconds() -> Busy:
    """Look at it now."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    machine = sum(int(fields[index]) for index in _BUSY_FIELDS) / _TICKS_PER_SECOND
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Busy(machine, sum(each.ru_utime + each.ru_stime for each in usages))


def others_share(before: Busy, after: Busy, seconds: float) -> Figure:
    """What was taken by processes that are none of the rig's.

    The control plane counts among them: it is no child of this process. It takes a fifth of a core or so.
    """
    others = (after.machine - before.machine) - (after.own - before.own)
    cores = os.cpu_count() or 1
    return Figure("cores that others took meanwhile, control plane included", f"{others / seconds:.1f} of {cores}")
