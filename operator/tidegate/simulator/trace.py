"""Traces: when requests arrived, how long their prompts and answers were."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from math import isfinite
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from .trace_lines import Line, TraceError, lines_of, shown

MAXIMUM_REQUESTS = 2_000_000
"""Of one trace, its copies included: they are all in memory, some 150 bytes each."""

MAXIMUM_SECONDS = 31 * 86_400
"""From the first request to the last: a longer one is most likely in another unit."""

MAXIMUM_TOKENS = 10_000_000
"""Of one prompt or answer: no model has such a context, so the column holds something else."""

JITTER_SECONDS = 4.0
"""How much later than the first the copies of a request come at most, unless told otherwise."""


class TraceFormat(StrEnum):
    """How a trace is written down."""

    AZURE = "azure"
    """CSV of the Azure LLM inference traces of 2023 and 2024: ``TIMESTAMP,ContextTokens,GeneratedTokens``."""

    MOONCAKE = "mooncake"
    """JSON lines of Mooncake's traces: ``timestamp`` (milliseconds), ``input_length``, ``output_length``. ``hash_ids``
    are not looked at: how much of a prompt is in a cache is a fault of the simulation, ``prefix-cache``."""

    CSV = "csv"
    """CSV with ``time_seconds,prompt_tokens,output_tokens``; the seconds count from anywhere."""


class TraceRequest(NamedTuple):
    """One request of a trace."""

    time_seconds: float
    """When it arrived, counted from the first one."""

    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests in the order of their arrival; there is at least one."""

    name: str
    """Of its file, without the folder."""

    format: TraceFormat
    requests: tuple[TraceRequest, ...]
    clock_seconds: float = 0.0
    """What the clock of the file showed at the first request; seconds since 1970 where the format has dates."""

    refused: int = 0
    """Requests that were left out because no replica could serve them: see `within`."""

    def within(self, context_tokens: int) -> "Trace":
        """Leave out what is longer than a model's context: an engine answers those requests with an error at once.

        Args:
            context_tokens: the most tokens that prompt and answer may have together.

        Raises:
            TraceError: if nothing is left.
        """
        requests = tuple(each for each in self.requests if each.prompt_tokens + each.output_tokens <= context_tokens)
        if not requests:
            raise TraceError(
                f"{self.name}: each of its {len(self.requests):,} requests is longer than the context of "
                f"{context_tokens:,} tokens; choose a replica model with a longer one"
            )
        return replace(self, requests=requests, refused=self.refused + len(self.requests) - len(requests))

    def multiplied(self, copies: int, *, jitter_seconds: float = JITTER_SECONDS, seed: int = 0) -> "Trace":
        """The same trace with more of each request: see `multiply`.

        Raises:
            TraceError: if that is more than `MAXIMUM_REQUESTS`.
        """
        if len(self.requests) * copies > MAXIMUM_REQUESTS:
            raise TraceError(
                f"{self.name}: {copies} times {len(self.requests):,} requests are more than {MAXIMUM_REQUESTS:,}; "
                "multiply it less, or cut the trace"
            )
        return replace(
            self, requests=multiply(self.requests, copies, jitter_seconds, seed), refused=self.refused * copies
        )


def multiply(
    requests: Sequence[TraceRequest], copies: int, jitter_seconds: float = JITTER_SECONDS, seed: int = 0
) -> tuple[TraceRequest, ...]:
    """Make ``copies`` of each request: the load of a service as many times as large.

    Args:
        requests: in the order of their arrival.
        copies: 1 or more.
        jitter_seconds: each copy but the first comes later than it by a random time between 0 and this.
        seed: the same seed gives the same copies.

    Returns:
        All of them, in the order of their arrival.
    """
    random = Random(seed)  # noqa: S311 - no secret, and it must be repeatable
    later = (
        request._replace(time_seconds=request.time_seconds + random.uniform(0, jitter_seconds))
        for request in requests
        for _ in range(copies - 1)
    )
    return tuple(sorted((*requests, *later), key=lambda request: request.time_seconds))


def read_trace(path: str | Path, format: str = "auto") -> Trace:  # noqa: A002 - the word of the command line
    """Read a trace, compressed with gzip or not.

    Args:
        path: of the file.
        format: a `TraceFormat`, or ``auto``: its first line tells.

    Returns:
        The trace, its times counted from its first request.

    Raises:
        TraceError: if the file is no such trace; the message names file, line, field, value and the fix. A request that
            came before the one above it is an error, too: a trace is sorted, or its clock was set.
        OSError: if the file cannot be read.
    """
    path = Path(path)
    lines = lines_of(path)
    if (first := next(lines, None)) is None:
        raise TraceError(f"{path}: is empty; give a file with at least one request")
    known = _recognised(first) if format == "auto" else TraceFormat(format)
    requests = tuple(_in_order(_READERS[known](_COLUMNS[known], first, lines)))
    if not requests:
        raise TraceError(f"{path}: has no requests, only a header; give a file with at least one request")
    start = requests[0].time_seconds
    if start:  # to the microsecond: the rest is what a large clock leaves of a float
        requests = tuple(request._replace(time_seconds=round(request.time_seconds - start, 6)) for request in requests)
    return Trace(path.name, known, requests, start)


class _Row(NamedTuple):
    """What a format makes of a line: still with the clock of the file."""

    line: Line
    request: TraceRequest
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

    def row(self, line: Line, time: Any, prompt: Any, output: Any) -> _Row:
        """Check the three values of a line."""
        try:
            seconds = self.seconds(time)
        except (ValueError, TypeError, OverflowError):
            seconds = float("nan")
        if not isfinite(seconds):
            raise line.error(f"{self.time} is {shown(time)}; give a time such as {self.looks_like}")
        return _Row(
            line,
            TraceRequest(seconds, _tokens(line, self.prompt, prompt), _tokens(line, self.output, output)),
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


def _recognised(first: Line) -> TraceFormat:
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


def _header(columns: _Columns) -> str:
    return f"{columns.time},{columns.prompt},{columns.output}"


def _csv_rows(columns: _Columns, first: Line, lines: Iterator[Line]) -> Iterator[_Row]:
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


def _json_rows(columns: _Columns, first: Line, lines: Iterator[Line]) -> Iterator[_Row]:
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


def _in_order(rows: Iterable[_Row]) -> Iterator[TraceRequest]:
    """The requests, as long as the clock of the file goes forward and there are not too many."""
    before: _Row | None = None
    start = 0.0
    for number, row in enumerate(rows, 1):
        time = row.request.time_seconds
        if before is None:
            start = time
        elif time < before.request.time_seconds:
            raise row.line.error(
                f"{row.clock} is earlier than {before.clock} in line {before.line.number}; sort the lines by time"
            )
        if time - start > MAXIMUM_SECONDS:
            raise row.line.error(
                f"{row.clock} is {(time - start) / 86_400:,.0f} days after the first request, and at most "
                f"{MAXIMUM_SECONDS // 86_400} are simulated; check the unit, or cut the file"
            )
        if number > MAXIMUM_REQUESTS:
            raise row.line.error(
                f"has more than {MAXIMUM_REQUESTS:,} requests; cut the file: head -n {MAXIMUM_REQUESTS}"
            )
        before = row
        yield row.request
