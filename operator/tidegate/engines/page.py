"""A metrics page, through an engine's table, becomes a sample."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from tidegate.engines.exposition import Series, TooManyLinesError, declares_counter, find_series
from tidegate.engines.signals import (
    SeriesOfSignals,
    choose_buckets,
    choose_series,
    of_model,
    sample_of,
    shows_engine,
    untouched,
)
from tidegate.engines.table import EngineTable
from tidegate.scaling.sample import Sample

MAXIMUM_LINES = 5_000
"""Most lines of wanted metrics on one page: several times what the largest engines have, and tens of milliseconds."""

MAXIMUM_BUCKETS = 3_000
"""Most lines of histograms: those of some 70 ranks of an engine. Beyond them, latencies are not read."""


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
    page: bytes,
    table: EngineTable,
    *,
    time: float,
    model_name: str | None = None,
    open_metrics: bool = False,
    with_latencies: bool = True,
) -> Sample:
    """Read the signals of an engine from its metrics page.

    How series become signals is said in `tidegate.engines.signals`.

    A page cut between two lines looks whole from inside; only the protocol that carried it can tell.

    Args:
        page: the body of the answer, whole.
        table: the engine's table.
        time: when the page was read, in seconds since the epoch.
        model_name: prefer the series of this model (see `tidegate.engines.signals.of_model`).
        open_metrics: the answer declared itself OpenMetrics, whose pages end in `# EOF`.
        with_latencies: read the histograms as well, which takes as long again.

    Returns:
        A sample; a signal that the page does not have is None in it, and so is a histogram that makes no sense.

    Raises:
        PageError: the page gives no sample.
    """
    if b"\0" in page or not _is_utf8(page):
        raise PageError(PageFault.NOT_TEXT, "the page is not text; check engine.metrics.port and engine.metrics.path")
    found = _find(page, table)
    by_signal = choose_series(table, found, lambda name: declares_counter(page, name))
    known = shows_engine(table, by_signal)
    if not known and _is_untouched(page, table, found):
        known, by_signal = True, untouched(table)
    if (known and page) or page.startswith(
        b"# "
    ):  # What was never a metrics page was not cut either: an error in HTML or JSON.
        _check_complete(page, open_metrics=open_metrics)
    if not known:
        raise PageError(PageFault.NO_KNOWN_METRICS, _unknown(page, table))
    if with_latencies and table.buckets:
        by_signal = {**by_signal, **_find_buckets(page, table)}
    return sample_of(of_model(by_signal, table, model_name), time)


def _find_buckets(page: bytes, table: EngineTable) -> SeriesOfSignals:
    """Find the buckets of the table's histograms, or none of them: a page is as good as its signals."""
    try:
        return choose_buckets(table, find_series(page, table.bucket_names, MAXIMUM_BUCKETS))
    except TooManyLinesError:
        return {}


def _is_untouched(page: bytes, table: EngineTable, found: Mapping[str, Sequence[Series]]) -> bool:
    """Whether the page is that of an engine that has served nothing yet, and shows nothing because of that."""
    if not table.starts_empty:
        return False
    return not page.strip() or (any(mark in found for mark in table.marks) and found.keys() <= set(table.marks))


def _is_utf8(page: bytes) -> bool:
    if page.isascii():
        return True
    try:
        page.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unknown(page: bytes, table: EngineTable) -> str:
    if not table.metrics:
        return f"engines of type {table.type} have no metrics"
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
    if not table.metrics:
        return {}
    try:
        return find_series(page, table.metric_names, MAXIMUM_LINES)
    except TooManyLinesError as error:
        raise PageError(
            PageFault.TOO_LARGE, f"the page has {error}; take labels such as request or user off them"
        ) from error
