"""The plots of the page, as SVG files."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .jobs import CLAIRVOYANTS, EARLIEST, STATIC, STRONGEST_HPA, TIDEGATE, rivals, swept
from .measured import Figures, Measured
from .set_ups import Case

LEAST_MISSED_PERCENT = 0.01
"""The axis of what was missed is logarithmic and ends here."""

STYLE = {
    "svg.fonttype": "none",  # Text stays text: small, and readable for programs.
    "svg.hashsalt": "tidegate",  # The same plot is the same file.
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
}
TIDEGATE_COLOUR, HPA_COLOUR, FRONTIER_COLOUR, QUIET = "#0060c7", "#c2410c", "#1b1f24", "#57606a"
RIVAL_COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#8c6d00", "#7a5195", "#bc5090", "#4d9221", "#888888", "#b15928",
    "#1f9e9e", "#d73027",
)  # fmt: skip


def draw(measured: Measured, case: Case, path: Path) -> None:
    """Draw what each policy missed and cost in a set-up, and below it Tidegate's replicas over time."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 9), layout="constrained")
        plane, time, load = figure.subplots(3, 1, height_ratios=(5, 2.2, 1.2))
        _draw_plane(plane, measured, case)
        _draw_time(time, load, measured, case)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _draw_plane(axes: Axes, measured: Measured, case: Case) -> None:
    known = measured.hindsight(case.name)
    for name, style in ((STATIC, "-"), (CLAIRVOYANTS[0], ":"), (CLAIRVOYANTS[1], "--"), (EARLIEST, "-.")):
        points = [figures for policy, figures in known.items() if policy.partition("=")[0] == name]
        _line(axes, points, label=name, color=FRONTIER_COLOUR, linestyle=style, marker=".", linewidth=1.3)
    for rival, colour in zip(rivals(), RIVAL_COLOURS, strict=False):
        points = [figures for policy in swept(rival) if (figures := measured.figures(case.name, policy)) is not None]
        _line(
            axes,
            points,
            label=rival,
            color=colour,
            linestyle="-",
            marker="o",
            markersize=3.5,
            linewidth=0.8,
            alpha=0.85,
        )
    tidegate = measured.figures(case.name)
    if tidegate is not None:
        _line(axes, [tidegate], label=TIDEGATE, color=TIDEGATE_COLOUR, linestyle="", marker="*", markersize=16)
        axes.set_xlim(0, 3.2 * max(tidegate.gpu_hours, *(figures.gpu_hours for figures in known.values()), 1e-9) / 2)
    axes.set_yscale("log")
    axes.set_ylim(100, LEAST_MISSED_PERCENT / 1.3)
    axes.set_yticks([100, 10, 1, 0.1, 0.01], ["100", "10", "1", "0.1", "≤ 0.01"])
    axes.set_xlabel("GPU-h (left is cheaper)")
    axes.set_ylabel("requests that missed the promise, %\n(up is better)")
    axes.set_title(case.title, loc="left", fontweight="bold")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _line(axes: Axes, points: Sequence[Figures], **style: object) -> None:
    if points:
        xs = [figures.gpu_hours for figures in points]
        ys = [max(100 * figures.missed, LEAST_MISSED_PERCENT) for figures in points]
        axes.plot(xs, ys, **style)  # type: ignore[arg-type] # Its stubs name each argument.


def _draw_time(axes: Axes, load: Axes, measured: Measured, case: Case) -> None:
    for policy, colour in ((STRONGEST_HPA, HPA_COLOUR), (TIDEGATE, TIDEGATE_COLOUR)):
        run = measured.first_run(case.name, policy)
        if run is None:
            continue
        series = run["series"]
        minutes = [seconds / 60 for seconds in series["seconds"]]
        axes.step(minutes, series["ready"], where="post", color=colour, linewidth=1.6, label=f"{policy}: ready")
        axes.step(minutes, series["desired"], where="post", color=colour, linewidth=0.9, linestyle=":", label="desired")
        if policy == TIDEGATE:
            load.fill_between(minutes, series["arrivals"], color=QUIET, alpha=0.35, linewidth=0)
    axes.set_ylabel("replicas")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    axes.tick_params(labelbottom=False)
    load.set_ylabel("requests/s")
    load.set_xlabel("minutes since the trace began (first seed)")
    load.set_ylim(bottom=0)
    load.sharex(axes)
    load.set_xlim(left=0)
