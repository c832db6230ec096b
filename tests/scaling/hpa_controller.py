"""The HPA controller's treatment of what its metrics desire, read independently from its source.

Source: Kubernetes `pkg/controller/podautoscaler/horizontal.go`: `normalizeDesiredReplicasWithBehaviors` and all that it
calls, `recordInitialRecommendation`, `storeScaleEvent`; `pkg/apis/autoscaling/v2/defaults.go`. Its shape is kept: two
lists of events, one of recommendations, limits found policy by policy. Left out: that it reuses the places of outdated
entries, and that its numbers overflow at 2^31.
"""

import math
from dataclasses import dataclass, field

from tidegate.api.behavior import PolicyType, ScalingPolicy, ScalingRules, SelectPolicy

GO_DEFAULT_UP = ScalingRules(
    stabilization_window_seconds=0,
    policies=[
        ScalingPolicy(type=PolicyType.PODS, value=4, period_seconds=15),
        ScalingPolicy(type=PolicyType.PERCENT, value=100, period_seconds=15),
    ],
)
GO_DEFAULT_DOWN = ScalingRules(
    stabilization_window_seconds=300,
    policies=[ScalingPolicy(type=PolicyType.PERCENT, value=100, period_seconds=15)],
)


def defaulted(rules: ScalingRules, defaults: ScalingRules) -> ScalingRules:
    """`copyHPAScalingRules`: what is given wins."""
    window, policies = rules.stabilization_window_seconds, rules.policies
    return ScalingRules(
        stabilization_window_seconds=defaults.stabilization_window_seconds if window is None else window,
        select_policy=rules.select_policy,
        policies=defaults.policies if policies is None else policies,
    )


@dataclass
class Autoscaler:
    """What the HPA controller remembers of one HPA, and how it normalizes what its metrics desire."""

    up: ScalingRules
    down: ScalingRules
    minimum: int
    maximum: int
    recommendations: list[tuple[int, float]] = field(default_factory=list)
    up_events: list[tuple[int, float]] = field(default_factory=list)
    down_events: list[tuple[int, float]] = field(default_factory=list)

    def normalize(self, current: int, desired: int, now: float) -> int:
        """`reconcileAutoscaler`, from the desired size on."""
        if not self.recommendations:
            self.recommendations.append((current, now))
        size = self.rate(current, self.stabilize(current, desired, now), now)
        if size > current:
            self.up_events.append((size - current, now))
        elif size < current:
            self.down_events.append((current - size, now))
        return size

    def stabilize(self, current: int, desired: int, now: float) -> int:
        """`stabilizeRecommendationWithBehaviors`."""
        up_cutoff = now - (self.up.stabilization_window_seconds or 0)
        down_cutoff = now - (self.down.stabilization_window_seconds or 0)
        up = down = desired
        for replicas, time in self.recommendations:
            if time > up_cutoff:
                up = min(replicas, up)
            if time > down_cutoff:
                down = max(replicas, down)
        size = min(max(current, up), down)
        self.recommendations.append((desired, now))
        return size

    def rate(self, current: int, desired: int, now: float) -> int:
        """`convertDesiredReplicasWithBehaviorRate`."""
        if desired > current:
            limit = max(self.up_limit(current, now), current)
            return min(desired, self.maximum, limit)
        if desired < current:
            limit = min(self.down_limit(current, now), current)
            return max(desired, self.minimum, limit)
        return desired

    def period_start(self, current: int, period_seconds: int, now: float) -> int:
        """`getReplicasChangePerPeriod` of both lists."""
        added = sum(change for change, time in self.up_events if time > now - period_seconds)
        deleted = sum(change for change, time in self.down_events if time > now - period_seconds)
        return current - added + deleted

    def up_limit(self, current: int, now: float) -> int:
        """`calculateScaleUpLimitWithScalingRules`."""
        if self.up.select_policy is SelectPolicy.DISABLED:
            return current
        fewest = self.up.select_policy is SelectPolicy.MIN
        result = 2**31 - 1 if fewest else -(2**31)
        for policy in self.up.policies or ():
            start = self.period_start(current, policy.period_seconds, now)
            if policy.type is PolicyType.PODS:
                proposed = start + policy.value
            else:
                proposed = math.ceil(float(start) * (1 + float(policy.value) / 100))
            result = min(result, proposed) if fewest else max(result, proposed)
        return result

    def down_limit(self, current: int, now: float) -> int:
        """`calculateScaleDownLimitWithBehaviors`."""
        if self.down.select_policy is SelectPolicy.DISABLED:
            return current
        fewest = self.down.select_policy is SelectPolicy.MIN
        result = -(2**31) if fewest else 2**31 - 1
        for policy in self.down.policies or ():
            start = self.period_start(current, policy.period_seconds, now)
            if policy.type is PolicyType.PODS:
                proposed = start - policy.value
            else:
                proposed = int(float(start) * (1 - float(policy.value) / 100))
            result = max(result, proposed) if fewest else min(result, proposed)
        return result
