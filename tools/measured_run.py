"""A measured run of a real engine, the same requests on a replica model, and how far the two are apart."""

import csv
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from tidegate.simulator.models import ReplicaModel
from tidegate.simulator.replica import Replica
from tidegate.simulator.request import Request

MEASURED = Path(__file__).resolve().parents[1] / "tests" / "simulator" / "measured"
MEAN_SECONDS = 5
"""Series are compared as means over so many seconds."""


class MeasuredRequest(NamedTuple):
    """One request; times are seconds since the start of the series."""

    prompt_tokens: int
    output_tokens: int
    arrived: float
    scheduled: float
    first_token: float
    last_token: float


class Second(NamedTuple):
    """One second of a run: what the engine showed at its end, and the tokens that it generated in it."""

    waiting: float
    running: float
    generated_tokens: float


SERIES = Second._fields


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """What was recorded of an engine."""

    requests: tuple[MeasuredRequest, ...]
    """By arrival."""

    seconds: tuple[Second, ...]

    @classmethod
    def read(cls, name: str) -> Self:
        """Read a directory of tests/simulator/measured; the README there tells what is in its files."""
        directory = MEASURED / name
        with (directory / "timeseries.csv").open(newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        records = [json.loads(line) for line in (directory / "requests.jsonl").read_text().splitlines()]
        records.sort(key=lambda record: record["arrival_time"])
        epoch, monotonic = records[0]["arrival_time"], records[0]["queued_ts"]
        lead = _lead(
            [(record["first_token_ts"] - monotonic, record["input_toks"]) for record in records],
            {round(row["t"]): round(row["prompt_throughput"]) for row in rows},
        )
        return cls(
            tuple(
                MeasuredRequest(
                    record["input_toks"],
                    record["output_toks"],
                    record["arrival_time"] - epoch + lead,
                    *(record[name] - monotonic + lead for name in ("scheduled_ts", "first_token_ts", "last_token_ts")),
                )
                for record in records
            ),
            tuple(Second(row["waiting"], row["running"], row["gen_throughput"]) for row in rows),
        )


def _lead(first_tokens: Sequence[tuple[float, int]], prompt_tokens: dict[int, int]) -> float:
    """Seconds by which the series begins before the first request: the middle of those that fit.

    A prompt's tokens are counted in the second of its request's first token, so an offset that puts a first token
    into a wrong second shows.

    Raises:
        ValueError: no offset fits, so the two are not of one run.
    """
    fitting = []
    for lead in (step / 200 for step in range(200)):
        counted: Counter[int] = Counter()
        for time, tokens in first_tokens:
            counted[math.floor(time + lead) + 1] += tokens
        if all(counted[second] == tokens for second, tokens in prompt_tokens.items()):
            fitting.append(lead)
    if not fitting:
        raise ValueError("no offset below 1 s puts every first token into the second that counts its prompt")
    return (fitting[0] + fitting[-1]) / 2


class Replay(NamedTuple):
    """The same requests on a model: each in the order of the measured ones, and the same series."""

    requests: tuple[Request, ...]
    seconds: tuple[Second, ...]
    preemptions: int
    recomputed_tokens: int


def replay(run: MeasuredRun, model: ReplicaModel) -> Replay:
    """Give a replica the measured arrivals and sizes, nothing else, and watch it for as long as the run took."""
    replica = Replica(model)
    requests = tuple(Request(measured.prompt_tokens, measured.output_tokens) for measured in run.requests)
    arrivals = iter(zip(run.requests, requests, strict=True))
    seconds = tuple(_watch(replica, arrivals, len(run.seconds)))
    replica.advance(10 * len(run.seconds))  # so that every request has an end to compare
    measures = replica.measures
    return Replay(
        requests, seconds, measures.preemptions, measures.prefilled_tokens - sum(r.prompt_tokens for r in run.requests)
    )


def _watch(replica: Replica, arrivals: Iterator[tuple[MeasuredRequest, Request]], seconds: int) -> Iterator[Second]:
    generated = 0
    arriving = next(arrivals, None)
    for second in range(1, seconds + 1):
        while arriving and arriving[0].arrived < second:
            replica.submit(arriving[1], arriving[0].arrived)
            arriving = next(arrivals, None)
        replica.advance(second)
        before, generated = generated, replica.measures.generated_tokens
        yield Second(replica.waiting, replica.running, generated - before)


def means(seconds: Sequence[Second], series: str, every: int = MEAN_SECONDS) -> list[float]:
    """One of the series as means over ``every`` seconds; the last one may be over fewer."""
    values = [getattr(second, series) for second in seconds]
    return [sum(part) / len(part) for part in (values[at : at + every] for at in range(0, len(values), every))]


class SeriesError(NamedTuple):
    """How far two series are apart: the root of the mean squared difference of their means over five seconds."""

    by_range: float
    """Divided by the largest of the measured means less the smallest."""
    by_mean: float
    """Divided by the mean of the measured means."""


def series_error(measured: Sequence[float], simulated: Sequence[float]) -> SeriesError:
    """Compare two series of one length."""
    squares = [(ours - theirs) ** 2 for theirs, ours in zip(measured, simulated, strict=True)]
    root = math.sqrt(sum(squares) / len(squares))
    return SeriesError(root / (max(measured) - min(measured)), root / (sum(measured) / len(measured)))


def halves(length: int) -> tuple[slice, slice]:
    """The first and the second half of so many means."""
    return slice(0, length // 2), slice(length // 2, length)


def errors_of_half(run: MeasuredRun, simulated: Sequence[Second], half: int) -> dict[str, SeriesError]:
    """The errors of all series on the first (0) or the second (1) half of a run."""
    part = halves(math.ceil(len(run.seconds) / MEAN_SECONDS))[half]
    return {series: series_error(means(run.seconds, series)[part], means(simulated, series)[part]) for series in SERIES}
