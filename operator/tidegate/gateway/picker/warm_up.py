"""Has Envoy know a pod's address before the first request.

While its cluster of engines has no hosts, Envoy passes over it, and a request whose first pod takes no connection is
not tried with another. So one request goes to an address where nobody listens, by the repick listener, which is
reached from this pod alone.
"""

import asyncio
import contextlib

import aiohttp

from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.names import WARM_UP_HEADER
from tidegate.gateway.exchange import Forward, Request

AGAIN_SECONDS = 1800.0
"""Envoy forgets hosts that were not used for an hour."""

_RETRY_SECONDS = 0.2
_TIMEOUT_SECONDS = 5

WARM_UP = Forward(pick_id="warm-up", address="127.0.0.1:1")
"""Where nobody listens."""

_TRIED = "pod_unreachable"


def warm_up_of(request: Request) -> Forward | None:
    """Return where a request for warming up goes; None for all others."""
    return WARM_UP if WARM_UP_HEADER in request.headers else None


class WarmUp:
    """Keeps Envoy warm."""

    def __init__(self, directory: Directory) -> None:
        self._socket = str(directory.repick_socket)
        self._again = asyncio.Event()
        self.done = asyncio.Event()
        """Set while Envoy is warm."""

    def again(self) -> None:
        """Envoy may be a new one, and one that does not reach the picker."""
        self.done.clear()
        self._again.set()

    async def keep(self) -> None:
        """Warm Envoy up, again and again."""
        connector = aiohttp.UnixConnector(path=self._socket, force_close=True)
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while True:
                self._again.clear()
                if not await _warmed(session):
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                if not self._again.is_set():  # Else it was another Envoy that is warm.
                    self.done.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_SECONDS):  # `wait_for` may swallow being cancelled.
                        await self._again.wait()


async def _warmed(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("http://envoy/", headers={WARM_UP_HEADER: "1"}) as response:
            return _TRIED in await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
