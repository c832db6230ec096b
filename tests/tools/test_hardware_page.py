"""The page of the bench of hardware: from runs to goals."""

from typing import Any

from bench.hardware.fleets import DEFAULTS, OBJECTIVES, Job
from bench.hardware.page import goals, page


def run(kept: float, cost: float) -> dict[str, Any]:
    """A run that kept the promise so often, and cost so much."""
    return {
        "sloAttainment": kept,
        "cost": cost,
        "costPerMillionTokens": cost / 2,
        "replicaHours": {"default": 1.0, "l4": 0.0, "cpu": 0.0},
        "scaleUps": 1,
        "scaleDowns": 0,
        "secondsTaken": 1.0,
    }


RUNS = {
    Job("code", "tidegate", DEFAULTS): run(0.9, 7.0),
    Job("code", "tidegate", OBJECTIVES): run(0.99, 12.0),
    Job("code", "wva"): run(0.5, 3.0),
    Job("code", "default", DEFAULTS): run(0.95, 10.0),
    Job("code", "default", "0.8"): run(0.89, 5.0),
    Job("code", "hindsight", "60,1.2,0"): run(0.92, 6.8),
}


def test_only_what_keeps_it_as_often_is_compared() -> None:
    """A fleet that is cheaper because it keeps less is no rival; where none keeps as much, there is none."""
    _, _, defaults, objectives = goals(RUNS)
    assert (
        "only A100 (defaults): 95.00 % for $10.00 | 30%, met | 92.00 % for $6.80, 1.00 A100 h | 3%, met |" in defaults
    )
    assert "| none |  | none |  |" in objectives


def test_what_is_missed_is_said() -> None:
    """In bold."""
    dear = RUNS | {Job("code", "tidegate", DEFAULTS): run(0.9, 9.0)}
    assert "| 10%, **missed** |" in list(goals(dear))[2]


def test_notes_are_kept() -> None:
    """What was written by hand survives the next run."""
    first = page(RUNS)
    noted = first.replace("by the bench -->\n", "by the bench -->\nWhy it is so.\n", 1)
    assert "Why it is so." in page(RUNS, noted)
    assert "| only A100 | defaults | 95.00 % | 10.00 |" in first
