"""Which port on the gateways is whose: one for each service, for as long as it wants one.

What is given is in statuses, so it outlives the operator. A port that was given back is the last to be given again:
listeners and connections of the one before may still be there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from tidegate.api.routing import FIRST_GATEWAY_PORT, LAST_GATEWAY_PORT
from tidegate.cluster.resources import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A service that wants a port."""

    key: Key
    created: float
    """In seconds since the epoch: of two with the same port the older one keeps it."""

    written: int | None
    """The port in its status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    """The ports that there are, both ends included.

    Raises:
        ValueError: if they are no ports, or in no order; the message names the flag.
    """

    first: int = FIRST_GATEWAY_PORT
    last: int = LAST_GATEWAY_PORT

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last <= 65_535:  # noqa: PLR2004 - what a port can be
            raise ValueError(_no_range(f"{self.first}-{self.last}"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `FIRST-LAST`.

        Raises:
            ValueError: it is no range; the message names the flag.
        """
        first, _, last = text.partition("-")
        if not (first.isdecimal() and last.isdecimal()):
            raise ValueError(_no_range(text))
        return cls(first=int(first), last=int(last))

    @property
    def size(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


class GatewayPorts:
    """Whose each port is."""

    def __init__(self, ports: PortRange | None = None) -> None:
        """Begin with all of them free.

        Args:
            ports: those to give; the usual ones unless told.
        """
        self.ports = ports or PortRange()
        self._owners: dict[int, Claim] = {}
        self._of: dict[Key, int] = {}
        self._last_given = self.ports.last

    def adopt(self, claims: Iterable[Claim]) -> None:
        """Begin anew with what statuses say, the oldest service first."""
        self._owners.clear()
        self._of.clear()
        for claim in sorted(claims, key=_age):
            if claim.written is not None and self._is_free(claim.written):
                self._give(claim, claim.written)
        self._last_given = max(self._owners, default=self.ports.last)

    def port_of(self, claim: Claim) -> int | None:
        """The port of a service: the one that it has, the one in its status, or another one.

        None when all are in use. Who turns up with the port of a younger service takes it, and the younger one gets
        another when it is asked for the next time.
        """
        held = self._of.get(claim.key)
        if held is not None and self._owners[held].created == claim.created:
            return held
        self.give_back(claim.key)
        if claim.written is not None and self._may_take(claim, claim.written):
            self._give(claim, claim.written)
            return claim.written
        if len(self._owners) >= self.ports.size:
            return None
        port = self._next_free()
        self._give(claim, port)
        self._last_given = port
        return port

    def give_back(self, key: Key) -> None:
        """Have a port no more."""
        port = self._of.pop(key, None)
        if port is not None:
            del self._owners[port]

    def _may_take(self, claim: Claim, port: int) -> bool:
        owner = self._owners.get(port)
        return self._is_free(port) or (owner is not None and _age(claim) < _age(owner))

    def _is_free(self, port: int) -> bool:
        return self.ports.first <= port <= self.ports.last and port not in self._owners

    def _give(self, claim: Claim, port: int) -> None:
        owner = self._owners.get(port)
        if owner is not None:
            del self._of[owner.key]
        self._owners[port] = claim
        self._of[claim.key] = port

    def _next_free(self) -> int:
        port = self._last_given
        while True:
            port = self.ports.first if port >= self.ports.last else port + 1
            if port not in self._owners:
                return port


def _no_range(text: str) -> str:
    return f"--gateway-ports {text}: give the first and the last of a range, between 1 and 65535, such as 10000-32767"


def _age(claim: Claim) -> tuple[float, Key]:
    return (claim.created, claim.key)
