"""Who goes next when places get free in many services at once: each in turn, a few at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

BATCH = 64
"""Requests let go before the loop looks at what else has happened."""

Waiting = TypeVar("Waiting")


class Turns(Generic[Waiting]):
    """Services that may have a request to let go, in turn.

    Between two requests of one service every other that can let one go lets one go.
    """

    def __init__(self, let_one_go: Callable[[Waiting], bool]) -> None:
        """Begin with none.

        Args:
            let_one_go: sends the oldest request of a service on; False when it cannot, now.
        """
        self._let_one_go = let_one_go
        self._in_turn: OrderedDict[Waiting, None] = OrderedDict()
        self._scheduled = False

    def add(self, waiting: Waiting) -> None:
        """A service may have one to let go."""
        self._in_turn[waiting] = None
        self._schedule()

    def _schedule(self) -> None:
        if self._in_turn and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._go)

    def _go(self) -> None:
        self._scheduled = False
        for _ in range(BATCH):
            if not self._in_turn:
                return
            waiting, _ = self._in_turn.popitem(last=False)
            if self._let_one_go(waiting):
                self._in_turn.setdefault(waiting)
        self._schedule()
