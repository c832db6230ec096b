"""AcceleratorProfile: what an accelerator is in this cluster, and how a pod asks for it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.model import ApiModel, Rule

LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]


class TolerationOperator(StrEnum):
    """How a toleration's value is compared."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """The effect of a taint."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """A toleration, as in a PodSpec."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "self.operator == 'Exists' || (has(self.key) && self.key != '')",
            "key is required when operator is Equal: name the taint's key, or set operator to Exists",
        ),
        Rule(
            "self.operator == 'Equal' || !has(self.value) || self.value == ''",
            "value is for operator Equal: remove it, or set operator to Equal",
            ".value",
        ),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds is for effect NoExecute: remove it, or set effect to NoExecute",
            ".tolerationSeconds",
        ),
    )

    key: str | None = Field(
        default=None, max_length=317, description="Key of the taint. Absent, with operator Exists: every taint."
    )
    operator: TolerationOperator = Field(
        default=TolerationOperator.EQUAL,
        description="Equal (default): the taint's value is the one given here. Exists: whatever its value.",
    )
    value: str | None = Field(
        default=None, max_length=63, description="Value of the taint, for operator Equal. Default: the empty one."
    )
    effect: TaintEffect | None = Field(default=None, description="Effect of the taint. Absent: every effect.")
    toleration_seconds: int | None = Field(
        default=None,
        ge=0,
        description="For how many seconds a taint of effect NoExecute is tolerated. Absent: for ever.",
    )


class AcceleratorProfileSpec(ApiModel):
    """How a pod asks for one."""

    resource_name: str = Field(
        min_length=3,
        max_length=317,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        description="Extended resource that a device plugin advertises on the nodes, for example nvidia.com/gpu. A "
        "replica requests spec.accelerator.count of it.",
    )
    node_labels: dict[str, LabelValue] = Field(
        default_factory=dict,
        max_length=16,
        description="Labels that a node must carry, for example nvidia.com/gpu.product: NVIDIA-L4. Default: none, so "
        "every node that has the resource will do.",
    )
    tolerations: list[Toleration] = Field(
        default_factory=list,
        max_length=16,
        description="Taints of such nodes that the pods tolerate, written as in a PodSpec. Default: none.",
    )
    runtime_class_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="RuntimeClass that the pods need, for example nvidia. Default: the cluster's own.",
    )


class AcceleratorProfile(ApiModel):
    """What an accelerator is in this cluster: written once by its platform engineers, named by many services."""

    spec: AcceleratorProfileSpec = Field(description="How a pod asks for such an accelerator.")
