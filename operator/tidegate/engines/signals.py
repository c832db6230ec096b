"""Series, through an engine's table, become signals: the same for a page and for what a metrics store kept of pages."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tidegate.engines.exposition import Series
from tidegate.engines.table import EngineTable, Metric
from tidegate.scaling.sample import COUNTER_NAMES, LATENCY_NAMES, Latencies, Sample

SeriesOfSignals = Mapping[str, Sequence[Series]]
"""Signal to the series that it is made of; none where it is missing."""


def choose_series(
    table: EngineTable,
    found: Mapping[str, Sequence[Series]],
    is_declared: Callable[[str], bool],
) -> SeriesOfSignals:
    """Choose the series that count: of one metric for each signal, for versions that rename a metric show both names.

    A counter that is there without a series that counts has counted nothing yet: that is zero, and not missing. So is
    one that the engine does not show before, on a page that shows another signal of it.

    Args:
        table: the engine's table.
        found: name of a metric to all its series.
        is_declared: whether a counter of that name is known to be there, be it without series.
    """
    chosen = {signal: _chosen(signal, metrics, found, is_declared) for signal, metrics in table.metrics.items()}
    if not any(chosen.values()):
        return chosen
    return {
        signal: series or ([_ZERO] if signal in table.absent_is_zero else series) for signal, series in chosen.items()
    }


def choose_buckets(table: EngineTable, found: Mapping[str, Sequence[Series]]) -> SeriesOfSignals:
    """Choose the buckets of each histogram, as `choose_series` does signals. A histogram without any is missing."""
    return {
        latencies: _chosen(latencies, metrics, found, lambda _: False) for latencies, metrics in table.buckets.items()
    }


_ZERO = Series({}, 0.0)


def untouched(table: EngineTable) -> SeriesOfSignals:
    """The signals of an engine that shows nothing because it has served nothing yet."""
    return {signal: [_ZERO] for signal in table.metrics}


def _chosen(
    signal: str, metrics: Iterable[Metric], found: Mapping[str, Sequence[Series]], is_declared: Callable[[str], bool]
) -> Sequence[Series]:
    for metric in metrics:
        if metric.name in found:
            series = [_in_our_unit(one, metric) for one in found[metric.name] if _counts(one, metric)]
        elif signal in COUNTER_NAMES and is_declared(metric.name):
            series = []
        else:
            continue
        return series or ([_ZERO] if signal in COUNTER_NAMES else [])
    return []


def _counts(series: Series, metric: Metric) -> bool:
    return all(series.labels.get(label, "") in values for label, values in metric.only.items())


def _in_our_unit(series: Series, metric: Metric) -> Series:
    return series if metric.unit == 1 else Series(series.labels, series.value * metric.unit)


def shows_engine(table: EngineTable, by_signal: SeriesOfSignals) -> bool:
    """Whether the engine itself is there: metrics of which only some series count are often another program's too."""
    return any(
        series and (not table.metrics[signal][0].only or table.metrics[signal][0].name in table.marks)
        for signal, series in by_signal.items()
    )


def of_model(by_signal: SeriesOfSignals, table: EngineTable, model_name: str | None) -> SeriesOfSignals:
    """Keep the series of one model, over all signals at once: a signal without any of it is missing, not another's.

    Where none is labelled with it, all stay: the user may serve the model under another name, and the pod's load is the
    pod's all the same.
    """
    label = table.model_label
    if label is None or model_name is None or model_name not in models_of(by_signal, table):
        return by_signal
    return {
        signal: [one for one in series if one.labels.get(label, model_name) == model_name]
        for signal, series in by_signal.items()
    }


def models_of(by_signal: SeriesOfSignals, table: EngineTable) -> frozenset[str]:
    """The models that series are labelled with; empty where the engine does not label them."""
    label = table.model_label
    return frozenset(
        one.labels[label]
        for series in by_signal.values()
        for one in series
        if label is not None and label in one.labels
    )


def sample_of(by_signal: SeriesOfSignals, time: float) -> Sample:
    """Make each signal one number: the sum of its series, for they are shares of one whole (ranks, finish reasons).

    Of the KV shares the largest counts, for the fullest rank is the one that stalls. A signal is NaN when any of its
    series is not a number, is infinite or is below zero: no signal can be, and a broken exporter must move nothing.
    Histograms are summed bucket by bucket; one that makes no sense is missing.

    Args:
        by_signal: the series that count; those of latencies are buckets.
        time: when they were read, in seconds since the epoch.
    """
    found: dict[str, Any] = {
        name: _summed(series) if name in LATENCY_NAMES else _combined(name, series)
        for name, series in by_signal.items()
        if series
    }
    return Sample(time=time, **found)


def _summed(buckets: Iterable[Series]) -> Latencies | None:
    """Add up the buckets of a histogram's label sets; None where that makes no histogram."""
    by_bound: dict[str, list[float]] = {}
    for one in buckets:
        by_bound.setdefault(one.labels.get("le", ""), []).append(one.value)
    label_sets = {len(counts) for counts in by_bound.values()}
    if len(label_sets) != 1:  # They differ in their bounds.
        return None
    try:
        summed = sorted((float(bound), sum(counts)) for bound, counts in by_bound.items())
    except ValueError:
        return None
    # Each of these comparisons is false for NaN, too.
    rises = all(bound < higher and count <= more for (bound, count), (higher, more) in pairwise(summed))
    makes_sense = rises and summed[0][1] >= 0 and summed[-1][0] == math.inf and summed[-1][1] < math.inf
    return tuple(summed) if makes_sense else None


def _combined(signal: str, series: Iterable[Series]) -> float:
    values = [one.value for one in series]
    if not all(0 <= value < math.inf for value in values):
        return math.nan
    return max(values) if signal == "kv_usage" else sum(values)
