"""AcceleratorProfile: what an accelerator is in this cluster, and how a pod asks for it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.model import ApiModel, LabelValue, Rule
from tidegate.api.quantity import NonNegativeQuantity
from tidegate.api.sharing import DomainName, ResourceName, Sharing


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


class Vendor(StrEnum):
    """Whose labels the nodes carry."""

    NVIDIA = "NVIDIA"
    AMD = "AMD"
    GOOGLE = "Google"
    AWS = "AWS"


MEMORY_RULE = Rule(
    "isQuantity(self) && quantity(self).compareTo(quantity('64Mi')) >= 0 && quantity(self).compareTo(quantity('4Ti'))"
    " <= 0",
    "is not an amount of memory from 64Mi to 4Ti: write a number with its unit, such as 10Gi",
    subject="self",
)
MemorySize = Annotated[
    str,
    Field(max_length=16, json_schema_extra={"x-kubernetes-validations": [MEMORY_RULE.to_document()]}),
]
"""An amount of a device's memory: `10Gi`, `16384Mi`."""


class AcceleratorProfileSpec(ApiModel):
    """How a pod asks for one."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "has(self.memory) || !has(self.sharing) || !(self.sharing.mechanism in ['MIG', 'DRAMIG', 'DRAShares'])",
            "memory is required with this sharing.mechanism: shares are found by it; say how much a device has",
            ".memory",
        ),
        Rule(
            "has(self.vendor) || !has(self.products) || self.products.size() == 0",
            "products are found by the labels of a vendor: set vendor, or use nodeLabels instead",
            ".products",
        ),
        Rule(
            "!has(self.sharing) || has(self.sharing.replicas) || !(self.sharing.mechanism in ['TimeSlicing', 'MPS'])"
            " || (has(self.vendor) && self.vendor == 'NVIDIA')",
            "sharing.replicas is required where vendor is not NVIDIA: say how many shares a device has",
            ".sharing",
        ),
    )

    resource_name: ResourceName = Field(
        description="Extended resource that a device plugin advertises on the nodes, for example nvidia.com/gpu. A "
        "replica requests spec.accelerator.count of it, or what sharing makes of a share. Claims (DRA) do not use it.",
    )
    vendor: Vendor | None = Field(
        default=None,
        description="Whose labels the nodes carry: those that products, and the numbers of shares, are found by. "
        "NVIDIA: GPU feature discovery's. AMD: the node labeller's. Google: GKE's of TPUs. AWS: the instance type. "
        "Absent (default): none of them, as on GKE with GPUs; then nodeLabels say which nodes.",
    )
    products: list[LabelValue] = Field(
        default_factory=list,
        max_length=32,
        description="Names of the product as the vendor's label has them on whole devices, for example NVIDIA-L4; one "
        "of them will do. What sharing adds to them (-SHARED, -MIG-1g.10gb) is added. Default: any.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    memory: MemorySize | None = Field(
        default=None,
        description="Memory of one device, for example 80Gi. Needed where services ask for memory, and where an engine "
        "is told its share of it. Default: not known.",
    )
    sharing: Sharing = Field(
        default_factory=Sharing,
        description="How devices are shared. Default: not at all.",
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
    scheduler_name: DomainName | None = Field(
        default=None,
        description="Scheduler that places the pods. Default: the mechanism's own (kai-scheduler, runai-scheduler, "
        "volcano), else the cluster's.",
    )
    queue_name: LabelValue | None = Field(
        default=None,
        description="Queue that the pods wait in: KAI's leaf queue (default default-queue) or Run:ai's project, as a "
        "label of the pods; with other mechanisms Kueue's LocalQueue, as a label of the Deployment. A label in "
        "spec.template of a service wins. Default: none.",
    )
    cost_per_hour: NonNegativeQuantity | None = Field(
        default=None,
        description="What a whole device costs for an hour, in your currency, for example 0.80. A replica costs its "
        "share of it. Default: not known.",
    )
    spot_cost_per_hour: NonNegativeQuantity | None = Field(
        default=None,
        description="The same on a node that can be taken away at any time: for services with accelerator.spot. "
        "Default: not known.",
    )
    spot_node_labels: dict[str, LabelValue] = Field(
        default_factory=dict,
        max_length=16,
        description="Labels of nodes that can be taken away at any time, for example karpenter.sh/capacity-type: spot. "
        "A node must carry them, beside nodeLabels, for pods of services with accelerator.spot. Default: none.",
    )


class AcceleratorProfile(ApiModel):
    """What an accelerator is in this cluster: written once by its platform engineers, named by many services."""

    spec: AcceleratorProfileSpec = Field(description="How a pod asks for such an accelerator.")
