"""Reads pods out of a Prometheus that scrapes them already: a few queries for the whole fleet, and no page."""

import asyncio
import math
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import structlog

from tidegate.engines.table import EngineTable
from tidegate.metrics.failure import ScrapeError, ScrapeReason
from tidegate.metrics.pod_scrape import Key
from tidegate.metrics.prometheus_connection import PrometheusConnection
from tidegate.metrics.prometheus_diagnosis import diagnosed, outcomes_by_pod
from tidegate.metrics.prometheus_options import PrometheusOptions
from tidegate.metrics.prometheus_queries import (
    WINDOW_SECONDS,
    Latest,
    Query,
    fleet_queries,
    scrape_outcomes,
)
from tidegate.metrics.prometheus_series import PodName, StoredReading, StoredSeries, read_series, series_by_pod
from tidegate.scaling.sample import Sample, ScrapeFailure

_QUERIES_AT_ONCE = 2
_LONGEST_TURN_SECONDS = 9.0
_CLOCKS_AGREE_SECONDS = 0.5
_FORGET_SECONDS = 3600.0

_FATAL = {ScrapeReason.PROMETHEUS_TIMEOUT, ScrapeReason.PROMETHEUS_UNREACHABLE, ScrapeReason.PROMETHEUS_REFUSED}
"""What one query met, the next would meet too."""

