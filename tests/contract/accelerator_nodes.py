"""Nodes as device plugins, feature discovery and clouds label them, and the devices that drivers publish."""

import json
from typing import Any

Document = dict[str, Any]

A100 = "NVIDIA-A100-SXM4-80GB"


def _shared(strategy: str, replicas: int, suffix: str = "") -> dict[str, str]:
    return {
        "nvidia.com/gpu.product": f"{A100}{suffix}",
        "nvidia.com/gpu.memory": "81920",
        "nvidia.com/gpu.replicas": str(replicas),
        "nvidia.com/gpu.sharing-strategy": strategy,
    }


NODES: dict[str, tuple[dict[str, str], dict[str, int]]] = {
    "whole": (_shared("none", 1), {"nvidia.com/gpu": 8}),
    "sliced-in-4": (_shared("time-slicing", 4), {"nvidia.com/gpu.shared": 8}),
    "sliced-in-2": (_shared("time-slicing", 2, "-SHARED"), {"nvidia.com/gpu": 8}),
    "sliced-in-8": (_shared("time-slicing", 8, "-SHARED"), {"nvidia.com/gpu": 8}),
    "mps-in-4": (_shared("mps", 4, "-SHARED"), {"nvidia.com/gpu": 8}),
    "mps-in-2": (_shared("mps", 2, "-SHARED"), {"nvidia.com/gpu": 8}),
    "mig-mixed": (
        {"nvidia.com/gpu.product": A100, "nvidia.com/mig.strategy": "mixed"},
        {"nvidia.com/mig-1g.20gb": 4, "nvidia.com/mig-3g.40gb": 2},
    ),
    "mig-2g": (
        {
            "nvidia.com/gpu.product": f"{A100}-MIG-2g.20gb",
            "nvidia.com/gpu.memory": "19968",
            "nvidia.com/mig.strategy": "single",
        },
        {"nvidia.com/gpu": 3},
    ),
    "mig-1g": (
        {
            "nvidia.com/gpu.product": f"{A100}-MIG-1g.10gb",
            "nvidia.com/gpu.memory": "9728",
            "nvidia.com/mig.strategy": "single",
        },
        {"nvidia.com/gpu": 7},
    ),
    "mi300x-cpx": ({"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}, {"amd.com/cpx_nps4": 64}),
    "mi300x": ({"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}, {"amd.com/gpu": 8}),
    "inf2": (
        {"node.kubernetes.io/instance-type": "inf2.xlarge"},
        {"aws.amazon.com/neuron": 1, "aws.amazon.com/neuroncore": 2},
    ),
    "trn1": (
        {"node.kubernetes.io/instance-type": "trn1.2xlarge"},
        {"aws.amazon.com/neuron": 1, "aws.amazon.com/neuroncore": 2},
    ),
    "intel": ({}, {"gpu.intel.com/xe": 4}),
    "v5e-2x4": (
        {
            "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
            "cloud.google.com/gke-tpu-topology": "2x4",
        },
        {"google.com/tpu": 8},
    ),
    "v6e-2x4": (
        {"cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice", "cloud.google.com/gke-tpu-topology": "2x4"},
        {"google.com/tpu": 8},
    ),
    "claimed-a100": ({}, {}),
    "claimed-l4": ({}, {}),
}
"""Name -> labels and extended resources."""


def node(name: str, labels: dict[str, str], resources: dict[str, int], *, pods: int = 110) -> Document:
    """A node that kwok keeps ready."""
    offered = {"cpu": "96", "memory": "384Gi", "pods": str(pods), **{key: str(n) for key, n in resources.items()}}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, **labels},
        },
        "spec": {"podCIDR": "127.99.0.0/16"},
        "status": {"capacity": offered, "allocatable": offered},
    }


def _class(name: str, expression: str) -> Document:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    }


def _device(name: str, kind: str, product: str, memory: str, **attributes: str) -> Document:
    every = {"type": kind, "productName": product, **attributes}
    return {
        "name": name,
        "attributes": {key: {"string": value} for key, value in every.items()},
        "capacity": {"memory": {"value": memory}},
    }


def _slice(node_name: str, *devices: Document) -> Document:
    pool = {"name": node_name, "generation": 1, "resourceSliceCount": 1}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node_name}-gpu.nvidia.com"},
        "spec": {"driver": "gpu.nvidia.com", "nodeName": node_name, "pool": pool, "devices": list(devices)},
    }


def devices(prefix: str) -> list[Document]:
    """DeviceClasses as NVIDIA's driver installs them, and slices as it publishes them."""
    a100, l4 = "NVIDIA A100-SXM4-80GB", "NVIDIA L4"
    return [
        _class(
            "gpu.nvidia.com", "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'"
        ),
        _class(
            "mig.nvidia.com", "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'mig'"
        ),
        _slice(
            f"{prefix}claimed-a100",
            _device("gpu-0", "gpu", a100, "80Gi"),
            _device("gpu-1-mig-0", "mig", a100, "9728Mi", profile="1g.10gb"),
            _device("gpu-1-mig-1", "mig", a100, "19968Mi", profile="1g.20gb"),
        ),
        _slice(f"{prefix}claimed-l4", _device("gpu-0", "gpu", l4, "23034Mi")),
    ]


def as_list(items: list[Document]) -> str:
    """Objects for `kubectl apply --filename=-`."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
