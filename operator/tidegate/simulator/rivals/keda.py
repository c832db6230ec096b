"""KEDA's ScaledObject with a Prometheus trigger: an HPA on the sum of a metric, target type AverageValue.

Source: KEDA 2.20 (8b4f083), `pkg/scaling/executor/scale_scaledobjects.go`, `pkg/scalers/prometheus_scaler.go`
(`ignoreNullValues` is true: a query without a result is 0); Kubernetes 1.33, `replica_calculator.go`
(`GetExternalPerPodMetricReplicas`). Between 1 and the maximum KEDA leaves the decision to the HPA. Its own switch
between 0 and 1 is left out: with `minReplicaCount` 1 it does nothing, and with 0 no metric of a pod could switch it on.
"""

from dataclasses import dataclass, field

from tidegate.scaling.observation import Observation
from tidegate.simulator.policy import Choice

from .horizontal_pod_autoscaler import SYNC_SECONDS, whole, within_tolerance
from .pace import Pace
from .signals import Signal, fresh_samples


def desired_replicas(total: float, *, current: int, target: float) -> int:
    """How many replicas have the target each; the present size while the total is within the tolerance of it."""
    return current if within_tolerance(total / (target * current)) else whole(total / target)


@dataclass(slots=True, kw_only=True)
class Keda:
    """A ScaledObject with one trigger and `minReplicaCount` 1."""

    name: str
    signal: Signal
    target: float
    period_seconds: float = SYNC_SECONDS
    pace: Pace = field(default_factory=Pace)

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`."""
        current = observation.replicas
        total = sum(self.signal.read(fresh_samples(observation, now)).values())
        if current == 0:
            return Choice(0, "scaled to 0 by someone else")
        wanted = desired_replicas(total, current=current, target=self.target)
        return Choice(self.pace.size(current, wanted, now), f"{total:.3g} of {self.target:g} each: {wanted} wanted")
