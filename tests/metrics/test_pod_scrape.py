"""The scraper against real servers on the loopback address."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from bench.vllm_page import vllm_page
from metrics.loopback import ADDRESS, PAGE, free_port, http_pod, raw_pod, target
from tidegate.engines.page import read_page
from tidegate.engines.vllm import VLLM
from tidegate.metrics.failure import ScrapeReason
from tidegate.metrics.pod_scrape import PodScraper, ScrapeTarget
from tidegate.scaling.sample import Sample, ScrapeFailure

NOW = 1_700_000_000.0


@pytest.fixture
async def scraper() -> AsyncIterator[PodScraper]:
    """An open scraper whose clock stands still."""
    async with PodScraper(clock=lambda: NOW) as scraper:
        yield scraper


async def _page(_: web.BaseRequest) -> web.Response:
    return web.Response(body=PAGE)


async def test_a_page_becomes_a_sample_of_now(scraper: PodScraper) -> None:
    """A pod's page of 100 KB is read into a sample stamped with the clock's time."""

    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(body=vllm_page())

    async with http_pod(page) as port:
        result = (await scraper.scrape([target(port)]))["pod"]
    assert isinstance(result, Sample)
    assert (result.time, result.waiting, result.running, result.kv_usage) == (NOW, 24, 128, 0.625)


async def test_the_request_is_plain(scraper: PodScraper) -> None:
    """The path is sent as given, unpacked text is asked for, and no cookie comes back."""
    seen: list[tuple[str, str | None, str | None]] = []

    async def page(request: web.BaseRequest) -> web.Response:
        seen.append((request.raw_path, request.headers.get("Accept-Encoding"), request.headers.get("Cookie")))
        response = web.Response(body=PAGE)
        response.set_cookie("session", "1")
        return response

    async with http_pod(page) as port:
        for _ in range(2):
            await scraper.scrape([target(port, path="/metrics?model=a%2Fb&x=[1]")])
    assert seen == [("/metrics?model=a%2Fb&x=[1]", "identity", None)] * 2


async def test_a_bad_pod_costs_the_others_nothing(scraper: PodScraper) -> None:
    """Each pod has its own result, under its own key."""
    async with http_pod(_page) as port:
        results = await scraper.scrape([target(port, "a"), target(free_port(), "b"), target(port, "c")])
    assert results["a"] == results["c"] == Sample(time=NOW, waiting=3)
    assert isinstance(results["b"], ScrapeFailure)
    assert (results["b"].time, results["b"].reason) == (NOW, ScrapeReason.CONNECTION_REFUSED)


async def test_no_pods_are_no_results(scraper: PodScraper) -> None:
    """Nothing to read gives nothing."""
    assert await scraper.scrape([]) == {}


async def test_the_services_model_is_preferred(scraper: PodScraper) -> None:
    """The model's name reaches the reading of the page."""

    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(
            body=b'vllm:num_requests_waiting{model_name="a"} 1\nvllm:num_requests_waiting{model_name="b"} 2\n'
        )

    async with http_pod(page) as port:
        plain = target(port)
        result = (
            await scraper.scrape([ScrapeTarget(key="x", address=plain.address, table=plain.table, model_name="b")])
        )["x"]
    assert result == Sample(time=NOW, waiting=2)


async def test_no_more_pods_than_allowed_are_read_at_once() -> None:
    """Places in flight are shared by all calls, and every pod gets its turn."""
    now_open, most_open = 0, 0
    full = asyncio.Event()

    async def page(_: web.BaseRequest) -> web.Response:
        nonlocal now_open, most_open
        now_open += 1
        most_open = max(most_open, now_open)
        if now_open == 3:
            full.set()
        await full.wait()
        await asyncio.sleep(0.02)  # Were more let in, they would pile up here.
        now_open -= 1
        return web.Response(body=PAGE)

    async with http_pod(page) as port, PodScraper(clock=lambda: NOW, maximum_in_flight=3) as scraper:
        calls = [scraper.scrape([target(port, str(key)) for key in range(4)]) for _ in range(3)]
        results = await asyncio.gather(*calls)
    assert most_open == 3
    assert all(result == Sample(time=NOW, waiting=3) for call in results for result in call.values())


