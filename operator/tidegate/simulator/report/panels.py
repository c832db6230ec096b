"""What is plotted, as a table: panels from top to bottom, and the lines of each policy in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .records import plot_text


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a run."""

    series: str
    """Its name in the document."""

    what: str
    """What the pointer reads there, with the unit."""

    style: str = "policy"
    """``policy``: the policy's own stroke; ``dot``: what was asked for; ``faint``: what is only to be compared with."""

    steps: bool = False
    """Whether it jumps from one value to the next."""

    divisor: float = 1.0
    """From the document's unit to the one that is shown."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot over time."""

    title: str
    axis: str
    """What the vertical axis counts, with the unit."""

    lines: Sequence[Line]
    weight: float = 1.0
    """Its height, in parts."""

    logarithmic: bool = False
    shared: bool = False
    """Whether all runs have the same line, because it is the trace's."""

    changes: bool = False
    """Whether changes of size are marked in it."""

    promise: str | None = None
    """The field of the set-up that is drawn in as a limit, in milliseconds."""

    stack_of: int | None = None
    """The index of the only run that it shows: its replicas by variant, one upon the other."""


PANELS: Sequence[Panel] = (
    Panel("Arrivals", "requests/s", (Line("arrivals", "%{y:.1f} requests/s arrive"),), weight=0.6, shared=True),
    Panel(
        "Replicas: ready (line), desired (dots), billed (faint; those that load or leave, too)",
        "replicas",
        (
            Line("created", "%{y} billed", style="faint", steps=True),
            Line("desired", "%{y} desired", style="dot", steps=True),
            Line("ready", "%{y} ready", steps=True),
        ),
        weight=1.6,
        changes=True,
    ),
    Panel("Queue", "requests waiting", (Line("waiting", "%{y:,} requests wait"),)),
    Panel(
        "Time to first token, 95th percentile, by arrival",
        "seconds (log)",
        (Line("ttftP95Ms", "%{y:.2f} s to the first token (p95)", divisor=1000),),
        logarithmic=True,
        promise="ttftMs",
    ),
    Panel("Cost so far", "GPU hours", (Line("gpuHours", "%{y:.2f} GPU hours so far"),)),
)

COST = Panel("Cost so far", "in the currency of the prices", (Line("cost", "%{y:.2f} so far"),))
"""Instead of the last one, where all prices are known."""

STACKS = 4
"""More runs than this are not shown by variant."""


def panels_for(runs: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """The panels of a document: with a stack for each run that mixes variants, and money where there is any."""
    *panels, hours = PANELS
    mixed = [index for index, run in enumerate(runs) if len(variants_of(run)) > 1][:STACKS]
    stacks = [Panel(_stack_title(runs[index]), "replicas", (), stack_of=index) for index in mixed]
    priced = all("cost" in run["series"] for run in runs)
    return [*panels[:2], *stacks, *panels[2:], COST if priced else hours]


def _stack_title(run: Mapping[str, Any]) -> str:
    names = ", ".join(map(plot_text, variants_of(run)))
    return f"Ready by variant, {plot_text(run['policy'])} (from below: {names})"


def variants_of(run: Mapping[str, Any]) -> dict[str, list[int]]:
    """How many replicas of each variant were ready over time, of those that ever were."""
    ready = run["series"].get("readyByVariant", {})
    return {variant: counts for variant, counts in ready.items() if any(counts)}
