"""Pods that have streams to finish: requests that go on until their clients hang up."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BODY = json.dumps({"model": "m", "prompt": "word", "max_tokens": 3000, "stream": True}).encode()
CONNECT_SECONDS = 5


@dataclass(slots=True)
class BusyPods:
    """Open streams, by address.

    Attributes:
        port: Of the engines.
    """

    port: int
    _streams: dict[str, list[socket.socket]] = field(default_factory=dict)

    def begin(self, address: str, streams: int) -> None:
        """Ask the engine at an address for so many long answers."""
        head = f"POST /v1/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        for _ in range(streams):
            stream = socket.create_connection((address, self.port), timeout=CONNECT_SECONDS)
            stream.sendall(head.encode() + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
            assert stream.recv(12) == b"HTTP/1.1 200"
            self._streams.setdefault(address, []).append(stream)

    def end(self, address: str) -> None:
        """Hang up."""
        for stream in self._streams.pop(address, ()):
            stream.close()


@contextmanager
def busy_pods(port: int) -> Iterator[BusyPods]:
    """Streams that end with the block at the latest."""
    busy = BusyPods(port)
    try:
        yield busy
    finally:
        for address in list(busy._streams):  # noqa: SLF001 - its own
            busy.end(address)