async def test_waiting_for_a_place_does_not_count_as_the_pods_time() -> None:
    """A pod's time begins when it is read: a long row of pods, each slow but in time, has no timeouts."""

    async def page(_: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(body=PAGE)

    async with (
        http_pod(page) as port,
        PodScraper(clock=lambda: NOW, maximum_in_flight=1, timeout_seconds=1.0) as scraper,
    ):
        results = await scraper.scrape([target(port, str(key)) for key in range(3)])
    assert set(results.values()) == {Sample(time=NOW, waiting=3)}


async def _connections_of(scrapes: int, *, maximum_idle_connections: int) -> int:
    transports = set()

    async def page(request: web.BaseRequest) -> web.Response:
        transports.add(request.transport)
        return web.Response(body=PAGE)

    async with (
        http_pod(page) as port,
        PodScraper(clock=lambda: NOW, maximum_idle_connections=maximum_idle_connections) as scraper,
    ):
        for _ in range(scrapes):
            assert (await scraper.scrape([target(port)]))["pod"] == Sample(time=NOW, waiting=3)
    return len(transports)


@pytest.mark.parametrize(("maximum_idle_connections", "connections"), [(1, 1), (0, 3)])
async def test_connections_are_reused_as_far_as_they_may_idle(maximum_idle_connections: int, connections: int) -> None:
    """Three scrapes of a pod take one connection where one may wait, and three where none may."""
    assert await _connections_of(3, maximum_idle_connections=maximum_idle_connections) == connections


async def test_a_connection_that_the_pod_closed_meanwhile_costs_no_sample(scraper: PodScraper) -> None:
    """Engines close idle connections without a word; the next scrape opens another."""
    connections = 0

    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE))
        if connections == 1:
            await reader.readuntil(b"\r\n\r\n")  # The second request is taken, and hung up on.

    async with raw_pod(one_answer) as port:
        for _ in range(2):
            assert (await scraper.scrape([target(port)]))["pod"] == Sample(time=NOW, waiting=3)
    assert connections == 2


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods are reached directly, whatever HTTP_PROXY says."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{ADDRESS}:{free_port()}")
    async with http_pod(_page) as port, PodScraper(clock=lambda: NOW) as scraper:
        assert (await scraper.scrape([target(port)]))["pod"] == Sample(time=NOW, waiting=3)


async def test_a_scraper_must_be_open() -> None:
    """Outside its context the scraper says how to use it."""
    with pytest.raises(RuntimeError, match="async with PodScraper"):
        await PodScraper(clock=lambda: NOW).scrape([target(1)])


def test_ipv6_addresses_are_bracketed() -> None:
    """A pod of an IPv6 cluster has a valid address."""
    assert ScrapeTarget(key=1, address="fd00::7", table=VLLM).url == "http://[fd00::7]:8000/metrics"


async def test_a_fault_of_our_own_costs_one_pod_its_sample(
    scraper: PodScraper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever reading one page meets, the others are read, and the failure points at the log."""

    def read(page: bytes, *arguments: Any, **named: Any) -> Sample:
        if b"unforeseen" in page:
            raise ZeroDivisionError
        return read_page(page, *arguments, **named)

    async def unforeseen(_: web.BaseRequest) -> web.Response:
        return web.Response(body=PAGE + b"unforeseen 1\n")

    monkeypatch.setattr("tidegate.metrics.pod_scrape.read_page", read)
    async with http_pod(_page) as good, http_pod(unforeseen) as bad:
        results = await scraper.scrape([target(good, "a"), target(bad, "b"), target(good, "c")])
    assert results["a"] == results["c"] == Sample(time=NOW, waiting=3)
    told = results["b"]
    assert isinstance(told, ScrapeFailure)
    assert told.reason == ScrapeReason.UNEXPECTED
    assert "see its log" in told.message
