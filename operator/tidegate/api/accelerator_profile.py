"""AcceleratorProfile: what an accelerator is in this cluster, and how a pod asks for it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.model import ApiModel, Rule

LabelValue = Annotated[str, Field(max_length=63)]


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

    key: str | None = Field(default=None, max_length=317, description="Key of the taint. Absent: every key.")
    operator: TolerationOperator = Field(
        default=TolerationOperator.EQUAL, description="Exists, or Equal (default): the value must be the same."
    )
    value: str | None = Field(default=None, max_length=63, description="Value of the taint, for operator Equal.")
    effect: TaintEffect | None = Field(default=None, description="Effect of the taint. Absent: every effect.")


class AcceleratorProfileSpec(ApiModel):
    """How a pod asks for one."""

    resource_name: str = Field(
        min_length=3,
        max_length=317,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        description="Extended resource that a device plugin advertises, for example nvidia.com/gpu.",
    )
    node_labels: Annotated[dict[str, LabelValue], Field(max_length=16)] = Field(
        default_factory=dict,
        description="Labels that a node must carry, for example nvidia.com/gpu.product: NVIDIA-L4. Default: none.",
    )
    tolerations: list[Toleration] = Field(
        default_factory=list,
        max_length=16,
        description="Tolerations added to the pods. Default: none.",
    )
    runtime_class_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="RuntimeClass of the pods, for example nvidia. Default: the cluster's own.",
    )


class AcceleratorProfile(ApiModel):
    """What an accelerator is in this cluster. Written once by the platform's engineers; services name it."""

    rules: ClassVar[Sequence[Rule]] = ()

    spec: AcceleratorProfileSpec = Field(description="How a pod asks for one.")
