"""Asks pods that somebody waits for whether their engine answers yet: sooner than the kubelet's next probe would."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from http import HTTPStatus

import aiohttp

from tidegate.gateway.routed_service import Key, ModelPod

INTERVAL_SECONDS = 0.2
TIMEOUT_SECONDS = 0.3
MOST_AT_ONCE = 128
"""Of thousands of pods that start at once, as many are asked at a time; the others have their turn at the next ones."""

ToProbe = Iterable[tuple[Key, ModelPod, str | None]]


class Prober:
    """Probes pods, and tells which ones answered.

    Args:
        to_probe: the pods that are to be asked now, with their service and the path that says that they are well;
            without a path a connection has to do.
        answered: told the service and the uid of a pod whose engine is well.
    """

    def __init__(self, to_probe: Callable[[], ToProbe], answered: Callable[[Key, str], None]) -> None:
        self._to_probe = to_probe
        self._answered = answered
        self._running: dict[str, asyncio.Task[None]] = {}
        self._last: dict[str, float] = {}

    async def run(self) -> None:
        """Probe for ever; nothing is asked where nobody waits."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True, family=socket.AF_UNSPEC)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            try:
                while True:
                    self._start_due(session)
                    await asyncio.sleep(INTERVAL_SECONDS)
            finally:
                for task in self._running.values():
                    task.cancel()

    def _start_due(self, session: aiohttp.ClientSession) -> None:
        """Begin with those that were asked longest ago, or never."""
        wanted = {pod.uid: (key, pod, path) for key, pod, path in self._to_probe()}
        self._last = {uid: self._last.get(uid, 0.0) for uid in wanted}
        now = asyncio.get_running_loop().time()
        for uid in sorted(wanted.keys() - self._running.keys(), key=self._last.__getitem__):
            if len(self._running) >= MOST_AT_ONCE:
                return
            key, pod, path = wanted[uid]
            self._last[uid] = now
            task = asyncio.create_task(self._probe(session, key, pod, path))
            self._running[uid] = task
            task.add_done_callback(lambda _, uid=uid: self._running.pop(uid, None))  # type: ignore[misc] # its default

    async def _probe(self, session: aiohttp.ClientSession, key: Key, pod: ModelPod, path: str | None) -> None:
        if await (_connects(pod.address) if path is None else _is_well(session, f"http://{pod.address}{path}")):
            self._answered(key, pod.uid)


async def _is_well(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url, allow_redirects=False) as response:
            return response.status == HTTPStatus.OK
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False


async def _connects(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (TimeoutError, OSError):
        return False
    writer.close()
    return True
