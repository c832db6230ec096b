"""Everything a pod can answer that is no page, each told apart."""

import asyncio
import gzip
import zlib

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.loopback import ADDRESS, PAGE, Handler, answer_of, free_port, http_pod, raw_pod, target
from tidegate.engines.page import PageFault
from tidegate.metrics.failure import ScrapeReason
from tidegate.metrics.pod_scrape import PodScraper
from tidegate.scaling.sample import Sample, ScrapeFailure

MEGABYTE = 1024 * 1024


async def _scrape(port: int, *, timeout_seconds: float = 5.0) -> Sample | ScrapeFailure:
    async with PodScraper(clock=lambda: 1.0, timeout_seconds=timeout_seconds) as scraper:
        return (await scraper.scrape([target(port)]))["pod"]


async def _failure(port: int, *, timeout_seconds: float = 5.0) -> ScrapeFailure:
    result = await _scrape(port, timeout_seconds=timeout_seconds)
    assert isinstance(result, ScrapeFailure)
    assert result.message.startswith(f"http://{ADDRESS}:{port}/metrics: ")
    return result


def _response(body: bytes, *headers: bytes, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % (len(body) if length is None else length), *headers]
    return b"\r\n".join([*lines, b"", b""]) + body


@pytest.mark.parametrize(
    ("answer", "reason", "says"),
    [
        (_response(PAGE, length=1000), ScrapeReason.TRUNCATED, "ended before the page did"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(PAGE), PAGE),
            ScrapeReason.TRUNCATED,
            "ended before the page did",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n" + PAGE[:-1], ScrapeReason.TRUNCATED, "newline"),
        (
            _response(PAGE, b"Content-Type: application/openmetrics-text; version=1.0.0"),
            ScrapeReason.TRUNCATED,
            "# EOF",
        ),
        (_response(b"\x89PNG\r\n\x1a\n\x00"), ScrapeReason.NOT_TEXT, "not text"),
        (_response(gzip.compress(PAGE)), ScrapeReason.NOT_TEXT, "not text"),
        (_response(b"??", b"Content-Encoding: br"), ScrapeReason.NOT_TEXT, "packed as 'br'"),
        (_response(b"??", b"Content-Encoding: gzip"), ScrapeReason.TRUNCATED, "damaged"),
        (_response(gzip.compress(PAGE)[:-9], b"Content-Encoding: gzip"), ScrapeReason.TRUNCATED, "ends early"),
        (_response(b"<html></html>"), ScrapeReason.NO_KNOWN_METRICS, "engine.type"),
        (_response(b""), ScrapeReason.NO_KNOWN_METRICS, "empty"),
        (_response(b"oops", status=b"500 Oops"), ScrapeReason.HTTP_STATUS, "500"),
        (_response(PAGE, status=b"206 Partial"), ScrapeReason.HTTP_STATUS, "206"),
        (_response(b"", status=b"401 No"), ScrapeReason.HTTP_STATUS, "key"),
        (_response(b"", status=b"404 No"), ScrapeReason.HTTP_STATUS, "engine.metrics.path"),
        (_response(b"", status=b"501 No"), ScrapeReason.HTTP_STATUS, "--metrics"),
        (_response(b"", status=b"503 No"), ScrapeReason.HTTP_STATUS, "loading"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ScrapeReason.CONNECTION_FAILED, "speaks HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", ScrapeReason.CONNECTION_FAILED, "speaks HTTP"),
        (b"", ScrapeReason.CONNECTION_FAILED, "speaks HTTP"),
    ],
    ids=lambda value: str(value[:40]) if isinstance(value, bytes) else "",
)
async def test_bad_answers_are_told_apart(answer: bytes, reason: ScrapeReason, says: str) -> None:
    """Each bad answer has its reason, and a message with the pod's address and what to check."""
    async with raw_pod(answer_of(answer)) as port:
        failure = await _failure(port)
    assert failure.reason == reason
    assert says in failure.message


async def test_a_closed_port_is_refused() -> None:
    """Where nothing listens, the message speaks of ports."""
    failure = await _failure(free_port())
    assert failure.reason == ScrapeReason.CONNECTION_REFUSED
    assert "engine.port" in failure.message


