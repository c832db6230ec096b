"""What was promised, and what came of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tidegate.simulator.summary import percent

from .jobs import EARLIEST, STRONGEST_HPA
from .measured import Figures, Measured
from .set_ups import CASES, FAULT_CASES, FAULTS, GAP


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, and whether it is enough."""

    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the table of goals."""

    set_up: str
    goal: str
    judge: Callable[[Measured, str], Verdict | None]
    """From the runs and the routing; None if a run is missing that it needs."""


ATTAINMENT = 0.999
STATIC_MARGIN = 1.05
MISSED_RATIO = 1.4
HPA_SAVING = 0.15
CODE_ATTAINMENT, CODE_GPU_HOURS = 0.855, 19.0
WORST_REGRET = 1.35
REVERSALS_PER_HOUR = 2.0
FAULT_LOSS_POINTS = 2.0


def share(value: float) -> str:
    """A share as people read it, rounded down: 100.00 % is all of them, and nothing else."""
    return f"{percent(value)} %"


def _near_static(measured: Measured, routing: str) -> Verdict | None:
    case = "conversation-x3"
    tidegate = measured.figures(case, routing=routing)
    static = measured.hindsight_static(case, ATTAINMENT, routing=routing)
    if tidegate is None:
        return None
    what = f"{share(tidegate.attainment)} @ {tidegate.gpu_hours:.2f} GPU-h"
    if static is None:
        return Verdict(f"{what}; no static size that was run keeps it as often", met=False)
    ratio = tidegate.gpu_hours / static.gpu_hours
    return Verdict(
        f"{what}; hindsight static {share(static.attainment)} @ {static.gpu_hours:.2f}: {ratio - 1:+.0%}",
        met=tidegate.attainment >= ATTAINMENT and ratio <= STATIC_MARGIN,
    )


def _short_start(case: str) -> Callable[[Measured, str], Verdict | None]:
    def judge(measured: Measured, routing: str) -> Verdict | None:
        tidegate = measured.figures(case, routing=routing)
        hpa = measured.figures(case, STRONGEST_HPA, routing=routing)
        known = measured.hindsight(case, routing=routing)
        earliest = [it for policy, it in known.items() if policy.startswith(EARLIEST)]
        if tidegate is None or hpa is None or not earliest:
            return None
        best = min(earliest, key=lambda it: it.missed)
        ratio = tidegate.missed / best.missed if best.missed else float("inf")
        saving = 1 - tidegate.gpu_hours / hpa.gpu_hours
        return Verdict(
            f"{share(tidegate.attainment)} @ {tidegate.gpu_hours:.2f} GPU-h: {ratio:.2f} times the "
            f"{share(best.missed)} that the best clairvoyant misses; {saving:.0%} fewer GPU-h than the HPA "
            f"({share(hpa.attainment)} @ {hpa.gpu_hours:.2f})",
            met=ratio <= MISSED_RATIO and saving >= HPA_SAVING,
        )

    return judge


def _bursts(measured: Measured, routing: str) -> Verdict | None:
    tidegate = measured.figures("code-x4", routing=routing)
    if tidegate is None:
        return None
    return Verdict(
        f"{share(tidegate.attainment)} @ {tidegate.gpu_hours:.2f} GPU-h",
        met=tidegate.attainment >= CODE_ATTAINMENT and tidegate.gpu_hours <= CODE_GPU_HOURS,
    )


def _of_all(measured: Measured, routing: str) -> Mapping[str, Figures]:
    known = ((case, measured.figures(case, routing=routing)) for case in CASES)
    return {case: figures for case, figures in known if figures is not None}


def _worst_regret(measured: Measured, routing: str) -> Verdict | None:
    ratios = {
        case: measured.regret(case, figures, routing=routing)
        for case, figures in _of_all(measured, routing).items()
        if measured.frontier(case, routing=routing)
    }
    if not ratios:
        return None
    worst = max(ratios, key=lambda case: ratios[case].ratio)
    return Verdict(f"{ratios[worst].ratio:.2f}, in {worst}", met=ratios[worst].ratio <= WORST_REGRET)


def _reversals(measured: Measured, routing: str) -> Verdict | None:
    known = {case: figures.reversals_per_hour for case, figures in _of_all(measured, routing).items()}
    if not known:
        return None
    worst = max(known, key=known.__getitem__)
    return Verdict(f"at most {known[worst]:.1f} per hour, in {worst}", met=known[worst] <= REVERSALS_PER_HOUR)


def loss_points(measured: Measured, case: str, fault: str, routing: str) -> float | None:
    """How many points of the share of kept promises a fault costs; None if a run is missing."""
    without, with_it = measured.figures(case, routing=routing), measured.figures(case, routing=routing, fault=fault)
    return None if without is None or with_it is None else 100 * (without.attainment - with_it.attainment)


def _faults(measured: Measured, routing: str) -> Verdict | None:
    known = {
        (case, fault.what): loss
        for case in FAULT_CASES
        for fault in FAULTS
        if (loss := loss_points(measured, case, fault.fault, routing)) is not None
    }
    gaps = [measured.figures(case, routing=routing, fault=GAP.fault) for case in FAULT_CASES]
    downs = [figures.downs_in_gap for figures in gaps if figures is not None]
    if not known or not downs:
        return None
    worst = max(known, key=known.__getitem__)
    return Verdict(
        f"{sum(downs)} scale-downs in the gap; at most {known[worst]:.2f} points lost: {worst[1]}, in {worst[0]}",
        met=not any(downs) and known[worst] <= FAULT_LOSS_POINTS,
    )


_MISSED = (
    f"misses ≤ {MISSED_RATIO} times those of a clairvoyant from the first scrape on, ≥ {HPA_SAVING:.0%} fewer GPU-h"
)
GOALS: Sequence[Goal] = (
    Goal(
        CASES["conversation-x3"].title,
        f"≥ {ATTAINMENT:.1%} within {STATIC_MARGIN - 1:.0%} of the GPU-h of the hindsight static size",
        _near_static,
    ),
    *(
        Goal(CASES[case].title, f"{_MISSED} than `{STRONGEST_HPA}`", _short_start(case))
        for case in ("conversation-x3-short", "conversation-x3-short-slow")
    ),
    Goal(CASES["code-x4"].title, f"≥ {CODE_ATTAINMENT:.1%} @ ≤ {CODE_GPU_HOURS:g} GPU-h", _bursts),
    Goal("all", f"worst regret ≤ {WORST_REGRET}", _worst_regret),
    Goal("all", f"≤ {REVERSALS_PER_HOUR:g} changes taken back per hour", _reversals),
    Goal(
        f"{', '.join(FAULT_CASES)}, with each fault",
        f"no scale-down in the gap, loss ≤ {FAULT_LOSS_POINTS:g} points",
        _faults,
    ),
)
