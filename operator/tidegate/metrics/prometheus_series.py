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
from tidegate.engines.signals import choose_series, models_of, of_model, sample_of, shows_engine
from tidegate.engines.table import EngineTable
from tidegate.metrics.failure import ScrapeError, ScrapeReason
from tidegate.metrics.prometheus_queries import NAMESPACE_LABEL, POD_LABEL
from tidegate.scaling.sample import Sample

PodName = tuple[str, str]
"""(namespace, name)."""

_LAST = 4
"""Scrapes that are looked at: the newest, the one before, and what it takes to see how far apart they are although one
was missed."""

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
    names = {metric.name for metrics in table.metrics.values() for metric in metrics}
    pages = _by_target(one for one in series if one.name in names)
    best = max(pages, key=_worth, default=None)
    if best is None:
        raise ScrapeError(ScrapeReason.NOT_IN_PROMETHEUS, "it has no series of the pod")
    time = _settled_time(best)
    found: dict[str, list[Series]] = {}
    for one in best:
        if time in one.scrapes:
            found.setdefault(one.name, []).append(Series(one.labels, one.scrapes[time]))
    by_signal = choose_series(table, found, lambda _: False)
    if not shows_engine(table, by_signal):
        raise ScrapeError(ScrapeReason.NOT_IN_PROMETHEUS, "it has no series of the pod")
    models = models_of(by_signal, table)
    if models and model_name not in models:
        named = ", ".join(repr(model) for model in sorted(models)[:_MOST_MODELS_NAMED])
        raise ScrapeError(
            ScrapeReason.ANOTHER_MODEL,
            f"its series have {table.model_label}={named} and none {model_name!r}; make spec.model.name what the "
            "engine calls its model, or start the engine under that name",
        )
    return StoredReading(sample_of(of_model(by_signal, table, model_name), time), _interval_seconds(best))


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
    """The time of the newest scrape that is known whole.

    A scrape that shows less than the one before may have come while the queries were asked. It is believed once the
    next one shows no more either.
    """
    shown: dict[float, set[str]] = {}
    for one in series:
        for time in one.scrapes:
            shown.setdefault(time, set()).add(one.name)
    newest, *older = sorted(shown, reverse=True)
    return older[0] if older and shown[newest] < shown[older[0]] else newest


def _interval_seconds(series: Iterable[StoredSeries]) -> float | None:
    """How far apart scrapes are. A missed one makes a gap longer and none makes one shorter, so the shortest counts."""
    gaps = []
    for one in series:
        times = sorted(one.scrapes)
        if len(times) > 1:
            gaps.append(min(later - earlier for earlier, later in pairwise(times)))
    # Whole seconds: what jitters must not make news at each turn.
    return max(1.0, float(round(max(gaps)))) if gaps else None
