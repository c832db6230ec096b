"""The mechanisms, a row each: what is asked for, what the engine sees of the device, and who keeps it to its share."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from tidegate.accelerators.claims import mig_slices, shares_of_memory, whole_devices
from tidegate.accelerators.shapes import (
    Shape,
    annotations,
    as_many_parts,
    memory_and_cores,
    mig_slice,
    one_of_replicas,
    one_part,
    whole,
)
from tidegate.api.sharing import Mechanism

KUEUE_QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""On the Deployment: Kueue then admits its pods."""


class Sees(Enum):
    """What a process in the pod takes for all the memory there is."""

    SHARE = auto()
    """Its share: it must not be told to take only a part of it."""

    DEVICE = auto()
    """The whole device: it must be told its share, or it takes the others' as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A mechanism."""

    share: Shape | None
    """How a share is asked for; None where there are none."""

    whole: Shape | None
    """How whole devices are; None where there are none."""

    sees: Sees = Sees.SHARE
    enforced: bool = True
    """Whether somebody keeps a process to its share of memory; otherwise the scheduler only counts it."""

    shares_of_several: bool = False
    """Whether one pod may have a share of each of several devices."""

    packs_by: tuple[str, ...] | None = None
    """Annotations that tell the mechanism's own scheduler how to place a pod; empty where nothing does. None where the
    cluster's scheduler places them."""

    scheduler_name: str | None = None
    queue_label: str | None = None
    """Label of the pods with the queue; None where Kueue's label of the Deployment is all there can be."""

    default_queue: str | None = None
    note: str = ""
    """What people should know of it."""


_HAMI = memory_and_cores("nvidia.com/gpumem", "nvidia.com/gpumem-percentage", "nvidia.com/gpucores")
_VOLCANO = memory_and_cores("volcano.sh/vgpu-memory", "volcano.sh/vgpu-memory-percentage", "volcano.sh/vgpu-cores")
_NO_AUTOSCALER = "cluster-autoscaler and Karpenter do not know shares: they add no node for a pod that waits for one"
_NO_CLAIMS = "Karpenter adds no node for pods with claims unless it is told to (ignoreDRARequests)"

MECHANISMS: Mapping[Mechanism, Row] = {
    Mechanism.WHOLE: Row(share=None, whole=whole),
    Mechanism.TIME_SLICING: Row(
        share=one_of_replicas("time-slicing"), whole=None, sees=Sees.DEVICE, enforced=False, note=_NO_AUTOSCALER
    ),
    # Whether an engine sees its limit as all there is is not known; told its share, it is right or modest.
    Mechanism.MPS: Row(share=one_of_replicas("mps"), whole=None, sees=Sees.DEVICE, note=_NO_AUTOSCALER),
    Mechanism.MIG: Row(share=mig_slice, whole=mig_slice, note=_NO_AUTOSCALER),
    Mechanism.HAMI: Row(
        share=_HAMI,
        whole=whole,
        shares_of_several=True,
        # Its webhook names its scheduler by itself, and leaves alone a pod that names one already.
        packs_by=("hami.io/node-scheduler-policy", "hami.io/gpu-scheduler-policy"),
        note=_NO_AUTOSCALER,
    ),
    Mechanism.VOLCANO: Row(
        share=_VOLCANO,
        whole=whole,
        shares_of_several=True,
        packs_by=(),
        scheduler_name="volcano",
        note=_NO_AUTOSCALER,
    ),
    Mechanism.KAI: Row(
        share=annotations,
        whole=whole,
        sees=Sees.DEVICE,
        enforced=False,
        shares_of_several=True,
        packs_by=(),
        scheduler_name="kai-scheduler",
        queue_label="kai.scheduler/queue",
        default_queue="default-queue",
        note="nodes are added for shares only with KAI's global.clusterAutoscaling",
    ),
    Mechanism.RUN_AI: Row(
        share=annotations,
        whole=whole,
        sees=Sees.DEVICE,
        enforced=False,
        shares_of_several=True,
        packs_by=(),
        scheduler_name="runai-scheduler",
        queue_label="runai/queue",
    ),
    Mechanism.DRA: Row(share=None, whole=whole_devices, note=_NO_CLAIMS),
    Mechanism.DRA_MIG: Row(share=mig_slices, whole=mig_slices, note=_NO_CLAIMS),
    Mechanism.DRA_SHARES: Row(
        share=shares_of_memory,
        whole=whole_devices,
        sees=Sees.DEVICE,
        enforced=False,
        shares_of_several=True,
        note=_NO_CLAIMS,
    ),
    Mechanism.PARTITIONS: Row(share=one_part, whole=None, note=_NO_AUTOSCALER),
    Mechanism.CORES: Row(share=as_many_parts, whole=whole),
    Mechanism.SHARED_DEVICES: Row(share=one_part, whole=None, sees=Sees.DEVICE, enforced=False, note=_NO_AUTOSCALER),
}
"""All mechanisms."""
