"""What the runs came to: medians over their seeds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from .frontier import Point, Regret, pareto, regret
from .jobs import HINDSIGHT, LEAST_LOADED, STATIC, TIDEGATE, Job, swept
from .set_ups import GAP_SECONDS, METRICS_DELAY_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One policy in one set-up."""

    seeds: int
    attainment: float
    """Share of requests whose promise was kept, 0 to 1."""

    gpu_hours: float
    first_token_p95_seconds: float | None
    reversals_per_hour: float
    changes: float
    peak_replicas: float
    downs_in_gap: int
    """Scale-downs while metrics were gone, in the worst run; of runs without that fault it means nothing."""

    @property
    def missed(self) -> float:
        """Share of requests whose promise was broken."""
        return 1 - self.attainment

    @property
    def point(self) -> Point:
        """Where it stands against the frontier."""
        return Point(self.attainment, self.gpu_hours)


class Measured:
    """All runs, by what they were."""

    def __init__(self, runs: Mapping[Job, Mapping[str, Any]]) -> None:
        self.runs = runs

    @cached_property
    def _by_row(self) -> Mapping[tuple[str, str, str, str], list[Mapping[str, Any]]]:
        rows: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] = {}
        for job, run in sorted(self.runs.items(), key=lambda item: item[0].seed):
            rows.setdefault((job.case, job.policy, job.routing, job.fault), []).append(run)
        return rows

    def figures(
        self, case: str, policy: str = TIDEGATE, *, routing: str = LEAST_LOADED, fault: str = ""
    ) -> Figures | None:
        """Medians over the seeds of a policy in a set-up; None if it was not run."""
        runs = self._by_row.get((case, policy, routing, fault))
        return None if runs is None else _figures(runs)

    def first_run(self, case: str, policy: str) -> Mapping[str, Any] | None:
        """The run with the first seed, with its series."""
        runs = self._by_row.get((case, policy, LEAST_LOADED, ""))
        return runs[0] if runs else None

    def hindsight(self, case: str, *, routing: str = LEAST_LOADED) -> Mapping[str, Figures]:
        """What knew the trace, by policy."""
        policies = [
            key[1]
            for key in self._by_row
            if key[0] == case and key[2:] == (routing, "") and key[1].partition("=")[0] in HINDSIGHT
        ]
        return {policy: _figures(self._by_row[case, policy, routing, ""]) for policy in policies}

    def frontier(self, case: str, *, routing: str = LEAST_LOADED) -> list[Point]:
        """The best of all that knew the trace."""
        return pareto(figures.point for figures in self.hindsight(case, routing=routing).values())

    def regret(self, case: str, figures: Figures, *, routing: str = LEAST_LOADED) -> Regret:
        """How much more than that it paid."""
        return regret(figures.point, self.frontier(case, routing=routing))

    def hindsight_static(self, case: str, attainment: float, *, routing: str = LEAST_LOADED) -> Figures | None:
        """The cheapest static size that kept the promise as often; None if none did."""
        known = self.hindsight(case, routing=routing)
        sizes = (figures for policy, figures in known.items() if policy.startswith(f"{STATIC}="))
        return min((it for it in sizes if it.attainment >= attainment), key=lambda it: it.gpu_hours, default=None)

    def best_swept(self, case: str, rival: str) -> str | None:
        """The target that does best against Tidegate: the cheapest that keeps the promise as often.

        If none does, it is the one that keeps it most often. None if the rival was not run.
        """
        tidegate = self.figures(case)
        known = {policy: it for policy in swept(rival) if (it := self.figures(case, policy)) is not None}
        if tidegate is None or not known:
            return None
        as_good = {policy: it for policy, it in known.items() if it.attainment >= tidegate.attainment}
        if as_good:
            return min(as_good, key=lambda policy: as_good[policy].gpu_hours)
        return max(known, key=lambda policy: (known[policy].attainment, -known[policy].gpu_hours))


def _figures(runs: Iterable[Mapping[str, Any]]) -> Figures:
    runs = list(runs)

    def middle(field: str) -> float:
        return median(run[field] for run in runs)

    first_tokens = [run["ttftMs"]["p95"] for run in runs]
    begin, end = GAP_SECONDS[0], GAP_SECONDS[1] + METRICS_DELAY_SECONDS
    return Figures(
        seeds=len(runs),
        attainment=middle("sloAttainment"),
        gpu_hours=middle("gpuHours"),
        first_token_p95_seconds=None if None in first_tokens else median(first_tokens) / 1000,
        reversals_per_hour=median(run["reversals"] / run["durationSeconds"] * 3600 for run in runs),
        changes=median(run["scaleUps"] + run["scaleDowns"] for run in runs),
        peak_replicas=middle("peakReplicas"),
        downs_in_gap=max(sum(begin <= seconds <= end for seconds in run["scaleDownSeconds"]) for run in runs),
    )