async def test_a_silent_pod_times_out() -> None:
    """A pod that takes the request and says nothing costs the timeout, no more."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_pod(silent) as port:
        failure = await _failure(port, timeout_seconds=0.2)
    assert failure.reason == ScrapeReason.TIMEOUT
    assert "within 0.2 s" in failure.message


def _endless(piece: bytes, pause_seconds: float) -> tuple[Handler, list[int]]:
    sent = [0]

    async def page(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(piece)
            sent[0] += len(piece)
            await asyncio.sleep(pause_seconds)

    return page, sent


async def test_a_page_without_end_is_cut_off_by_size() -> None:
    """A fast endless page is left soon after the size cap: what the pod got rid of beyond it fits in buffers."""
    page, sent = _endless(PAGE * 1000, 0)
    async with http_pod(page) as port:
        failure = await _failure(port)
    assert failure.reason == ScrapeReason.TOO_LARGE
    assert str(4 * MEGABYTE) in failure.message
    assert sent[0] < 16 * MEGABYTE


async def test_a_page_without_end_is_cut_off_by_time() -> None:
    """An endless page that dribbles costs the timeout, though the connection never falls silent."""
    page, sent = _endless(PAGE, 0.01)
    async with http_pod(page) as port:
        failure = await _failure(port, timeout_seconds=1.0)
    assert failure.reason == ScrapeReason.TIMEOUT
    assert sent[0] > 0


async def test_fifty_megabytes_are_not_read() -> None:
    """A size that is announced is believed: the scraper hangs up before a byte of the body is sent."""

    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (50 * MEGABYTE))
        await reader.read()

    async with raw_pod(large) as port:
        failure = await _failure(port)
    assert failure.reason == ScrapeReason.TOO_LARGE


async def test_packed_pages_are_read() -> None:
    """A server that packs without being asked is understood."""
    async with raw_pod(answer_of(_response(gzip.compress(PAGE), b"Content-Encoding: gzip"))) as port:
        assert await _scrape(port) == Sample(time=1.0, waiting=3)


async def test_a_packed_page_is_measured_unpacked() -> None:
    """Fifty kilobytes that unpack to fifty megabytes are too large."""
    bomb = gzip.compress(b"\n" * (50 * MEGABYTE))
    assert len(bomb) < MEGABYTE
    async with raw_pod(answer_of(_response(bomb, b"Content-Encoding: gzip"))) as port:
        assert (await _failure(port)).reason == ScrapeReason.TOO_LARGE


async def test_unpacking_stops_at_the_size_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder is never asked for more than the cap and one byte, however much is packed into a piece."""
    asked: list[int] = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, wbits: int) -> None:
            self._decoder = real(wbits)

        @property
        def eof(self) -> bool:
            return self._decoder.eof

        def decompress(self, data: bytes, max_length: int) -> bytes:
            asked.append(max_length)
            return self._decoder.decompress(data, max_length)

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    bomb = gzip.compress(b"\n" * (50 * MEGABYTE))
    async with raw_pod(answer_of(_response(bomb, b"Content-Encoding: gzip"))) as port:
        assert (await _failure(port)).reason == ScrapeReason.TOO_LARGE
    assert min(asked) > 0
    assert max(asked) <= 4 * MEGABYTE + 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is a failure that says so; where it points to is never asked."""
    asked = 0

    async def elsewhere(_: web.BaseRequest) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(body=PAGE)

    async with http_pod(elsewhere) as other:

        async def page(_: web.BaseRequest) -> web.Response:
            return web.Response(status=status, headers={"Location": f"http://{ADDRESS}:{other}/"})

        async with http_pod(page) as port:
            failure = await _failure(port)
    assert (failure.reason, asked) == (ScrapeReason.HTTP_STATUS, 0)
    assert "not followed" in failure.message


async def test_not_a_number_is_a_sample() -> None:
    """A page that says NaN is a good page: its signal is not a number, and not missing."""
    async with raw_pod(answer_of(_response(b"vllm:num_requests_waiting NaN\n"))) as port:
        result = await _scrape(port)
    assert isinstance(result, Sample)
    assert result.not_a_number() == ("waiting",)


async def test_a_bad_page_leaves_nothing_in_the_connection() -> None:
    """What a bad answer left unread is not taken for the beginning of the next answer."""
    answers = iter([_response(b"x" * 5 * MEGABYTE), _response(PAGE)])

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(next(answers))
            await writer.drain()

    async with raw_pod(converse) as port, PodScraper(clock=lambda: 1.0) as scraper:
        first = (await scraper.scrape([target(port)]))["pod"]
        second = (await scraper.scrape([target(port)]))["pod"]
    assert isinstance(first, ScrapeFailure)
    assert first.reason == ScrapeReason.TOO_LARGE
    assert second == Sample(time=1.0, waiting=3)


def test_every_fault_of_a_page_is_a_reason() -> None:
    """What is wrong with a page is said in the words of scrapes."""
    assert {fault.value for fault in PageFault} <= {reason.value for reason in ScrapeReason}


_GOOD = _response(PAGE, b"Content-Type: text/plain; version=0.0.4")


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(0, len(_GOOD)), st.integers(0, 5), st.binary(max_size=20)).map(
        lambda edit: _GOOD[: edit[0]] + edit[2] + _GOOD[edit[0] + edit[1] :]
    )
)
async def test_no_answer_breaks_the_scraper(answer: bytes) -> None:
    """Whatever bytes a pod sends, the result is a sample or a failure with a known reason."""
    async with raw_pod(answer_of(answer)) as port:
        result = await _scrape(port, timeout_seconds=1.0)
    assert isinstance(result, Sample) or result.reason in set(ScrapeReason)
