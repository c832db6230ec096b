"""What the chart's rules and dashboards ask Prometheus, and which series there are to ask for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "charts" / "tidegate" / "files"
RULES = sorted((FILES / "rules").glob("*.yaml"))
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))

VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "1m"}
"""What Grafana puts in place of its own variables."""

_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
_MATCHERS = re.compile(r"\{[^}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()")
_QUERY = re.compile(r'printf "([^"]+)".*?\| query')
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One expression."""

    where: str
    expression: str

    def __str__(self) -> str:
        return self.where


def rules() -> list[dict[str, Any]]:
    """All alerts and recordings."""
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recordings() -> set[str]:
    """Names of the series that rules record."""
    return {rule["record"] for rule in rules() if "record" in rule}


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels that show something, also those inside of rows."""
    for panel in dashboard["panels"]:
        yield from panel.get("panels", ())
        if panel["type"] not in {"row", "text"}:
            yield panel


def dashboard_queries() -> list[Asked]:
    """Every query of every panel."""
    return [
        Asked(f"{path.stem}: {panel['title']} {target['refId']}", target["expr"])
        for path in DASHBOARDS
        for panel in panels(json.loads(path.read_text()))
        for target in panel["targets"]
    ]


def rule_queries() -> list[Asked]:
    """Every expression of every rule, and the queries in annotations."""
    asked = []
    for rule in rules():
        name = rule.get("alert") or rule["record"]
        asked.append(Asked(name, rule["expr"]))
        for text in rule.get("annotations", {}).values():
            asked += [Asked(f"{name}: annotation", query) for query in _QUERY.findall(text)]
    return asked


def filled_in(expression: str, **variables: str) -> str:
    """A query as Grafana sends it."""
    for name, value in {**VARIABLES, **{f"${name}": value for name, value in variables.items()}}.items():
        expression = expression.replace(name, value)
    return expression


def names(expression: str) -> set[str]:
    """The names of the series in an expression."""
    for pattern in (_STRING, _MATCHERS, _RANGE, _LABELS):
        expression = pattern.sub(" ", expression)
    return {name for name in _NAME.findall(expression) if name not in _WORDS}
