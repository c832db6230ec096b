"""HPA v2's `behavior`, step by step as the HPA controller takes it.

Source: Kubernetes `pkg/controller/podautoscaler/horizontal.go`: `stabilizeRecommendationWithBehaviors`,
`calculateScaleUpLimitWithScalingRules`, `calculateScaleDownLimitWithBehaviors`, and `recordInitialRecommendation`,
which seeds the window with the size that is found; defaults in `pkg/apis/autoscaling/v2/defaults.go`. One difference,
on purpose: a change of size counts towards the policies whoever made it, where the HPA knows only its own.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.api.behavior import PolicyType, ScalingPolicy, ScalingRules, SelectPolicy
from tidegate.api.quantity import to_number

DEFAULT_TOLERANCE = 0.1
DEFAULT_UP_WINDOW_SECONDS = 0
DEFAULT_DOWN_WINDOW_SECONDS = 300
DEFAULT_UP_POLICIES = (
    ScalingPolicy(type=PolicyType.PODS, value=4, period_seconds=15),
    ScalingPolicy(type=PolicyType.PERCENT, value=100, period_seconds=15),
)
DEFAULT_DOWN_POLICIES = (ScalingPolicy(type=PolicyType.PERCENT, value=100, period_seconds=15),)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the terms asked for at one time."""

    time: float
    replicas: int


@dataclass(frozen=True, slots=True)
class SizeChange:
    """A change of the workload's size, whoever made it."""

    time: float
    from_replicas: int
    to_replicas: int


def up_window_seconds(rules: ScalingRules) -> int:
    """Seconds over which the lowest recommendation holds on the way up."""
    given = rules.stabilization_window_seconds
    return DEFAULT_UP_WINDOW_SECONDS if given is None else given


def down_window_seconds(rules: ScalingRules) -> int:
    """Seconds over which the highest recommendation holds on the way down."""
    given = rules.stabilization_window_seconds
    return DEFAULT_DOWN_WINDOW_SECONDS if given is None else given


def tolerance(rules: ScalingRules) -> float:
    """Share of the present size within which demand changes nothing."""
    return DEFAULT_TOLERANCE if rules.tolerance is None else to_number(rules.tolerance)


def stabilize(
    *,
    current: int,
    wanted: int,
    recommendations: Iterable[Recommendation],
    up_seconds: float,
    down_seconds: float,
    now: float,
) -> int:
    """The size nearest to the present one that the recommendations of both windows allow."""
    floor = ceiling = wanted
    for past in recommendations:
        if past.time > now - up_seconds:
            floor = min(floor, past.replicas)
        if past.time > now - down_seconds:
            ceiling = max(ceiling, past.replicas)
    return min(max(current, floor), ceiling)


def remember(
    recommendations: Iterable[Recommendation], replicas: int, *, window_seconds: float, now: float
) -> tuple[Recommendation, ...]:
    """Add a recommendation. Of equal ones the latest is enough: it is in every window that another is in."""
    kept = tuple(
        past for past in recommendations if past.replicas != replicas and now - window_seconds < past.time <= now
    )
    return (*kept, Recommendation(now, replicas))


def up_limit(rules: ScalingRules, *, current: int, changes: Sequence[SizeChange], now: float) -> int:
    """The largest size that the policies of `scaleUp` allow now."""
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    limits = []
    for policy in rules.policies or DEFAULT_UP_POLICIES:
        start = current - _net_change(changes, policy.period_seconds, now)
        percent = 1 + policy.value / 100  # In this form, for Kubernetes rounds it so.
        limits.append(start + policy.value if policy.type is PolicyType.PODS else math.ceil(start * percent))
    chosen = min(limits) if rules.select_policy is SelectPolicy.MIN else max(limits)
    return max(chosen, current)


def down_limit(rules: ScalingRules, *, current: int, changes: Sequence[SizeChange], now: float) -> int:
    """The smallest size that the policies of `scaleDown` allow now."""
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    limits = []
    for policy in rules.policies or DEFAULT_DOWN_POLICIES:
        start = current - _net_change(changes, policy.period_seconds, now)
        percent = 1 - policy.value / 100
        limits.append(start - policy.value if policy.type is PolicyType.PODS else math.trunc(start * percent))
    chosen = max(limits) if rules.select_policy is SelectPolicy.MIN else min(limits)
    return min(max(chosen, 0), current)


def _net_change(changes: Sequence[SizeChange], period_seconds: float, now: float) -> int:
    recent = (change for change in changes if change.time > now - period_seconds)
    return sum(change.to_replicas - change.from_replicas for change in recent)
