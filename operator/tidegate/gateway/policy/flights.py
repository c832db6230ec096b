"""Requests that are with pods, by the ids they were sent with: each is ended once, however often that is told."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.policy.service import Service

UNDERWAY_SECONDS = 10.0
"""Longer than Envoy takes to connect to a pod, and to another: before, it may not show among those that are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """One request that is with a pod."""

    service: Service
    pod: PodLoad
    use: bool
    arrived: float
    """In seconds of the loop: when it came to the gateway."""

    sent: float
    """In seconds of the loop: when it was sent to the pod."""

    cold: bool
    """It found no pod when it came."""


class Flights:
    """All requests that this gateway has with pods.

    An id begins with a word that is this picker's alone. So what a picker before it sent off is told from what has
    ended already, without keeping any of either.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        """Begin with none.

        Args:
            new_id: gives a word that no other picker ever gives.
        """
        self._mine = f"{new_id()}."
        self._count = 0
        self._by_id: dict[str, Flight] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def start(self, flight: Flight, pick_id: str | None = None) -> str:
        """Count a request that is sent off.

        Args:
            flight: the request.
            pick_id: of its first attempt, if this is its second: both then end as one.

        Returns:
            Its id.
        """
        if pick_id is None or self.of_another_picker(pick_id):
            self._count += 1
            pick_id = f"{self._mine}{self._count:x}"
        self._by_id[pick_id] = flight
        if flight.use:
            flight.pod.in_flight += 1
            flight.service.in_flight += 1
        return pick_id

    def find(self, pick_id: str | None) -> Flight | None:
        """The request with this id, while it has not ended."""
        return None if pick_id is None else self._by_id.get(pick_id)

    def end(self, pick_id: str) -> Flight | None:
        """Count a request as ended; None when it has ended before, or was never sent off by this picker."""
        flight = self._by_id.pop(pick_id, None)
        if flight is not None and flight.use:
            flight.pod.in_flight -= 1
            flight.service.in_flight -= 1
        return flight

    def of_another_picker(self, pick_id: str) -> bool:
        """Whether a picker before this one gave the id."""
        return not pick_id.startswith(self._mine)

    def settle(self, active: Mapping[str, int], now: float) -> tuple[list[str], dict[str, int]]:
        """Compare with what Envoy has: a log entry that is lost must not leave a request counted for ever.

        Args:
            active: address to the requests that Envoy has there.
            now: in seconds of the loop, when it was asked.

        Returns:
            Ids of requests that are over though nobody said so, the longest sent first, as many as there are too many;
            and by address what Envoy has beyond those that are counted here.
        """
        settled: dict[str, list[str]] = {}
        known: Counter[str] = Counter()
        for pick_id, flight in self._by_id.items():
            address = flight.pod.pod.address
            known[address] += 1
            if now - flight.sent >= UNDERWAY_SECONDS:
                settled.setdefault(address, []).append(pick_id)
        over = []
        for address, ids in settled.items():
            excess = max(0, len(ids) - active.get(address, 0))
            over.extend(ids[:excess])
            known[address] -= excess
        return over, {address: max(0, count - known[address]) for address, count in active.items()}
