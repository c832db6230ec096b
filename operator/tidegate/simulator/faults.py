"""What can be made to go wrong in a simulated engine, and the broken metrics pages."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from math import isfinite
from typing import Any, NoReturn, Self

from aiohttp import web

from .exposition import CONTENT_TYPE

HUGE_BYTES = 50 * 1024 * 1024
_CHUNK = b"simulated_filler_total 1\n" * 4096


class MetricsFault(StrEnum):
    """Ways in which a metrics page can be broken."""

    TRUNCATED = "truncated"
    """The connection closes in the middle of a line, half-way through the announced length."""

    NOT_TEXT = "notText"
    """Bytes that are no text in any encoding."""

    HUGE = "huge"
    """The page, followed by 50 MiB of other series."""

    NEVER_ENDING = "neverEnding"
    """The page, followed by a line every half second for ever."""

    NAN = "nan"
    """Every value is NaN."""

    MISSING = "missing"
    """None of the engine's own series; the page is valid, and empty but for a foreign one."""

    ERROR_500 = "error500"
    """Status 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is wrong with an engine. The default is nothing."""

    slow: float = 1.0
    """Every step takes this many times as long."""

    hang: bool = False
    """Connections are accepted and requests read, and nothing is ever answered, on any path."""

    error500: bool = False
    """Every inference request and /health are answered with 500."""

    metrics: MetricsFault | None = None

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Read faults from a JSON object; what is not named is in order.

        Raises:
            ValueError: names the field, the value and what would be right.
        """
        if not isinstance(document, dict):
            raise ValueError(f"faults are {document!r}; give a JSON object")  # noqa: TRY004 - input, not a bug
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(document) - known):
            raise ValueError(f"{unknown[0]} is no fault; known are {', '.join(sorted(known))}")
        slow, metrics = document.get("slow", 1.0), document.get("metrics")
        if isinstance(slow, bool) or not isinstance(slow, int | float) or not (isfinite(slow) and slow > 0):
            raise ValueError(f"slow is {slow!r}; give a number above 0")
        for name in ("hang", "error500"):
            if not isinstance(document.get(name, False), bool):
                raise ValueError(f"{name} is {document[name]!r}; give true or false")  # noqa: TRY004 - as above
        if metrics is not None and metrics not in set(MetricsFault):
            raise ValueError(f"metrics is {metrics!r}; give one of {', '.join(MetricsFault)} or null")
        return cls(
            slow=float(slow),
            hang=document.get("hang", False),
            error500=document.get("error500", False),
            metrics=None if metrics is None else MetricsFault(metrics),
        )


async def answer_broken(request: web.Request, page: str, fault: MetricsFault) -> web.StreamResponse:
    """Answer a scrape with a broken page.

    Args:
        request: the scrape.
        page: what would have been right.
        fault: how to break it.
    """
    return await _ANSWERS[fault](request, page)


async def hang() -> NoReturn:
    """Never return; ends only with the client's connection."""
    never: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
    await never


async def _truncated(request: web.Request, page: str) -> web.StreamResponse:
    body = page.encode()
    response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _not_text(_: web.Request, __: str) -> web.StreamResponse:
    return web.Response(body=bytes(range(256)) * 16, headers={"Content-Type": CONTENT_TYPE})


async def _huge(request: web.Request, page: str) -> web.StreamResponse:
    response = await _start(request, page)
    for _ in range(HUGE_BYTES // len(_CHUNK)):
        await response.write(_CHUNK)
    await response.write_eof()
    return response


async def _never_ending(request: web.Request, page: str) -> web.StreamResponse:
    response = await _start(request, page)
    while True:
        await asyncio.sleep(0.5)
        await response.write(b"simulated_filler_total 1\n")


async def _nan(_: web.Request, page: str) -> web.StreamResponse:
    lines = (line if line.startswith("#") else line.rsplit(" ", 1)[0] + " NaN" for line in page.splitlines())
    return web.Response(text="\n".join(lines) + "\n", headers={"Content-Type": CONTENT_TYPE})


async def _missing(_: web.Request, __: str) -> web.StreamResponse:
    return web.Response(text="simulated_filler_total 1\n", headers={"Content-Type": CONTENT_TYPE})


async def _error_500(_: web.Request, __: str) -> web.StreamResponse:
    return web.Response(status=500, text="simulated fault: metrics=error500\n")


async def _start(request: web.Request, page: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
    await response.prepare(request)
    await response.write(page.encode())
    return response


_ANSWERS: dict[MetricsFault, Callable[[web.Request, str], Awaitable[web.StreamResponse]]] = {
    MetricsFault.TRUNCATED: _truncated,
    MetricsFault.NOT_TEXT: _not_text,
    MetricsFault.HUGE: _huge,
    MetricsFault.NEVER_ENDING: _never_ending,
    MetricsFault.NAN: _nan,
    MetricsFault.MISSING: _missing,
    MetricsFault.ERROR_500: _error_500,
}
