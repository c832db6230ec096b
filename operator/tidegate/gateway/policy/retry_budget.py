"""How many requests may be tried a second time, so that retries do not bury a service that is in trouble."""

SHARE = 0.1
"""Of the requests that arrive."""

FLOOR = 10.0
"""Retries that are there though hardly any request came; they come back one a second."""

MOST = 100.0
"""Retries that a busy time leaves at most."""


class RetryBudget:
    """The retries that one service has left."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = FLOOR
        self._since = now

    def earn(self) -> None:
        """A request has arrived."""
        if self._left < MOST:
            self._left += SHARE

    def spend(self, now: float) -> bool:
        """Take one retry; False where none is left."""
        if self._left < FLOOR:
            self._left = min(FLOOR, self._left + (now - self._since))
        self._since = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
