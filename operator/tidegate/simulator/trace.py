"""Traces: when requests arrived, how long their prompts and answers were."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import NamedTuple

from .trace_formats import Row, TraceFormat, recognised, rows
from .trace_lines import TraceError, lines_of

MAXIMUM_REQUESTS = 2_000_000
"""Of one trace, its copies included: they are all in memory, some 150 bytes each."""

MAXIMUM_SECONDS = 31 * 86_400
"""From the first request to the last: a longer one is most likely in another unit."""

JITTER_SECONDS = 4.0
"""How much later than the first the copies of a request come at most, unless told otherwise."""


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
    known = recognised(first) if format == "auto" else TraceFormat(format)
    requests = tuple(_in_order(rows(known, first, lines)))
    if not requests:
        raise TraceError(f"{path}: has no requests, only a header; give a file with at least one request")
    start = requests[0].time_seconds
    if start:  # to the microsecond: the rest is what a large clock leaves of a float
        requests = tuple(request._replace(time_seconds=round(request.time_seconds - start, 6)) for request in requests)
    return Trace(path.name, known, requests, start)


def _in_order(found: Iterable[Row]) -> Iterator[TraceRequest]:
    """The requests, as long as the clock of the file goes forward and there are not too many."""
    before: Row | None = None
    start = 0.0
    for number, row in enumerate(found, 1):
        time = row.seconds
        if before is None:
            start = time
        elif time < before.seconds:
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
        yield TraceRequest(time, row.prompt_tokens, row.output_tokens)
