"""Many pods in one process: a server on every loopback address that answers each request with the same page."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import uvloop
from vllm_page import EngineNumbers, vllm_page


def idle_page() -> bytes:
    """A page of vLLM, 100 KB, of an engine that has worked and has nothing to do."""
    return vllm_page(ranks=(EngineNumbers(waiting=0, running=0, kv_usage=0),) * 2)


class _Pod(asyncio.Protocol):
    """As cheap as a server can be: what is measured is the reader."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            self._transport.write(self._answer)
            if b"Connection: close" in request:
                self._transport.close()


def _serve(page: bytes, port: int, ready: Connection) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %d\r\n\r\n" % len(page)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        # All of 127.0.0.0/8, and nothing that the network can reach learns more than invented numbers.
        server = await loop.create_server(lambda: _Pod(head + page), "0.0.0.0", port, backlog=4096)  # noqa: S104
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


@contextmanager
def pods(page: bytes, port: int = 0) -> Iterator[int]:
    """Serve a page from a process of its own.

    Args:
        page: The body of every answer.
        port: 0 for any that is free.

    Yields:
        The port.

    Raises:
        EOFError: The port is taken.
    """
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(page, port, there), daemon=True)
    process.start()
    there.close()  # This end's copy: without it the end of the process would not show.
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()
