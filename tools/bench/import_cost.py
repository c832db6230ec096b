"""What starting a command costs, with Python itself for comparison: medians of ten."""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

ROUNDS = 10
COMMANDS = (
    ("python", ("-c", "")),
    ("import tidegate.cli", ("-c", "import tidegate.cli")),
    ("tidegate operator --help", ("-m", "tidegate", "operator", "--help")),
    ("import tidegate.controller.operator", ("-c", "import tidegate.controller.operator")),
)


@dataclass(frozen=True, slots=True)
class Start:
    """One process from its start to its end."""

    seconds: float
    cpu_seconds: float
    mebibytes: float
    """The most memory it had."""


def start(arguments: tuple[str, ...]) -> Start:
    """Run Python once.

    Raises:
        RuntimeError: It failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"python {' '.join(arguments)} ended with {process.returncode}")
    return Start(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main() -> None:
    """Measure and print."""
    print(f"{'':36}{'time':>8}{'CPU time':>10}{'memory':>10}")
    for name, arguments in COMMANDS:
        start(arguments)  # The first one finds files that are not in memory yet.
        starts = [start(arguments) for _ in range(ROUNDS)]
        seconds, cpu_seconds, mebibytes = (
            statistics.median(getattr(one, what) for one in starts) for what in ("seconds", "cpu_seconds", "mebibytes")
        )
        print(f"{name:36}{seconds:6.2f} s{cpu_seconds:8.2f} s{mebibytes:6.0f} MiB")


if __name__ == "__main__":
    main()
