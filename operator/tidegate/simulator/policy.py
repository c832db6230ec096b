"""What decides sizes in a simulation: Tidegate's rule, or a rival's."""

from dataclasses import dataclass
from typing import Protocol

from tidegate.scaling.decision import Decision
from tidegate.scaling.observation import Observation


@dataclass(frozen=True, slots=True)
class Choice:
    """The size that a policy wants now."""

    replicas: int
    because: str = ""
    decision: Decision | None = None
    """The whole record, where the policy keeps one."""


class Policy(Protocol):
    """Decides the size of one service, again and again.

    It sees what the operator would see: pods, whether they are ready, and their samples as they were last scraped.
    """

    name: str
    period_seconds: float
    """How often it decides."""

    def decide(self, observation: Observation, now: float) -> Choice:
        """Choose a size between 0 and the maximum of the set-up, which the caller enforces.

        Args:
            observation: the service as it is known now.
            now: seconds since the start of the trace; never earlier than the last call's.
        """
