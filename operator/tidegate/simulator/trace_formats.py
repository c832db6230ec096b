"""How traces are written down: what each format's lines say, and what they cannot say."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from math import isfinite
from typing import Any, NamedTuple

from .trace_lines import Line, shown

MAXIMUM_TOKENS = 10_000_000
"""Of one prompt or answer: no model has such a context, so the column holds something else."""


class TraceFormat(StrEnum):
    """How a trace is written down."""

    AZURE = "azure"
    """CSV of the Azure LLM inference traces of 2023 and 2024: ``TIMESTAMP,ContextTokens,GeneratedTokens``."""

    MOONCAKE = "mooncake"
    """JSON lines of Mooncake's traces: ``timestamp`` (milliseconds), ``input_length``, ``output_length``. ``hash_ids``
    are not looked at: how much of a prompt is in a cache is a fault of the simulation, ``prefix-cache``."""

    CSV = "csv"
    """CSV with ``time_seconds,prompt_tokens,output_tokens``; the seconds count from anywhere."""


class Row(NamedTuple):
    """What a format makes of a line."""

    line: Line
    seconds: float
    """When the request arrived, by the clock of the file."""

    prompt_tokens: int
    output_tokens: int
    clock: str
    """The time as it stands in the file, for messages."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Names of the three fields in a format, and how it writes time."""

    time: str
    prompt: str
    output: str
    seconds: Callable[[Any], float]
    """Raises ValueError, TypeError or OverflowError for what is no time."""
    looks_like: str
    """A time, for messages."""

    def row(self, line: Line, time: Any, prompt: Any, output: Any) -> Row:
        """Check the three values of a line."""
        try:
            seconds = self.seconds(time)
        except (ValueError, TypeError, OverflowError):
            seconds = float("nan")
        if not isfinite(seconds):
            raise line.error(f"{self.time} is {shown(time)}; give a time such as {self.looks_like}")
        return Row(
            line,
            seconds,
            _tokens(line, self.prompt, prompt),
            _tokens(line, self.output, output),
            f"{self.time} {shown(time)}",
        )


def _tokens(line: Line, name: str, value: Any) -> int:
    try:
        tokens = value if type(value) is int else int(value) if isinstance(value, str) else None
    except ValueError:
        tokens = None
    if tokens is None or not 1 <= tokens <= MAXIMUM_TOKENS:
        raise line.error(
            f"{name} is {shown(value)}; give a whole number from 1 to {MAXIMUM_TOKENS:,}, or remove the line: a "
            "request without a prompt or an answer was never served"
        )
    return tokens


def _clock_seconds(text: str) -> float:
    time = datetime.fromisoformat(text.strip())
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _milliseconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return value / 1000


_COLUMNS = {
    TraceFormat.AZURE: _Columns(
        "TIMESTAMP", "ContextTokens", "GeneratedTokens", _clock_seconds, "2023-11-16 18:17:03.9799600"
    ),
    TraceFormat.CSV: _Columns("time_seconds", "prompt_tokens", "output_tokens", float, "12.5, in seconds"),
    TraceFormat.MOONCAKE: _Columns(
        "timestamp", "input_length", "output_length", _milliseconds, "3000, in milliseconds"
    ),
}


def _header(columns: _Columns) -> str:
    return f"{columns.time},{columns.prompt},{columns.output}"


def _csv_rows(columns: _Columns, first: Line, lines: Iterator[Line]) -> Iterator[Row]:
    header = [name.strip() for name in _cells(first)]
    places = []
    for name in (columns.time, columns.prompt, columns.output):
        if header.count(name) != 1:
            raise first.error(
                f"has {header.count(name)} columns named {name}; the first line must name {_header(columns)} once each"
            )
        places.append(header.index(name))
    time, prompt, output = places
    for line in lines:
        cells = _cells(line)
        if len(cells) != len(header):
            raise line.error(f"has {len(cells)} columns and the first line {len(header)}; give as many")
        yield columns.row(line, cells[time], cells[prompt], cells[output])


def _cells(line: Line) -> list[str]:
    if '"' not in line.text:
        return line.text.split(",")
    try:
        return next(csv.reader([line.text], strict=True))
    except csv.Error as error:
        raise line.error(f"is no CSV: {error}; close the quotation marks on the same line") from error


def _json_rows(columns: _Columns, first: Line, lines: Iterator[Line]) -> Iterator[Row]:
    for line in chain((first,), lines):
        try:
            values = json.loads(line.text)
        except (ValueError, RecursionError) as error:
            raise line.error(f"is no JSON: {error}; give one object on each line") from error
        if not isinstance(values, dict):
            raise line.error(f"is {shown(line.text)}; give one JSON object on each line")
        for name in (columns.time, columns.prompt, columns.output):
            if name not in values:
                raise line.error(f"has no {name}; each line needs {_header(columns)}")
        yield columns.row(line, values[columns.time], values[columns.prompt], values[columns.output])


_READERS = {
    TraceFormat.AZURE: _csv_rows,
    TraceFormat.CSV: _csv_rows,
    TraceFormat.MOONCAKE: _json_rows,
}


def recognised(first: Line) -> TraceFormat:
    """The format of a file that begins with this line.

    Raises:
        TraceError: if it is none; the message says what would be.
    """
    if first.text.lstrip().startswith("{"):
        return TraceFormat.MOONCAKE
    names = {name.strip() for name in _cells(first)}
    for known in (TraceFormat.AZURE, TraceFormat.CSV):
        if _COLUMNS[known].time in names:
            return known
    azure, mooncake, plain = (_header(_COLUMNS[known]) for known in TraceFormat)
    raise first.error(
        f"begins with {shown(first.text)}, which is no trace; give a CSV file whose first line is {plain} or {azure}, "
        f"or JSON lines with {mooncake}"
    )


def rows(known: TraceFormat, first: Line, lines: Iterator[Line]) -> Iterator[Row]:
    """Read the lines of a file.

    Args:
        known: its format.
        first: its first line.
        lines: the others.

    Raises:
        TraceError: at the first line that says no request.
    """
    return _READERS[known](_COLUMNS[known], first, lines)
