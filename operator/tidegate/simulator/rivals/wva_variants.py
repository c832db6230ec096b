"""The Workload Variant Autoscaler of llm-d over several variants: up where capacity is cheapest, down the dearest.

Source: llm-d-workload-variant-autoscaler (74afe4c), `internal/engines/pipeline/cost_aware_optimizer.go`; what is
required and what is spare is that of `wva_tokens`, added up over the variants. Of a variant without replicas the
capacity is the one that its engine's arguments give with the sizes of requests that the others see. Where that rule
leaves no replica at all, one of the cheapest variant stays, as its enforcer has it while scale to zero is off. Its
gateway, the endpoint picker of llm-d, looks at the share of the KV cache in use, so pods get requests by the size of
their caches.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from tidegate.scaling.observation import Observation
from tidegate.simulator.hardware import Hardware
from tidegate.simulator.policy import MixedChoice

from .signals import fresh_samples
from .wva_saturation import LOOP_SECONDS, HighestLoads
from .wva_tokens import SCALE_DOWN_BOUNDARY, SCALE_UP_THRESHOLD, Analyzer, MeanSizes, ReplicaTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantCapacity:
    """A variant, as the optimizer sees it."""

    cost: float
    """Of a replica."""

    per_replica: float
    """Tokens of KV cache that it is good for."""


def grown(sizes: Mapping[str, int], variants: Mapping[str, VariantCapacity], required: float) -> dict[str, int]:
    """Sizes that give what is required, by whole replicas of the variant whose capacity is cheapest."""
    targets = dict(sizes)
    usable = {name: each for name, each in variants.items() if each.per_replica > 0}
    for name, each in sorted(usable.items(), key=lambda item: item[1].cost / item[1].per_replica):
        if required <= 0:
            break
        more = math.ceil(required / each.per_replica)
        targets[name] += more
        required -= more * each.per_replica
    return targets


def shrunk(sizes: Mapping[str, int], variants: Mapping[str, VariantCapacity], spare: float) -> dict[str, int]:
    """Sizes without what is spare, by whole replicas of the dearest variant first; the last replica stays."""
    targets = dict(sizes)
    cheapest = min(variants, key=lambda name: variants[name].cost)
    for name, each in sorted(variants.items(), key=lambda item: -item[1].cost):
        if spare <= 0:
            break
        if each.per_replica <= 0:
            continue
        others = any(size for other, size in targets.items() if other != name)
        kept = 1 if name == cheapest and not others else 0
        fewer = min(math.floor(spare / each.per_replica), max(0, targets[name] - kept))
        targets[name] -= fewer
        spare -= fewer * each.per_replica
    return targets if any(targets.values()) else targets | {cheapest: 1}


@dataclass(slots=True, kw_only=True)
class WvaVariants:
    """As many replicas as the tokens that are resident and waiting take, each minute, where they are cheapest."""

    name: str
    hardware: Mapping[str, Hardware]
    """Those whose price is not known are taken for free, as theirs is."""

    period_seconds: float = 5.0
    _loads: dict[str, HighestLoads] = field(default_factory=dict)
    _sizes: MeanSizes = field(default_factory=MeanSizes)
    _analyzers: dict[str, Analyzer] = field(default_factory=dict)
    _next: float = 0.0

    def __post_init__(self) -> None:
        """Know the arguments of every engine."""
        for name, each in self.hardware.items():
            self._loads[name] = HighestLoads()
            self._analyzers[name] = Analyzer(
                kv_tokens=each.model.kv_tokens,
                token_budget=each.model.token_budget,
                max_sequences=each.model.max_sequences,
            )

    def decide_mixed(self, observations: Mapping[str, Observation], now: float) -> MixedChoice:
        """See `MixedPolicy`. It is asked more often than it decides, to see the highest of every minute."""
        sizes = {name: each.replicas for name, each in observations.items()}
        loads = {name: self._loads[name].see(each, now) for name, each in observations.items()}
        samples = {uid: one for each in observations.values() for uid, one in fresh_samples(each, now).items()}
        self._sizes.count(samples)
        weights = {name: float(each.model.kv_tokens) for name, each in self.hardware.items()}
        if now < self._next or not any(loads.values()):
            return MixedChoice(sizes, "between two decisions", weights=weights)
        self._next = now + LOOP_SECONDS
        replicas = {
            name: [
                ReplicaTokens(
                    load.kv_usage * self.hardware[name].model.kv_tokens, int(load.waiting), *self._sizes.of(uid)
                )
                for uid, load in each.items()
            ]
            for name, each in loads.items()
        }
        every = [one for each in replicas.values() for one in each]
        typical = ReplicaTokens(
            0.0, 0, median(one.mean_input for one in every), median(one.mean_output for one in every)
        )
        variants = {
            name: VariantCapacity(
                cost=each.cost_per_hour or 0.0,
                per_replica=self._analyzers[name].per_replica(replicas[name] or [typical]),
            )
            for name, each in self.hardware.items()
        }
        demand = sum(one.in_use + one.waiting * one.mean_input for one in every)
        supply = {name: size * variants[name].per_replica for name, size in sizes.items()}
        ready = {name: len(each.ready_pods) * variants[name].per_replica for name, each in observations.items()}
        required = demand / SCALE_UP_THRESHOLD - sum(supply.values())
        spare = sum(ready.values()) - demand / SCALE_DOWN_BOUNDARY
        told = f"{max(required, 0):.0f} tokens required, {max(spare, 0):.0f} spare"
        if required > 0:
            return MixedChoice(grown(sizes, variants, required), told, weights=weights)
        return MixedChoice(shrunk(sizes, variants, spare), told, weights=weights)
