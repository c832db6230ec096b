"""Pods of a real Prometheus: simulated engines that it scrapes, and the questions that are asked about them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from prometheus_server import PrometheusMissingError, PrometheusServer, running_prometheus
from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable
from tidegate.engines.vllm import VLLM
from tidegate.metrics.prometheus import PrometheusSource, StoredTarget
from tidegate.metrics.prometheus_options import PrometheusOptions
from tidegate.scaling.sample import Sample, ScrapeFailure
from tidegate.simulator.faults import Faults, MetricsFault
from tidegate.simulator.fleet import Fleet, Listener
from tidegate.simulator.server import EngineServer
from tidegate.simulator.serving import listening

NAMESPACE = "models"
MODEL = "m"
STALE_AFTER_SECONDS = 5.0
SECONDS = 30.0


@dataclass
class Engines:
    """Simulated vLLM engines: one at each local address."""

    port: int
    fleet: Fleet
    client: aiohttp.ClientSession

    def address(self, number: int) -> str:
        """Host and port of one."""
        return f"127.0.0.{number}:{self.port}"

    def targets(self, *numbers: int, namespace: str = NAMESPACE) -> dict[str, dict[str, str]]:
        """What a Prometheus is to scrape: these engines, as pods of their number."""
        return {self.address(number): {"namespace": namespace, "pod": f"pod-{number}"} for number in numbers}

    async def complete(self, number: int, tokens: int) -> None:
        """Let one answer a request."""
        body = {"model": MODEL, "prompt": [1] * 100, "max_tokens": tokens}
        async with self.client.post(f"http://{self.address(number)}/v1/completions", json=body) as answer:
            assert answer.status == 200, await answer.text()

    def break_(self, number: int, metrics: MetricsFault | None) -> None:
        """Break the page of one, or mend it."""
        self.fleet.set_faults(f"127.0.0.{number}", Faults(metrics=metrics))


@asynccontextmanager
async def engines() -> AsyncIterator[Engines]:
    """Engines on a free port of every local address."""
    fleet = Fleet(model_names=(MODEL,))
    listener = Listener.parse(f"{EngineType.VLLM}:0:l4", startup_seconds=0)
    async with AsyncExitStack() as stack:
        app = EngineServer(fleet, listener).application()
        port = await stack.enter_async_context(listening(app, "0.0.0.0", 0))  # noqa: S104 - as on a cluster
        client = await stack.enter_async_context(aiohttp.ClientSession())
        yield Engines(port, fleet, client)


async def until(server: PrometheusServer, expression: str) -> None:
    """Wait until an expression has a value, while the engines go on."""
    await asyncio.to_thread(server.wait_until, expression)


@contextmanager
def prometheus(directory: Path, **options: Any) -> Iterator[PrometheusServer]:
    """A real server; where there is none the test is skipped, by name."""
    try:
        with running_prometheus(directory, **options) as server:
            yield server
    except PrometheusMissingError as error:
        pytest.skip(f"NOT TESTED with a real Prometheus: {error}")


class ScrapedEngines(NamedTuple):
    """Engines, the Prometheus that scrapes them, and a source that asks it."""

    pods: Engines
    server: PrometheusServer
    asked: PrometheusSource


@asynccontextmanager
async def scraped_engines(
    directory: Path, targets: Callable[[Engines], Mapping[str, Mapping[str, str]]]
) -> AsyncIterator[ScrapedEngines]:
    """Engines that are scraped already; made once for many tests, for a new target is seen five seconds later."""
    async with engines() as pods:
        with prometheus(directory) as server, source(server.url) as asked:
            scraped = targets(pods)
            server.scrape(scraped)
            await until(server, f"count(up == 1) == {len(scraped)}")
            yield ScrapedEngines(pods, server, asked)


@contextmanager
def source(url: str, *, timeout_seconds: float = 2.0, **options: Any) -> Iterator[PrometheusSource]:
    """A source that asks at a URL."""
    made = PrometheusSource(PrometheusOptions(url=url, timeout_seconds=timeout_seconds, **options), clock=time.time)
    try:
        yield made
    finally:
        made.close()


def stored(
    number: int = 1,
    *,
    namespace: str = NAMESPACE,
    table: EngineTable = VLLM,
    model_name: str = MODEL,
    stale_after_seconds: float = STALE_AFTER_SECONDS,
    with_latencies: bool = False,
) -> StoredTarget[int]:
    """A pod to ask for."""
    return StoredTarget(
        key=number,
        pod=(namespace, f"pod-{number}"),
        table=table,
        model_name=model_name,
        stale_after_seconds=stale_after_seconds,
        with_latencies=with_latencies,
    )


async def ask(asked: PrometheusSource, *targets: StoredTarget[int]) -> Sample | ScrapeFailure | None:
    """What is known of the first of some pods."""
    targets = targets or (stored(),)
    return (await asked.read(targets)).readings.get(targets[0].key)


async def failure(asked: PrometheusSource, *targets: StoredTarget[int]) -> ScrapeFailure:
    """Why the first of some pods cannot be read."""
    found = await ask(asked, *targets)
    assert isinstance(found, ScrapeFailure), found
    return found


async def until_sample(asked: PrometheusSource, *targets: StoredTarget[int], after: float = 0.0) -> Sample:
    """Ask until there is a sample, of a later time if need be."""
    deadline = time.monotonic() + SECONDS
    while not (isinstance(found := await ask(asked, *targets), Sample) and found.time > after):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)
    return found


async def until_failure(asked: PrometheusSource, reason: str, *targets: StoredTarget[int]) -> ScrapeFailure:
    """Ask until there is a failure for a reason."""
    deadline = time.monotonic() + SECONDS
    while not (isinstance(found := await ask(asked, *targets), ScrapeFailure) and found.reason == reason):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)
    return found
