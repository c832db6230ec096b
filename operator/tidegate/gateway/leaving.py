"""How a gateway ends: no request that it has taken is lost.

First nobody is sent to it any more, then those that are there are asked to close, then it waits for their answers, and
only what is still held at the very end is sent away, to come back to another gateway.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

SLICES_SECONDS = 120.0
"""How long to wait until no slice leads here: a leader writes 200 a second, and there are ports for 22,768 services."""

SPREAD_SECONDS = 2.0
"""From the last slice until the last node has heard of it; and from the order to leave, which comes in the same moment
as the news that the shared address leads here no more."""

ANSWER_SECONDS = 2.0
"""For the answers to those that were still held."""

LOOK_SECONDS = 0.5
QUIET_LOOKS = 2
"""So often in a row nothing may be under way: a client may be between two requests."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What leaving is made of."""

    announce: Callable[[], None]
    """Say in the own Lease, and in /readyz, that this gateway leaves."""

    leads_here: Callable[[], Awaitable[bool]]
    """Whether any slice still leads here although it could lead elsewhere."""

    drain: Callable[[], Awaitable[None]]
    """Have Envoy close each connection after its answer."""

    hold_no_longer_than: Callable[[float], None]
    """Answer those that are still held after so many seconds 503, with Retry-After: 1."""

    under_way: Callable[[], Awaitable[int]]
    """How many requests are held or forwarded."""

    part: Callable[[], Awaitable[None]]
    """Stop answering Envoy, and delete the own Lease."""


async def leave(steps: Steps, *, drain_seconds: float) -> None:
    """Go through the steps.

    Args:
        steps: what to do.
        drain_seconds: how long the last answers may take, from now.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + drain_seconds
    log.info("leaving", drain_seconds=drain_seconds)
    steps.announce()
    # Those that are held may be answered until shortly before the end.
    steps.hold_no_longer_than(max(0.0, drain_seconds - ANSWER_SECONDS))
    await _until_no_slice_leads_here(steps, min(end, loop.time() + SLICES_SECONDS))
    await asyncio.sleep(max(0.0, min(SPREAD_SECONDS, end - loop.time())))
    await steps.drain()
    left = await _until_quiet(steps, end)
    log.info("left", requests_cut=left)
    await steps.part()


async def _until_no_slice_leads_here(steps: Steps, end: float) -> None:
    loop = asyncio.get_running_loop()
    while await steps.leads_here():
        if loop.time() >= end:
            log.warning("slices still lead here; going on all the same")
            break
        await asyncio.sleep(LOOK_SECONDS)


async def _until_quiet(steps: Steps, end: float) -> int:
    """How many requests are left."""
    quiet = 0
    loop = asyncio.get_running_loop()
    while True:
        under_way = await steps.under_way()
        quiet = 0 if under_way else quiet + 1
        if quiet >= QUIET_LOOKS or loop.time() >= end:
            return under_way
        await asyncio.sleep(LOOK_SECONDS)
