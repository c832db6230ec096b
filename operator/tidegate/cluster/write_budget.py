"""A budget for writes: so many per second, the urgent ones first.

A fleet-wide event (a new operator, a lost node) makes every service want to write at once. The API server must not feel
it, and a size must not wait behind a thousand cosmetic updates.
"""

import asyncio
import heapq
import itertools
from enum import IntEnum

WRITES_PER_SECOND = 200.0
BURST = 400.0
LONGEST_REST_SECONDS = 60.0
"""What the API server asks for is 1 s; a proxy that asks for an hour must not stop all scaling for so long."""

LEAST_DELAY_SECONDS = 0.001
"""A token may be short of whole by the last digit of a float, and waiting for that is waiting in a circle."""


class Urgency(IntEnum):
    """The order of writes; lower goes first."""

    SCALE = 0
    BODY = 1
    CONDITIONS = 2
    EVENT = 3
    COSMETIC = 4


class WriteBudget:
    """A token bucket whose waiters leave in order of urgency, then of arrival."""

    def __init__(self, per_second: float = WRITES_PER_SECOND, burst: float = BURST) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._refilled: float | None = None
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, urgency: Urgency) -> None:
        """Wait for one write's turn."""
        self._refill()
        if not self._waiters and self._tokens >= 1:
            self._tokens -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (urgency, next(self._order), turn))
        self._schedule()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # Granted in this very moment, and not used.
                self._tokens += 1
                self._release()
            raise

    def rest(self, seconds: float) -> None:
        """Grant nothing for a while, and then no burst: an API server has asked for it."""
        self._refill()
        self._tokens = min(self._tokens, -min(seconds, LONGEST_REST_SECONDS) * self._per_second)

    def _refill(self) -> None:
        now = asyncio.get_running_loop().time()
        elapsed = 0.0 if self._refilled is None else now - self._refilled
        self._tokens = min(self._burst, self._tokens + elapsed * self._per_second)
        self._refilled = now

    def _schedule(self) -> None:
        if self._timer is None and self._waiters:
            delay_seconds = max(LEAST_DELAY_SECONDS, (1 - self._tokens) / self._per_second)
            self._timer = asyncio.get_running_loop().call_later(delay_seconds, self._release)

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._refill()
        while self._waiters and self._tokens >= 1:
            _, _, turn = heapq.heappop(self._waiters)
            if not turn.done():  # A cancelled waiter takes nothing.
                self._tokens -= 1
                turn.set_result(None)
        self._schedule()
