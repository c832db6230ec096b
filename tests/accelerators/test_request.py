"""What a profile adds to a pod."""

from typing import Any

import pytest

from tidegate.accelerators.request import PodAdditions, request
from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import Accelerator

CASES: list[tuple[str, int, dict[str, Any], PodAdditions]] = [
    (
        "resource alone",
        1,
        {"resourceName": "amd.com/gpu"},
        PodAdditions(resources={"amd.com/gpu": "1"}),
    ),
    (
        "everything",
        4,
        {
            "resourceName": "nvidia.com/gpu",
            "nodeLabels": {"nvidia.com/gpu.product": "NVIDIA-L4"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "runtimeClassName": "nvidia",
        },
        PodAdditions(
            resources={"nvidia.com/gpu": "4"},
            node_selector={"nvidia.com/gpu.product": "NVIDIA-L4"},
            tolerations=({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},),
            runtime_class_name="nvidia",
        ),
    ),
]


@pytest.mark.parametrize(("name", "count", "profile", "expected"), CASES, ids=[case[0] for case in CASES])
def test_whole_accelerators(name: str, count: int, profile: dict[str, Any], expected: PodAdditions) -> None:
    """A profile's fields become parts of a pod, and the count the quantity of its resource."""
    accelerator = Accelerator(profile="gpu", count=count)
    assert request(accelerator, AcceleratorProfileSpec.model_validate(profile)) == expected, name
