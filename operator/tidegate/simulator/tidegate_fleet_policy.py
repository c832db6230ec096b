"""Tidegate's own rule for a service with variants as a policy: the very `decide_fleet` that the operator runs."""

from collections.abc import Mapping
from dataclasses import replace

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.quantity import to_number
from tidegate.scaling.budget import Holder, budget_of
from tidegate.scaling.fleet import decide_fleet
from tidegate.scaling.lane import FleetMemory, Lane
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation

from .policy import MixedChoice
from .tidegate_policy import TICK_SECONDS


class TidegateFleetPolicy:
    """Decides with the policy of an InferenceService that has variants, and remembers as the operator does.

    Args:
        spec: what is wanted.
        costs_per_hour: of a replica of each of its variants; None where it is not known.
        name: what the policy is called.
    """

    victims_are_emptiest = True
    period_seconds = TICK_SECONDS

    def __init__(
        self, spec: InferenceServiceSpec, costs_per_hour: Mapping[str, float | None], name: str = "tidegate"
    ) -> None:
        self.name = name
        self.memory = FleetMemory()
        self.memories: Mapping[str, Memory] = {}
        self._spec = spec
        self._costs_per_hour = costs_per_hour
        self._without_place_since: dict[str, float | None] = {}

    def decide_mixed(self, observations: Mapping[str, Observation], now: float) -> MixedChoice:
        """Run the rule; keep the record of all variants together."""
        names = self._spec.variant_names
        lanes = [
            Lane(
                name=name,
                spec=self._spec.of_variant(name),
                observation=self._with_money_and_place(name, observations, now),
                memory=self.memories.get(name, Memory()),
            )
            for name in names
        ]
        decided = decide_fleet(self._spec, lanes, self.memory, now)
        self.memory, self.memories = decided.memory, decided.memories
        sizes = {name: decided.decisions[name].to_replicas for name in names}
        weights = {name: float(weight) for name, weight in decided.weights.items()}
        return MixedChoice(sizes, decided.whole.message, decided.whole, weights)

    def _with_money_and_place(self, name: str, observations: Mapping[str, Observation], now: float) -> Observation:
        """What the operator adds to what is seen of a variant's pods."""
        seen = observations[name]
        stuck = any(pod.unschedulable for pod in seen.pods)
        before = self._without_place_since.get(name)
        since = self._without_place_since[name] = (now if before is None else before) if stuck else None
        own = self._spec.scaling.budget
        most = None if own is None else to_number(own.max_cost_per_hour)
        held = sum(each.replicas * (self._costs_per_hour[other] or 0.0) for other, each in observations.items())
        return replace(
            seen,
            cost_per_hour=self._costs_per_hour[name],
            without_place_since=since,
            budget=budget_of(most, None, Holder(name="simulated", created=0.0, cost_per_hour=held), ()),
        )
