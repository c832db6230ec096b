"""HorizontalPodAutoscaler `autoscaling/v2` on a metric of the pods, target type AverageValue.

Source: Kubernetes 1.33, `pkg/controller/podautoscaler/replica_calculator.go` (`calcPlainMetricReplicas`, `groupPods`),
`horizontal.go`, and the defaults of kube-controller-manager: a decision every 15 s, tolerance 0.1.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from tidegate.scaling.observation import Observation
from tidegate.simulator.policy import Choice

from .pace import Pace
from .signals import Signal, fresh_samples

SYNC_SECONDS = 15.0
TOLERANCE = 0.1


def desired_replicas(
    values: Collection[float], *, current: int, target: float, missing: int = 0, pending: int = 0
) -> int | None:
    """How many replicas bring the mean of the metric to its target.

    Args:
        values: the metric of each pod that has it.
        current: the size as it is written.
        target: the mean to reach.
        missing: running pods without the metric. They count as 0 on the way up and as on target on the way down.
        pending: pods that do not run yet. They count as 0 on the way up and not at all on the way down.

    Returns:
        The size, or None where no pod has the metric: the HPA then changes nothing.
    """
    if not values:
        return None
    total, count = sum(values), len(values)
    ratio = total / (target * count)
    if ratio < 1:
        total, count = total + target * missing, count + missing
    elif ratio > 1:
        count += missing + pending
    corrected = total / (target * count)
    if within_tolerance(corrected) or (ratio > 1) != (corrected > 1):
        return current
    size = whole(corrected * count)
    if (missing or (pending and ratio > 1)) and (size < current if corrected > 1 else size > current):
        return current
    return size


def within_tolerance(ratio: float) -> bool:
    """Whether a metric is so near its target that nothing changes; the bounds belong to it."""
    return 1 - TOLERANCE <= ratio <= 1 + TOLERANCE


def whole(replicas: float) -> int:
    """Rounded up, but not for the last digits of a float: the HPA computes in thousandths."""
    return math.ceil(replicas - 1e-6)


@dataclass(slots=True, kw_only=True)
class HorizontalPodAutoscaler:
    """An HPA on one signal, with the default `behavior`."""

    name: str
    signal: Signal
    target: float
    period_seconds: float = SYNC_SECONDS
    pace: Pace = field(default_factory=Pace)

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`. A pod that loads its model runs without metrics; one that finds no node is pending."""
        current = observation.replicas
        values = self.signal.read(fresh_samples(observation, now))
        pending = sum(pod.unschedulable for pod in observation.pods)
        wanted = desired_replicas(
            values.values(),
            current=current,
            target=self.target,
            missing=len(observation.pods) - pending - len(values),
            pending=pending,
        )
        if wanted is None or current == 0:  # an HPA leaves alone what it cannot measure and what was set to 0
            return Choice(current, "no metrics")
        size = self.pace.size(current, wanted, now)
        return Choice(size, f"mean {sum(values.values()) / len(values):.3g} of {self.target:g}: {wanted} wanted")
