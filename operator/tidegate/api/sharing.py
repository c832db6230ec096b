"""How the devices of an AcceleratorProfile are shared: which mechanism, and how this cluster has set it up."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.model import ApiModel, Rule

ResourceName = Annotated[
    str,
    Field(
        min_length=3,
        max_length=317,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
    ),
]
DomainName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
MigSize = Annotated[str, Field(max_length=20, pattern=r"^[1-9]g\.[1-9][0-9]{0,2}gb([+-][a-z.]{1,8})?$")]


class Mechanism(StrEnum):
    """How pods are given a device, or a share of one. `tidegate.accelerators.mechanisms` has a row for each."""

    WHOLE = "Whole"
    TIME_SLICING = "TimeSlicing"
    MPS = "MPS"
    MIG = "MIG"
    HAMI = "HAMi"
    VOLCANO = "Volcano"
    KAI = "KAI"
    RUN_AI = "RunAI"
    DRA = "DRA"
    DRA_MIG = "DRAMIG"
    DRA_SHARES = "DRAShares"
    PARTITIONS = "Partitions"
    CORES = "Cores"
    SHARED_DEVICES = "SharedDevices"


class MigStrategy(StrEnum):
    """How the device plugin names slices."""

    MIXED = "Mixed"
    SINGLE = "Single"


class SharingNames(ApiModel):
    """Names that an administrator may have changed, or that Tidegate cannot know."""

    share: ResourceName | None = Field(
        default=None,
        description="Resource of one share, for TimeSlicing, MPS, Partitions, Cores and SharedDevices, for example "
        "amd.com/cpx_nps4 or aws.amazon.com/neuroncore. Default: resourceName, with .shared where renamed is true.",
    )
    memory: ResourceName | None = Field(
        default=None,
        description="Resource of a share's memory in MiB, for HAMi (default nvidia.com/gpumem) and Volcano (default "
        "volcano.sh/vgpu-memory).",
    )
    memory_percentage: ResourceName | None = Field(
        default=None,
        description="Resource of a share's memory in percent, for HAMi (default nvidia.com/gpumem-percentage) and "
        "Volcano (default volcano.sh/vgpu-memory-percentage).",
    )
    cores: ResourceName | None = Field(
        default=None,
        description="Resource of a share's compute in percent, for HAMi (default nvidia.com/gpucores) and Volcano "
        "(default volcano.sh/vgpu-cores).",
    )
    device_class: DomainName | None = Field(
        default=None,
        description="DeviceClass that claims ask for. Default: gpu.nvidia.com, mig.nvidia.com for DRAMIG.",
    )
    driver: DomainName | None = Field(
        default=None,
        description="Domain of the devices' attributes and capacities in claims. Default: gpu.nvidia.com.",
    )


class Sharing(ApiModel):
    """How devices are shared here. The cluster's administrator has set it up; Tidegate only asks in its terms."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "has(self.replicas) || !(self.mechanism in ['Partitions', 'Cores', 'SharedDevices'])",
            "replicas is required with this mechanism: say how many shares a device has",
            ".replicas",
        ),
        Rule(
            "!has(self.replicas) || self.mechanism in ['TimeSlicing', 'MPS', 'Partitions', 'Cores', 'SharedDevices']",
            "replicas is for mechanisms with shares of one size (TimeSlicing, MPS, Partitions, Cores, SharedDevices): "
            "remove it, or choose one of those",
            ".replicas",
        ),
        Rule(
            "!self.renamed || self.mechanism in ['TimeSlicing', 'MPS']",
            "renamed is for TimeSlicing and MPS: remove it, or choose one of those",
            ".renamed",
        ),
        Rule(
            "self.mechanism in ['MIG', 'DRAMIG'] || (self.migStrategy == 'Mixed' && (!has(self.migSizes) ||"
            " self.migSizes.size() == 0))",
            "migStrategy and migSizes are for MIG and DRAMIG: remove them, or choose one of those",
            ".migSizes",
        ),
        Rule(
            "self.migStrategy != 'Single' || (has(self.migSizes) && self.migSizes.size() == 1)",
            "migStrategy Single has slices of one size: give exactly that one in migSizes, for example 1g.10gb",
            ".migSizes",
        ),
    )

    mechanism: Mechanism = Field(
        default=Mechanism.WHOLE,
        description="Whole (default): devices are not shared. TimeSlicing, MPS, MIG: NVIDIA's device plugin. HAMi, "
        "Volcano, KAI, RunAI: the scheduler of that name. DRA: whole devices by ResourceClaims; DRAMIG: MIG slices by "
        "them; DRAShares: shares of memory by them. Partitions: parts of a device that are a resource of their own, "
        "one for each replica (AMD). Cores: the same, as many as the fraction takes (AWS Neuron). SharedDevices: "
        "devices that several pods may have at once (Intel). docs/accelerators.md says what each of them enforces.",
    )
    replicas: int | None = Field(
        default=None,
        ge=2,
        le=256,
        description="How many shares of one size each device has: 2 to 256. Absent, for TimeSlicing and MPS with "
        "vendor NVIDIA: nodes are chosen by their label nvidia.com/gpu.replicas, so that a share is no smaller than "
        "what is asked for.",
    )
    renamed: bool = Field(
        default=False,
        description="Whether the device plugin advertises shares under another name, with .shared at its end "
        "(renameByDefault). Default false.",
    )
    mig_strategy: MigStrategy = Field(
        default=MigStrategy.MIXED,
        description="The device plugin's migStrategy. Mixed (default): each size is a resource of its own, such as "
        "nvidia.com/mig-1g.10gb. Single: all slices of a node are of one size, and called as whole devices are.",
    )
    mig_sizes: list[MigSize] = Field(
        default_factory=list,
        max_length=16,
        description="Sizes of MIG slices that the nodes are cut into, such as 1g.10gb and 3g.40gb. Default: every one "
        "that a device with this memory can be cut into.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    names: SharingNames = Field(
        default_factory=SharingNames,
        description="Names that differ from what is usual. Default: the usual ones.",
    )
