"""AIBrix's APA on the share of KV cache in use.

Source: AIBrix 0.7 (e3e10f9, 2026-08-22), `pkg/controller/podautoscaler/algorithm/apa.go`, `context/context.go` for the
defaults, and `podautoscaler_controller.go` (a decision every 10 s). Target, window and tolerances are those of its
samples and its benchmark (`samples/autoscaling/apa.yaml`): 0.5, 30 s, 0.1 and 0.2. They do better than the defaults
(180 s, 0.1 and 0.1), which double a size again and again while pods load.

A pod whose metrics cannot be read counts as 0 there (`metrics/fetcher.go`) and here. The cooldown takes the lowest
recommendation of its window there (`stabilizeRecommendation`); here it stabilizes as an HPA's does, which is what the
documentation says and does better. AIBrix's KPA is left out: it divides the mean per pod by the target per pod, so that
it wants one replica or half of what there is, whatever the load.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from tidegate.api.behavior import PolicyType, ScalingPolicy, ScalingRules
from tidegate.scaling.observation import Observation
from tidegate.simulator.policy import Choice

from .pace import Pace
from .signals import Signal, fresh_samples

OBSERVE_SECONDS = 30.0
COOLDOWN = ScalingRules(stabilization_window_seconds=300)
AT_ONCE = ScalingRules(policies=[ScalingPolicy(type=PolicyType.PERCENT, value=1000, period_seconds=1)])
"""No limit of its own: `desired_replicas` has one."""


def desired_replicas(
    value: float,
    *,
    current: int,
    target: float,
    max_scale_up_rate: float = 2.0,
    max_scale_down_rate: float = 2.0,
    up_tolerance: float = 0.1,
    down_tolerance: float = 0.2,
) -> int:
    """The size that brings the mean per pod to its target, at most doubled or halved at once."""
    ratio = value / target
    if ratio > 1 + up_tolerance:
        return min(math.ceil(current * ratio), math.ceil(current * max_scale_up_rate))
    if ratio < 1 - down_tolerance:
        return max(math.ceil(current * ratio), math.floor(current / max_scale_down_rate))
    return current


@dataclass(slots=True, kw_only=True)
class Apa:
    """A PodAutoscaler with strategy APA and one metric of the pods."""

    name: str
    signal: Signal
    target: float
    period_seconds: float = 10.0
    pace: Pace = field(default_factory=lambda: Pace(up=AT_ONCE, down=COOLDOWN))
    _means: deque[tuple[float, float]] = field(default_factory=deque)

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`."""
        values = self.signal.read(fresh_samples(observation, now))
        if observation.pods:
            self._means.append((now, sum(values.values()) / len(observation.pods)))
        while self._means and self._means[0][0] < now - OBSERVE_SECONDS:
            self._means.popleft()
        if not self._means or observation.replicas == 0:
            return Choice(observation.replicas, "no pods")
        value = sum(mean for _, mean in self._means) / len(self._means)
        wanted = desired_replicas(value, current=observation.replicas, target=self.target)
        return Choice(self.pace.size(observation.replicas, wanted, now), f"mean {value:.3g} of {self.target:g}")
