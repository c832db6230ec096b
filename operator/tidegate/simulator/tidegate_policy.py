"""Tidegate's own rule as a policy: the very `decide` that the operator runs."""

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.decide import decide
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation

from .policy import Choice

TICK_SECONDS = 5.0
"""How often the operator looks."""


class TidegatePolicy:
    """Decides with the policy of an InferenceService, and remembers as the operator does."""

    victims_are_emptiest = True

    def __init__(
        self, spec: InferenceServiceSpec, name: str = "tidegate", period_seconds: float = TICK_SECONDS
    ) -> None:
        self.name = name
        self.period_seconds = period_seconds
        self.memory = Memory()
        self._spec = spec

    def decide(self, observation: Observation, now: float) -> Choice:
        """Run the rule; keep the whole record."""
        decision, self.memory = decide(self._spec, observation, self.memory, now)
        return Choice(decision.to_replicas, decision.message, decision)
