"""Lines of a file that somebody hands in: bounded, text, compressed with gzip or not, each with its number."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

MAXIMUM_LINE_BYTES = 65_536
"""The longest prompts of Mooncake's traces make lines of some 2 KiB."""

_GZIP = b"\x1f\x8b"
_SHOWN_CHARACTERS = 60


class TraceError(ValueError):
    """A trace cannot be used; the message names the file and, where there is one, the line."""


class Line(NamedTuple):
    """One line, without its end."""

    file: str
    number: int
    """Counted from 1."""
    text: str

    def error(self, problem: str) -> TraceError:
        """An error that says where it is."""
        return TraceError(f"{self.file}:{self.number}: {problem}")


def shown(value: Any) -> str:
    """A value from a file, fit for a message: on one line, not too long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def lines_of(path: Path) -> Iterator[Line]:
    """Read the lines of a file that are not blank.

    Args:
        path: a file of UTF-8, with or without a byte order mark; if it begins as gzip does it is unpacked.

    Raises:
        TraceError: if it is not text, a line is longer than `MAXIMUM_LINE_BYTES`, or the gzip is broken.
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        if not file.peek(len(_GZIP)).startswith(_GZIP):  # Peeked at, for a pipe cannot be rewound.
            yield from _lines(file, str(path))
            return
        with gzip.open(file) as unpacked:
            yield from _lines(cast("BinaryIO", unpacked), str(path))


def _lines(file: BinaryIO, name: str) -> Iterator[Line]:
    number = 0
    while True:
        number += 1
        where = f"{name}:{number}"
        try:
            raw = file.readline(MAXIMUM_LINE_BYTES + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise TraceError(f"{where}: the gzip is broken or cut off: {error}; compress the file anew") from error
        if not raw:
            return
        if len(raw) > MAXIMUM_LINE_BYTES:
            raise TraceError(f"{where}: is longer than {MAXIMUM_LINE_BYTES:,} bytes; put each request on its own line")
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            raise TraceError(f"{where}: is not text: {error.reason}; save the file as UTF-8") from error
        if "\0" in text:
            raise TraceError(f"{where}: is not text: it has a zero byte; save the file as UTF-8")
        if text:
            yield Line(name, number, text)
