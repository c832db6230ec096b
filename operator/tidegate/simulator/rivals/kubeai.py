"""KubeAI's autoscaler: the mean of requests in flight over ten minutes.

Source: KubeAI 0.22.1 (f442a2c, 2025-10-15), `internal/modelautoscaler/autoscaler.go`,
`internal/movingaverage/simple.go`, `internal/modelclient/scale.go`; `internal/config/system.go` and
`api/k8s/v1/model_types.go` for the defaults: every 10 s, over 10 minutes, down after 30 s of wanting less. Its default
target is 100; its catalog has 32 for an 8B model on one L4 (`charts/models/values.yaml`). With `minReplicas` 1. The
mean starts full of the first value, as after a restart of KubeAI, where that of a new model would start at 0.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from tidegate.scaling.observation import Observation
from tidegate.simulator.policy import Choice

from .signals import IN_FLIGHT, fresh_samples

INTERVAL_SECONDS = 10.0
TIME_WINDOW_SECONDS = 600.0
SCALE_DOWN_DELAY_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class KubeAI:
    """A Model's autoscaler."""

    name: str
    target: float
    period_seconds: float = INTERVAL_SECONDS
    _history: deque[float] = field(default_factory=deque)
    _scale_downs: int = 0

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`. Its proxy counts; here the pods do, so that without a sample the tick is skipped."""
        current = observation.replicas
        values = IN_FLIGHT.read(fresh_samples(observation, now))
        if not values:
            return Choice(current, "no metrics")
        if not self._history:
            length = math.ceil(TIME_WINDOW_SECONDS / INTERVAL_SECONDS)
            self._history = deque([sum(values.values())] * length, maxlen=length)
        self._history.append(sum(values.values()))
        mean = sum(self._history) / len(self._history)
        wanted = max(1, math.ceil(mean / self.target))
        because = f"{mean:.3g} in flight over 10 min"
        if wanted >= current:
            self._scale_downs = 0
        elif self._scale_downs < math.ceil(SCALE_DOWN_DELAY_SECONDS / INTERVAL_SECONDS):
            self._scale_downs += 1
            return Choice(current, because)
        return Choice(wanted, because)
