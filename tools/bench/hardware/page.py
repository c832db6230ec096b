"""The page docs/benchmarks/hardware.md."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.simulator.summary import percent

from .fleets import CASES, INTERVALS_SECONDS, LOADS, MIXED, RATIOS, SHARES, Case, Job
from .prices import KINDS, PRICE_LIST

Run = Mapping[str, Any]
Runs = Mapping[Job, Run]

NOTES_BEGIN, NOTES_END = "<!-- notes: written by hand, kept by the bench -->", "<!-- end of notes -->"
SAVING, GAP = 0.25, 0.05
"""The goals: below the best fleet of one kind, and above the optimum in hindsight."""

SINGLE = (DEFAULT_VARIANT, "l4", "cpu")


def page(runs: Runs, old_page: str = "") -> str:
    """The page, as Markdown.

    Args:
        runs: all that were made.
        old_page: as it was; the notes in it, written by hand, are kept.
    """
    return "\n".join(
        [
            _head(runs),
            "## Goals\n",
            *goals(runs),
            "",
            _notes(old_page),
            "## Hardware\n",
            *_hardware(),
            "",
            *(line for name, case in _cases(runs).items() for line in _case(runs, name, case)),
        ]
    )


def _cases(runs: Runs) -> Mapping[str, Case]:
    return {name: case for name, case in CASES.items() if any(job.case == name for job in runs)}


def _head(runs: Runs) -> str:
    minutes = sum(each["secondsTaken"] for each in runs.values()) / 60
    return f"""\
# What a choice of hardware costs, measured

