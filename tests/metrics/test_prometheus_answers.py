"""Everything that can answer in the place of a Prometheus, each told apart, and none believed."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from metrics.loopback import answer_of, free_port, http_pod, raw_pod
from metrics.stored_pods import ask, failure, source, stored
from tidegate.metrics.failure import ScrapeReason
from tidegate.metrics.prometheus import PrometheusSource
from tidegate.metrics.prometheus_options import PrometheusOptions
from tidegate.scaling.sample import Sample, ScrapeFailure

SOME = {"status": "success", "data": {"resultType": "matrix", "result": []}}
MEGABYTE = 1024 * 1024


def _response(body: Any, *headers: bytes, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        b"HTTP/1.1 " + status,
        b"Content-Length: %d" % (len(content) if length is None else length),
        b"Connection: close",
        *headers,
    ]
    return b"\r\n".join([*lines, b"", b""]) + content


def _error(kind: str, text: str) -> dict[str, str]:
    return {"status": "error", "errorType": kind, "error": text}


@pytest.mark.parametrize(
    ("answer", "reason", "says"),
    [
        (_response(b"<html>Log in</html>"), ScrapeReason.PROMETHEUS_ERROR, "is --prometheus-url where a Prometheus"),
        (_response([1, 2]), ScrapeReason.PROMETHEUS_ERROR, "does not have the form of its API"),
        (_response({"data": {}}), ScrapeReason.PROMETHEUS_ERROR, "does not have the form of its API"),
        (_response(b"[" * 100_000), ScrapeReason.PROMETHEUS_ERROR, "is --prometheus-url where"),
        (_response({"data": {"result": 5}}), ScrapeReason.UNEXPECTED, "see its log"),
        (_response(b"", b"Location: http://127.0.0.1/login", status=b"302 Found"), "PrometheusError", "not followed"),
        (
            _response(b"<html>", status=b"500 Oops"),
            ScrapeReason.PROMETHEUS_ERROR,
            "HTTP status 500; is --prometheus-url",
        ),
        (_response(b"no", status=b"404 Not Found"), ScrapeReason.PROMETHEUS_ERROR, "HTTP status 404"),
        (_response(b"no", status=b"401 Unauthorized"), ScrapeReason.PROMETHEUS_REFUSED, "it wants credentials"),
        (_response(b"no", status=b"403 Forbidden"), ScrapeReason.PROMETHEUS_REFUSED, "it wants credentials"),
        (
            _response(_error("execution", "too many samples"), status=b"422 Unprocessable"),
            ScrapeReason.PROMETHEUS_ERROR,
            "HTTP status 422: execution: too many samples",
        ),
        (
            _response(_error("bad_data", "x" * 5000), status=b"400 Bad Request"),
            ScrapeReason.PROMETHEUS_ERROR,
            "bad_data: " + "x" * 200,
        ),
        (
            _response(_error("timeout", "query timed out"), status=b"503 Unavailable"),
            ScrapeReason.PROMETHEUS_TIMEOUT,
            "no complete answer within",
        ),
        (_response(SOME, length=5000), ScrapeReason.PROMETHEUS_UNREACHABLE, "ended before the answer did"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ScrapeReason.PROMETHEUS_UNREACHABLE, "the connection failed"),
        (b"", ScrapeReason.PROMETHEUS_UNREACHABLE, "the connection failed"),
        (
            _response(b"no gzip at all", b"Content-Encoding: gzip"),
            ScrapeReason.PROMETHEUS_UNREACHABLE,
            "ended before the answer",
        ),
        (
            _response(gzip.compress(b" " * 40 * MEGABYTE), b"Content-Encoding: gzip"),
            ScrapeReason.PROMETHEUS_TOO_LARGE,
            str(16 * MEGABYTE),
        ),
    ],
)
async def test_bad_answers_are_told_apart(answer: bytes, reason: str, says: str) -> None:
    """Each has its reason, a message with the host and what to check, and no more of what was sent."""
    async with raw_pod(answer_of(answer)) as port:
        with source(f"http://127.0.0.1:{port}") as asked:
            told = await failure(asked)
    assert told.reason == reason
    assert told.message.startswith(f"Prometheus 127.0.0.1:{port}: ")
    assert says in told.message
    assert len(told.message) < 400


async def test_an_answer_without_end_costs_the_timeout() -> None:
    """One that dribbles never falls silent; it is given up all the same, and hung up on."""

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
            await asyncio.sleep(0.05)

    async with raw_pod(dribble) as port:
        with source(f"http://127.0.0.1:{port}", timeout_seconds=0.5) as asked:
            started = time.monotonic()
            told = await failure(asked)
    assert told.reason == ScrapeReason.PROMETHEUS_TIMEOUT
    assert time.monotonic() - started < 3 * 0.5


async def test_one_query_that_fails_costs_only_its_engine() -> None:
    """What is wrong with one query is no sample of half of the signals: it is a failure, and says which error."""

    async def answer(request: web.BaseRequest) -> web.Response:
        if "num_requests_waiting" in request.query["query"]:
            return web.json_response(_error("execution", "too many series"), status=422)
        return web.json_response({"data": {"result": [_series(request.query["query"])]}})

    async with http_pod(answer) as port:
        with source(f"http://127.0.0.1:{port}") as asked:
            told = await failure(asked)
    assert (told.reason, "too many series" in told.message) == (ScrapeReason.PROMETHEUS_ERROR, True)


async def test_latencies_that_cannot_be_had_cost_no_pod_its_sample() -> None:
    """Their queries fail in one way or another, or answer far too late: signals are asked for first, and are enough."""
    answers = iter((web.json_response(_error("execution", "too many series"), status=422), None))

    async def answer(request: web.BaseRequest) -> web.Response:
        if "_bucket" in request.query["query"]:
            failed = next(answers)
            if failed is None:
                await asyncio.sleep(30)
            return failed or web.Response()
        return web.json_response({"data": {"result": [_series(request.query["query"])]}})

    async with http_pod(answer) as port:
        with source(f"http://127.0.0.1:{port}", timeout_seconds=0.5) as asked:
            found = await ask(asked, stored(with_latencies=True))
    assert isinstance(found, Sample)
    assert (found.waiting, found.first_token_seconds, found.inter_token_seconds) == (1, None, None)


def _series(query: str) -> dict[str, Any]:
    name = next((part for part in query.split('"') if part.startswith("vllm:")), "other").partition("|")[0]
    labels = {"__name__": name, "namespace": "models", "pod": "pod-1"}
    return {"metric": labels, "values": [[time.time() - 1, "1"]]}


async def test_no_older_scrapes_are_asked_for_than_can_be_used() -> None:
    """While all pods have fresh scrapes the range is as long as they are good; otherwise two slow scrapes long."""
    ranges: set[str] = set()
    known = True

    async def answer(request: web.BaseRequest) -> web.Response:
        ranges.add(request.query["query"].rpartition("[")[2])
        return web.json_response({"data": {"result": [_series(request.query["query"])] if known else []}})

    async with http_pod(answer) as port:
        with source(f"http://127.0.0.1:{port}") as asked:
            seen = []
            for known in (True, True, False, True, True):  # noqa: B007 - the server looks at it
                ranges.clear()
                await asked.read([stored(stale_after_seconds=45.0), stored(stale_after_seconds=14.2)])
                seen.append({text for text in ranges if text.endswith("s]")})
    assert seen == [{"150s]"}, {"45s]"}, {"45s]"}, {"150s]"}, {"45s]"}]


async def test_an_echoed_token_is_hidden(tmp_path: Path) -> None:
    """A proxy that repeats in its error what it was sent does not bring the token into a condition."""
    token = tmp_path / "token"
    token.write_text("very-secret")

    async def echo(request: web.BaseRequest) -> web.Response:
        return web.json_response(_error("bad_data", f"who is {request.headers['Authorization']}?"), status=400)

    async with http_pod(echo) as port:
        with source(f"http://127.0.0.1:{port}", bearer_token_file=str(token)) as asked:
            told = await failure(asked)
    assert "who is (hidden) (hidden)?" in told.message


@pytest.mark.parametrize("before", range(150, 201, 5))
async def test_half_an_echoed_token_is_hidden_too(tmp_path: Path, before: int) -> None:
    """Wherever the text is cut."""
    token = tmp_path / "token"
    token.write_text("very-secret")

    async def echo(request: web.BaseRequest) -> web.Response:
        return web.json_response(_error("bad_data", "." * before + request.headers["Authorization"]), status=400)

    async with http_pod(echo) as port:
        with source(f"http://127.0.0.1:{port}", bearer_token_file=str(token)) as asked:
            told = await failure(asked)
    assert "ver" not in told.message.removeprefix(f"Prometheus 127.0.0.1:{port}: ")


async def test_a_pod_that_stays_away_is_told_at_each_reading() -> None:
    """New it is once only, however long it stays away."""
    now = 1_000_000.0

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response({"data": {"result": []}})

    async with http_pod(answer) as port:
        options = PrometheusOptions(url=f"http://127.0.0.1:{port}")
        asked = PrometheusSource(options, clock=lambda: now, wall_clock=lambda: now)
        try:
            told = []
            for seconds in (0.0, 4.0, 6.0, 3000.0, 3700.0, 3706.0, 7400.0):
                now = 1_000_000.0 + seconds
                told.append(isinstance(await ask(asked, stored(stale_after_seconds=5.0)), ScrapeFailure))
        finally:
            asked.close()
    assert told == [False, False, True, True, True, True, False]  # At last nobody had asked for it for an hour.


@pytest.mark.parametrize("secret", ["", "\n", "two\nlines", "é", "\x01"])
async def test_a_file_that_holds_no_secret_is_told(tmp_path: Path, secret: str) -> None:
    """A header with such a value could not be sent; nothing is asked, and the message has the path alone."""
    file = tmp_path / "header"
    file.write_text(secret)
    with source(f"http://127.0.0.1:{free_port()}", headers=(("X-Scope-OrgID", str(file)),)) as asked:
        told = await failure(asked)
    assert told.reason == ScrapeReason.PROMETHEUS_REFUSED
    assert f"--prometheus-header X-Scope-OrgID: {file}" in told.message


async def test_nothing_is_asked_while_queries_are_out() -> None:
    """While a thread hangs where no timeout reaches it (the name service), the next reading does not wait as well."""
    released, entered = threading.Event(), threading.Event()

    def hang(*_: object) -> Any:
        entered.set()
        released.wait(20)
        return []

    with source(f"http://127.0.0.1:{free_port()}", timeout_seconds=0.2) as asked:
        asked._connection.ask = hang  # type: ignore[method-assign]  # noqa: SLF001 - there is no other way to hang there
        try:
            first = await failure(asked)
            started = time.monotonic()
            second = await failure(asked)
            assert time.monotonic() - started < 0.2
        finally:
            released.set()
    assert entered.is_set()
    assert first.reason == second.reason == ScrapeReason.PROMETHEUS_TIMEOUT


async def test_nobody_is_asked_for_nothing() -> None:
    """Without pods there is no query."""
    with source(f"http://127.0.0.1:{free_port()}") as asked:
        found = await asked.read([])
    assert (found.readings, found.scrape_interval_seconds) == ({}, {})


@pytest.mark.parametrize(
    ("ours", "everybodys", "expected"),
    [
        (lambda: 1000.0, lambda: 1000.3, 990.0),  # as good as equal
        (lambda: 1000.0, lambda: 4600.0, -2610.0),  # somebody set the clock since we began
    ],
)
async def test_scrapes_have_our_clocks_time(
    ours: Callable[[], float], everybodys: Callable[[], float], expected: float
) -> None:
    """A scrape's age is the same by our clock as by everybody's, so that samples are compared with our now."""

    async def answer(request: web.BaseRequest) -> web.Response:
        assert float(request.query["time"]) == everybodys()
        one = _series(request.query["query"]) | {"values": [[990, "1"]]}
        return web.json_response({"data": {"result": [one]}})

    async with http_pod(answer) as port:
        asked = PrometheusSource(PrometheusOptions(url=f"http://127.0.0.1:{port}"), clock=ours, wall_clock=everybodys)
        try:
            found = await ask(asked, stored(stale_after_seconds=10_000))
        finally:
            asked.close()
    assert isinstance(found, Sample)
    assert found.time == expected
