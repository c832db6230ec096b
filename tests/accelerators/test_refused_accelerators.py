"""What cannot be given, and what is then told: the field, its value, what would do."""

from typing import Any

import pytest

from mechanism_rows import NVIDIA, PROFILES, shared
from tidegate.accelerators.fault import AcceleratorError
from tidegate.accelerators.translate import translate
from tidegate.api.accelerator import Accelerator
from tidegate.api.accelerator_profile import AcceleratorProfileSpec

REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "fraction and memory": (NVIDIA, {"fraction": "0.5", "memory": "10Gi"}, ("spec.accelerator.fraction", "keep one")),
    "none": (NVIDIA, {"fraction": "0"}, ("spec.accelerator.fraction: '0'", "above 0")),
    "more than one": (NVIDIA, {"fraction": "1.5"}, ("fraction: '1.5'", "up to 1")),
    "words": (NVIDIA, {"fraction": "half"}, ("fraction: 'half'", "as '0.5'")),
    "too exact": (NVIDIA, {"fraction": "0.3333333333"}, ("at most two decimals",)),
    "memory in words": (NVIDIA, {"memory": "much"}, ("spec.accelerator.memory: 'much'", "10Gi")),
    "memory without a unit": (NVIDIA, {"memory": "10"}, ("spec.accelerator.memory: '10'", "10Gi")),
    "no share of what is not shared": (NVIDIA, {"fraction": "0.5"}, ("not shared here", "remove it for a whole one")),
    "larger than the card": (shared("HAMi"), {"memory": "81Gi"}, ("memory: '81Gi'", "has 80Gi: ask for less")),
    "a profile without memory": (
        shared("HAMi", {"memory": None}),
        {"memory": "10Gi"},
        ("memory: '10Gi'", "set spec.memory of AcceleratorProfile gpu", "ask for a fraction"),
    ),
    "two slices": (
        PROFILES["mig-mixed"],
        {"fraction": "0.25", "count": 2},
        ("spec.accelerator.count: 2", "one device only: set it to 1"),
    ),
    "two whole slices": (PROFILES["mig-mixed"], {"count": 2}, ("count: 2", "one slice only", "set it to 1")),
    "shares of two": (PROFILES["time-slicing"], {"fraction": "0.25", "count": 2}, ("count: 2", "one device only")),
    "more than a share": (
        PROFILES["time-slicing"],
        {"fraction": "0.5"},
        ("fraction: '0.5'", "1/4 of a device", "sharing.replicas", "larger shares"),
    ),
    "more memory than a share": (PROFILES["mps"], {"memory": "21Gi"}, ("memory: '21504Mi'", "1/4 of a device")),
    "all of what is shared": (PROFILES["time-slicing"], {}, ("fraction: '1'", "shares only (TimeSlicing)")),
    "a size that nothing is cut into": (
        shared("MIG", migSizes=["1g.10gb", "2g.20gb", "3g.40gb"]),
        {"memory": "60Gi"},
        ("memory: '61440Mi'", "no MIG size of profile gpu holds it", "the nearest are 2g.20gb and 3g.40gb"),
    ),
    "a size that the card does not have": (
        shared("MIG", migSizes=["5g.50gb"]),
        {"fraction": "0.5"},
        ("AcceleratorProfile gpu, spec.sharing.migSizes: '5g.50gb'", "the nearest are 3g.40gb and 4g.40gb"),
    ),
    "a card without known sizes": (
        shared("MIG", {"memory": "48Gi", "products": []}),
        {"fraction": "0.5"},
        ("spec.sharing.migSizes", "no MIG sizes are known of a device with 48Gi"),
    ),
    "slices of a card of unknown memory": (
        {**PROFILES["mig-mixed"], "memory": None},
        {"fraction": "0.5"},
        ("AcceleratorProfile gpu, spec.memory", "required with MIG"),
    ),
    "nodes that can be taken away, of which nothing is known": (
        NVIDIA,
        {"spot": True},
        (
            "spec.accelerator.spot: True: no such nodes are known",
            "set AcceleratorProfile gpu, spec.spotNodeLabels, and spotCostPerHour",
        ),
    ),
    "claims of memory of a card of unknown memory": (
        {**PROFILES["dra-shares"], "memory": None},
        {"fraction": "0.5"},
        ("AcceleratorProfile gpu, spec.memory", "how much memory a device has"),
    ),
}


@pytest.mark.parametrize(("profile", "asks", "says"), REFUSED.values(), ids=REFUSED)
def test_refused(profile: dict[str, Any], asks: dict[str, Any], says: tuple[str, ...]) -> None:
    """The message names the field, its value and what would do."""
    with pytest.raises(AcceleratorError) as refused:
        translate(Accelerator(profile="gpu", **asks), AcceleratorProfileSpec.model_validate(profile))
    for part in says:
        assert part in str(refused.value)


def test_an_unknown_mechanism_names_those_there_are() -> None:
    """A profile of a newer version cannot be read; the API server would have refused it."""
    with pytest.raises(ValueError, match="'Whole', 'TimeSlicing', 'MPS', 'MIG'"):
        AcceleratorProfileSpec.model_validate(shared("Magic"))
