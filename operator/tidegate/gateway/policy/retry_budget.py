"""How many requests may be tried a second time, so that retries do not bury a service that is in trouble."""

REQUESTS_PER_RETRY = 10.0
"""A tenth of the requests that arrive may be tried again."""

FLOOR = 10.0
"""Retries that are there though hardly any request came; they come back one a second."""

MOST = 100.0
"""Retries that a busy time leaves at most."""


class RetryBudget:
    """The retries that one service has left. It is kept in requests: tenths do not add up in binary."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = FLOOR * REQUESTS_PER_RETRY
        self._since = now

    def earn(self) -> None:
        """A request has arrived."""
        if self._left < MOST * REQUESTS_PER_RETRY:
            self._left += 1.0

    def spend(self, now: float) -> bool:
        """Take one retry; False where none is left."""
        floor = FLOOR * REQUESTS_PER_RETRY
        if self._left < floor:
            self._left = min(floor, self._left + (now - self._since) * REQUESTS_PER_RETRY)
        self._since = now
        if self._left < REQUESTS_PER_RETRY:
            return False
        self._left -= REQUESTS_PER_RETRY
        return True
