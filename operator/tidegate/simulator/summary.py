"""What came of a comparison, for a terminal: a table of all policies, and sentences that say what it shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import floor
from typing import Any

Run = Mapping[str, Any]
Document = Mapping[str, Any]

NOTHING = "-"
ALIKE = 0.001
"""Policies that keep the promise as often, but for so large a share of the requests, are called equal."""

FORESIGHT = "clairvoyant"
"""How the names of those begin that know the future: they bound what is possible, and nobody can run them."""

_AS_OFTEN = f"at least as often, give or take {ALIKE * 100:g} points"

OWN = "tidegate"
"""How the names of Tidegate's own policies begin."""


def percent(share: float) -> str:
    """A share as a percentage of two digits, rounded down: 100.00 means all.

    >>> percent(0.99996)
    '99.99'
    """
    return f"{floor(round(share * 1_000_000) / 100) / 100:.2f}"


def _money(run: Run, field: str, times: float = 1) -> str:
    """What was paid; nothing where a price is not known."""
    value = run.get(field)
    return NOTHING if value is None else f"{value * times:,.2f}"


def _seconds(milliseconds: float | None) -> str:
    return NOTHING if milliseconds is None else f"{milliseconds / 1000:,.2f}s"


def _whole(milliseconds: float | None) -> str:
    return NOTHING if milliseconds is None else f"{milliseconds:,.0f}ms"


COLUMNS: Mapping[str, Callable[[Run], str]] = {
    "KEPT %": lambda run: percent(run["sloAttainment"]),
    "GPU-H": lambda run: f"{run['gpuHours']:,.2f}",
    "TTFT P50": lambda run: _seconds(run["ttftMs"]["p50"]),
    "P95": lambda run: _seconds(run["ttftMs"]["p95"]),
    "ITL P95": lambda run: _whole(run["itlMs"]["p95"]),
    "UNFINISHED": lambda run: f"{run['unfinished']:,}",
    "PEAK": lambda run: str(run["peakReplicas"]),
    "UPS": lambda run: str(run["scaleUps"]),
    "DOWNS": lambda run: str(run["scaleDowns"]),
    "REVERSALS": lambda run: str(run["reversals"]),
    "WORST": lambda run: f"{run['recoverySeconds']:,.0f}s",
}
"""Heading to what stands below it; before them is the policy's name."""

COST_COLUMNS: Mapping[str, Callable[[Run], str]] = {
    "COST": lambda run: _money(run, "cost"),
    "PER 1M TOKENS": lambda run: _money(run, "costPerMillionTokens"),
    "PER 1000 KEPT": lambda run: _money(run, "costPerRequestKept", 1000),
}
"""The same, where prices are known: behind the hours."""

HOURS = "GPU-H"


def table(document: Document) -> Iterator[str]:
    """The lines of the table."""
    runs = _runs(document)
    columns: dict[str, Callable[[Run], str]] = {}
    for heading, shown in COLUMNS.items():
        columns[heading] = shown
        if heading == HOURS and any("cost" in run for run in runs):
            columns |= COST_COLUMNS
    rows = [("POLICY", *columns), *((run["policy"], *(shown(run) for shown in columns.values())) for run in runs)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        figures = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((name.ljust(widths[0]), *figures))


def conclusion(document: Document) -> Iterator[str]:
    """What the table shows, in sentences: of each policy of Tidegate's, compared with the others."""
    runs = _runs(document)
    own = [run for run in runs if run["policy"].startswith(OWN)] or runs[:1]
    others = [run for run in runs if not any(run is each for each in own) and not run["policy"].startswith(FORESIGHT)]
    set_up = document["setUp"]
    promise = f"first token within {set_up['ttftMs'] / 1000:g} s, then one every {set_up['itlMs']:g} ms on average"
    for run in own:
        yield (
            f"{run['policy']} kept the promise ({promise}) for {percent(run['sloAttainment'])} % of "
            f"{run['requests']:,} requests with {_spent(run)} and "
            f"{_replicas(run['peakReplicas'])} at most.{_beside(run, others)}"
        )


def _replicas(number: int) -> str:
    return f"{number} replica{'s' if number != 1 else ''}"


def _beside(run: Run, others: Sequence[Run]) -> str:
    if not others:
        return ""
    as_good = [each for each in others if each["sloAttainment"] > run["sloAttainment"] - ALIKE]
    if not as_good:
        paid = _paid(others)
        best = max(others, key=lambda each: (each["sloAttainment"], -paid(each)))
        who = "" if len(others) == 1 else " No other policy kept it as often;"
        return f"{who} {best['policy']} kept it for {percent(best['sloAttainment'])} % with {_cost(best, run)}."
    cheapest = min(as_good, key=_paid(as_good))
    if len(others) == 1:
        return f" {cheapest['policy']} kept it {_AS_OFTEN}, with {_cost(cheapest, run)}."
    return (
        f" Of {len(others)} others {len(as_good)} kept it {_AS_OFTEN}; the cheapest of them, {cheapest['policy']}, "
        f"with {_cost(cheapest, run)}."
    )


def _paid(runs: Sequence[Run]) -> Callable[[Run], float]:
    """Money where it is known of all of them, or else hours: the two do not compare."""
    unit = "cost" if all("cost" in run for run in runs) else "gpuHours"
    return lambda run: float(run[unit])


def _spent(run: Run) -> str:
    hours = f"{run['gpuHours']:,.2f} GPU-hours"
    return f"{hours} for {run['cost']:,.2f}" if "cost" in run else hours


def _cost(run: Run, beside: Run) -> str:
    spent, both = _spent(run), "cost" in run and "cost" in beside
    mine, other = (run["cost"], beside["cost"]) if both else (run["gpuHours"], beside["gpuHours"])
    if not other:
        return spent
    percents = round(100 * (mine / other - 1))
    alike = "about as much" if both else "about as many"
    return f"{spent}, {abs(percents)} % {'more' if percents > 0 else 'less'}" if percents else f"{spent}, {alike}"


def _runs(document: Document) -> Sequence[Run]:
    return list(document["runs"])
