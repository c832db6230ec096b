"""What gateways tell each other of those that wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tidegate.gateway.members import Member
from tidegate.gateway.peers import PATH, TIMEOUT_SECONDS, Peers, held_route
from tidegate.gateway.routed_service import Key

CHAT: Key = ("models", "chat")


@asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[Member]:
    """A gateway with these routes at its port of metrics."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Member(name="other", address="10.0.0.1", metrics=f"127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


async def test_all_others_are_asked_and_summed() -> None:
    """Each says what it holds for this service, and of others nothing."""
    async with (
        serving(held_route({CHAT: 40}.get)) as one,  # type: ignore[arg-type] # It knows the one that is asked for.
        serving(held_route(lambda key: 60 if key == CHAT else 7)) as two,
        Peers(lambda: (one, two)) as peers,
    ):
        assert await peers.held(CHAT) == 100


async def test_alone_nobody_is_asked() -> None:
    """One gateway knows it all."""
    async with Peers(tuple) as peers:
        assert await peers.held(CHAT) == 0


async def _slow(_: web.Request) -> web.Response:
    await asyncio.sleep(100 * TIMEOUT_SECONDS)
    return web.Response(text="9")


async def _wordy(_: web.Request) -> web.Response:
    return web.Response(text="9" * 1_000_000)


async def _wrong(_: web.Request) -> web.Response:
    return web.Response(text="-3")


async def _older(_: web.Request) -> web.Response:
    raise web.HTTPNotFound


@pytest.mark.parametrize("answer", [_slow, _wrong, _older])
async def test_one_that_gives_no_number_in_time_counts_for_nothing(answer: object) -> None:
    """A wake waits for nobody; what is missing, the operator adds."""
    async with (
        serving(web.get(PATH, answer)) as bad,  # type: ignore[arg-type] # Handlers, as they are.
        serving(held_route(lambda _: 5)) as good,
        Peers(lambda: (bad, good)) as peers,
    ):
        assert await peers.held(CHAT) == 5


async def test_an_answer_is_bounded() -> None:
    """Whatever listens at that address is not read to its end."""
    async with serving(web.get(PATH, _wordy)) as bad, Peers(lambda: (bad,)) as peers:
        assert await peers.held(CHAT) < 10**16


async def test_one_that_is_gone_counts_for_nothing() -> None:
    """As in the seconds until its Lease has run out."""
    async with serving() as gone:
        pass
    async with Peers(lambda: (gone,)) as peers:
        assert await peers.held(CHAT) == 0
