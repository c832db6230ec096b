"""What a Prometheus is asked: one query for each signal, for every pod of every service at once. Pure."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tidegate.engines.table import EngineTable, Metric
from tidegate.scaling.sample import LATENCY_NAMES

WINDOW_SECONDS = 150
"""Scrapes of this long are asked for at most: two, where a Prometheus scrapes once a minute, as it does unless told."""

NAMESPACE_LABEL = "namespace"
POD_LABEL = "pod"
"""The labels that say which pod a series is of, as Prometheus Operator's monitors attach them."""

SCRAPE_WENT_WELL = "up"
LINES_OF_PAGE = "scrape_samples_scraped"
PAGE_METRICS = (SCRAPE_WENT_WELL, LINES_OF_PAGE)
"""What Prometheus itself says of each scrape: whether it went well, and how much was on the page."""

_MOST_NAMESPACE_CHARACTERS = 4_000
"""Longer lists of namespaces are left out: a query travels in a URL, and proxies take 8 KB."""

_Group = tuple[str, bool, tuple[tuple[str, tuple[str, ...]], ...]]


@dataclass(frozen=True, slots=True)
class Query:
    """A question about one signal of the whole fleet."""

    signal: str
    """What the metrics are of: a signal or latencies; or `marks`, by which an engine is known, or `page`, for which see
    `PAGE_METRICS`."""

    metrics: frozenset[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]]
    """The metrics it asks for: name, and the labels' values that count."""

    text: str
    """PromQL. The answer is a matrix: series with the scrapes of the window, each with its time."""

    @property
    def is_needed(self) -> bool:
        """Whether pods cannot be read without an answer: latencies are a help, and no more."""
        return self.signal not in LATENCY_NAMES

    def concerns(self, table: EngineTable) -> bool:
        """Whether samples of this engine are made of the answer."""
        return any(
            signal == self.signal and (metric.name, _conditions(metric)) in self.metrics
            for signal, metric in _looked_for(table)
        )


@dataclass(frozen=True, slots=True)
class Latest:
    """What is asked for: the latest scrapes of some pods."""

    namespaces: Collection[str]
    """Of these pods; unless they are many, nothing is asked of others."""

    window_seconds: int
    """Scrapes of this long are asked for."""


def fleet_queries(
    tables: Iterable[EngineTable],
    namespaces: Collection[str],
    matchers: Iterable[tuple[str, str]],
    window_seconds: int = WINDOW_SECONDS,
    latencies: Latest | None = None,
) -> tuple[Query, ...]:
    """Make the queries of one turn.

    There is one for each signal, which asks for every name that some engine or version has for it. A signal has another
    one where engines differ in which series of a metric count, and one for the names that users gave to Custom engines:
    a name that means far too many series must not cost the known engines their answer.

    Args:
        tables: the engines of the pods that are asked for.
        namespaces: of these pods; unless they are many, nothing is asked of others.
        matchers: labels and values of all that is asked for, where a Prometheus keeps several clusters.
        window_seconds: scrapes of this long are asked for.
        latencies: what to ask for of latencies. They are four times as many series as all signals together, so they are
            asked for where they are used, and no longer than they can be; None: not at all.
    """
    groups: dict[_Group, set[str]] = {}
    for table in {id(table.metrics): table for table in tables}.values():
        for signal, metric in _looked_for(table):
            key = (signal, table.type == "Custom", _conditions(metric))
            groups.setdefault(key, set()).add(metric.name)
    signals = Latest(namespaces, window_seconds)
    queries = []
    # Latencies last: one that takes too long must not cost a signal its answer.
    for (signal, _, conditions), names in sorted(
        groups.items(), key=lambda each: (each[0][0] in LATENCY_NAMES, each[0])
    ):
        latest = latencies if signal in LATENCY_NAMES else signals
        if latest is not None:
            chosen = [_any_of("__name__", names), *(_any_of(*condition) for condition in conditions)]
            text = _selector([*chosen, *_common_matchers(latest.namespaces, matchers)]) + f"[{latest.window_seconds}s]"
            queries.append(Query(signal, frozenset((name, conditions) for name in names), text))
    return tuple(queries)


def scrape_outcomes(namespaces: Collection[str], matchers: Iterable[tuple[str, str]]) -> str:
    """PromQL for whether the last scrape of each pod went well: only asked when pods are missing, to say why."""
    return _selector([_any_of("__name__", (SCRAPE_WENT_WELL,)), *_common_matchers(namespaces, matchers)])


def _looked_for(table: EngineTable) -> Iterator[tuple[str, Metric]]:
    for signal, metrics in (*table.metrics.items(), *table.buckets.items()):
        yield from ((signal, metric) for metric in metrics)
    yield from (("marks", Metric(name=name)) for name in table.marks)
    if table.starts_empty:
        yield from (("page", Metric(name=name)) for name in PAGE_METRICS)


def _conditions(metric: Metric) -> tuple[tuple[str, tuple[str, ...]], ...]:
    only: Mapping[str, Collection[str]] = metric.only
    return tuple(sorted((label, tuple(sorted(values))) for label, values in only.items()))


def _common_matchers(namespaces: Collection[str], matchers: Iterable[tuple[str, str]]) -> list[str]:
    fixed = [f"{label}={_text(value)}" for label, value in matchers]
    known = sum(len(namespace) + 1 for namespace in namespaces) <= _MOST_NAMESPACE_CHARACTERS
    return [*([_any_of(NAMESPACE_LABEL, namespaces)] if known else []), f'{POD_LABEL}!=""', *fixed]


def _any_of(label: str, values: Collection[str]) -> str:
    """Match any of some values: exactly one by equality, several by a pattern, which Prometheus anchors itself."""
    if len(values) == 1:
        return f"{label}={_text(next(iter(values)))}"
    return f"{label}=~{_text('|'.join(re.escape(value) for value in sorted(values)))}"


def _selector(matchers: Iterable[str]) -> str:
    return "{" + ", ".join(matchers) + "}"


def _text(value: str) -> str:
    """Quote a text: PromQL takes Go's escapes, of which JSON's are a part."""
    return json.dumps(value, ensure_ascii=False)
