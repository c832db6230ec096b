"""Fit shipped replica models to the first half of a measured run, and judge them on the second.

    python tools/fit_replica_model.py            # print coefficients and errors
    python tools/fit_replica_model.py --write    # and put them into docs/replica-model.md

What the engine was told or printed about itself (KV cache, token budget, sequences) is taken as it is. Of the three
coefficients:

- ``alpha`` is not fitted. It is what a step takes that has next to nothing to do: all weights are read once.
- ``c`` comes from single steps: where prompts fill every step, the times of first tokens are the ends of steps.
- ``beta`` is searched: the one with which requests get their first and last tokens closest to when they did.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "operator"))

from measured_run import SERIES, MeasuredRun, Replay, SeriesError, errors_of_half, replay  # noqa: E402
from tidegate.simulator.models import MODELS, ReplicaModel  # noqa: E402

PAGE = ROOT / "docs" / "replica-model.md"
BEGIN, END = "<!-- written by tools/fit_replica_model.py -->\n", "<!-- end of what is written -->\n"

WEIGHT_BYTES = 8_030_261_248 * 2
"""Parameters of Llama-3.1-8B in bfloat16."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A measured engine."""

    title: str
    run: str
    """Directory of the run."""
    bytes_per_second: float
    """Memory bandwidth, from the data sheet of the card."""
    dip: tuple[int, int] | None = None
    """First and last second of a time in which the queue grows and tokens fall, where there is one."""


ENGINES: Mapping[str, Engine] = {
    "rtx4090": Engine("RTX 4090", "rtx4090-llama-3.1-8b", 1_008e9, dip=(6, 17)),
    "rtxpro6000": Engine("RTX PRO 6000", "rtxpro6000-llama-3.1-8b", 1_792e9),
}
"""By the name of the shipped model."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A model with fitted coefficients."""

    model: ReplicaModel
    """Its start-up time is that of the run: how much longer the first request took than a later one would have."""

    full_steps: int
    """Steps that ``c`` was taken from."""


