"""A real Prometheus scrapes simulated engines: what it kept of a page is what the page said.

It looks for new targets every five seconds and no sooner. So most tests share one that scrapes several engines from the
beginning, and each test takes engines that no other one has had.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from metrics.loopback import http_pod
from metrics.stored_pods import (
    MODEL,
    Engines,
    ScrapedEngines,
    engines,
    prometheus,
    scraped_engines,
    source,
    stored,
    until,
    until_failure,
    until_sample,
)
from tidegate.engines.tei import TEI
from tidegate.engines.vllm import VLLM
from tidegate.metrics.failure import ScrapeReason
from tidegate.metrics.pod_scrape import PodScraper, ScrapeTarget
from tidegate.scaling.sample import COUNTER_NAMES, LATENCY_NAMES, SIGNAL_NAMES, Sample
from tidegate.simulator.faults import MetricsFault

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_REST, WORKING, NEW, BUSY, BUSIER, BUSIEST, NOT_A_NUMBER, BREAKING, RESTARTED = range(1, 10)
"""The engines; all but one are pods of their number in the same namespace."""

LAG_SECONDS = 2.5
"""Its scrape interval of 1 s, and what a busy machine adds."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScrapedEngines]:
    """Engines that are scraped already, and who scrapes them."""

    def targets(pods: Engines) -> dict[str, dict[str, str]]:
        other = {pods.address(BUSIEST): {"namespace": "other", "pod": f"pod-{BUSY}"}}
        return {**pods.targets(*range(AT_REST, RESTARTED + 1)), **other}

    async with scraped_engines(tmp_path_factory.mktemp("prometheus"), targets) as scraped:
        yield scraped


async def _read(pods: Engines, number: int) -> Sample:
    table = replace(VLLM, metrics_port=pods.port)
    async with PodScraper(clock=time.time) as scraper:
        target = ScrapeTarget(key=1, address=f"127.0.0.{number}", table=table, model_name=MODEL, with_latencies=True)
        found = (await scraper.scrape([target]))[1]
    assert isinstance(found, Sample), found
    return found


async def test_an_engine_at_rest_is_read_alike(shared: ScrapedEngines) -> None:
    """Every signal has the same value, those that are missing are the same, and the time is that of the last scrape."""
    await shared.pods.complete(AT_REST, tokens=20)
    sample = await until_sample(shared.asked, stored(AT_REST, with_latencies=True), after=time.time())
    page = await _read(shared.pods, AT_REST)
    assert replace(sample, time=0.0) == replace(page, time=0.0)
    assert sample.inter_token_seconds is not None
    assert sample.inter_token_seconds[-1] == (math.inf, 19)
    assert sample.requests_ended == 1
    assert 0 <= page.time - sample.time < LAG_SECONDS


async def test_a_working_engine_is_read_alike(shared: ScrapedEngines) -> None:
    """Counters lie between those of the page shortly before the scrape and shortly after, all at the scrape's time."""
    pods, asked = shared.pods, shared.asked
    await pods.complete(WORKING, tokens=5)
    load = [asyncio.create_task(pods.complete(WORKING, tokens=400)) for _ in range(8)]
    for _ in range(3):
        before = await _read(pods, WORKING)
        sample = await until_sample(asked, stored(WORKING), after=before.time)
        after = await _read(pods, WORKING)
        for name in COUNTER_NAMES:
            values = [getattr(each, name) for each in (before, sample, after)]
            if values != [None] * 3:
                assert values == sorted(values), (name, values)
        assert after.time - sample.time < LAG_SECONDS
    assert (sample.running or 0) + (sample.waiting or 0) == 8
    for request in load:
        request.cancel()
    await asyncio.gather(*load, return_exceptions=True)


async def test_a_counter_without_series_is_missing(shared: ScrapedEngines) -> None:
    """A page declares the counter that it has no series of yet, which is zero; a store knows nothing of it."""
    sample = await until_sample(shared.asked, stored(NEW))
    page = await _read(shared.pods, NEW)
    assert (page.requests_ended, sample.requests_ended) == (0, None)
    assert replace(sample, time=0.0) == replace(page, time=0.0, requests_ended=None, **dict.fromkeys(LATENCY_NAMES))


async def test_latencies_are_asked_for_where_they_are_wanted(shared: ScrapedEngines) -> None:
    """A pod whose service promises nothing has none of them, beside one in its namespace that has."""
    wants, does_not = stored(AT_REST, with_latencies=True), stored(NEW)
    await until_sample(shared.asked, wants)
    found = (await shared.asked.read([wants, does_not])).readings
    has = [
        isinstance(found[each.key], Sample) and found[each.key].first_token_seconds is not None
        for each in (wants, does_not)
    ]
    assert has == [True, False]


async def test_an_empty_page_is_zero_where_engines_start_so(tmp_path: Path) -> None:
    """Of an engine that shows nothing before its first request, an empty page is zero, scraped or read."""

    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text="")

    async with http_pod(page) as port:
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape({f"127.0.0.1:{port}": {"namespace": "models", "pod": "pod-1"}})
            sample = await until_sample(asked, stored(1, table=TEI))
            table = replace(TEI, metrics_port=port)
            async with PodScraper(clock=lambda: sample.time) as scraper:
                read = await scraper.scrape([ScrapeTarget(key=1, address="127.0.0.1", table=table)])
    assert read[1] == sample
    assert sample.waiting == 0


