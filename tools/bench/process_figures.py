"""What a process costs, seen from outside: CPU time and memory as Linux counts them."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_KIBIBYTES_PER_MEBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class Footprint:
    """A process at one instant."""

    cpu_seconds: float
    """User and system time since its start; counted in hundredths."""

    resident_mebibytes: float
    highest_resident_mebibytes: float
    """The most it ever had."""


def footprint(pid: int) -> Footprint:
    """Look at a process.

    Raises:
        OSError: There is none, or this is not Linux.
    """
    directory = Path("/proc") / str(pid)
    # The second field is the command's name in parentheses, which may hold spaces.
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    user_ticks, system_ticks = int(fields[11]), int(fields[12])
    sizes = dict(line.split(":", 1) for line in (directory / "status").read_text().splitlines())
    return Footprint(
        cpu_seconds=(user_ticks + system_ticks) / _TICKS_PER_SECOND,
        resident_mebibytes=_mebibytes(sizes["VmRSS"]),
        highest_resident_mebibytes=_mebibytes(sizes["VmHWM"]),
    )


def _mebibytes(size: str) -> float:
    return int(size.split(maxsplit=1)[0]) / _KIBIBYTES_PER_MEBIBYTE
