"""Clocks that do what is expected of them when somebody sets the machine's."""

import time
from collections.abc import Callable


def steady_clock() -> Callable[[], float]:
    """Seconds since the epoch that never go back: when somebody sets the clock, no tick waits and no sample ages."""
    epoch = time.time() - time.monotonic()
    return lambda: epoch + time.monotonic()


def boot_clock() -> float:
    """Seconds since the machine was started, those that it slept included.

    The monotonic clock of Linux stands still while a machine is suspended; a Lease does not.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