_Result = TypeVar("_Result")
_Answers = Sequence[tuple[Query, Mapping[PodName, list[StoredSeries]] | ScrapeError]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTarget(Generic[Key]):
    """A pod to read."""

    key: Key
    """What the caller knows the pod by; no two targets of one reading share it."""

    pod: PodName
    table: EngineTable
    model_name: str

    stale_after_seconds: float
    """A scrape older than this is told as a failure, and so is a pod that was never scraped for this long."""

    with_latencies: bool = False
    """Whether its samples are to have latencies, where the engine shows them."""


@dataclass(frozen=True, slots=True)
class StoredReadings(Generic[Key]):
    """What is known of the pods."""

    readings: Mapping[Key, Sample | ScrapeFailure]
    """A pod that may not have been scraped yet has no entry."""

    scrape_interval_seconds: Mapping[Key, float]
    """How far apart scrapes are, for pods of which that is known."""


class PrometheusSource:
    """Reads pods from one Prometheus.

    All queries of a reading are evaluated at the same time; two are out at once, each within the timeout and all within
    three of them. A reading that finds queries of the last one still out asks nothing.
    """

    def __init__(
        self, options: PrometheusOptions, *, clock: Callable[[], float], wall_clock: Callable[[], float] = time.time
    ) -> None:
        """Connect to nothing yet.

        Args:
            options: which Prometheus, and how it is asked.
            clock: seconds since the epoch, steadily; stamps samples and failures.
            wall_clock: seconds since the epoch as everybody else has them: scrapes bear such times.
        """
        self._connection = PrometheusConnection(options)
        self._matchers = options.matchers
        self._clock = clock
        self._wall_clock = wall_clock
        self._clock_ahead_seconds = 0.0
        self._threads = ThreadPoolExecutor(_QUERIES_AT_ONCE, thread_name_prefix="prometheus")
        self._out: list[asyncio.Future[Any]] = []
        self._absent: dict[Hashable, _Absence] = {}
        self._some_absent = True
        """Whether scrapes are asked for as far back as it takes to see how seldom the Prometheus makes them."""

    def close(self) -> None:
        """Let go of the connections. A query that is still out ends by its timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connection.close()

    async def read(self, targets: Iterable[StoredTarget[Key]]) -> StoredReadings[Key]:
        """Read pods, all by the same queries."""
        targets = list(targets)
        if not targets:
            return StoredReadings({}, {})
        at = self._wall_clock()
        turn = _Turn(self._connection, at)
        namespaces = {target.pod[0] for target in targets}
        promising = [target for target in targets if target.with_latencies]
        queries = fleet_queries(
            (target.table for target in targets),
            namespaces,
            self._matchers,
            WINDOW_SECONDS if self._some_absent else _usable_seconds(targets),
            Latest({target.pod[0] for target in promising}, _usable_seconds(promising)) if promising else None,
        )
        answers = await self._ask(turn, queries)
        [results] = await self._in_threads(turn, [lambda: _read_all(targets, answers, at)])
        if isinstance(results, ScrapeError):
            results = dict.fromkeys((target.key for target in targets), results)
        self._some_absent = any(_is_absent(result) for result in results.values())
        now = self._clock()
        self._note_absences(results, now)
        told = [target for target in targets if not self._may_be_new(target, results[target.key], now)]
        if any(_is_absent(results[target.key]) for target in told):
            results |= await self._diagnose(turn, told, results)
        return self._told(told, results)

    async def _diagnose(
        self, turn: "_Turn", targets: Sequence[StoredTarget[Key]], results: Mapping[Key, StoredReading | ScrapeError]
    ) -> dict[Key, StoredReading | ScrapeError]:
        query = scrape_outcomes({target.pod[0] for target in targets}, self._matchers)
        [outcomes] = await self._in_threads(turn, [lambda: outcomes_by_pod(turn.ask(query))])
        return {
            target.key: diagnosed(
                result,
                target.pod,
                target.table,
                self._matchers,
                None if isinstance(outcomes, ScrapeError) else outcomes.get(target.pod, ()),
            )
            for target in targets
            if isinstance(result := results[target.key], ScrapeError) and _is_absent(result)
        }

    async def _ask(self, turn: "_Turn", queries: Sequence[Query]) -> _Answers:
        jobs = [lambda query=query: series_by_pod(turn.ask(query.text)) for query in queries]
        return list(zip(queries, await self._in_threads(turn, jobs), strict=True))

    async def _in_threads(self, turn: "_Turn", jobs: Sequence[Callable[[], _Result]]) -> list[_Result | ScrapeError]:
        """Do some work beside the event loop, which renews Leases and answers probes meanwhile."""
        if any(not future.done() for future in self._out):
            return [self._connection.too_slow() for _ in jobs]
        loop = asyncio.get_running_loop()
        futures = [loop.run_in_executor(self._threads, turn.attempt, job) for job in jobs]
        self._out = [*futures]
        await asyncio.wait(futures, timeout=turn.seconds_left())
        return [future.result() if future.done() else self._connection.too_slow() for future in futures]

    def _told(
        self, targets: Sequence[StoredTarget[Key]], results: Mapping[Key, StoredReading | ScrapeError]
    ) -> StoredReadings[Key]:
        now, ahead_seconds = self._clock(), self._ahead_seconds()
        readings: dict[Key, Sample | ScrapeFailure] = {}
        intervals: dict[Key, float] = {}
        for target in targets:
            result = results[target.key]
            if isinstance(result, StoredReading):
                readings[target.key] = replace(result.sample, time=result.sample.time + ahead_seconds)
                if result.scrape_interval_seconds is not None:
                    intervals[target.key] = result.scrape_interval_seconds
            else:
                message = f"Prometheus {self._connection.host}: {result}"
                readings[target.key] = ScrapeFailure(time=now, reason=result.reason, message=message)
        return StoredReadings(readings, intervals)

    def _ahead_seconds(self) -> float:
        """How far our clock is ahead of everybody's.

        It moves when somebody sets theirs, and not with each reading: a scrape that is read twice must have the same
        time twice.
        """
        ahead_seconds = self._clock() - self._wall_clock()
        if abs(ahead_seconds - self._clock_ahead_seconds) > _CLOCKS_AGREE_SECONDS:
            self._clock_ahead_seconds = ahead_seconds
        return self._clock_ahead_seconds

    def _note_absences(self, results: Mapping[Key, StoredReading | ScrapeError], now: float) -> None:
        """Remember since when pods are not there, as long as they are asked for: a fleet may lack thousands at once."""
        self._absent = {key: each for key, each in self._absent.items() if now - each.seen < _FORGET_SECONDS}
        for key, result in results.items():
            if _is_unknown(result):
                since = self._absent[key].since if key in self._absent else now
                self._absent[key] = _Absence(since=since, seen=now)

    def _may_be_new(self, target: StoredTarget[Key], result: StoredReading | ScrapeError, now: float) -> bool:
        """Whether a pod is not there yet, and has not been for so short a time that it is no news."""
        return _is_unknown(result) and now - self._absent[target.key].since < target.stale_after_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Absence:
    """A pod that the Prometheus does not know."""

    since: float
    seen: float
    """When that was last so, as `since` in seconds."""


class _Turn:
    """The queries of one reading: evaluated at one time, and given up together."""

    def __init__(self, connection: PrometheusConnection, at: float) -> None:
        self._connection = connection
        self._at = at
        self._until = time.monotonic() + min(3 * connection.timeout_seconds, _LONGEST_TURN_SECONDS)
        self._given_up: ScrapeError | None = None

    def seconds_left(self) -> float:
        """Time that may still be spent."""
        return max(0.0, self._until - time.monotonic())

    def ask(self, query: str) -> Any:
        """Ask, unless another query has shown that it is no use."""
        if self._given_up is not None:
            raise self._given_up
        if not self.seconds_left():
            raise self._connection.too_slow()
        return self._connection.ask(query, self._at)

    def attempt(self, job: Callable[[], _Result]) -> _Result | ScrapeError:
        """Do something in a thread. An error is a result there."""
        try:
            return job()
        except ScrapeError as error:
            if error.reason in _FATAL:
                self._given_up = error
            return error
        except Exception as error:  # noqa: BLE001 - one answer must not stop the operator, whatever is in it
            # Not its text and not its traceback: requests put headers, and so tokens, into some.
            log.error("an answer of Prometheus could not be read", error=type(error).__name__)  # noqa: TRY400
            return ScrapeError(ScrapeReason.UNEXPECTED, "reading the answer failed in Tidegate itself; see its log")


def _usable_seconds(targets: Iterable[StoredTarget[Any]]) -> int:
    """For how long scrapes can be used: where all pods have such ones, answers are half as long."""
    longest = max(target.stale_after_seconds for target in targets)
    return min(WINDOW_SECONDS, max(1, math.ceil(longest)))


def _is_unknown(result: StoredReading | ScrapeError) -> bool:
    return isinstance(result, ScrapeError) and result.reason == ScrapeReason.NOT_IN_PROMETHEUS


def _is_absent(result: StoredReading | ScrapeError) -> bool:
    return isinstance(result, ScrapeError) and result.reason in {
        ScrapeReason.NOT_IN_PROMETHEUS,
        ScrapeReason.SCRAPED_TOO_LONG_AGO,
    }


def _read_all(
    targets: Iterable[StoredTarget[Key]], answers: _Answers, at: float
) -> dict[Key, StoredReading | ScrapeError]:
    """Read each pod from the answers that concern its engine."""
    concerning: dict[int, _Answers] = {}
    results: dict[Key, StoredReading | ScrapeError] = {}
    for target in targets:
        metrics = id(target.table.metrics)  # Services of one engine share them, though not their tables.
        if metrics not in concerning:
            concerning[metrics] = [(query, answer) for query, answer in answers if query.concerns(target.table)]
        results[target.key] = _read_one(target, concerning[metrics], at)
    return results


def _read_one(target: StoredTarget[Key], answers: _Answers, at: float) -> StoredReading | ScrapeError:
    series: list[StoredSeries] = []
    for query, answer in answers:
        if isinstance(answer, ScrapeError):
            if query.is_needed:
                return answer
        elif query.is_needed or target.with_latencies:
            series += answer.get(target.pod, ())
    try:
        reading = read_series(series, target.table, target.model_name)
    except ScrapeError as error:
        return error
    if at - reading.sample.time > target.stale_after_seconds:
        seconds = f"{target.stale_after_seconds:.0f} s"
        return ScrapeError(ScrapeReason.SCRAPED_TOO_LONG_AGO, f"the last scrape of the pod is more than {seconds} old")
    return reading
