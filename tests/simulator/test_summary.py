from typing import Any

import pytest

from tidegate.simulator.summary import conclusion, percent, table


def run(policy: str, share: float, gpu_hours: float) -> dict[str, Any]:
    """One entry of `runs`."""
    return {
        "policy": policy,
        "sloAttainment": share,
        "gpuHours": gpu_hours,
        "requests": 58_098,
        "unfinished": 0,
        "ttftMs": {"p50": 120.0, "p95": 450.0, "p99": 1000.0},
        "itlMs": {"p50": 20.0, "p95": 33.4, "p99": None},
        "scaleUps": 2,
        "scaleDowns": 1,
        "reversals": 0,
        "peakReplicas": 9,
        "recoverySeconds": 1240.0,
    }


def document(*runs: dict[str, Any]) -> dict[str, Any]:
    """As `compare` makes it."""
    return {"trace": {}, "setUp": {"ttftMs": 2000.0, "itlMs": 100.0}, "runs": list(runs)}


@pytest.mark.parametrize(
    ("share", "text"), [(1, "100.00"), (0.99999, "99.99"), (0.9994, "99.94"), (0.29, "29.00"), (0, "0.00")]
)
def test_all_is_only_said_of_all(share: float, text: str) -> None:
    """Rounding up would call a broken promise kept."""
    assert percent(share) == text


def test_the_table_is_aligned() -> None:
    """Names to the left, figures to the right, all lines of the same length, and a dash where there is no figure."""
    nothing = run("hpa-running-waiting=20", 0, 12.345) | {"ttftMs": {"p50": None, "p95": None, "p99": None}}
    lines = list(table(document(run("tidegate", 0.9994, 6.91), nothing)))
    assert lines == [
        (
            "POLICY                  KEPT %  GPU-H  TTFT P50    P95  ITL P95  UNFINISHED  PEAK  UPS  DOWNS  REVERSALS"
            "   WORST"
        ),
        (
            "tidegate                 99.94   6.91     0.12s  0.45s     33ms           0     9    2      1          0"
            "  1,240s"
        ),
        (
            "hpa-running-waiting=20    0.00  12.35         -      -     33ms           0     9    2      1          0"
            "  1,240s"
        ),
    ]


AS_OFTEN = "at least as often, give or take 0.1 points"
PROMISE = "(first token within 2 s, then one every 100 ms on average)"
OWN = f"tidegate kept the promise {PROMISE} for 99.50 % of 58,098 requests with 8.00 GPU-hours and 9 replicas at most."


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ([], ""),
        ([run("clairvoyant-60=0.85", 1, 3)], ""),
        ([run("a", 0.98, 6)], " a kept it for 98.00 % with 6.00 GPU-hours, 25 % less."),
        ([run("a", 1, 8.01)], f" a kept it {AS_OFTEN}, with 8.01 GPU-hours, about as many."),
        (
            [run("a", 0.98, 6), run("b", 0.99, 12)],
            " No other policy kept it as often; b kept it for 99.00 % with 12.00 GPU-hours, 50 % more.",
        ),
        (
            [run("a", 0.9945, 6), run("b", 1, 12), run("c", 0.9, 1)],
            f" Of 3 others 2 kept it {AS_OFTEN}; the cheapest of them, a, with 6.00 GPU-hours, 25 % less.",
        ),
    ],
)
def test_what_the_table_shows_is_said(others: list[dict[str, Any]], says: str) -> None:
    """Against Tidegate's policy too, where another did as well for less."""
    assert list(conclusion(document(run("tidegate", 0.995, 8.0), *others))) == [OWN + says]


def test_one_replica_is_one() -> None:
    """People read it."""
    (line,) = conclusion(document(run("tidegate", 1, 1.0) | {"peakReplicas": 1}))
    assert line.endswith("with 1.00 GPU-hours and 1 replica at most.")


def test_each_of_several_policies_is_compared_with_the_rivals() -> None:
    """A sentence for each --service."""
    lines = list(conclusion(document(run("tidegate a", 1, 8.0), run("tidegate b", 0.9, 4.0), run("x", 0.99, 2.0))))
    assert [line.split(" kept")[0] for line in lines] == ["tidegate a", "tidegate b"]
    assert "x kept it for 99.00 %" in lines[0]
    assert f"x kept it {AS_OFTEN}" in lines[1]


def test_money_is_not_compared_with_hours() -> None:
    """Of one run a price was not known: then hours decide which of the others is the cheapest."""
    own = run("tidegate", 0.99, 4.0)
    few_hours = {**run("hpa-cpu", 0.99, 5.0), "cost": 50.0}
    many_hours = run("keda-queue", 0.99, 9.0)
    (sentence,) = conclusion(document(own, few_hours, many_hours))
    assert "the cheapest of them, hpa-cpu" in sentence
