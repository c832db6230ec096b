"""A metrics page, through an engine's table, becomes a sample."""

import math
from collections.abc import Iterable
from enum import StrEnum

from tidegate.engines.exposition import Series, TooManyLinesError, declares_counter, find_series
from tidegate.engines.table import EngineTable, Metric
from tidegate.scaling.sample import COUNTER_NAMES, Sample

MAXIMUM_LINES = 5_000
"""Most lines of wanted metrics on one page: several times what the largest engines have, and tens of milliseconds."""


class PageFault(StrEnum):
    """Why a page gives no sample."""

    NOT_TEXT = "NotText"
    """It is not text at all."""

    TRUNCATED = "Truncated"
    """Its last line is cut."""

    NO_KNOWN_METRICS = "NoKnownMetrics"
    """It is a page, but none of this engine."""

    TOO_LARGE = "TooLarge"
    """It has more lines of the engine's metrics than any engine."""


class PageError(ValueError):
    """A page that gives no sample. Its text says what is wrong and what to check, and does not name the pod."""

    def __init__(self, fault: PageFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def read_page(
    page: bytes, table: EngineTable, *, time: float, model_name: str | None = None, open_metrics: bool = False
) -> Sample:
    """Read the signals of an engine from its metrics page.

    A signal's series are summed, for they are shares of one whole (ranks, finish reasons); of the KV shares the
    largest counts, for the fullest rank is the one that stalls. A signal is NaN when any of its series is not a
    number, is infinite or is below zero: no signal can be, and a broken exporter must move nothing.

    A page cut between two lines looks whole from inside; only the protocol that carried it can tell.

    Args:
        page: the body of the answer, whole.
        table: the engine's table.
        time: when the page was read, in seconds since the epoch.
        model_name: where series are labelled with models and this one is among them, only its series count. Otherwise
            all do: the user may serve the model under another name, and the pod's load is the pod's all the same.
        open_metrics: the answer declared itself OpenMetrics, whose pages end in `# EOF`.

    Returns:
        A sample; a signal that the page does not have is None in it.

    Raises:
        PageError: the page gives no sample.
    """
    if b"\0" in page or not _is_utf8(page):
        raise PageError(PageFault.NOT_TEXT, "the page is not text; check engine.metrics.port and engine.metrics.path")
    found = _find(page, table)
    by_signal = {signal: _series(page, signal, metrics, found) for signal, metrics in table.metrics.items()}
    known = any(series and not table.metrics[signal][0].only for signal, series in by_signal.items())
    if known or page.startswith(b"# "):  # What was never a metrics page was not cut either: an error in HTML or JSON.
        _check_complete(page, open_metrics=open_metrics)
    if not known:
        raise PageError(PageFault.NO_KNOWN_METRICS, _unknown(page, table))
    if table.model_label is not None and model_name is not None:
        by_signal = _of_model(by_signal, table.model_label, model_name)
    return Sample(time=time, **{signal: _combine(signal, series) for signal, series in by_signal.items() if series})


def _is_utf8(page: bytes) -> bool:
    if page.isascii():
        return True
    try:
        page.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unknown(page: bytes, table: EngineTable) -> str:
    if not page.strip():
        return "the page is empty; is the engine started with its metrics on?"
    example = next(iter(table.metrics.values()))[0].name
    return (
        f"the page has none of the metrics of engine type {table.type}, such as {example}; "
        "check engine.type, engine.metrics.port and engine.metrics.path"
    )


def _check_complete(page: bytes, *, open_metrics: bool) -> None:
    ended = page.endswith(b"# EOF")
    if open_metrics and not (ended or page.endswith((b"# EOF\n", b"# EOF\r\n"))):
        raise PageError(PageFault.TRUNCATED, "the page does not end in '# EOF' as OpenMetrics does: it was cut")
    if not ended and not page.endswith(b"\n"):
        raise PageError(PageFault.TRUNCATED, "the page does not end in a newline: it was cut in the middle of a line")


def _find(page: bytes, table: EngineTable) -> dict[str, list[Series]]:
    names = tuple(metric.name for metrics in table.metrics.values() for metric in metrics)
    try:
        return find_series(page, names, MAXIMUM_LINES)
    except TooManyLinesError as error:
        raise PageError(
            PageFault.TOO_LARGE, f"the page has {error}; take labels such as request or user off them"
        ) from error


def _series(page: bytes, signal: str, metrics: tuple[Metric, ...], found: dict[str, list[Series]]) -> list[Series]:
    """Choose the series that count: of one metric, for versions that are renaming a metric show both names.

    A counter that is there without a series that counts has counted nothing yet: that is zero, and not missing.
    """
    for metric in metrics:
        if metric.name in found:
            series = [one for one in found[metric.name] if _counts(one, metric)]
        elif signal in COUNTER_NAMES and declares_counter(page, metric.name):
            series = []
        else:
            continue
        return series or ([Series({}, 0.0)] if signal in COUNTER_NAMES else [])
    return []


def _counts(series: Series, metric: Metric) -> bool:
    return all(series.labels.get(label) in values for label, values in metric.only.items())


def _of_model(by_signal: dict[str, list[Series]], label: str, model_name: str) -> dict[str, list[Series]]:
    """Keep the series of one model, over all signals at once: a signal without any of it is missing, not another's."""
    if not any(one.labels.get(label) == model_name for series in by_signal.values() for one in series):
        return by_signal
    return {
        signal: [one for one in series if one.labels.get(label, model_name) == model_name]
        for signal, series in by_signal.items()
    }


def _combine(signal: str, series: Iterable[Series]) -> float:
    values = [one.value for one in series]
    if not all(0 <= value < math.inf for value in values):
        return math.nan
    return max(values) if signal == "kv_usage" else sum(values)
