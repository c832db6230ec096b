"""A recorded trace becomes a timeline of requests: squeezed in time, thinned in number."""

import csv
import gzip
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from demo.scenario import LOAD_SECONDS, Load

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


class TraceError(ValueError):
    """A trace cannot be read; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request.

    Attributes:
        seconds: When it arrives, from the start of the timeline.
        prompt_tokens: Length of its prompt.
        answer_tokens: Length of its answer.
    """

    seconds: float
    prompt_tokens: int
    answer_tokens: int

    @property
    def tokens(self) -> int:
        """Prompt and answer together."""
        return self.prompt_tokens + self.answer_tokens


def read_trace(path: Path) -> list[Arrival]:
    """Read a gzipped CSV with the columns of the Azure traces; seconds count from its first request.

    Raises:
        TraceError: The file is not such a trace.
    """
    with gzip.open(path, "rt", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise TraceError(f"{path}: columns are {reader.fieldnames}; they must be {', '.join(COLUMNS)}")
        rows = [_row(path, reader.line_num, row) for row in reader]
    if not rows:
        raise TraceError(f"{path}: there are no requests in it")
    start = rows[0].seconds
    return [Arrival(row.seconds - start, row.prompt_tokens, row.answer_tokens) for row in rows]


def _row(path: Path, line: int, row: dict[str, str]) -> Arrival:
    try:
        # The trace has seven digits of a second; Python knows six.
        time = datetime.fromisoformat(row["TIMESTAMP"][:26] + "+00:00").timestamp()
        arrival = Arrival(time, int(row["ContextTokens"]), int(row["GeneratedTokens"]))
    except (TypeError, ValueError) as error:
        raise TraceError(f"{path}, line {line}: {error}") from error
    if arrival.prompt_tokens < 1 or arrival.answer_tokens < 1:
        raise TraceError(f"{path}, line {line}: a request needs at least one token of each kind")
    return arrival


def squeeze(arrivals: Iterable[Arrival], *, speed: float, rate: float, seconds: float) -> list[Arrival]:
    """Play a trace `speed` times as fast, at `rate` times its requests per second, for `seconds`.

    The curve of demand is the trace's own, compressed in time. Playing faster alone would multiply the rate by the
    speed, so requests are left out evenly until `rate` is what remains. No request is changed, none is sent twice.

    Args:
        arrivals: In order of time.
        speed: Seconds of the trace in one second.
        rate: Requests per second, as a share of the recorded ones. At most `speed`.
        seconds: Where to cut the timeline off.

    Raises:
        ValueError: The rate cannot be reached by leaving requests out.
    """
    if not 0 < rate <= speed:
        raise ValueError(f"rate is {rate}; give a number above 0 and at most speed={speed}")
    kept = rate / speed
    return [
        Arrival(arrival.seconds / speed, arrival.prompt_tokens, arrival.answer_tokens)
        for number, arrival in enumerate(arrivals)
        if math.floor((number + 1) * kept) > math.floor(number * kept) and arrival.seconds < seconds * speed
    ]


def timeline(load: Load, directory: Path, *, speed: float, seconds: float) -> list[Arrival]:
    """The requests of a part of the scenario.

    Args:
        load: Which trace, and how it is played.
        directory: Where the traces are.
        speed: 2 plays it twice as fast as the scenario has it.
        seconds: Where to cut it off.
    """
    trace = read_trace(directory / load.trace)
    fitting = [arrival for arrival in trace if arrival.prompt_tokens <= load.longest_prompt_tokens]
    faster = load.seconds / LOAD_SECONDS * speed
    # The rate is a share of all that was recorded, also where long requests are left out.
    rate = min(faster, load.rate * len(trace) / len(fitting))
    return squeeze(fitting, speed=faster, rate=rate, seconds=seconds)


def tokens_per_second(arrivals: Sequence[Arrival], *, seconds: float, columns: int) -> list[float]:
    """The curve of demand: tokens per second in each of `columns` equal parts of the timeline."""
    totals = [0.0] * columns
    for arrival in arrivals:
        if arrival.seconds < seconds:
            totals[int(arrival.seconds / seconds * columns)] += arrival.tokens
    return [total * columns / seconds for total in totals]
