"""The page docs/benchmarks/scaling.md."""

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.simulator.rivals.catalog import RIVALS

from .frontier import Regret
from .goals import GOALS, Verdict, loss_points, share
from .jobs import HINDSIGHT, LOADS, STATIC, TIDEGATE, published, rivals
from .measured import Figures, Measured
from .set_ups import CASES, FAULT_CASES, FAULTS, METRICS_DELAY_SECONDS, MODEL, ROUTINGS, Case

NOTES_BEGIN, NOTES_END = "<!-- notes: written by hand, kept by the bench -->", "<!-- end of notes -->"

COLUMNS = (
    "| policy | kept | GPU-h | regret | p95 of TTFT, s | taken back per hour | changes | peak |",
    "|---|--:|--:|--:|--:|--:|--:|--:|",
)


@dataclass(frozen=True, slots=True)
class Effort:
    """What the runs took, whenever they were made."""

    runs: int
    processor_seconds: float
    missing: int = 0
    """Runs that were left out."""


def page(measured: Measured, effort: Effort, old_page: str = "") -> str:
    """The page, as Markdown.

    Args:
        measured: all runs.
        effort: what they took.
        old_page: as it was; the notes in it, written by hand, are kept.
    """
    return "\n".join(
        [
            _head(measured, effort),
            "## Goals\n",
            *_goals(measured),
            "",
            _notes(old_page),
            *(line for case in CASES.values() for line in _case(measured, case)),
            "## With faults\n",
            *_faults(measured),
            "",
            "## Rivals\n",
            *_rivals(),
        ]
    )


def _head(measured: Measured, effort: Effort) -> str:
    seeds = max((figures.seeds for case in CASES if (figures := measured.figures(case))), default=0)
    return f"""\
# Scaling, measured against everybody else

Written by `make bench-scaling`. It replays an hour of a real production trace
([two services of Azure, 2023](../../examples/traces/README.md)) through every policy, on simulated replicas: model
`{MODEL}`, Llama-3.1-8B on an RTX 4090, fitted to measurements. Metrics are {METRICS_DELAY_SECONDS:g} s old when seen.
The promise: the first token within 2 s, and no more than 100 ms between tokens on average; a request counts
if both are kept. GPU-h run from a replica's order to its end. "x3": each request comes three times, its copies up to
4 s later.

Tidegate has its defaults everywhere. Rivals have the target that their makers publish and, where that is another one,
below it the one that does best against Tidegate here: of all that were tried, the cheapest that keeps the promise as
often, or else the one that keeps it most often. Figures are medians of {seeds} seeds; targets were tried with one,
and so was what knows the trace with sticky routing.

*Regret* is GPU-h in units of what hindsight pays to keep the promise as often: the best of static sizes and of
clairvoyants, which know the trace but pay cold starts and hold a size for one or five minutes. Between its points it
is interpolated. "≤": hindsight never kept the promise that often, and is compared at its best. Empty: it always kept it
more often.

{effort.runs:,} runs, {effort.processor_seconds / 60:.0f} minutes of processor time; this machine has {os.cpu_count()} \
cores, Python is {platform.python_version()}.
{f"**{effort.missing:,} runs are still to be made.** " if effort.missing else ""}\
Only what a change concerns is run again. `make bench-scaling BENCH_OPTIONS=--quick` is a first look.
"""


def _goals(measured: Measured) -> Iterator[str]:
    yield f"| set-up | goal |{''.join(f' {routing} ({mode}) | met |' for routing, mode in ROUTINGS.items())}"
    yield f"|---|---|{'---|---|' * len(ROUTINGS)}"
    for goal in GOALS:
        verdicts = "".join(_verdict(goal.judge(measured, routing)) for routing in ROUTINGS)
        yield f"| {goal.set_up} | {goal.goal} |{verdicts}"


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return " not run | |"
    return f" {verdict.measured} | {'yes' if verdict.met else '**no**'} |"


def _notes(old_page: str) -> str:
    kept = re.search(f"{re.escape(NOTES_BEGIN)}(.*?){re.escape(NOTES_END)}", old_page, re.DOTALL)
    return f"{NOTES_BEGIN}{kept[1] if kept else chr(10)}{NOTES_END}\n"


