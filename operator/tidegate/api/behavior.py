"""How fast a size may change: exactly the `behavior` of HorizontalPodAutoscaler `autoscaling/v2`, with its defaults.

Source: Kubernetes 1.34, `pkg/apis/autoscaling/v2/defaults.go` and `pkg/apis/autoscaling/validation/validation.go`;
`tolerance` is KEP-4951. A contract test gives the same blocks to both and compares what the API server says.
"""

from enum import StrEnum

from pydantic import Field

from tidegate.api.model import ApiModel
from tidegate.api.quantity import NonNegativeQuantity


class PolicyType(StrEnum):
    """What a policy's value counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """Which policy holds where several are given."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class ScalingPolicy(ApiModel):
    """At most so much change within a period."""

    type: PolicyType = Field(
        description="Pods: value counts replicas. Percent: value is a percentage of the replicas there are."
    )
    value: int = Field(
        ge=1,
        le=2_147_483_647,
        description="The most change that is allowed within periodSeconds, in replicas or in percent. At least 1.",
    )
    period_seconds: int = Field(ge=1, le=1800, description="Length of the period, in seconds: 1 to 1800.")


class ScalingRules(ApiModel):
    """The rules of one direction."""

    stabilization_window_seconds: int | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="How many seconds of past decisions are looked back on: on the way down the highest of them holds, "
        "on the way up the lowest. 0 to 3600; 0 looks back on none. Default: 0 in scaleUp, 300 in scaleDown.",
    )
    select_policy: SelectPolicy = Field(
        default=SelectPolicy.MAX,
        description="Which of the policies holds. Max (default): the one that allows the most change. Min: the one "
        "that allows the least. Disabled: no change at all in this direction.",
    )
    policies: list[ScalingPolicy] | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="How much may change in how much time. Default in scaleUp: 100 percent or 4 pods per 15 seconds, "
        "whichever is more; in scaleDown: 100 percent per 15 seconds.",
    )
    tolerance: NonNegativeQuantity | None = Field(
        default=None,
        description="How far demand may be from the size there is before the size follows, as a share of it: '0.1' is "
        "ten percent. Write it in quotes. Default '0.1'.",
    )


class Behavior(ApiModel):
    """How fast the size may change: `behavior` of `autoscaling/v2`."""

    scale_up: ScalingRules = Field(
        default_factory=ScalingRules, description="On the way up. Default: double, or 4 more, every 15 seconds."
    )
    scale_down: ScalingRules = Field(
        default_factory=ScalingRules,
        description="On the way down. Default: to whatever was enough throughout the last 300 seconds.",
    )
