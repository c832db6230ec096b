"""Requests that Envoy passes to itself before it has tried a pod."""

from collections import OrderedDict
from dataclasses import replace

from tidegate.gateway.exchange import Ended, Forward

_MOST = 10_000


class PassedOn:
    """Has requests that went through Envoy twice, with one pick id, end once.

    The cluster of engines has no hosts until its first request, and again after long idleness. Requests of those
    moments go through the repick listener, with nothing tried: they keep their pick, and appear twice in the access
    log, in either order. Of ten thousand such requests without a second line the oldest is forgotten.
    """

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, str | None] = OrderedDict()

    def add(self, forward: Forward) -> None:
        """Take note that a request kept its pick."""
        self._addresses[forward.pick_id] = forward.address
        if len(self._addresses) > _MOST:
            self._addresses.popitem(last=False)

    def once(self, ended: Ended) -> Ended | None:
        """Return the first end with a pick id, with its pod; None for the second."""
        if ended.pick_id is None or ended.pick_id not in self._addresses:
            return ended
        address = self._addresses[ended.pick_id]
        if address is None:
            del self._addresses[ended.pick_id]
            return None
        self._addresses[ended.pick_id] = None
        return replace(ended, address=address)
