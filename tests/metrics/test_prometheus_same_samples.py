"""A real Prometheus scrapes simulated engines: what it kept of a page is what the page said."""

import asyncio
import math
import time
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from metrics.loopback import http_pod
from metrics.stored_pods import MODEL, Engines, engines, prometheus, source, stored, until, until_failure, until_sample
from tidegate.engines.tei import TEI
from tidegate.engines.vllm import VLLM
from tidegate.metrics.failure import ScrapeReason
from tidegate.metrics.pod_scrape import PodScraper, ScrapeTarget
from tidegate.scaling.sample import COUNTER_NAMES, SIGNAL_NAMES, Sample
from tidegate.simulator.faults import MetricsFault

LAG_SECONDS = 2.5
"""Its scrape interval of 1 s, and what a busy machine adds."""


async def _scraped(pods: Engines, number: int = 1) -> Sample:
    table = replace(VLLM, metrics_port=pods.port)
    async with PodScraper(clock=time.time) as scraper:
        target = ScrapeTarget(key=1, address=f"127.0.0.{number}", table=table, model_name=MODEL)
        found = (await scraper.scrape([target]))[1]
    assert isinstance(found, Sample), found
    return found


async def test_an_engine_at_rest_is_read_alike(tmp_path: Path) -> None:
    """Every signal has the same value, those that are missing are the same, and the time is that of the last scrape."""
    async with engines() as pods:
        await pods.complete(1, tokens=20)
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape(pods.targets(1))
            sample = await until_sample(asked, stored(1))
            page = await _scraped(pods)
    assert replace(sample, time=0.0) == replace(page, time=0.0)
    assert sample.requests_ended == 1
    assert 0 <= page.time - sample.time < LAG_SECONDS


async def test_a_working_engine_is_read_alike(tmp_path: Path) -> None:
    """Counters lie between those of the page shortly before the scrape and shortly after, all at the scrape's time."""
    async with engines() as pods:
        await pods.complete(1, tokens=5)
        load = [asyncio.create_task(pods.complete(1, tokens=400)) for _ in range(8)]
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape(pods.targets(1))
            first = await until_sample(asked, stored(1))
            for _ in range(3):
                before = await _scraped(pods)
                sample = await until_sample(asked, stored(1), after=max(before.time, first.time))
                after = await _scraped(pods)
                for name in COUNTER_NAMES:
                    values = [getattr(each, name) for each in (before, sample, after)]
                    if values != [None] * 3:
                        assert values == sorted(values), (name, values)
                assert after.time - sample.time < LAG_SECONDS
        assert (sample.running or 0) + (sample.waiting or 0) == 8
        for request in load:
            request.cancel()
        await asyncio.gather(*load, return_exceptions=True)


async def test_a_counter_without_series_is_missing(tmp_path: Path) -> None:
    """A page declares the counter that it has no series of yet, which is zero; a store knows nothing of it."""
    async with engines() as pods:
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape(pods.targets(1))
            sample = await until_sample(asked, stored(1))
            page = await _scraped(pods)
    assert (page.requests_ended, sample.requests_ended) == (0, None)
    assert replace(sample, time=0.0) == replace(page, time=0.0, requests_ended=None)


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


async def test_pods_are_told_apart_by_the_same_queries(tmp_path: Path) -> None:
    """Several pods, and one of the same name in another namespace, each have their own numbers."""
    async with engines() as pods:
        for number, requests in ((1, 1), (2, 2), (3, 3)):
            for _ in range(requests):
                await pods.complete(number, tokens=5)
        with prometheus(tmp_path) as server, source(server.url) as asked:
            other = {pods.address(3): {"namespace": "other", "pod": "pod-1"}}
            server.scrape({**pods.targets(1, 2), **other})
            targets = [stored(1), stored(2), replace(stored(3), pod=("other", "pod-1"))]
            for target in targets:
                await until_sample(asked, target)
            found = await asked.read(targets)
    finished = {
        key: reading.requests_finished for key, reading in found.readings.items() if isinstance(reading, Sample)
    }
    assert finished == {1: 1, 2: 2, 3: 3}
    assert found.scrape_interval_seconds.keys() <= {1, 2, 3}
    assert set(found.scrape_interval_seconds.values()) <= {1.0}


async def test_not_a_number_is_not_missing(tmp_path: Path) -> None:
    """A page that says NaN gives a sample of NaN, as when it is read directly."""
    async with engines() as pods:
        pods.break_(1, MetricsFault.NAN)
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape(pods.targets(1))
            sample = await until_sample(asked, stored(1))
    values = [getattr(sample, name) for name in SIGNAL_NAMES]
    assert any(value is not None and math.isnan(value) for value in values)


async def test_a_page_that_breaks_leaves_a_sample_that_ages(tmp_path: Path) -> None:
    """While scrapes fail the last one stays, with its time; it never becomes zero, and is told once it is stale."""
    async with engines() as pods:
        await pods.complete(1, tokens=20)
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape(pods.targets(1))
            await until_sample(asked, stored(1))
            pods.break_(1, MetricsFault.ERROR_500)
            await until(server, 'up{pod="pod-1"} == 0')
            last = await until_sample(asked, stored(1, stale_after_seconds=60))
            await asyncio.sleep(1.5)
            assert await until_sample(asked, stored(1, stale_after_seconds=60)) == last
            assert last.generated_tokens == 20
            told = await until_failure(asked, ScrapeReason.SCRAPED_TOO_LONG_AGO, stored(1, stale_after_seconds=1))
            assert "more than 1 s old" in told.message
            assert "its scrapes of the pod fail" in told.message
            pods.break_(1, None)
            assert (await until_sample(asked, stored(1), after=last.time)).generated_tokens == 20


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


async def test_a_restarted_container_counts_anew(tmp_path: Path) -> None:
    """Counters that fall are given as they are: whoever compares samples sees the restart, as on a page."""
    async with engines() as pods:
        await pods.complete(1, tokens=20)
        with prometheus(tmp_path) as server, source(server.url) as asked:
            server.scrape(pods.targets(1))
            before = await until_sample(asked, stored(1))
            pods.fleet.reset("127.0.0.1")
            deadline = time.monotonic() + 20
            while (after := await until_sample(asked, stored(1), after=before.time)).generated_tokens != 0:
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
