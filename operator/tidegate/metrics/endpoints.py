"""`/metrics`, `/healthz` and `/readyz`.

`/healthz` is about this process alone: whether the loop still turns. Whether the API server answers is no reason to be
restarted. `/readyz` says what the work lacks: a store that has been filled once, and every right.
"""

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST


class Endpoints:
    """A small HTTP server.

    Args:
        page: makes the page of metrics.
        is_alive: whether the process gets its work done.
        problem: what is in the way of the work; empty where nothing is.
        host: address to listen on.
        port: port to listen on; 0 for any.
        more: other routes beside these.
    """

    def __init__(
        self,
        *,
        page: Callable[[], Awaitable[bytes]],
        is_alive: Callable[[], bool],
        problem: Callable[[], str],
        host: str,
        port: int,
        more: Iterable[web.RouteDef] = (),
    ) -> None:
        self._page = page
        self._is_alive = is_alive
        self._problem = problem
        self._address = (host, port)
        self._more = tuple(more)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, also where any was asked for (0)."""
        if self._runner is None or not self._runner.addresses:
            return self._address[1]
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: if the port is taken.
        """
        app = web.Application(client_max_size=1024)
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._health),
                web.get("/readyz", self._readiness),
                *self._more,
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, port = self._address
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _health(self, _: web.Request) -> web.Response:
        return _answer("" if self._is_alive() else "the loop has not turned for a while")

    async def _readiness(self, _: web.Request) -> web.Response:
        return _answer(self._problem())


def _answer(problem: str) -> web.Response:
    return web.Response(status=503, text=f"{problem}\n") if problem else web.Response(text="ok\n")
