"""Conditions: what is true about a service now, and the one word why.

Types and reasons are enumerations, so that the documentation can be checked against what the code can write.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from tidegate.api.model import ApiModel

Status = Literal["True", "False", "Unknown"]


class ConditionType(StrEnum):
    """The conditions of an InferenceService. All but `ScalingLimited` and `ConflictingScaler` are good when True."""

    READY = "Ready"
    """The summary: the service's pods answer, in the number that was decided last."""

    SPEC_VALID = "SpecValid"
    """The spec and what it refers to can be carried out."""

    ROUTED = "Routed"
    """Requests find their way to the service, as `spec.routing` asks for."""

    METRICS_AVAILABLE = "MetricsAvailable"
    """Every ready pod's metrics are read and make sense. Otherwise nothing is scaled down."""

    ACCELERATOR_AVAILABLE = "AcceleratorAvailable"
    """The hardware that was asked for is there: no pod waits for a place. Absent on CPU, and with targetRef."""

    SCALING_LIMITED = "ScalingLimited"
    """A bound (minimum, schedule, maximum, pin, budget, behavior) holds the size off what demand would have."""

    CONFLICTING_SCALER = "ConflictingScaler"
    """Somebody else keeps writing the replicas of the same workload."""


class Reason(StrEnum):
    """Every reason that a condition can carry. Each has an entry in docs/troubleshooting.md."""

    # Ready
    SCALED_TO_ZERO = "ScaledToZero"
    WAKING = "Waking"
    SERVING = "Serving"
    STARTING = "Starting"
    SCALING_UP = "ScalingUp"
    NO_READY_PODS = "NoReadyPods"
    ROLLING_OUT = "RollingOut"
    PINNED_AT_ZERO = "PinnedAtZero"
    PODS_REFUSED = "PodsRefused"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_FAILING = "ImagePullFailing"
    CONTAINER_NOT_CREATED = "ContainerNotCreated"
    CRASHING = "Crashing"
    # SpecValid
    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    INVALID_SCHEDULE = "InvalidSchedule"
    NAME_TOO_LONG = "NameTooLong"
    UNKNOWN_ENGINE = "UnknownEngine"
    UNKNOWN_PROFILE = "UnknownProfile"
    ACCELERATOR_IMPOSSIBLE = "AcceleratorImpossible"
    VARIANTS_NEED_GATEWAY = "VariantsNeedGateway"
    BUDGET_IMPOSSIBLE = "BudgetImpossible"
    TEMPLATE_CONFLICT = "TemplateConflict"
    REJECTED_BY_API_SERVER = "RejectedByAPIServer"
    NAME_TAKEN = "NameTaken"
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_CLAIMED = "TargetClaimed"
    TARGET_HAS_AUTOSCALER = "TargetHasAutoscaler"
    NOT_CONVERGING = "NotConverging"
    # Routed
    ROUTED_BY_GATEWAY = "RoutedByGateway"
    ROUTED_DIRECTLY = "RoutedDirectly"
    NOT_ROUTED = "NotRouted"
    MODEL_NAME_TAKEN = "ModelNameTaken"
    PORTS_EXHAUSTED = "PortsExhausted"
    GATEWAY_UNAVAILABLE = "GatewayUnavailable"
    # MetricsAvailable
    FRESH = "Fresh"
    NO_PODS = "NoPods"
    MISSING = "Missing"
    STALE = "Stale"
    NOT_A_NUMBER = "NotANumber"
    PARTIAL = "Partial"
    # AcceleratorAvailable
    AVAILABLE = "Available"
    NO_ROOM = "NoRoom"
    QUOTA_EXCEEDED = "QuotaExceeded"
    NO_DEVICE_PLUGIN = "NoDevicePlugin"
    # ScalingLimited
    WITHIN_LIMITS = "WithinLimits"
    MINIMUM_REPLICAS = "MinimumReplicas"
    SCHEDULE_FLOOR = "ScheduleFloor"
    IDLE = "Idle"
    INSUFFICIENT_CAPACITY = "InsufficientCapacity"
    MAXIMUM_REPLICAS = "MaximumReplicas"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    PINNED = "Pinned"
    BEHAVIOR_POLICY = "BehaviorPolicy"
    STABILIZING = "Stabilizing"
    METRICS_HELD = "MetricsHeld"
    ROLLOUT_HELD = "RolloutHeld"
    # ConflictingScaler
    SOLE_WRITER = "SoleWriter"
    FOREIGN_WRITER = "ForeignWriter"
    YIELDED = "Yielded"


class Condition(ApiModel):
    """One condition, as `metav1.Condition`."""

    type: str = Field(
        min_length=1, max_length=316, description="What it is about. Of each type there is one condition."
    )
    status: Status = Field(description="Whether it is so: True, False or Unknown.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="Why, in one CamelCase word; docs/troubleshooting.md has an entry for each.",
    )
    message: str = Field(
        default="", max_length=32768, description="What, why, and what to do, as a sentence for people."
    )
    last_transition_time: str = Field(
        json_schema_extra={"format": "date-time"}, description="When status last changed."
    )
    observed_generation: int | None = Field(
        default=None,
        ge=0,
        description="The metadata.generation that it speaks of.",
    )


def merge_conditions(previous: Iterable[Mapping[str, Any]], current: Iterable[Condition]) -> tuple[Condition, ...]:
    """Keep the transition time of each condition whose status did not change.

    Args:
        previous: the conditions as they stand in the object's status (raw documents).
        current: the conditions as they are now, each with the time of now.

    Returns:
        `current`, in its order, with the times of `previous` where the status is the same.
    """
    times = {old.get("type"): (old.get("status"), old.get("lastTransitionTime")) for old in previous}
    merged = []
    for condition in current:
        status, time = times.get(condition.type, (None, None))
        keep = status == condition.status and time
        merged.append(condition.model_copy(update={"last_transition_time": time}) if keep else condition)
    return tuple(merged)
