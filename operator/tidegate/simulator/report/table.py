"""The table of all policies: a column is a line here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tidegate.simulator.summary import percent

from .figure import COLOURS, SHOWN_AT_FIRST, stroke

STROKE_DASHES: Mapping[str, str] = {"solid": "", "dash": "6 4", "dashdot": "7 3 2 3"}

LONG_NAME = 32
"""Characters of a policy's name that the table keeps in one line."""


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of each run."""

    heading: str
    unit: str
    figure: Callable[[Mapping[str, Any]], float | None]
    shown: Callable[[float], str]
    meaning: str
    """What the heading says to a pointer that rests on it."""


def _two_places(value: float) -> str:
    return f"{value:,.2f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _thousand(value: float | None) -> float | None:
    return None if value is None else 1000 * value


def _percentiles(field: str, heading: str, unit: str, divisor: float, meaning: str) -> Sequence[Column]:
    def column(key: str) -> Column:
        def figure(run: Mapping[str, Any]) -> float | None:
            value = run[field][key]
            return None if value is None else value / divisor

        return Column(f"{heading} {key}", unit, figure, _two_places if unit == "s" else _whole, meaning)

    return tuple(column(key) for key in ("p50", "p95", "p99"))


COST_COLUMNS: Sequence[Column] = (
    Column("Cost", "money", lambda run: run.get("cost"), _two_places, "Hours of each variant times its price"),
    Column(
        "Per million", "tokens", lambda run: run.get("costPerMillionTokens"), _two_places,
        "Cost divided by the tokens, prompts and answers, of the requests that ended normally",
    ),
    Column(
        "Per thousand", "kept", lambda run: _thousand(run.get("costPerRequestKept")), _two_places,
        "Cost divided by the requests whose promise was kept",
    ),
)  # fmt: skip
"""Where prices are known."""

COLUMNS: Sequence[Column] = (
    Column(
        "Promise kept", "%", lambda run: run["sloAttainment"], percent,
        "Share of all requests whose time to first token and mean time between tokens were within the promise",
    ),
    Column(
        "Hours", "GPU-h", lambda run: run["gpuHours"], _two_places,
        "Hours of replicas from their order to their end: those that load and leave are paid, too",
    ),
    *COST_COLUMNS,
    *_percentiles("ttftMs", "TTFT", "s", 1000, "Time from a request's arrival to its first token"),
    *_percentiles("itlMs", "ITL", "ms", 1, "Mean time between the tokens of a request"),
    Column("Ups", "", lambda run: run["scaleUps"], _whole, "Changes to more replicas"),
    Column("Downs", "", lambda run: run["scaleDowns"], _whole, "Changes to fewer replicas"),
    Column("Reversals", "", lambda run: run["reversals"], _whole, "Changes that soon took the one before them back"),
    Column("Peak", "replicas", lambda run: run["peakReplicas"], _whole, "The most replicas at once"),
    Column("Unfinished", "requests", lambda run: run["unfinished"], _whole, "Requests that got no whole answer"),
    Column(
        "Worst stretch", "s", lambda run: run["recoverySeconds"], _whole,
        "The longest time without a break in which the p95 of the time to first token was above the promise",
    ),
)  # fmt: skip


def policies_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """The table, as HTML."""
    priced = any("cost" in run for run in runs)
    columns = [column for column in COLUMNS if priced or column not in COST_COLUMNS]
    headings = "".join(
        f'<th scope=col title="{escape(column.meaning)}">{column.heading}<small>{column.unit}</small></th>'
        for column in columns
    )
    rows = "".join(_row(index, run, columns) for index, run in enumerate(runs))
    return f"<table><thead><tr><th scope=col>Policy</th>{headings}</tr></thead><tbody>{rows}</tbody></table>"


def legend(runs: Sequence[Mapping[str, Any]]) -> str:
    """A box to tick for each policy, as HTML: which ones the plots show."""
    return "".join(
        f"<label><input type=checkbox data-policy={index}{' checked' if index < SHOWN_AT_FIRST else ''}>"
        f"{swatch(index)}{escape(run['policy'])}</label>"
        for index, run in enumerate(runs)
    )


def swatch(index: int) -> str:
    """A short piece of the line that the policy has in the plots."""
    return (
        "<svg class=swatch width=28 height=10 aria-hidden=true><line x1=0 y1=5 x2=28 y2=5 stroke-width=3 "
        f'stroke="var(--policy-{index % COLOURS})" stroke-dasharray="{STROKE_DASHES[stroke(index)]}"/></svg>'
    )


def _row(index: int, run: Mapping[str, Any], columns: Sequence[Column]) -> str:
    cells = "".join(f"<td class=number>{_cell(column, run)}</td>" for column in columns)
    long = " class=long" if len(run["policy"]) > LONG_NAME else ""
    return f"<tr><th scope=row{long}>{swatch(index)}{escape(run['policy'])}</th>{cells}</tr>"


def _cell(column: Column, run: Mapping[str, Any]) -> str:
    value = column.figure(run)
    return "&ndash;" if value is None else column.shown(value)