def _case(measured: Measured, case: Case) -> Iterator[str]:
    tidegate = measured.figures(case.name)
    if tidegate is None:
        return
    yield f"## {case.title}\n"
    yield f"![What each policy missed and cost, and replicas over time](scaling/{case.name}.svg)\n"
    if case.starts_short:
        yield "A static size is ordered in the first second here: in hindsight, but with the start that all have.\n"
    yield from COLUMNS
    yield _row(measured, case, f"**{TIDEGATE}**", tidegate)
    for rival in rivals():
        shown = dict.fromkeys(filter(None, (published(rival), measured.best_swept(case.name, rival))))
        for policy in shown:
            if (figures := measured.figures(case.name, policy)) is not None:
                yield _row(measured, case, policy, figures)
    yield ""
    yield "<details><summary>What knows the trace</summary>\n"
    yield from COLUMNS
    for policy, figures in _telling(measured, case):
        yield _row(measured, case, policy, figures)
    yield "\n</details>\n"
    yield from _sticky(measured, case)


def _telling(measured: Measured, case: Case) -> Iterator[tuple[str, Figures]]:
    """What knows the trace: all static sizes, and of each clairvoyant what is on the frontier of its own."""
    known = measured.hindsight(case.name)
    for policy, figures in known.items():
        same = [it for other, it in known.items() if other.partition("=")[0] == policy.partition("=")[0]]
        beaten = any(it.attainment >= figures.attainment and it.gpu_hours < figures.gpu_hours for it in same)
        if policy.startswith(f"{STATIC}=") or not beaten:
            yield policy, figures


def _sticky(measured: Measured, case: Case) -> Iterator[str]:
    for routing, mode in ROUTINGS.items():
        figures = measured.figures(case.name, routing=routing)
        frontier = measured.frontier(case.name, routing=routing)
        if figures and frontier:
            ratio = _ratio(measured.regret(case.name, figures, routing=routing))
            yield (
                f"Tidegate, {routing} ({mode}): {share(figures.attainment)} @ {figures.gpu_hours:.2f} GPU-h, regret "
                f"{ratio}, {figures.reversals_per_hour:.1f} changes taken back per hour.\n"
            )


def _row(measured: Measured, case: Case, name: str, figures: Figures) -> str:
    first_token = figures.first_token_p95_seconds
    cells = (
        name,
        share(figures.attainment),
        f"{figures.gpu_hours:.2f}",
        _ratio(measured.regret(case.name, figures)) if measured.frontier(case.name) else "",
        "" if first_token is None else f"{first_token:.2f}",
        f"{figures.reversals_per_hour:.1f}",
        f"{figures.changes:.0f}",
        f"{figures.peak_replicas:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _ratio(regret: Regret) -> str:
    return "" if regret.below else f"{'≤ ' if regret.beyond else ''}{regret.ratio:.2f}"


def _faults(measured: Measured) -> Iterator[str]:
    yield (
        "Points of the share of kept promises that each fault costs Tidegate, and in brackets the difference in GPU-h. "
        "Less than 0: it was kept more often with the fault.\n"
    )
    for routing, mode in ROUTINGS.items():
        yield f"### {routing} ({mode})\n"
        yield f"| | {' | '.join(FAULT_CASES)} |"
        yield f"|---|{'--:|' * len(FAULT_CASES)}"
        for fault in FAULTS:
            cells = (_fault_cell(measured, case, fault.fault, routing) for case in FAULT_CASES)
            yield f"| {fault.what} (`{fault.fault}`) | {' | '.join(cells)} |"
        yield ""


def _fault_cell(measured: Measured, case: str, fault: str, routing: str) -> str:
    loss = loss_points(measured, case, fault, routing)
    without, with_it = measured.figures(case, routing=routing), measured.figures(case, routing=routing, fault=fault)
    if loss is None or without is None or with_it is None:
        return "not run"
    return f"{loss:.2f} ({with_it.gpu_hours - without.gpu_hours:+.1f})"


def _rivals() -> Iterable[str]:
    yield "| name | looks at | target | tried | source |"
    yield "|---|---|---|---|---|"
    loads = sorted({load for each in LOADS.values() for load in each}, reverse=True)
    tried: Mapping[str, Sequence[float]] = {name: loads for name in HINDSIGHT if name != STATIC}
    for name, rival in RIVALS.items():
        sweep = ", ".join(f"{target:g}" for target in tried.get(name, rival.sweep))
        default = "" if rival.default_target is None else f", published: {rival.default_target:g}"
        target = f"{rival.target}{default}" if rival.target else "none"
        yield f"| `{name}` | {rival.summary} | {target} | {sweep} | {rival.source} |"
    yield ""