def fit(name: str, run: MeasuredRun) -> Fit:
    """Fit the coefficients of a shipped model to the first half of a run."""
    shipped = MODELS[name]
    alpha = round(WEIGHT_BYTES / ENGINES[name].bytes_per_second * 1000, 1)
    end = len(run.seconds) / 2
    steps = full_steps(run, end)

    def with_beta(beta: float) -> ReplicaModel:
        c = median(
            (seconds * 1000 - alpha - beta * decoding) / (shipped.token_budget - decoding)
            for seconds, decoding in steps
        )
        first = run.requests[0]
        alone = (alpha * -(-first.prompt_tokens // shipped.token_budget) + c * first.prompt_tokens) / 1000
        return replace(
            shipped,
            alpha_milliseconds=alpha,
            beta_milliseconds=round(beta, 3),
            c_milliseconds=round(c, 4),
            startup_seconds=round(first.first_token - alone, 2),
        )

    def error(beta: float) -> float:
        return time_error(run, replay(run, with_beta(beta)), end)

    return Fit(with_beta(lowest(error, 0.0, 0.5)), len(steps))


def full_steps(run: MeasuredRun, end: float) -> list[tuple[float, int]]:
    """Lengths of steps whose whole budget was used, in seconds, and the sequences that decoded in each.

    Between two consecutive times of first tokens lies one step, rarely more. Its budget was used up if a request that
    had been scheduled before it was still without its first token after it.
    """
    ends = sorted({request.first_token for request in run.requests})
    return [
        (after - before, sum(request.first_token <= before < request.last_token for request in run.requests))
        for before, after in pairwise(ends)
        if before < end and any(r.scheduled <= before and r.first_token > after for r in run.requests)
    ]


def time_error(run: MeasuredRun, simulated: Replay, end: float) -> float:
    """Mean error of the times of first and last tokens, in seconds, of those measured before ``end``."""
    return mean(
        abs(theirs - ours)
        for measured, request in zip(run.requests, simulated.requests, strict=True)
        for theirs, ours in ((measured.first_token, request.first_token), (measured.last_token, request.ended))
        if theirs < end
    )


def lowest(value: Callable[[float], float], start: float, end: float, points: int = 25, rounds: int = 3) -> float:
    """Where a function is lowest: points evenly spread, then again around the best of them."""
    best = start
    for _ in range(rounds):
        gap = (end - start) / points
        best = min((start + gap * index for index in range(points + 1)), key=value)
        start, end = max(0.0, best - gap), best + gap
    return best


def report(name: str, run: MeasuredRun, fitted: Fit) -> str:
    """What was found about one engine, as a part of the page."""
    engine, model = ENGINES[name], fitted.model
    simulated = replay(run, model)
    first, second = (errors_of_half(run, simulated.seconds, half) for half in (0, 1))
    lines = [
        f"### {engine.title}: `{name}`",
        "",
        f"alpha {model.alpha_milliseconds} ms, beta {model.beta_milliseconds} ms, c {model.c_milliseconds} ms.",
        "",
        "| NRMSE by range (by mean) | first half, fitted | second half, judged |",
        "|---|---|---|",
        *(f"| {series.replace('_', ' ')} | {shown(first[series])} | {shown(second[series])} |" for series in SERIES),
        "",
        "| | measured | model |",
        "|---|---|---|",
        *(f"| {what} | {measured:.3g} | {ours:.3g} |" for what, measured, ours in of_requests(run, simulated)),
    ]
    if engine.dip:
        lines += [
            "",
            "| seconds | generated tokens/s | model | waiting | model |",
            "|---|---|---|---|---|",
            *dip(run, simulated, *engine.dip),
        ]
    lines += [
        "",
        f"c comes from {fitted.full_steps} full steps. The model preempts {simulated.preemptions} times and computes",
        f"{simulated.recomputed_tokens:,} tokens again.",
    ]
    return "\n".join(lines)


def shown(error: SeriesError) -> str:
    """Both ways to state an error, in percent."""
    return f"{error.by_range:.1%} ({error.by_mean:.1%})"


def of_requests(run: MeasuredRun, simulated: Replay) -> Iterator[tuple[str, float, float]]:
    """Means over all requests: what, measured, simulated."""
    pairs = list(zip(run.requests, simulated.requests, strict=True))
    yield (
        "time to first token, mean, seconds",
        mean(measured.first_token - measured.arrived for measured, _ in pairs),
        mean(request.first_token - request.arrived for _, request in pairs),
    )
    yield (
        "time to first token of the first 40, mean, seconds",
        mean(measured.first_token - measured.arrived for measured, _ in pairs[:40]),
        mean(request.first_token - request.arrived for _, request in pairs[:40]),
    )
    yield (
        "time per output token, mean, milliseconds",
        1000 * mean((measured.last_token - measured.first_token) / measured.output_tokens for measured, _ in pairs),
        1000 * mean((request.ended - request.first_token) / request.output_tokens for _, request in pairs),
    )
    yield (
        "last token of all, seconds",
        max(measured.last_token for measured, _ in pairs),
        max(request.ended for _, request in pairs),
    )


def dip(run: MeasuredRun, simulated: Replay, start: int, end: int) -> Iterator[str]:
    """Three seconds a row: tokens fall, the queue grows."""
    for at in range(start, end + 1, 3):
        cells = [
            f"{mean(getattr(second, series) for second in seconds[at - 1 : at + 2]):,.0f}"
            for series in ("generated_tokens", "waiting")
            for seconds in (run.seconds, simulated.seconds)
        ]
        yield f"| {at} to {at + 2} | {' | '.join(cells)} |"


def written(page: str, part: str) -> str:
    """The page with what stands between the two marks replaced."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n{part}\n\n{END}{rest.split(END)[1]}"


def whole_report() -> str:
    """What was found about all engines."""
    runs = {name: MeasuredRun.read(engine.run) for name, engine in ENGINES.items()}
    return "\n\n".join(report(name, run, fit(name, run)) for name, run in runs.items())


def main() -> None:
    """Print the report; write it if asked to."""
    parser = argparse.ArgumentParser(description="Fit the measured replica models.")
    parser.add_argument("--write", action="store_true", help=f"put the report into {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args()
    found = whole_report()
    print(found)
    if asked.write:
        PAGE.write_text(written(PAGE.read_text(), found))


if __name__ == "__main__":
    main()
