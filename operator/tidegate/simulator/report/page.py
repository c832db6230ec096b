"""The page around the plots: text, table, records, style and script, all in one file."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from .figure import figure_json
from .records import list_item
from .table import legend, policies_table, swatch

INSTALL = "python -m pip install 'tidegate[simulate]'"

FACTS: Mapping[str, tuple[str, str]] = {
    "requests": ("Requests", "{:,}"),
    "durationSeconds": ("Duration", "{:,.0f} s"),
    "refused": ("Left out, too long for the model", "{:,}"),
    "cut": ("Answers cut short by the model's context", "{:,}"),
    "copies": ("Copies of each request", "{:,}"),
    "replicaModel": ("Replica model", "{}"),
    "startupSeconds": ("Cold start", "{:g} s"),
    "initialReplicas": ("Replicas at the start", "{}"),
    "maxReplicas": ("Replicas at most", "{}"),
    "scrapeIntervalSeconds": ("Metrics every", "{:g} s"),
    "metricsDelaySeconds": ("Metrics older by", "{:g} s"),
    "routing": ("Routing", "{}"),
    "ttftMs": ("Promise: time to first token", "{:,.0f} ms"),
    "itlMs": ("Promise: time between tokens", "{:,.0f} ms"),
    "variants": ("Variants", "{}"),
    "faults": ("Faults", "{}"),
    "seed": ("Seed", "{}"),
}
"""Fields of ``trace`` and ``setUp`` that are told above the plots: what people call them, and how they are shown."""


class PlotlyMissingError(RuntimeError):
    """A report was asked for and plotly is not installed."""


def write_report(document: Mapping[str, Any], path: str | Path) -> None:
    """Write the report of a simulation: one HTML file that loads nothing from anywhere.

    Args:
        document: what ``tidegate simulate --json`` writes: ``trace``, ``setUp`` (with ``ttftMs``, the promise, in
            milliseconds) and ``runs``, each with its figures, ``series`` (lists of the same length, None for no value)
            and ``changes``. Strings in it may hold anything; they are shown as they are.
        path: of the file; replaced if it is there. Some 5 MB, nearly all of it the plotting library.

    Raises:
        PlotlyMissingError: if plotly is not installed; the message names the command that installs it.
        OSError: if the file cannot be written.
    """
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415 - an optional library, and a second to import

        figure = figure_json(document)
    except ImportError as error:
        raise PlotlyMissingError(
            f"a report needs plotly, which is not installed; install it with: {INSTALL}"
        ) from error
    runs = document["runs"]
    here = files(__package__)
    page = Template((here / "page.html").read_text("utf-8")).substitute(
        title=escape(f"{document['trace']['name']}: {len(runs)} {'policy' if len(runs) == 1 else 'policies'}"),
        style=(here / "page.css").read_text("utf-8"),
        facts=_facts({**document["trace"], **document["setUp"], "variants": _variants(document["setUp"])}),
        table=policies_table(runs),
        legend=legend(runs),
        records=_records(runs),
        figure=figure.replace("<", "\\u003c"),  # Nothing in it can end the script element that holds it.
        plotly=get_plotlyjs(),
        script=(here / "page.js").read_text("utf-8"),
    )
    Path(path).write_text(page, "utf-8")


def _facts(given: Mapping[str, Any]) -> str:
    known = ((label, form.format(_joined(given[field]))) for field, (label, form) in FACTS.items() if given.get(field))
    return "".join(f"<div><dt>{label}</dt><dd>{escape(text)}</dd></div>" for label, text in known)


def _variants(set_up: Mapping[str, Any]) -> list[str]:
    """Each in a few words."""
    return [
        f"{name}: {each['replicaModel']}, {'no price' if each['costPerHour'] is None else each['costPerHour']} an hour"
        for name, each in set_up.get("variants", {}).items()
    ]


def _joined(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _records(runs: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f"<details><summary>{swatch(index)}{escape(run['policy'])}: {len(run['changes'])} changes</summary><table>"
        "<thead><tr><th scope=col>At</th><th scope=col>Replicas</th><th scope=col>Why</th></tr></thead>"
        f"<tbody>{''.join(map(list_item, run['changes']))}</tbody></table></details>"
        for index, run in enumerate(runs)
        if run["changes"]
    )
