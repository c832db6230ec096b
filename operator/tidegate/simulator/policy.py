"""What decides sizes in a simulation: Tidegate's rule, or a rival's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from tidegate.api.names import DEFAULT_VARIANT
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


@dataclass(frozen=True, slots=True)
class MixedChoice:
    """The sizes that a policy wants now."""

    sizes: Mapping[str, int]
    """By variant; one that is not named has none."""

    because: str = ""
    decision: Decision | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    """What a pod of each variant gets of the requests, beside the others; 1 where it is not said."""


@runtime_checkable
class MixedPolicy(Protocol):
    """Decides how many replicas of each variant a service has."""

    name: str
    period_seconds: float

    def decide_mixed(self, observations: Mapping[str, Observation], now: float) -> MixedChoice:
        """Choose the sizes; arguments as for `Policy.decide`, one observation for each variant."""


class OnOneVariant:
    """A policy that knows of one size only, on one of the variants.

    Args:
        policy: who decides.
        variant: whose size it is; the others have none.
        initial_replicas: ready when the trace begins; None: as many as the set-up says of this variant.
    """

    def __init__(self, policy: Policy, variant: str = DEFAULT_VARIANT, *, initial_replicas: int | None = None) -> None:
        self.name = policy.name
        self.period_seconds = policy.period_seconds
        self.victims_are_emptiest: bool = getattr(policy, "victims_are_emptiest", False)
        self.policy = policy
        self.variant = variant
        self.initial_replicas = initial_replicas

    def decide_mixed(self, observations: Mapping[str, Observation], now: float) -> MixedChoice:
        """See `MixedPolicy`."""
        choice = self.policy.decide(observations[self.variant], now)
        return MixedChoice({self.variant: choice.replicas}, choice.because, choice.decision)
