"""A link to the API server that can be cut or stall: a TCP proxy on loopback, one for each client.

All links of a rig live in a thread of their own, so that nothing else that the rig does holds them up.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

CHUNK_BYTES = 65536
OPEN_SECONDS = 10.0
_RESET = struct.pack("ii", 1, 0)


class ApiLink:
    """Carries connections to one port of this machine. All methods but `open` may be called from any thread.

    Attributes:
        name: For people.
        port: Where it listens on 127.0.0.1, once it is open.
    """

    def __init__(self, name: str, target_port: int) -> None:
        self.name = name
        self.port = 0
        self._target_port = target_port
        self._is_cut = False
        self._generation = 0
        self._closed = asyncio.Event()
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Begin to listen, on a port of the system's choice."""
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and reset all connections."""
        self._closed.set()
        self._cut()
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._carriers)

    def cut(self) -> None:
        """Reset all connections, and new ones too, until it is mended."""
        self._do(self._cut)

    def stall(self) -> None:
        """Keep connections and accept new ones, but let not a byte pass either way until it is mended."""
        self._do(self._flows.clear)

    def lose(self) -> None:
        """Let no byte pass any more on the connections that there are, nor their end; new ones are carried."""
        self._do(self._lose)

    def mend(self) -> None:
        """Carry again. What a stall has held back arrives."""
        self._do(self._mend)

    def _do(self, action: Callable[[], None]) -> None:
        if self._loop is None:
            raise RuntimeError(f"the link {self.name} is not open")
        self._loop.call_soon_threadsafe(action)

    def _cut(self) -> None:
        self._is_cut = True
        self._flows.set()
        for writer in list(self._writers):
            reset(writer)

    def _lose(self) -> None:
        self._generation += 1

    def _mend(self) -> None:
        self._is_cut = False
        self._flows.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._carriers.add(task)
            task.add_done_callback(self._carriers.discard)
        if self._is_cut:
            reset(writer)
            return
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            reset(writer)
            return
        both = (writer, target_writer)
        self._writers.update(both)
        try:
            generation = self._generation
            ways = ((reader, target_writer), (target_reader, writer))
            await asyncio.gather(*(self._pump(*way, generation) for way in ways))
        finally:
            self._writers.difference_update(both)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, generation: int) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._flows.wait()
                if generation != self._generation:
                    await self._closed.wait()
                if self._is_cut:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with a reset, as a machine that has lost it does."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextmanager
def api_links(names: Iterable[str], target_port: int) -> Iterator[Mapping[str, ApiLink]]:
    """Open a link for each name; they end with the block.

    Raises:
        TimeoutError: They did not open.
    """
    links = {name: ApiLink(name, target_port) for name in names}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="links to the API server", daemon=True)
    thread.start()
    try:
        for link in links.values():
            asyncio.run_coroutine_threadsafe(link.open(), loop).result(OPEN_SECONDS)
        yield links
    finally:
        for link in links.values():
            asyncio.run_coroutine_threadsafe(link.close(), loop).result(OPEN_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
