"""Reads the body of an answer, never more of it than a given size."""

import zlib
from typing import Protocol

from aiohttp import ClientResponse

from tidegate.metrics.failure import ScrapeError, ScrapeReason

_GZIP = 16 + zlib.MAX_WBITS


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


async def read_body(response: ClientResponse, maximum_bytes: int) -> bytes:
    """Read the whole body of an answer whose session does not unpack by itself.

    Plain text is asked for, so that the engine does not spend its time packing; gzip is understood all the same, for
    some servers pack regardless. It is unpacked piece by piece: a few packed bytes can hold gigabytes.

    Args:
        response: the answer, its body not yet read.
        maximum_bytes: most bytes of the body, after unpacking.

    Raises:
        ScrapeError: there is more than that, announced or sent; or the body is packed otherwise; or damaged.
        aiohttp.ClientError: the connection broke, or sent less than announced.
        TimeoutError: the session's timeout passed.
    """
    if response.content_length is not None and response.content_length > maximum_bytes:
        raise _too_large(maximum_bytes)
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return await _read_plain(response, maximum_bytes)
    if encoding == "gzip":
        return await _read_gzip(response, maximum_bytes)
    message = f"the page is packed as {encoding[:32]!r}; the engine must send plain text when asked for it"
    raise ScrapeError(ScrapeReason.NOT_TEXT, message)


async def _read_plain(response: ClientResponse, maximum_bytes: int) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > maximum_bytes:
            raise _too_large(maximum_bytes)
    return bytes(body)


async def _read_gzip(response: ClientResponse, maximum_bytes: int) -> bytes:
    decoder: _Decoder = zlib.decompressobj(wbits=_GZIP)
    body = bytearray()
    async for piece in response.content.iter_any():
        try:
            body += decoder.decompress(piece, maximum_bytes + 1 - len(body))
        except zlib.error as error:
            raise ScrapeError(ScrapeReason.TRUNCATED, "the page's gzip data is damaged") from error
        if len(body) > maximum_bytes:
            raise _too_large(maximum_bytes)
    if not decoder.eof:
        raise ScrapeError(ScrapeReason.TRUNCATED, "the page's gzip data ends early")
    return bytes(body)


def _too_large(maximum_bytes: int) -> ScrapeError:
    message = f"the page is larger than {maximum_bytes} bytes; check engine.metrics.port and engine.metrics.path"
    return ScrapeError(ScrapeReason.TOO_LARGE, message)
