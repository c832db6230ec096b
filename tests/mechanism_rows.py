"""A profile of each mechanism, for tables, golden bodies and clusters."""

from typing import Any

from tidegate.api.accelerator_profile import AcceleratorProfileSpec

NVIDIA: dict[str, Any] = {
    "resourceName": "nvidia.com/gpu",
    "vendor": "NVIDIA",
    "products": ["NVIDIA-A100-SXM4-80GB"],
    "memory": "80Gi",
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "costPerHour": "2.00",
}


def shared(mechanism: str, changes: dict[str, Any] | None = None, **sharing: Any) -> dict[str, Any]:
    """The A100 of the tables, shared by a mechanism."""
    return {**NVIDIA, **(changes or {}), "sharing": {"mechanism": mechanism, **sharing}}


PROFILES: dict[str, dict[str, Any]] = {
    "whole": NVIDIA,
    "any-whole": {**NVIDIA, "products": []},
    "time-slicing": shared("TimeSlicing", replicas=4, renamed=True),
    "time-slicing-by-label": shared("TimeSlicing", {"products": []}),
    "mps": shared("MPS", replicas=4),
    "mig-mixed": shared("MIG", {"products": []}),
    "mig-single": shared("MIG", migStrategy="Single", migSizes=["2g.20gb"]),
    "hami": shared("HAMi"),
    "volcano": shared("Volcano", {"resourceName": "volcano.sh/vgpu-number"}),
    "kai": shared("KAI", {"queueName": "research"}),
    "run-ai": shared("RunAI", {"queueName": "research"}),
    "dra": shared("DRA"),
    "dra-mig": shared("DRAMIG"),
    "dra-shares": shared("DRAShares"),
    "amd-partitions": {
        "resourceName": "amd.com/gpu",
        "vendor": "AMD",
        "memory": "192Gi",
        "sharing": {"mechanism": "Partitions", "replicas": 8, "names": {"share": "amd.com/cpx_nps4"}},
        "costPerHour": "4.00",
    },
    "neuron-cores": {
        "resourceName": "aws.amazon.com/neuron",
        "vendor": "AWS",
        "products": ["inf2.xlarge", "inf2.8xlarge"],
        "memory": "32Gi",
        "sharing": {"mechanism": "Cores", "replicas": 2, "names": {"share": "aws.amazon.com/neuroncore"}},
    },
    "intel-shared": {
        "resourceName": "gpu.intel.com/xe",
        "memory": "16Gi",
        "sharing": {"mechanism": "SharedDevices", "replicas": 4},
    },
    "tpu": {
        "resourceName": "google.com/tpu",
        "vendor": "Google",
        "products": ["tpu-v5-lite-podslice"],
        "nodeLabels": {"cloud.google.com/gke-tpu-topology": "2x4"},
        "memory": "16Gi",
        "costPerHour": "1.20",
        "spotCostPerHour": "0.50",
    },
}


def profile_of(name: str) -> AcceleratorProfileSpec:
    """One of the profiles."""
    return AcceleratorProfileSpec.model_validate(PROFILES[name])
