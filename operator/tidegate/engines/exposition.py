"""Reads chosen metrics out of a page in Prometheus' text format, and nothing else of the page.

An engine's page has a thousand lines of which a dozen matter, so the page is searched for the wanted names at the
start of a line instead of being split and parsed (`tools/bench/scrape_cost.py` compares the two).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

# Possessive quantifiers: a broken line is given up at once, however long it is.
_QUOTED = rb'"(?:[^"\\\n]++|\\.)*+"'
_LABELS = rb'(?:[^"}\n]++|' + _QUOTED + rb")*+"
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\\n]++|\\.)*+)"')
_ESCAPE = re.compile(r'\\([\\n"])')


KNOWN_BLOCKS = 8_192
LONGEST_KNOWN_BLOCK = 512
"""The labels of so many lines, none longer than so many bytes, are remembered: pods of one model have the same, scrape
after scrape, and half of the time of reading a page goes into labels."""

_LabelSet = frozenset[tuple[str, str]]


class TooManyLinesError(ValueError):
    """A page has more lines of the wanted metrics than the reader was told to expect."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a metric."""

    labels: Mapping[str, str]
    """Other series may share them."""

    value: float
    """NaN when the line gives no number."""


def find_series(page: bytes, names: tuple[str, ...], maximum_lines: int) -> dict[str, list[Series]]:
    r"""Find every series of some metrics on a page.

    The timestamp that a line may carry is ignored: engines write none. Of two series with the same labels the first
    counts, as in Prometheus. A line that names a wanted metric and then breaks the format is a series whose value is
    not a number: one broken line must not hide the others, nor pass for a missing one.

    Args:
        page: the page; its last line counts only when it ends in a newline. Label values cannot contain raw newlines
            (the format writes them as `\n`), so every newline ends a line.
        names: names of the wanted metrics, exact.
        maximum_lines: most lines of wanted metrics to read, which bounds the time this takes.

    Returns:
        Name to series, in the order of the page; a metric that the page does not have is left out.

    Raises:
        TooManyLinesError: the page has more lines of them.
    """
    found: dict[bytes, dict[_LabelSet, Series]] = {}
    matches = _wanted(names).finditer(b"\n" + page)
    for match in islice(matches, maximum_lines):
        name, label_block, value = match.groups()
        labels, which = _labels(label_block or b"")
        of_name = found.setdefault(name, {})
        if which not in of_name:
            of_name[which] = Series(labels, _number(value))
    if next(matches, None) is not None:
        raise TooManyLinesError(f"more than {maximum_lines} lines of {', '.join(sorted(map(bytes.decode, found)))}")
    return {name.decode(): list(series.values()) for name, series in found.items()}


def declares_counter(page: bytes, name: str) -> bool:
    """Tell whether a page declares a counter, be it one without series: labelled ones have none before first use.

    A declaration on the page's last line does not count: its series may have been cut off.
    """
    start = (b"\n" + page).find(b"\n# TYPE " + name.encode() + b" counter")
    end = page.find(b"\n", start) if start >= 0 else -1
    return 0 <= end < len(page) - 1


@lru_cache(maxsize=1024)  # One entry for each known engine, one for each custom engine's names.
def _wanted(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """Match a line of one of the metrics: name, labels (or None), value (or None when the line is broken)."""
    alternatives = b"|".join(re.escape(name.encode()) for name in names)
    rest = rb"[ \t]*(?:\{(" + _LABELS + rb")\})?[ \t]*([^ \t\r\n{}]++)(?=[ \t\r\n])"
    return re.compile(rb"\n(" + alternatives + rb")(?=[ \t{])(?:" + rest + rb")?")


def _labels(block: bytes) -> tuple[Mapping[str, str], _LabelSet]:
    """The labels of a line, also as what tells its series from others."""
    return _known_labels(block) if len(block) <= LONGEST_KNOWN_BLOCK else _parsed_labels(block)


def _parsed_labels(block: bytes) -> tuple[Mapping[str, str], _LabelSet]:
    text = block.decode(errors="replace")
    labels = dict(_LABEL.findall(text))
    if "\\" in text:
        labels = {label: _ESCAPE.sub(_unescaped, value) for label, value in labels.items()}
    return labels, frozenset(labels.items())


_known_labels = lru_cache(maxsize=KNOWN_BLOCKS)(_parsed_labels)


def _unescaped(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]


def _number(text: bytes | None) -> float:
    """Read a value as Go and Prometheus do; Python's float also takes `1_000`."""
    if text is None or b"_" in text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return math.nan
