"""Runs the listeners of simulated engines and their administration until told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from .admin import admin_application
from .fleet import ALL, Fleet, Listener
from .server import EngineServer

_SHUTDOWN_SECONDS = 1.0
"""How long running requests may go on after the stop; vLLM cuts them off at once."""


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an application while the context is open; gives the port, which is new if 0 was asked for."""
    runner = web.AppRunner(
        app, handler_cancellation=True, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, handle_signals=False
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def serve_engines(
    fleet: Fleet,
    listeners: Sequence[Listener],
    *,
    host: str,
    admin_host: str,
    admin_port: int | None,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        fleet: the engines.
        listeners: ports and what answers there; port 0 is any that is free.
        host: address that all of them listen on.
        admin_host: address of the administration.
        admin_port: its port; None for no administration.
        announce: is told, once it listens, where each of them is.

    Raises:
        OSError: an address is taken or not ours.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        for listener in listeners:
            if fleet.alone:
                fleet.engine(ALL, listener)  # It starts with its process, not when somebody first asks.
            server = EngineServer(fleet, listener)
            port = await stack.enter_async_context(listening(server.application(), host, listener.port))
            announce(f"{listener.flavour} engines listen on {host}:{port}")
            if listener.metrics_port is not None:
                app = server.metrics_application()
                port = await stack.enter_async_context(listening(app, host, listener.metrics_port))
                announce(f"their metrics are on {host}:{port}")
        if admin_port is not None:
            port = await stack.enter_async_context(listening(admin_application(fleet), admin_host, admin_port))
            announce(f"administration listens on {admin_host}:{port}")
        await stop.wait()