Written by `python tools/bench hardware`. It replays an hour of a real production trace
([two services of Azure, 2023](../../examples/traces/README.md)) through fleets of several kinds of hardware, of each
kind alone, and through what hindsight would have bought. What each kind costs and what it is taken to do stands below.
A request counts as kept if its first token and the mean time between its tokens are within the promise; cost is that of
replicas from their order to their end, cold starts included. [Rehearse yours](../simulate.md#choose-hardware) with your
own trace, prices and replica models.

**Tidegate, mixed** is one service with all kinds as its variants, or with two of them, at its defaults and with the
promise as its objectives.
**Only ...** is the same rule with one kind alone: at its defaults, with objectives, and with `tokenThroughput` at
{", ".join(f"{each:g}" for each in SHARES)} times what a replica can do; of these the cheapest that keeps the promise at
least as often as the mixed fleet. It was picked in hindsight, which the mixed fleet was not.
**WVA** is llm-d's autoscaler by its published rule for several variants.

**Hindsight** knows the trace. For each interval ({" or ".join(f"{each} s" for each in INTERVALS_SECONDS)}) it has the
cheapest set of replicas, found exactly, that covers the busiest second in it, ordered a cold start ahead; what a
replica covers is what the fluid model says times an assumed load ({LOADS[-1]:g} to {LOADS[0]:g}, that of L4 and CPU
{" or ".join(RATIOS)} times that of A100s). Of all {_tried()} plans that were replayed it is the cheapest that keeps the
promise at least as often. So it is an optimum for each interval of what is tried, not a bound for everything that is
possible: it neither looks over several intervals at once nor sends requests by their size.

{len(runs):,} runs, {minutes:.0f} minutes of processor time.
"""


def _tried() -> int:
    return len(INTERVALS_SECONDS) * len(LOADS) * len(RATIOS)


def goals(runs: Runs) -> Iterator[str]:
    """What was promised and what came of it, as a table."""
    yield (
        "| trace | Tidegate, mixed | best of one kind that keeps it as often | "
        f"saved (goal: {SAVING:.0%}) | hindsight | above it (goal: {GAP:.0%}) |"
    )
    yield "|---|---|---|--:|---|--:|"
    mine = [job for job in runs if job.fleet in MIXED]
    for job in sorted(mine, key=lambda job: (list(CASES).index(job.case), job.tuning)):
        mixed = runs[job]
        single = _cheapest(runs, job.case, lambda other: other.fleet in SINGLE, mixed)
        hindsight = _cheapest(runs, job.case, lambda other: other.fleet == "hindsight", mixed)
        saved = None if single is None else 1 - mixed["cost"] / runs[single]["cost"]
        above = None if hindsight is None else mixed["cost"] / runs[hindsight]["cost"] - 1
        cells = (
            f"{job.case}, {job.tuning}",
            f"{_kinds(job)}: {_told(mixed)}",
            "none" if single is None else f"{_fleet(single)} ({single.tuning}): {_told(runs[single])}",
            "" if saved is None else _judged(saved, met=saved >= SAVING),
            "none" if hindsight is None else f"{_told(runs[hindsight])}, {_hours(runs[hindsight])}",
            "" if above is None else _judged(above, met=above <= GAP),
        )
        yield f"| {' | '.join(cells)} |"


def _kinds(job: Job) -> str:
    return ", ".join(KINDS[variant].name for variant in MIXED[job.fleet])


def _judged(share: float, *, met: bool) -> str:
    return f"{share:.0%}, {'met' if met else '**missed**'}"


def _cheapest(runs: Runs, case: str, wanted: Callable[[Job], bool], as_often: Run) -> Job | None:
    found = [
        job
        for job, run in runs.items()
        if job.case == case and wanted(job) and run["sloAttainment"] >= as_often["sloAttainment"]
    ]
    return min(found, key=lambda job: runs[job]["cost"], default=None)


def _told(run: Run) -> str:
    return f"{percent(run['sloAttainment'])} % for ${run['cost']:.2f}"


def _hours(run: Run) -> str:
    hours = run["replicaHours"]
    return " + ".join(f"{hours[variant]:.2f} {kind.name}" for variant, kind in KINDS.items() if hours[variant]) + " h"


def _notes(old_page: str) -> str:
    kept = re.search(f"{re.escape(NOTES_BEGIN)}(.*?){re.escape(NOTES_END)}", old_page, re.DOTALL)
    return f"{NOTES_BEGIN}{kept[1] if kept else chr(10)}{NOTES_END}\n"


def _hardware() -> Iterator[str]:
    yield f"Prices: {PRICE_LIST}. Coefficients: [the replica model](../replica-model.md).\n"
    yield "| kind | machine | $ an hour | alpha, beta, c (ms) | KV tokens | cold start | figures |"
    yield "|---|---|--:|---|--:|--:|---|"
    for kind in KINDS.values():
        model = kind.model
        steps = f"{model.alpha_milliseconds:g}, {model.beta_milliseconds:g}, {model.c_milliseconds:g}"
        yield (
            f"| {kind.name} | {kind.machine} | {kind.cost_per_hour:g} | {steps} | {model.kv_tokens:,} | "
            f"{model.startup_seconds:g} s | {kind.figures} |"
        )


def _case(runs: Runs, name: str, case: Case) -> Iterator[str]:
    promise = f"{case.first_token_seconds:g} s, {case.inter_token_seconds * 1000:g} ms"
    copies = f", each request {case.copies} times" if case.copies > 1 else ""
    yield f"## {name}\n"
    yield f"`{case.trace}`{copies}; promise: {promise}.\n"
    yield "| fleet | tuning | kept | cost | per million tokens | replica hours | changes |"
    yield "|---|---|--:|--:|--:|---|--:|"
    mine = {job: run for job, run in runs.items() if job.case == name}
    for job, run in mine.items():
        if job.fleet != "hindsight":
            yield _row(_fleet(job), job.tuning, run)
    yield ""
    yield "<details><summary>Hindsight: what no other plan that was tried beats in both</summary>\n"
    yield "Plans are interval in s, load of A100s, and that of the others beside it.\n"
    yield "| plan | | kept | cost | per million tokens | replica hours | changes |"
    yield "|---|---|--:|--:|--:|---|--:|"
    best = -1.0
    plans = [(job, run) for job, run in mine.items() if job.fleet == "hindsight"]
    for job, run in sorted(plans, key=lambda item: (item[1]["cost"], -item[1]["sloAttainment"])):
        if run["sloAttainment"] > best:
            best = run["sloAttainment"]
            yield _row(job.tuning, "", run)
    yield "\n</details>\n"


def _fleet(job: Job) -> str:
    if job.fleet in MIXED:
        return f"**Tidegate: {_kinds(job)}**"
    return "WVA: all kinds" if job.fleet == "wva" else f"only {KINDS[job.fleet].name}"


def _row(name: str, tuning: str, run: Run) -> str:
    tokens = run["costPerMillionTokens"]
    cells = (
        name,
        tuning,
        f"{percent(run['sloAttainment'])} %",
        f"{run['cost']:.2f}",
        "" if tokens is None else f"{tokens:.2f}",
        _hours(run),
        str(run["scaleUps"] + run["scaleDowns"]),
    )
    return f"| {' | '.join(cells)} |"
