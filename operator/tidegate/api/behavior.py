"""How fast a size may change: exactly the `behavior` of HorizontalPodAutoscaler `autoscaling/v2`, with its defaults.

Source: Kubernetes `pkg/apis/autoscaling/v2/defaults.go` (1.34); `tolerance` is KEP-4951.
"""

from enum import StrEnum

from pydantic import Field

from tidegate.api.model import ApiModel
from tidegate.api.quantity import ShareQuantity


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

    type: PolicyType = Field(description="Pods: `value` counts replicas. Percent: `value` is percent of the replicas.")
    value: int = Field(ge=1, le=100_000, description="Most change allowed within `periodSeconds`. Must be positive.")
    period_seconds: int = Field(ge=1, le=1800, description="Length of the period in seconds, 1 to 1800.")


class ScalingRules(ApiModel):
    """The rules of one direction."""

    stabilization_window_seconds: int | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Seconds of past recommendations to consider: on the way down the highest of them holds, on the "
        "way up the lowest. Default 0 for scaleUp, 300 for scaleDown.",
    )
    select_policy: SelectPolicy = Field(
        default=SelectPolicy.MAX,
        description="Which policy holds: Max allows the most change (default), Min the least, Disabled none in this "
        "direction.",
    )
    policies: list[ScalingPolicy] | None = Field(
        default=None,
        min_length=1,
        max_length=8,
        description="At most so much change per period. Default for scaleUp: 100 percent or 4 pods per 15 seconds, "
        "whichever is more; for scaleDown: 100 percent per 15 seconds.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    tolerance: ShareQuantity | None = Field(
        default=None,
        description="Demand within this share of the present size changes nothing: '0.1' is ten percent. Default '0.1'.",
    )


class Behavior(ApiModel):
    """`behavior` of `autoscaling/v2`."""

    scale_up: ScalingRules = Field(default_factory=ScalingRules, description="Rules on the way up.")
    scale_down: ScalingRules = Field(default_factory=ScalingRules, description="Rules on the way down.")
