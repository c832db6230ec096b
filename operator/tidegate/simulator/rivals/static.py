"""A size that never changes: the frontier of all of them is what a scaler has to beat."""

from dataclasses import dataclass

from tidegate.scaling.observation import Observation
from tidegate.simulator.policy import Choice


@dataclass(slots=True, kw_only=True)
class Static:
    """So many replicas from the first second on; a set-up that starts with as many has them without a cold start."""

    name: str
    replicas: int
    period_seconds: float = 1.0

    def decide(self, observation: Observation, now: float) -> Choice:  # noqa: ARG002 - it looks at nothing
        """See `Policy`."""
        return Choice(self.replicas, "static")
