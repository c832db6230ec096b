"""The cheapest fleet of several variants that hindsight can name: what an allocation that sees only the past aims at.

The trace is cut into intervals. For each of them the cheapest set of replicas (`tidegate.scaling.cheapest`, solved
exactly) is taken that keeps up with the busiest second in it, were requests a fluid (`fluid`): a replica of a variant
is worth the share of the load that it can carry at the load factor given for that variant. Each set is ordered a cold
start before its interval begins and left when that ends.

It is optimal for each interval by itself, within that model. It is no bound for all that is possible: a set that is not
the cheapest of its interval may be cheaper over two of them, where it saves a cold start, and requests are no fluid.
Both are answered by trying: of several lengths of interval and of several loads, what was replayed and kept the promise
often enough at the least cost is the optimum that benches are held to.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.scaling.cheapest import Option, cheapest
from tidegate.scaling.observation import Observation
from tidegate.simulator.hardware import Hardware
from tidegate.simulator.policy import MixedChoice
from tidegate.simulator.replay import SetUp
from tidegate.simulator.trace import TraceRequest

from .fluid import BIN_SECONDS, needed_replicas, operating_point

PERIOD_SECONDS = 1.0
NO_LOAD = 1e-6
"""In replicas; with less nothing is divided by."""


def fluid_need(
    hardware: Hardware, requests: Sequence[TraceRequest], *, first_token_seconds: float, inter_token_seconds: float
) -> list[float] | None:
    """Replicas of one variant alone, fully busy, that keep up with the trace, for every second of it.

    Returns:
        None where even a single request of mean size would break the promise.
    """
    model = hardware.model
    prompt = sum(request.prompt_tokens for request in requests) / len(requests)
    output = sum(request.output_tokens for request in requests) / len(requests)
    alone = model.step_seconds(1)
    if alone > inter_token_seconds or alone + model.c_milliseconds / 1000 * prompt > first_token_seconds:
        return None
    point = operating_point(model, prompt_tokens=prompt, output_tokens=output, inter_token_seconds=inter_token_seconds)
    return needed_replicas(requests, point, first_token_seconds=first_token_seconds)


@dataclass(slots=True, kw_only=True)
class ClairvoyantMix:
    """Orders ahead, by the cold start of each variant, the cheapest set of each interval."""

    name: str
    requests: Sequence[TraceRequest]
    set_up: SetUp
    loads: Mapping[str, float]
    """How busy replicas of each variant are meant to be, 1 being all the time; one that is not named is not used."""

    interval_seconds: float
    period_seconds: float = PERIOD_SECONDS
    paper_cost: float = 0.0
    """What the sets would cost without cold starts, each for its interval only; known once it has planned."""

    _plan: list[Mapping[str, int]] = field(default_factory=list)
    _weights: dict[str, float] = field(default_factory=dict)

    def decide_mixed(self, observations: Mapping[str, Observation], now: float) -> MixedChoice:  # noqa: ARG002
        """See `MixedPolicy`; what is seen does not matter."""
        if not self._plan:
            self._make_plan()
        sizes = {}
        used = self._plan[0]
        begun = max(self.set_up.hardware[variant].model.startup_seconds for variant in used) + self.period_seconds
        for variant, each in self.set_up.hardware.items():
            lead_seconds = each.model.startup_seconds + self.period_seconds
            first = int(now / self.interval_seconds)
            last = int((now + lead_seconds) / self.interval_seconds)
            coming = self._plan[min(first, len(self._plan) - 1) : last + 1]
            kept = each.initial_replicas if now <= begun else 0  # Nothing leaves before the first set can be there.
            sizes[variant] = max(kept, *(plan.get(variant, 0) for plan in coming))
        return MixedChoice(sizes, "known in advance", weights=self._weights)

    def _make_plan(self) -> None:
        hardware = self.set_up.hardware
        needs: dict[str, list[float]] = {}
        for variant, load in self.loads.items():
            need = fluid_need(
                hardware[variant],
                self.requests,
                first_token_seconds=self.set_up.first_token_seconds,
                inter_token_seconds=self.set_up.inter_token_seconds,
            )
            if need is not None:
                needs[variant] = [each / load for each in need]
        seconds = len(next(iter(needs.values())))
        step = math.ceil(self.interval_seconds / BIN_SECONDS)
        for start in range(0, seconds, step):
            peaks = {variant: max(NO_LOAD, *need[start : start + step]) for variant, need in needs.items()}
            options = [
                Option(
                    cost=hardware[variant].cost_per_hour or 0.0,
                    capacity=1 / peak,
                    least=0,
                    most=hardware[variant].max_replicas,
                )
                for variant, peak in peaks.items()
            ]
            found = cheapest(options, 1.0, fewest=1, most=self.set_up.max_replicas)
            self._plan.append(dict(zip(peaks, found.replicas, strict=True)))
        covered = min(seconds * BIN_SECONDS, self.requests[-1].time_seconds)
        hours = [
            max(0.0, min(self.interval_seconds, covered - index * self.interval_seconds)) / 3600
            for index in range(len(self._plan))
        ]
        self.paper_cost = sum(
            hour * size * (hardware[variant].cost_per_hour or 0.0)
            for hour, plan in zip(hours, self._plan, strict=True)
            for variant, size in plan.items()
        )
        totals = {variant: sum(need) for variant, need in needs.items()}
        greatest = max(1 / total for total in totals.values())
        self._weights = {variant: 1 / total / greatest for variant, total in totals.items()}