async def test_pods_are_told_apart_by_the_same_queries(shared: ScrapedEngines) -> None:
    """Several pods, and one of the same name in another namespace, each have their own numbers."""
    requests = {BUSY: 1, BUSIER: 2, BUSIEST: 3}
    for number, count in requests.items():
        for _ in range(count):
            await shared.pods.complete(number, tokens=5)
    done = time.time()
    targets = [stored(BUSY), stored(BUSIER), replace(stored(BUSIEST), pod=("other", f"pod-{BUSY}"))]
    for target in targets:
        await until_sample(shared.asked, target, after=done)
    found = await shared.asked.read(targets)
    finished = {
        key: reading.requests_finished for key, reading in found.readings.items() if isinstance(reading, Sample)
    }
    assert finished == requests
    assert found.scrape_interval_seconds.keys() <= requests.keys()
    assert set(found.scrape_interval_seconds.values()) <= {1.0}


async def test_not_a_number_is_not_missing(shared: ScrapedEngines) -> None:
    """A page that says NaN gives a sample of NaN, as when it is read directly."""
    shared.pods.break_(NOT_A_NUMBER, MetricsFault.NAN)
    sample = await until_sample(shared.asked, stored(NOT_A_NUMBER), after=time.time())
    values = [getattr(sample, name) for name in SIGNAL_NAMES]
    assert any(value is not None and math.isnan(value) for value in values)


async def test_a_page_that_breaks_leaves_a_sample_that_ages(shared: ScrapedEngines) -> None:
    """While scrapes fail the last one stays, with its time; it never becomes zero, and is told once it is stale."""
    pods, asked, patient = shared.pods, shared.asked, stored(BREAKING, stale_after_seconds=60)
    await pods.complete(BREAKING, tokens=20)
    await until_sample(asked, stored(BREAKING), after=time.time())
    pods.break_(BREAKING, MetricsFault.ERROR_500)
    await until(shared.server, f'up{{pod="pod-{BREAKING}"}} == 0')
    last = await until_sample(asked, patient)
    await asyncio.sleep(1.5)
    assert await until_sample(asked, patient) == last
    assert last.generated_tokens == 20
    told = await until_failure(asked, ScrapeReason.SCRAPED_TOO_LONG_AGO, stored(BREAKING, stale_after_seconds=1))
    assert "more than 1 s old" in told.message
    assert "its scrapes of the pod fail" in told.message
    pods.break_(BREAKING, None)
    assert (await until_sample(asked, stored(BREAKING), after=last.time)).generated_tokens == 20


async def test_a_metric_that_vanishes_is_missing(tmp_path: Path) -> None:
    """A page that no longer gives a signal makes it missing, though its last value is still in the store."""
    lines = ["vllm:num_requests_waiting 3", "vllm:num_requests_running 2"]

    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text="".join(f"{line}\n" for line in lines))

    async with http_pod(page) as port:
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape({f"127.0.0.1:{port}": {"namespace": "models", "pod": "pod-1"}})
            whole = await until_sample(asked, stored(1))
            lines.pop(0)
            deadline = time.monotonic() + 20
            while (sample := await until_sample(asked, stored(1))).waiting is not None:
                assert time.monotonic() < deadline, sample
                await asyncio.sleep(0.1)
    assert (whole.waiting, whole.running) == (3, 2)
    assert sample == Sample(time=sample.time, running=2)


async def test_a_restarted_container_counts_anew(shared: ScrapedEngines) -> None:
    """Counters that fall are given as they are: whoever compares samples sees the restart, as on a page."""
    await shared.pods.complete(RESTARTED, tokens=20)
    before = await until_sample(shared.asked, stored(RESTARTED), after=time.time())
    shared.pods.fleet.reset(f"127.0.0.{RESTARTED}")
    deadline = time.monotonic() + 20
    while (after := await until_sample(shared.asked, stored(RESTARTED), after=before.time)).generated_tokens != 0:
        assert time.monotonic() < deadline, after
        await asyncio.sleep(0.1)
    assert before.generated_tokens == 20


async def test_two_jobs_that_scrape_a_pod_do_not_double_it(tmp_path: Path) -> None:
    """A PodMonitor beside a ServiceMonitor brings every series twice: the pod has worked once."""
    async with engines() as pods:
        await pods.complete(1, tokens=20)
        labels = {"namespace": "models", "pod": "pod-1"}
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [pods.address(1)], "labels": labels}]}
            for job in ("pod-monitor", "service-monitor")
        ]
        with prometheus(tmp_path, jobs=jobs) as server, source(server.url) as asked:
            await until(server, 'count(up{pod="pod-1"} == 1) == 2')
            sample = await until_sample(asked, stored(1))
    assert (sample.generated_tokens, sample.requests_finished) == (20, 1)
