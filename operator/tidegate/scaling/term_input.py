"""What the terms of the rule look at, and how they round."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.api.scaling import MAXIMUM_REPLICAS, Scaling
from tidegate.scaling import behavior
from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.decision import Proposal
from tidegate.scaling.learned import Learned
from tidegate.scaling.observation import Observation

LEAST_LEAD_SECONDS = 10.0
LIKELY_LEAD_SECONDS = 60.0
"""The lead time before any pod was seen to start, and the least that is believed."""

ROUNDING_DIGITS = 9
"""180 units/s may be 180.00000000000003 when they are summed: over 45 a replica that is 4 replicas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermInput:
    """All that a term may look at."""

    scaling: Scaling
    observation: Observation
    traffic: Traffic
    carried_running: float | None
    learned: Learned
    capacity: Capacity | None
    """What one replica can do; None while that is not known."""

    now: float

    @property
    def lead_seconds(self) -> float:
        """How long pods that are ordered now take until they are ready."""
        return max(LEAST_LEAD_SECONDS, self.learned.lead_time.seconds or LIKELY_LEAD_SECONDS)

    @property
    def expected_requests_per_second(self) -> float | None:
        """Demand on these pods when those that are ordered now are ready; None while it is not known."""
        forecast = self.learned.forecast
        if forecast.level is None:
            return None
        return self.observation.part * forecast.at_least_growing(self.lead_seconds)


Term = Callable[[TermInput], Proposal | None]
"""Proposes a size, or nothing where it has nothing to say."""


def rounded_up(exact: float) -> int:
    """Round up. What exceeds every size that the API allows is as good as that; no replica for a rounding error."""
    return math.ceil(round(min(exact, MAXIMUM_REPLICAS), ROUNDING_DIGITS))


def with_tolerance(exact: float, given: TermInput) -> int:
    """Round up, but leave the present size alone where it is near enough."""
    current, rules = given.observation.replicas, given.scaling.behavior
    if current and 0 <= exact / current - 1 <= behavior.tolerance(rules.scale_up):
        return current
    if current and 0 <= 1 - exact / current <= behavior.tolerance(rules.scale_down):
        return current
    return rounded_up(exact)
