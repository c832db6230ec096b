"""Profiles proposed from nodes: what is told, and what is not."""

from typing import Any, NamedTuple

import pytest

from tidegate.accelerators.detect import detect
from tidegate.api.accelerator_profile import AcceleratorProfileSpec

TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
L4 = {"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.memory": "23034", "nvidia.com/gpu.replicas": "1"}
A100 = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920"}


def node(name: str = "n", **given: Any) -> dict[str, Any]:
    """A node with labels, allocatable resources, taints and annotations."""
    return {
        "metadata": {"name": name, "labels": given.get("labels", {}), "annotations": given.get("annotations", {})},
        "spec": {"taints": given.get("taints", [])},
        "status": {"allocatable": {"cpu": "96", "memory": "1Ti", "pods": "110", **given.get("resources", {})}},
    }


class Told(NamedTuple):
    """One node, and the profile that is proposed."""

    node: dict[str, Any]
    name: str
    spec: dict[str, Any]
    doubts: tuple[str, ...] = ()


NVIDIA = {"vendor": "NVIDIA", "resourceName": "nvidia.com/gpu"}
WHOLE_A100 = {**NVIDIA, "products": ["NVIDIA-A100-SXM4-80GB"]}
TOLD = {
    "whole, with a taint": Told(
        node(labels=L4, resources={"nvidia.com/gpu": "8"}, taints=[TAINT, {"key": "team", "effect": "NoSchedule"}]),
        "l4",
        {**NVIDIA, "products": ["NVIDIA-L4"], "memory": "23034Mi", "tolerations": [TOLERATION]},
    ),
    "sliced in time": Told(
        node(
            labels={
                **L4,
                "nvidia.com/gpu.product": "NVIDIA-L4-SHARED",
                "nvidia.com/gpu.replicas": "4",
                "nvidia.com/gpu.sharing-strategy": "time-slicing",
            },
            resources={"nvidia.com/gpu": "32"},
        ),
        "l4-timeslicing",
        {
            **NVIDIA,
            "products": ["NVIDIA-L4"],
            "memory": "23034Mi",
            "sharing": {"mechanism": "TimeSlicing", "replicas": 4},
        },
    ),
    "by MPS, renamed": Told(
        node(
            labels={**L4, "nvidia.com/gpu.replicas": "2", "nvidia.com/gpu.sharing-strategy": "mps"},
            resources={"nvidia.com/gpu.shared": "16"},
        ),
        "l4-mps",
        {
            **NVIDIA,
            "products": ["NVIDIA-L4"],
            "memory": "23034Mi",
            "sharing": {"mechanism": "MPS", "replicas": 2, "renamed": True},
        },
    ),
    "MIG, mixed": Told(
        node(
            labels={**A100, "nvidia.com/mig.strategy": "mixed"},
            resources={"nvidia.com/mig-1g.10gb": "7", "nvidia.com/mig-3g.40gb": "2", "nvidia.com/gpu": "0"},
        ),
        "a100-sxm4-80gb-mig",
        {**WHOLE_A100, "memory": "81920Mi", "sharing": {"mechanism": "MIG", "migSizes": ["1g.10gb", "3g.40gb"]}},
    ),
    "MIG, single": Told(
        node(
            labels={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-MIG-2g.20gb", "nvidia.com/gpu.memory": "19968"},
            resources={"nvidia.com/gpu": "3"},
        ),
        "a100-sxm4-80gb-mig",
        {**WHOLE_A100, "sharing": {"mechanism": "MIG", "migStrategy": "Single", "migSizes": ["2g.20gb"]}},
        ("how much memory a whole device has",),
    ),
    "slices beside whole devices": Told(
        node(labels=A100, resources={"nvidia.com/mig-1g.10gb": "7", "nvidia.com/gpu": "4"}),
        "a100-sxm4-80gb-mig",
        {**WHOLE_A100, "memory": "81920Mi", "sharing": {"mechanism": "MIG", "migSizes": ["1g.10gb"]}},
        ("which devices are whole",),
    ),
    "HAMi": Told(
        node(labels=A100, resources={"nvidia.com/gpu": "80"}, annotations={"hami.io/node-nvidia-register": "GPU-1"}),
        "a100-sxm4-80gb-hami",
        {**WHOLE_A100, "memory": "81920Mi", "sharing": {"mechanism": "HAMi"}},
    ),
    "Volcano": Told(
        node(labels=A100, resources={"volcano.sh/vgpu-number": "80", "volcano.sh/vgpu-memory": "655360"}),
        "a100-sxm4-80gb-volcano",
        {
            **WHOLE_A100,
            "resourceName": "volcano.sh/vgpu-number",
            "memory": "81920Mi",
            "sharing": {"mechanism": "Volcano"},
        },
    ),
    "no labels": Told(
        node(resources={"nvidia.com/gpu": "1"}),
        "nvidia",
        {"resourceName": "nvidia.com/gpu"},
        ("which product it is, and whether devices are shared", "how much memory"),
    ),
    "GKE": Told(
        node(
            labels={
                "cloud.google.com/gke-accelerator": "nvidia-tesla-t4",
                "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing",
                "cloud.google.com/gke-max-shared-clients-per-gpu": "3",
            },
            resources={"nvidia.com/gpu": "3"},
        ),
        "tesla-t4-timeslicing",
        {
            "resourceName": "nvidia.com/gpu",
            "nodeLabels": {
                "cloud.google.com/gke-accelerator": "nvidia-tesla-t4",
                "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing",
                "cloud.google.com/gke-max-shared-clients-per-gpu": "3",
            },
            "sharing": {"mechanism": "TimeSlicing", "replicas": 3},
        },
        ("how much memory",),
    ),
    "AMD": Told(
        node(labels={"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}, resources={"amd.com/gpu": "8"}),
        "mi300x-oam",
        {"resourceName": "amd.com/gpu", "vendor": "AMD", "products": ["AMD_Instinct_MI300X_OAM"]},
        ("how much memory", "whether its devices are parts of one"),
    ),
    "AMD, in parts": Told(
        node(labels={"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}, resources={"amd.com/cpx_nps4": "64"}),
        "mi300x-oam-cpx",
        {
            "resourceName": "amd.com/gpu",
            "vendor": "AMD",
            "products": ["AMD_Instinct_MI300X_OAM"],
            "sharing": {"mechanism": "Partitions", "replicas": 8, "names": {"share": "amd.com/cpx_nps4"}},
        },
        ("how much memory",),
    ),
    "Intel": Told(
        node(resources={"gpu.intel.com/xe": "1"}),
        "intel-xe",
        {"resourceName": "gpu.intel.com/xe"},
        ("how much memory", "-shared-dev-num"),
    ),
    "TPU": Told(
        node(
            labels={
                "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
                "cloud.google.com/gke-tpu-topology": "2x4",
            },
            resources={"google.com/tpu": "8"},
        ),
        "tpu-v5-lite-podslice-2x4",
        {
            "resourceName": "google.com/tpu",
            "vendor": "Google",
            "products": ["tpu-v5-lite-podslice"],
            "nodeLabels": {"cloud.google.com/gke-tpu-topology": "2x4"},
        },
        ("how much memory",),
    ),
    "Neuron": Told(
        node(
            labels={"node.kubernetes.io/instance-type": "inf2.xlarge"},
            resources={"aws.amazon.com/neuron": "1", "aws.amazon.com/neuroncore": "2"},
        ),
        "inf2-xlarge",
        {
            "resourceName": "aws.amazon.com/neuron",
            "vendor": "AWS",
            "products": ["inf2.xlarge"],
            "sharing": {"mechanism": "Cores", "replicas": 2, "names": {"share": "aws.amazon.com/neuroncore"}},
        },
        ("how much memory",),
    ),
    "Gaudi": Told(
        node(resources={"habana.ai/gaudi": "8"}),
        "gaudi",
        {"resourceName": "habana.ai/gaudi"},
        ("which generation it is", "how much memory"),
    ),
}


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
def test_a_node_and_its_profile(told: Told) -> None:
    """What the labels and resources tell is in the profile, and what they do not is said."""
    (proposal,), unknown = detect([told.node])
    assert (proposal.name, proposal.spec) == (told.name, told.spec)
    assert unknown == []
    assert len(proposal.doubts) == len(told.doubts)
    for said, expected in zip(proposal.doubts, told.doubts, strict=True):
        assert expected in said
    AcceleratorProfileSpec.model_validate(proposal.spec)


def test_nodes_alike_are_told_together_and_names_differ() -> None:
    """One profile describes all of them; two of one product, shared otherwise, are two."""
    one, other = (node(name, labels=L4, resources={"nvidia.com/gpu": "8"}) for name in ("a", "b"))
    tainted = node("c", labels=L4, resources={"nvidia.com/gpu": "8"}, taints=[TAINT])
    proposals, _ = detect([one, other, tainted])
    assert [(each.name, each.nodes) for each in proposals] == [("l4", ("a", "b")), ("l4-2", ("c",))]


def test_what_is_not_known_is_named() -> None:
    """And nothing is made of what every node has."""
    resources = {"acme.example/npu": "4", "hugepages-2Mi": "1Gi", "smarter-devices.example/fuse": "0"}
    assert detect([node(resources=resources)]) == ([], ["acme.example/npu"])
    assert detect([node()]) == ([], [])
    assert detect([]) == ([], [])
