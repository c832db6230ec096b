"""Requests that wait, oldest first; leaving from anywhere in the queue costs the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tidegate.gateway.exchange import Forward, Reply, Request

if TYPE_CHECKING:
    from tidegate.gateway.policy.service import Service

READ_AHEAD_BYTES = 65_536
"""Of a held request's body that Envoy reads before it makes the client wait, as its listeners are configured."""


def bytes_held(request: Request) -> int:
    """How much of it is kept while it is held: its headers, and what of its body lies in Envoy.

    At the shared address that is all of it: the model's name may be at its end. Where a body's length is not told,
    Envoy's buffer is taken for full.
    """
    headers = sum(len(name) + len(value) for name, value in request.headers.items())
    if request.content_length is None:
        return headers + READ_AHEAD_BYTES
    if request.service is None:
        return headers + request.content_length
    return headers + min(request.content_length, READ_AHEAD_BYTES)


class Held:
    """One request that waits."""

    __slots__ = ("answer", "arrived", "cold", "not_to", "request", "service", "size")

    def __init__(self, service: "Service", request: Request, *, arrived: float, cold: bool, not_to: str = "") -> None:
        self.service = service
        self.request = request
        self.arrived = arrived
        """In seconds of the loop: when it came first."""

        self.cold = cold
        """It found no pod when it came."""

        self.not_to = not_to
        """The uid of the pod that did not take it before; empty for a first attempt."""

        self.size = bytes_held(request)
        self.answer: asyncio.Future[Forward | Reply] = asyncio.get_running_loop().create_future()


class HoldQueue:
    """The requests that one service holds."""

    __slots__ = ("_held", "size")

    def __init__(self) -> None:
        self._held: OrderedDict[Held, None] = OrderedDict()
        self.size = 0
        """Bytes of them, as `bytes_held` counts."""

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, held: Held) -> bool:
        return held in self._held

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held)

    @property
    def oldest(self) -> Held | None:
        """Whose turn is next."""
        return next(iter(self._held), None)

    def put(self, held: Held) -> None:
        """Hold one more, behind all others; a second attempt before them: it has waited its turn."""
        self._held[held] = None
        self.size += held.size
        if held.not_to:
            self._held.move_to_end(held, last=False)

    def remove(self, held: Held) -> None:
        """Let one go, wherever it stands.

        Raises:
            KeyError: it is not held.
        """
        del self._held[held]
        self.size -= held.size
