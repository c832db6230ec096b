"""A size that never changes: the frontier of all of them is what a scaler has to beat."""

from dataclasses import dataclass

from tidegate.scaling.observation import Observation
from tidegate.simulator.policy import Choice


@dataclass(slots=True, kw_only=True)
class Static:
    """So many replicas from the first moment on: the set-up has to start with them."""

    name: str
    replicas: int
    period_seconds: float = 60.0

    def decide(self, observation: Observation, now: float) -> Choice:  # noqa: ARG002 - it looks at nothing
        """See `Policy`."""
        return Choice(self.replicas, "static")
