"""From the document of a simulation to a figure for plotly.js, but for its colours: they follow the reader's theme."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from typing import Any

from .panels import Line, Panel, panels_for, variants_of
from .records import hover_text, plot_text

Run = Mapping[str, Any]

DASHES = ("solid", "dash", "dashdot")
"""Strokes of policies: when the colours are used up, they begin again with the next stroke."""

COLOURS = 8
"""Colours of the style sheet, ``--policy-0`` to ``--policy-7``."""

SHOWN_AT_FIRST = 4
"""More policies than this are a tangle; the reader chooses."""

WIDTHS: Mapping[str, float] = {"policy": 2, "dot": 1.5, "faint": 1}
HEIGHT = 260
GAP = 0.055
USUAL_PANELS = 5
"""With so many the gap is what it is; the more panels, the smaller its share of the height."""
HOURS_FROM_SECONDS = 3 * 3600.0
"""A longer time than this is shown in hours."""


def stroke(index: int) -> str:
    """How the lines of the policy of this index are dashed."""
    return DASHES[index // COLOURS % len(DASHES)]


def figure_json(document: Mapping[str, Any]) -> str:
    """The figure, as the JSON that ``Plotly.newPlot`` takes.

    Each trace carries ``meta``: ``policy``, the index of its run or -1 for what is the trace's own, and ``style``; from
    them the script of the page takes colours and what is shown.

    Raises:
        ImportError: if plotly is not installed.
    """
    from plotly import graph_objects, subplots  # noqa: PLC0415 - an optional library, and a second to import

    runs: Sequence[Run] = document["runs"]
    last = max((run["series"]["seconds"][-1] for run in runs if run["series"]["seconds"]), default=0)
    unit, seconds_per_unit = ("hours", 3600.0) if last > HOURS_FROM_SECONDS else ("minutes", 60.0)
    panels = panels_for(runs)
    figure = subplots.make_subplots(
        rows=len(panels),
        shared_xaxes=True,
        vertical_spacing=GAP * USUAL_PANELS / len(panels),
        row_heights=[panel.weight for panel in panels],
        subplot_titles=[panel.title for panel in panels],
    )
    figure.update_annotations(x=0, xanchor="left")
    for row, panel in enumerate(panels, start=1):
        for trace in _traces(panel, runs, seconds_per_unit=seconds_per_unit):
            figure.add_trace(graph_objects.Scatter(trace), row=row, col=1)
        figure.update_yaxes(title_text=panel.axis, row=row, col=1)
        if panel.logarithmic:
            figure.update_yaxes(type="log", dtick=1, row=row, col=1)
        else:
            figure.update_yaxes(rangemode="tozero", row=row, col=1)
        if panel.promise:
            _draw_promise(figure, document["setUp"][panel.promise] / 1000, row=row)
    figure.update_xaxes(
        range=[-0.005 * last / seconds_per_unit, 1.005 * last / seconds_per_unit],
        showticklabels=True,
        showspikes=True,
        spikemode="across",
    )
    figure.update_yaxes(showspikes=False)
    figure.update_xaxes(spikethickness=1, spikedash="solid", zeroline=False)
    figure.update_xaxes(title_text=f"{unit} since the trace began", row=len(panels), col=1)
    figure.update_layout(
        template="none",
        height=HEIGHT * len(panels),
        margin={"l": 64, "r": 16, "t": 32, "b": 48},
        hovermode="closest",
        hoverlabel={"align": "left", "namelength": -1},
        showlegend=False,
        dragmode="zoom",
    )
    text: str = figure.to_json()
    return text


def _draw_promise(figure: Any, seconds: float, *, row: int) -> None:
    figure.add_hline(y=seconds, row=row, col=1)
    figure.add_annotation(
        text=f"promise: {seconds:g} s",
        x=1,
        xref="x domain",
        xanchor="right",
        y=log10(seconds),  # Annotations, unlike lines, are given the exponent on a logarithmic axis.
        yanchor="bottom",
        showarrow=False,
        row=row,
        col=1,
    )


def _traces(panel: Panel, runs: Sequence[Run], *, seconds_per_unit: float) -> Iterator[dict[str, Any]]:
    if panel.stack_of is not None:
        yield from _stack(runs[panel.stack_of], panel.stack_of, seconds_per_unit=seconds_per_unit)
        return
    if panel.shared:
        whose = {"name": "all policies", "visible": True, "fill": "tozeroy", "meta": {"policy": -1, "style": "area"}}
        yield from (_line(line, runs[0], 0, seconds_per_unit=seconds_per_unit) | whose for line in panel.lines)
        return
    for index, run in reversed(tuple(enumerate(runs))):  # The first is drawn last: on top.
        yield from (_line(line, run, index, seconds_per_unit=seconds_per_unit) for line in panel.lines)
        if panel.changes and run["changes"]:
            yield _marks(run, index, seconds_per_unit=seconds_per_unit)


def _stack(run: Run, index: int, *, seconds_per_unit: float) -> Iterator[dict[str, Any]]:
    """Areas one upon the other, with the variant's name in its place."""
    seconds = run["series"]["seconds"]
    for place, (variant, counts) in enumerate(variants_of(run).items()):
        yield {
            "mode": "lines",
            "name": plot_text(variant),
            "x": [round(each / seconds_per_unit, 4) for each in seconds],
            "y": counts,
            "stackgroup": f"policy {index}",
            "hovertemplate": "%{y} ready",
            "visible": index < SHOWN_AT_FIRST,
            "line": {"shape": "hv", "width": 1},
            "meta": {"policy": index, "style": "variant", "place": place},
        }


def _line(line: Line, run: Run, index: int, *, seconds_per_unit: float) -> dict[str, Any]:
    series = run["series"]
    return {
        "mode": "lines",
        "name": plot_text(run["policy"]),
        "x": [round(seconds / seconds_per_unit, 4) for seconds in series["seconds"]],
        "y": [None if value is None else value / line.divisor for value in series[line.series]],
        "hovertemplate": line.what,
        "visible": index < SHOWN_AT_FIRST,
        "line": {
            "shape": "hv" if line.steps else "linear",
            "dash": "dot" if line.style == "dot" else stroke(index),
            "width": WIDTHS[line.style],
        },
        "meta": {"policy": index, "style": line.style},
    }


def _marks(run: Run, index: int, *, seconds_per_unit: float) -> dict[str, Any]:
    changes = run["changes"]
    return {
        "mode": "markers",
        "name": plot_text(run["policy"]),
        "x": [change["seconds"] / seconds_per_unit for change in changes],
        "y": [change["to"] for change in changes],
        "hovertext": [hover_text(change) for change in changes],
        "hoverinfo": "text+name",
        "visible": index < SHOWN_AT_FIRST,
        "marker": {
            "symbol": ["triangle-up" if change["to"] > change["from"] else "triangle-down" for change in changes],
            "size": 11,
            "line": {"width": 1},
        },
        "meta": {"policy": index, "style": "marks"},
    }
