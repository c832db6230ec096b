"""Reads pods, each from where its service says: from its own page, or from a Prometheus."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from tidegate.api.inference_service import MetricsSource
from tidegate.cluster.resources import Key
from tidegate.controller.records import PodRecord
from tidegate.engines.table import EngineTable
from tidegate.metrics.failure import ScrapeReason
from tidegate.metrics.pod_scrape import PodScraper, ScrapeTarget
from tidegate.metrics.prometheus import PrometheusSource, StoredTarget
from tidegate.scaling.sample import Sample, ScrapeFailure

READ_SECONDS = 10.0
READ_TOGETHER = 512
"""Pods are read so many at a time, for no longer than this at a tick."""

PodKey = tuple[Key, str]
"""A service's key and a pod's uid."""

Readings = Mapping[PodKey, Sample | ScrapeFailure]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodToRead:
    """A pod, and how to read it."""

    key: PodKey
    pod: PodRecord
    source: MetricsSource
    table: EngineTable
    model_name: str
    stale_after_seconds: float
    with_latencies: bool = False
    """Whether latencies are used: reading a page takes twice as long with them, asking a Prometheus four times."""


class PodReader:
    """Reads pods by all the sources there are, side by side."""

    def __init__(self, scraper: PodScraper, prometheus: PrometheusSource | None, *, clock: Callable[[], float]) -> None:
        """Read with these.

        Args:
            scraper: for pages.
            prometheus: for services that want one; None where the operator was told of none.
            clock: seconds since the epoch.
        """
        self._scraper = scraper
        self._prometheus = prometheus
        self._clock = clock

    async def read(
        self,
        pods: Iterable[PodToRead],
        take_in: Callable[[Readings], None],
        learn_intervals: Callable[[Mapping[PodKey, float]], None],
    ) -> None:
        """Read pods, for as long as a tick has time.

        Args:
            pods: in the order in which they are to be read.
            take_in: gets readings as they come.
            learn_intervals: gets the seconds between scrapes of pods that somebody else scrapes.
        """
        by_source: dict[MetricsSource, list[PodToRead]] = {source: [] for source in MetricsSource}
        mute: list[PodToRead] = []
        for pod in pods:
            (by_source[pod.source] if pod.table.metrics else mute).append(pod)
        take_in({each.key: _no_metrics(each.table, self._clock()) for each in mute})
        pages, stored = by_source[MetricsSource.POD_SCRAPE], by_source[MetricsSource.PROMETHEUS]
        try:
            async with asyncio.timeout(READ_SECONDS), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._scrape(pages, take_in))
                tasks.create_task(self._ask(stored, take_in, learn_intervals))
        except TimeoutError:
            log.warning("not all pods were read in time; too many do not answer", pods=len(pages) + len(stored))

    async def _scrape(self, pods: Sequence[PodToRead], take_in: Callable[[Readings], None]) -> None:
        targets = [
            ScrapeTarget(
                key=each.key,
                address=each.pod.address,
                table=each.table,
                model_name=each.model_name,
                with_latencies=each.with_latencies,
            )
            for each in pods
        ]
        for start in range(0, len(targets), READ_TOGETHER):
            take_in(await self._scraper.scrape(targets[start : start + READ_TOGETHER]))

    async def _ask(
        self,
        pods: Sequence[PodToRead],
        take_in: Callable[[Readings], None],
        learn_intervals: Callable[[Mapping[PodKey, float]], None],
    ) -> None:
        if self._prometheus is None:
            take_in({each.key: _no_prometheus(self._clock()) for each in pods})
            return
        stored = await self._prometheus.read(
            StoredTarget(
                key=each.key,
                pod=each.pod.key,
                table=each.table,
                model_name=each.model_name,
                stale_after_seconds=each.stale_after_seconds,
                with_latencies=each.with_latencies,
            )
            for each in pods
        )
        learn_intervals(stored.scrape_interval_seconds)
        take_in(stored.readings)


def _no_metrics(table: EngineTable, now: float) -> ScrapeFailure:
    return ScrapeFailure(
        time=now,
        reason=ScrapeReason.NO_METRICS,
        message=f"engines of type {table.type} have no metrics, so the service keeps its size: set routing.mode to "
        "Gateway, whose counts would be used; or scaling.minReplicas and maxReplicas, or replicas, by hand",
    )


def _no_prometheus(now: float) -> ScrapeFailure:
    return ScrapeFailure(
        time=now,
        reason=ScrapeReason.PROMETHEUS_NOT_CONFIGURED,
        message="the service's metrics are to come from Prometheus, and the operator was told of none: start it with "
        "--prometheus-url, or set spec.metrics.source to PodScrape",
    )
