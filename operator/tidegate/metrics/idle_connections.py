"""Decides which connections stay open between scrapes."""

from collections.abc import Hashable


class IdleConnections:
    """Bounds the connections that wait for the next scrape.

    aiohttp bounds the connections in use and not those that idle; thousands of pods would hold thousands of file
    descriptors. Here a server may keep its connection if it kept one lately or if there is room.
    """

    def __init__(self, maximum: int, idle_seconds: float) -> None:
        """Keep at most `maximum` connections, each forgotten `idle_seconds` after its last use."""
        self._maximum = maximum
        self._idle_seconds = idle_seconds
        self._last_use: dict[Hashable, float] = {}
        self._next_sweep = 0.0

    def may_keep(self, server: Hashable, now: float) -> bool:
        """Tell whether the connection about to be used may stay open afterwards.

        Args:
            server: what connections are shared by: address and port.
            now: seconds, on any steady scale.
        """
        if server not in self._last_use and len(self._last_use) >= self._maximum:
            self._sweep(now)
            if len(self._last_use) >= self._maximum:
                return False
        self._last_use[server] = now
        return True

    def _sweep(self, now: float) -> None:
        """Forget what has expired; at most once in a while, for a full list stays full for long."""
        if now < self._next_sweep:
            return
        self._next_sweep = now + self._idle_seconds / 4
        expired = now - self._idle_seconds
        self._last_use = {server: used for server, used in self._last_use.items() if used > expired}
