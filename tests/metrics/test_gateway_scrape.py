"""Pages of gateways, read over HTTP from servers that behave and servers that do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tidegate.metrics.gateway_scrape import GatewayScraper, read_gateway_page
from tidegate.scaling.gateway_traffic import GatewaySample

CHAT = ("team-a", "chat")
PAGE = b"""# TYPE tidegate_gateway_requests_total counter
tidegate_gateway_requests_total{namespace="team-a",service="chat"} 12
tidegate_gateway_in_flight{namespace="team-a",service="chat"} 3
tidegate_gateway_held{service="chat",namespace="team-a"} 2
tidegate_gateway_abandoned_total{namespace="team-a",service="chat"} 1
tidegate_gateway_last_use_timestamp_seconds{namespace="team-a",service="chat"} 1.7e9
tidegate_gateway_slice_since_timestamp_seconds{namespace="team-a",service="chat"} 1.6e9
tidegate_gateway_wakes_total{namespace="team-a",service="chat",outcome="Woken"} 9
"""
SAMPLE = GatewaySample(gateway="g-1", time=50.0, requests=12.0, in_flight=3.0, held=2.0, abandoned=1.0, last_use=1.7e9)


def test_a_page_is_read() -> None:
    """Each service's numbers, and since when its slice is in place."""
    page = read_gateway_page(PAGE, "g-1", 50.0)
    assert (page.time, dict(page.samples), dict(page.slices)) == (50.0, {CHAT: SAMPLE}, {CHAT: 1.6e9})


@pytest.mark.parametrize("ahead", [-3600.0, 0.5, 3600.0])
def test_a_gateway_may_have_another_clock(ahead: float) -> None:
    """What counts is how long ago something was: for a clock that is behind, no service in use may fall asleep."""
    now = 1_800_000_000.0
    lines = (
        f"{line.rpartition(' ')[0]} {now + ahead - 30}" if "timestamp_seconds" in line else line
        for line in PAGE.decode().splitlines()
    )
    page = read_gateway_page("\n".join((*lines, f"tidegate_gateway_time_seconds {now + ahead}\n")).encode(), "g-1", now)
    assert (page.samples[CHAT].last_use, page.slices[CHAT]) == (pytest.approx(now - 30, abs=0.01, rel=0),) * 2


@pytest.mark.parametrize(
    "name", ["requests_total", "in_flight", "held", "abandoned_total", "last_use_timestamp_seconds"]
)
@pytest.mark.parametrize("value", [b"NaN", b"-1", b"+Inf", b"many", None])
def test_a_service_of_which_a_number_is_missing_is_not_known(name: str, value: bytes | None) -> None:
    """Missing, and what is no count, is not zero."""
    lines = [
        line
        if f"_{name}{{".encode() not in line
        else (b"" if value is None else line.rpartition(b" ")[0] + b" " + value)
        for line in PAGE.splitlines()
    ]
    page = read_gateway_page(b"\n".join(lines) + b"\n", "g-1", 50.0)
    assert dict(page.samples) == {}


def test_a_gateway_that_does_not_write_slices_says_nothing_of_them() -> None:
    """Only the one that leads does."""
    page = read_gateway_page(b"\n".join(PAGE.splitlines()[:6]) + b"\n", "g-1", 50.0)
    assert (set(page.samples), dict(page.slices)) == ({CHAT}, {})


def test_an_empty_page_is_one_of_a_gateway_without_services() -> None:
    """It has just started."""
    assert dict(read_gateway_page(b"", "g-1", 50.0).samples) == {}


@pytest.mark.parametrize("page", [PAGE[:-3], b"\0" * 10, PAGE * 40_000])
def test_a_page_that_is_cut_or_none_or_endless_is_refused(page: bytes) -> None:
    """Half of the services missing would look like services that are not there."""
    with pytest.raises(ValueError, match=r"whole|more than"):
        read_gateway_page(page, "g-1", 50.0)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Serve /metrics; its address."""
    app = web.Application()
    app.router.add_get("/metrics", handler)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


async def good(_: web.Request) -> web.Response:
    """A gateway as it should be."""
    return web.Response(body=PAGE, content_type="text/plain")


async def broken(_: web.Request) -> web.Response:
    """One that fails."""
    return web.Response(status=500)


async def endless(request: web.Request) -> web.StreamResponse:
    """One whose page does not end."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(100):
        await response.write(b"# more\n" * 1000)
    return response


async def mute(_: web.Request) -> web.Response:
    """One that does not answer."""
    await asyncio.sleep(60)
    raise AssertionError


@pytest.mark.parametrize("bad", [broken, endless, mute])
async def test_one_that_cannot_be_read_costs_no_other_its_page(bad: Handler) -> None:
    """And it is left out, so that it is known to be unknown."""
    scraper = GatewayScraper(clock=lambda: 50.0, timeout_seconds=0.5, maximum_bytes=100_000)
    async with serving(good) as address, serving(bad) as bad_address, scraper:
        pages = await scraper.read({"g-1": address, "g-2": bad_address, "g-3": "127.0.0.1:1", "g-4": "no address"})
    assert {name: dict(page.samples) for name, page in pages.items()} == {"g-1": {CHAT: SAMPLE}}


async def test_a_scraper_that_is_not_open_says_so() -> None:
    """It is a mistake of ours, and no gateway's."""
    with pytest.raises(RuntimeError, match="not open"):
        await GatewayScraper(clock=lambda: 0.0).read({})
