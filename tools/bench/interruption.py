"""Lets a bench clean up however it is told to stop."""

import signal
from types import FrameType


def end_as_on_ctrl_c() -> None:
    """Make SIGTERM what Ctrl-C is: an exception, so that clusters are removed and processes ended."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
