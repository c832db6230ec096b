"""The page of `make bench-scaling`, from runs that are made up."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.scaling.goals import GOALS
from bench.scaling.jobs import STATIC, STRONGEST_HPA, TIDEGATE, Job, first_jobs, published, rivals, swept
from bench.scaling.measured import Measured
from bench.scaling.page import NOTES_BEGIN, NOTES_END, Effort, page
from bench.scaling.plots import draw
from bench.scaling.set_ups import CASES, FAULTS, GAP, ROUTINGS, SEEDS

EFFORT = Effort(runs=3, processor_seconds=600)
SERIES = {"seconds": [0.0, 10.0], "ready": [4, 4], "desired": [4, 5], "arrivals": [1.0, 2.0]}


def made_up(attainment: float, gpu_hours: float, **others: Any) -> Mapping[str, Any]:
    """A run of an hour."""
    return {
        "sloAttainment": attainment,
        "gpuHours": gpu_hours,
        "ttftMs": {"p95": 500.0},
        "reversals": 0,
        "scaleUps": 3,
        "scaleDowns": 2,
        "peakReplicas": 9,
        "durationSeconds": 3600.0,
        "scaleDownSeconds": [100.0],
        "series": SERIES,
    } | others


def all_good() -> dict[Job, Mapping[str, Any]]:
    """Every run that the bench makes, so that every goal is just met: hindsight pays 10, Tidegate a little more."""
    runs = {job: made_up(0.99, 40.0) for job in first_jobs()}
    for job in runs:
        name, _, target = job.policy.partition("=")
        if name == TIDEGATE:
            runs[job] = made_up(0.9993 - 0.0001 * job.seed, 10.4)
        elif name.startswith("clairvoyant"):
            runs[job] = made_up(0.9993, 10.0 + float(target))
        elif name == STATIC:
            runs[job] = made_up(0.9999, 10.0) if job.case == "conversation-x3" else made_up(0.5, 11.0)
        if name == TIDEGATE and job.case == "code-x4":
            runs[job] = made_up(0.9993, 18.0 / 1.4)
    return runs


def test_every_goal_has_a_verdict_once_everything_has_run() -> None:
    """No goal lacks a run for either routing, and good runs meet all of them."""
    measured = Measured(all_good())
    verdicts = {(goal.goal, routing): goal.judge(measured, routing) for goal in GOALS for routing in ROUTINGS}
    assert {key: verdict for key, verdict in verdicts.items() if verdict is None or not verdict.met} == {}


@pytest.mark.parametrize(
    ("goal", "case", "policy", "change"),
    [
        (0, "conversation-x3", TIDEGATE, {"sloAttainment": 0.9985}),
        (0, "conversation-x3", TIDEGATE, {"gpuHours": 10.6}),
        (1, "conversation-x3-short", TIDEGATE, {"sloAttainment": 0.998}),
        (1, "conversation-x3-short", STRONGEST_HPA, {"gpuHours": 12.0}),
        (2, "conversation-x3-short-slow", TIDEGATE, {"sloAttainment": 0.998}),
        (3, "code-x4", TIDEGATE, {"sloAttainment": 0.85}),
        (3, "code-x4", TIDEGATE, {"gpuHours": 19.5}),
        (4, "code-x2", TIDEGATE, {"gpuHours": 20.0}),
        (5, "conversation-x5", TIDEGATE, {"reversals": 3}),
    ],
)
def test_a_goal_is_missed_by_what_it_is_about(goal: int, case: str, policy: str, change: dict[str, Any]) -> None:
    """Each bound of each goal bites: runs that are all good but for one thing miss that goal."""
    runs = {
        job: {**run, **change} if (job.case, job.policy) == (case, policy) and not job.fault else run
        for job, run in all_good().items()
    }
    verdict = GOALS[goal].judge(Measured(runs), "least-loaded")
    assert verdict is not None
    assert not verdict.met


@pytest.mark.parametrize(
    "change", [{"sloAttainment": 0.95}, {"scaleDownSeconds": [930.0]}], ids=["loss", "down in the gap"]
)
def test_a_fault_that_costs_much_or_shrinks_the_service_is_a_miss(change: dict[str, Any]) -> None:
    """Both halves of the goal about faults bite, even in one run of three."""
    runs = all_good()
    seeds = SEEDS if "sloAttainment" in change else SEEDS[:1]
    for seed in seeds:
        job = Job(case="code-x4", policy=TIDEGATE, seed=seed, fault=GAP.fault)
        runs[job] = {**runs[job], **change}
    verdict = GOALS[-1].judge(Measured(runs), "least-loaded")
    assert verdict is not None
    assert not verdict.met


def test_figures_are_medians_over_the_seeds() -> None:
    """One seed that went badly is no verdict, and none that went well."""
    figures = Measured(all_good()).figures("conversation-x3")
    assert figures is not None
    assert (figures.seeds, figures.attainment) == (len(SEEDS), pytest.approx(0.9991))


def test_the_best_target_of_a_rival_is_the_cheapest_that_is_as_good_as_tidegate() -> None:
    """If none is as good, it is the one that keeps the promise most often."""
    case, rival = "code-x4", "hpa-running"
    first, second, third = swept(rival)[:3]
    runs = {
        Job(case=case, policy=TIDEGATE, seed=1): made_up(0.9, 10),
        Job(case=case, policy=first, seed=1): made_up(0.8, 5),
        Job(case=case, policy=second, seed=1): made_up(0.95, 30),
        Job(case=case, policy=third, seed=1): made_up(0.92, 20),
    }
    assert Measured(runs).best_swept(case, rival) == third
    runs[Job(case=case, policy=TIDEGATE, seed=1)] = made_up(0.99, 10)
    assert Measured(runs).best_swept(case, rival) == second


def test_the_page_names_every_set_up_rival_and_fault() -> None:
    """Nothing that was run is left out, and no verdict is missing."""
    text = page(Measured(all_good()), EFFORT)
    assert [case.title for case in CASES.values() if f"## {case.title}" not in text] == []
    assert [name for name in rivals() if f"| {published(name)} |" not in text] == []
    assert [fault.what for fault in FAULTS if f"| {fault.what} " not in text] == []
    assert "not run" not in text
    assert "3 runs, 10 minutes" in text
    assert "still to be made" not in text
    assert "**7 runs are still to be made.**" in page(Measured(all_good()), replace(EFFORT, missing=7))


def test_a_page_of_few_runs_says_what_was_not_run() -> None:
    """A first look leaves gaps; it does not fail, and claims nothing."""
    text = page(Measured({Job(case="code-x4", policy=TIDEGATE, seed=1): made_up(0.9, 10)}), EFFORT)
    assert "not run" in text
    assert text.count(" yes |") + text.count("**no**") == 2  # what code x4 alone can tell: its goal, and reversals


def test_notes_written_by_hand_are_kept() -> None:
    """Whoever explains a missed goal need not do so again after the next run."""
    measured = Measured(all_good())
    old = page(measured, EFFORT).replace(f"{NOTES_BEGIN}\n", f"{NOTES_BEGIN}\n\nBursts are short.\n\n")
    new = page(measured, replace(EFFORT, runs=4), old)
    assert f"{NOTES_BEGIN}\n\nBursts are short.\n\n{NOTES_END}" in new
    assert "\n4 runs" in new


def test_the_plots_are_the_same_file_for_the_same_runs(tmp_path: Path) -> None:
    """SVG that names its policies as text, and does not change by itself."""
    measured, case = Measured(all_good()), CASES["code-x2"]
    draw(measured, case, tmp_path / "one.svg")
    draw(measured, case, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    texts = {"".join(element.itertext()) for element in ET.parse(tmp_path / "one.svg").iter()}  # noqa: S314 - ours
    assert {TIDEGATE, STATIC, *rivals(), case.title} <= texts
