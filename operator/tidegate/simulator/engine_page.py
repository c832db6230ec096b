"""Writes the metrics page of a simulated engine from a list of its metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from .exposition import label_text, number
from .measures import Histogram
from .replica import Replica


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and where its value comes from."""

    name: str
    """As on the page."""

    kind: Literal["gauge", "counter", "histogram"]

    value: Callable[[Replica], float]
    """Of a histogram, how many values were observed."""

    sum: Callable[[Replica], float] | None = None
    """Of a histogram, the sum of the values."""

    buckets: Callable[[Replica], Histogram] | None = None
    """Of a histogram, the values by their size; without, all are in one bucket."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Besides the page's; `{model}` is the served model's name."""

    with_page_labels: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePage:
    """What one engine's page is like."""

    metrics: tuple[Metric, ...]

    labels: Mapping[str, str] = field(default_factory=dict)
    """Of every metric that has the page's labels, in the same form."""

    gauges_every_seconds: float = 0.0
    """How often the engine sets its gauges; 0 is always."""

    appears_on_use: bool = False
    """Gauges are there from the first request on, and counters once they are not zero."""

    always_there: frozenset[str] = frozenset()
    """Names of metrics that are there from the start all the same."""


@dataclass(slots=True)
class HeldGauges:
    """What an engine's gauges said when they were set last."""

    time: float | None = None
    values: tuple[float | None, ...] = ()
    """As long as the page's list of metrics; None for those that are no gauges."""


def write_page(page: EnginePage, replica: Replica, *, model_name: str, time: float, held: HeldGauges) -> str:
    """Write a page.

    Args:
        page: what it is like.
        replica: brought to now by the caller.
        model_name: the served name.
        time: now, in the engine's seconds.
        held: the engine's; changed where it is time to set its gauges anew.
    """
    if held.time is None or time - held.time >= page.gauges_every_seconds:
        held.time = time
        held.values = tuple(metric.value(replica) if metric.kind == "gauge" else None for metric in page.metrics)
    parts: list[str] = []
    declared: set[str] = set()
    for metric, gauge in zip(page.metrics, held.values, strict=True):
        value = metric.value(replica) if gauge is None else gauge
        if not _is_there(page, metric, replica):
            continue
        if metric.name not in declared:
            parts.append(f"# TYPE {metric.name} {metric.kind}\n")
            declared.add(metric.name)
        labels = {**(page.labels if metric.with_page_labels else {}), **metric.labels}
        labels = {label: text.format(model=model_name) for label, text in labels.items()}
        parts.append(_lines(metric, labels, value, replica))
    return "".join(parts)


def _is_there(page: EnginePage, metric: Metric, replica: Replica) -> bool:
    if not page.appears_on_use or metric.name in page.always_there:
        return True
    return replica.measures.received > 0 if metric.kind == "gauge" else metric.value(replica) > 0


def _lines(metric: Metric, labels: Mapping[str, str], value: float, replica: Replica) -> str:
    text = label_text(labels)
    if metric.kind != "histogram":
        return f"{metric.name}{text} {number(value)}\n"
    total = metric.sum(replica) if metric.sum else 0.0
    buckets = metric.buckets(replica).cumulative() if metric.buckets else ((inf, value),)
    lines = [
        f"{metric.name}_bucket{label_text({**labels, 'le': number(bound)})} {number(count)}\n"
        for bound, count in buckets
    ]
    return f"{''.join(lines)}{metric.name}_sum{text} {number(total)}\n{metric.name}_count{text} {number(value)}\n"
