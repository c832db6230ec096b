"""What a Prometheus kept of one pod's page becomes what the page itself would have been. Pure.

A Sample is of one instant, and arrivals are told from several of its signals together: parts of two scrapes must not be
mixed. Queries of one turn are asked one after the other, though, and a scrape can arrive in between. So each series
comes with its last few scrapes and their times, and here the newest time is found that all of them can be had for.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tidegate.engines.exposition import Series
from tidegate.engines.signals import (
    choose_buckets,
    choose_series,
    models_of,
    of_model,
    sample_of,
    shows_engine,
    untouched,
)
from tidegate.engines.table import EngineTable
from tidegate.metrics.failure import ScrapeError, ScrapeReason
from tidegate.metrics.prometheus_queries import (
    LINES_OF_PAGE,
    NAMESPACE_LABEL,
    PAGE_METRICS,
    POD_LABEL,
    SCRAPE_WENT_WELL,
)
from tidegate.scaling.sample import Sample

PodName = tuple[str, str]
"""(namespace, name)."""

_LAST = 3
"""Scrapes that are looked at: a sample of the oldest of them is not stale yet."""

_MOST_MODELS_NAMED = 3


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """One series, as far as it was asked for."""

    name: str
    labels: dict[str, str]
    scrapes: Mapping[float, float]
    """Time (seconds since the epoch, by the Prometheus' clock) to value; the last few, oldest first."""


@dataclass(frozen=True, slots=True)
class StoredReading:
    """What a pod said last."""

    sample: Sample
    """Its time is that of the scrape, by the Prometheus' clock."""

    scrape_interval_seconds: float | None
    """How far apart scrapes of the pod are; None before the second."""


def series_by_pod(answer: Any) -> dict[PodName, list[StoredSeries]]:
    """Sort the series of an answer by the pod that they are of.

    Args:
        answer: the result of a range selector: a list of `{"metric": labels, "values": [[time, "value"], ...]}`.

    Raises:
        ValueError: it is not that.
    """
    by_pod: dict[PodName, list[StoredSeries]] = {}
    try:
        for one in answer:
            labels: dict[str, str] = one["metric"]
            pod = (labels.get(NAMESPACE_LABEL, ""), labels[POD_LABEL])
            # A series may have no plain values but native histograms: no signal is one.
            scrapes = {float(time): float(value) for time, value in one.get("values", ())[-_LAST:]}
            if scrapes:
                by_pod.setdefault(pod, []).append(StoredSeries(labels["__name__"], labels, scrapes))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError("the answer is not a matrix of labelled series") from error
    return by_pod


def read_series(series: Iterable[StoredSeries], table: EngineTable, model_name: str) -> StoredReading:
    """Read a pod's signals from its series.

    What the engine's page said besides, that a counter is there which has no series yet, is not known here: such a
    signal is missing until it is first counted.

    Args:
        series: those of the pod. Series of other programs in it, and those of the same page scraped twice, do no harm.
        table: the engine's table.
        model_name: where series are labelled with models, only those of this one count.

    Raises:
        ScrapeError: they give no sample.
    """
    if not table.metrics:
        raise ScrapeError(ScrapeReason.NO_KNOWN_METRICS, f"engines of type {table.type} have no metrics")
    series, names = list(series), {*table.metric_names, *table.bucket_names}
    best = max(_by_target(one for one in series if one.name in names), key=_worth, default=[])
    time = _settled_time(best) if best else 0.0
    found: dict[str, list[Series]] = {}
    for one in best:
        if time in one.scrapes:
            found.setdefault(one.name, []).append(Series(one.labels, one.scrapes[time]))
    by_signal = choose_series(table, found, lambda _: False)
    if not shows_engine(table, by_signal):
        return _untouched(series, found, table, time)
    models = models_of(by_signal, table)
    if models and model_name not in models:
        named = ", ".join(repr(model) for model in sorted(models)[:_MOST_MODELS_NAMED])
        raise ScrapeError(
            ScrapeReason.ANOTHER_MODEL,
            f"its series have {table.model_label}={named} and none {model_name!r}; make spec.model.name what the "
            "engine calls its model, or start the engine under that name",
        )
    by_signal = {**by_signal, **choose_buckets(table, found)}
    return StoredReading(sample_of(of_model(by_signal, table, model_name), time), _interval_seconds(best))


def _untouched(
    series: Collection[StoredSeries], found: Collection[str], table: EngineTable, time: float
) -> StoredReading:
    """Read an engine that has served nothing yet, and shows nothing because of that; or say that there is none."""
    pages = [one for one in series if one.name in PAGE_METRICS]
    if table.starts_empty:
        empty = max((_last_empty_page(page) for page in _by_target(pages)), default=0.0)
        time = time if found and set(found) <= set(table.marks) else empty
        if time:
            return StoredReading(sample_of(untouched(table), time), _interval_seconds(pages))
    raise ScrapeError(ScrapeReason.NOT_IN_PROMETHEUS, "it has no series of the pod")


def _last_empty_page(page: Iterable[StoredSeries]) -> float:
    """When a page was read and nothing was on it; 0 if it never was."""
    says = {one.name: one.scrapes for one in page}
    went_well, lines = says.get(SCRAPE_WENT_WELL, {}), says.get(LINES_OF_PAGE, {})
    return max((time for time in went_well if went_well[time] == 1.0 and lines.get(time) == 0.0), default=0.0)


def _by_target(series: Iterable[StoredSeries]) -> list[list[StoredSeries]]:
    """Part the series by what was scraped: a pod may have a second page, or its page may be scraped by two jobs.

    Those that two queries brought count once.
    """
    targets: dict[tuple[str | None, ...], dict[frozenset[tuple[str, str]], StoredSeries]] = {}
    for one in series:
        target = (one.labels.get("job"), one.labels.get("instance"))
        targets.setdefault(target, {})[frozenset(one.labels.items())] = one
    return [list(of_target.values()) for of_target in targets.values()]


def _worth(series: Collection[StoredSeries]) -> tuple[int, float]:
    """The engine's page has more of its metrics than another program's; of two equal ones the newer is taken."""
    return len({one.name for one in series}), max(time for one in series for time in one.scrapes)


def _settled_time(series: Sequence[StoredSeries]) -> float:
    """The time of the newest scrape that is known whole: of the last few, the newest of those that show the most.

    One that shows less may have come while the queries were asked. It is believed once those before it show no more.
    """
    shown: dict[float, set[str]] = {}
    for one in series:
        for time in one.scrapes:
            shown.setdefault(time, set()).add(one.name)
    return max(sorted(shown)[-_LAST:], key=lambda time: (len(shown[time]), time))


def _interval_seconds(series: Iterable[StoredSeries]) -> float | None:
    """How far apart scrapes are. A missed one makes a gap longer and none makes one shorter, so the shortest counts."""
    gaps = []
    for one in series:
        times = sorted(one.scrapes)
        if len(times) > 1:
            gaps.append(min(later - earlier for earlier, later in pairwise(times)))
    # Whole seconds: what jitters must not make news at each turn.
    return max(1.0, float(round(max(gaps)))) if gaps else None
