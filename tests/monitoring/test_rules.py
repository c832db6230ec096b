"""The chart's recordings and alerts: what they mean is tested by promtool, with the cases beside this file."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from expressions import ROOT, RULES, alerts

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.yaml"))
ALERTS = alerts()
RUNBOOKS = (ROOT / "docs" / "alerts.md").read_text()
ADDRESS = "https://github.com/tidegate/tidegate/blob/main/docs/alerts.md#"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Prometheus' own checker; skip where it is not installed."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("NOT TESTED with promtool: it is not installed; Debian's package `prometheus` has it")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments


def cases() -> list[dict[str, Any]]:
    """All cases of all alerts."""
    tests = [test for path in CASES for test in yaml.safe_load(path.read_text())["tests"]]
    return [case for test in tests for case in test.get("alert_rule_test", ())]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_prometheus_takes_the_rules(path: Path) -> None:
    """Expressions parse, names are fit, no rule is there twice."""
    done = promtool("check", "rules", "--lint-fatal", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_rules_fire_when_they_should_and_not_otherwise(path: Path) -> None:
    """With the labels and the words that people get to see."""
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(name: str) -> None:
    """An alert that was never seen to fire, or to be silent, is not tested."""
    outcomes = {bool(case["exp_alerts"]) for case in cases() if case["alertname"] == name}
    assert outcomes == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_how_bad_it_is_what_it_is_and_what_to_do(name: str) -> None:
    """And it waits before it wakes anybody."""
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"{ADDRESS}{name.lower()}"
    assert alert["for"].endswith("m")


def test_each_alert_has_a_section_with_its_cause_and_its_end_and_no_section_is_left_over() -> None:
    """The address in an alert leads to it."""
    assert re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE) == list(ALERTS)
    for section in re.split(r"^## ", RUNBOOKS, flags=re.MULTILINE)[1:]:
        for part in ("**Fires when**", "**What it means**", "**What to do**"):
            assert part in section, section.partition("\n")[0]
