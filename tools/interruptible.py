"""Runs a program of this directory so that it cleans up however it is told to stop."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn


def run(main: Callable[[], int]) -> NoReturn:
    """Run and exit with what it returns; when interrupted, once it has cleaned up, with 130 as shells do."""
    signal.signal(signal.SIGTERM, _interrupt)  # Cleans up as Ctrl-C does.
    signal.signal(signal.SIGINT, _interrupt)  # Which shells let background jobs start with ignored.
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
