"""One process at a time: a lock that the operating system lets go of when its holder dies."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.2


@contextmanager
def exclusive(path: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file for the length of a `with` block.

    Args:
        path: The lock file; made, with its directory, where missing. It is never removed: a lock on a removed file
            would exclude nobody.
        waiting: Called once when somebody else holds the lock, before waiting for it without limit.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        told = False
        while not _taken(file.fileno()):
            if not told:
                waiting()
                told = True
            time.sleep(POLL_SECONDS)  # Polled, so that Ctrl-C is answered while waiting.
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
