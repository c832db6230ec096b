"""Finds and ends the processes of a cluster by the path of the program they run.

Process ids written to files are not trusted: after a reboot they belong to somebody else.
"""

import os
import signal
import subprocess
import time
from collections.abc import Collection
from pathlib import Path

POLL_SECONDS = 0.02


def running(directory: Path, names: Collection[str]) -> dict[str, int]:
    """Processes of the named programs of this directory: name to process id."""
    found = {}
    for process_id, program in _programs():
        path = Path(program)
        if path.parent == directory and path.name in names:
            found[path.name] = process_id
    return found


def kill(directory: Path, names: Collection[str]) -> None:
    """End the named programs of this directory at once, and wait until they are gone.

    They are not asked first: what they hold is thrown away next, and the API server takes seconds to say goodbye.
    """
    while found := running(directory, names):
        for process_id in found.values():
            _kill(process_id)
        time.sleep(POLL_SECONDS)


def _kill(process_id: int) -> None:
    try:
        os.kill(process_id, signal.SIGKILL)
    except ProcessLookupError:
        return  # It ended by itself in between.


def _programs() -> list[tuple[int, str]]:
    """(process id, program as it was called) of every process that may be looked at."""
    if not Path("/proc/self/cmdline").exists():
        listing = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
        return [(int(line.split()[0]), line.split()[1]) for line in listing.splitlines() if len(line.split()) > 1]
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            program = (entry / "cmdline").read_bytes().split(b"\0", 1)[0].decode(errors="replace")
        except OSError:
            continue  # Gone, or not ours to look at.
        found.append((int(entry.name), program))
    return found
