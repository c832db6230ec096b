"""Servers on the loopback address that stand for pods, good and bad."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from tidegate.engines.table import EngineTable
from tidegate.engines.vllm import VLLM
from tidegate.metrics.pod_scrape import ScrapeTarget

ADDRESS = "127.0.0.1"
PAGE = b"vllm:num_requests_waiting 3\n"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def target(port: int, key: str = "pod", table: EngineTable = VLLM, path: str = "/metrics") -> ScrapeTarget[str]:
    """A pod whose metrics are at a port of the loopback address."""
    return ScrapeTarget(key=key, address=ADDRESS, table=replace(table, metrics_port=port, metrics_path=path))


@asynccontextmanager
async def http_pod(handler: Handler) -> AsyncIterator[int]:
    """Serve HTTP with aiohttp; yields the port."""
    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, ADDRESS, 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_pod(converse: Conversation) -> AsyncIterator[int]:
    """Serve whatever bytes a conversation writes; yields the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(reader, writer)
        except ConnectionError:
            pass  # The scraper hung up, as it should on most of these.
        finally:
            writer.close()

    server = await asyncio.start_server(serve, ADDRESS, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answer_of(response: bytes) -> Conversation:
    """Read a request, write these bytes and hang up."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        await writer.drain()

    return converse


def free_port() -> int:
    """A port of the loopback address on which nothing listens."""
    with socket.create_server((ADDRESS, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
