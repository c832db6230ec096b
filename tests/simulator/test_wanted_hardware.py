"""What hardware a rehearsal has: out of options, services and profiles."""

from pathlib import Path

import pytest

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.migration.documents import InputError
from tidegate.simulator.models import MODELS
from tidegate.simulator.wanted_hardware import (
    VariantOption,
    hardware_of,
    parse_variant,
    parse_variants,
    read_profiles,
    united,
    with_variants,
)

PROFILE = """\
apiVersion: inference.tidegate.dev/v1alpha1
kind: AcceleratorProfile
metadata: {name: l4}
spec: {vendor: NVIDIA, resourceName: nvidia.com/gpu, products: [NVIDIA-L4], memory: 24Gi, costPerHour: "0.71"}
"""

MODEL = ("rtx4090", MODELS["rtx4090"])

GOOD = {
    "l4=l4": VariantOption(name="l4", replica_model="l4"),
    "l4=l4,0.71": VariantOption(name="l4", replica_model="l4", cost="0.71"),
    "l4=l4,0.71,8": VariantOption(name="l4", replica_model="l4", cost="0.71", max_replicas=8),
    "l4=l4,,8": VariantOption(name="l4", replica_model="l4", max_replicas=8),
    "default=models/a=b.yaml,0": VariantOption(name="default", replica_model="models/a=b.yaml", cost="0"),
}

BAD = {
    "l4": "is no variant; give NAME=MODEL",
    "l4=": "is no variant",
    "l4=l4,1,2,3": "is no variant",
    "L4=l4": "the name is 'L4'; give at most 20 lower-case letters",
    "a-name-of-more-than-20=l4": "give at most 20",
    "l4=l4,cheap": "the cost is 'cheap'; give what a replica costs for an hour",
    "l4=l4,-1": "the cost is '-1'",
    "l4=l4,nan": "the cost is 'nan'",
    "l4=l4,1,0": "the maximum is '0'; give 1 to 1000 replicas",
    "l4=l4,1,2.5": "the maximum is '2.5'",
}


def spec(**more: object) -> InferenceServiceSpec:
    """A service with one variant on an L4."""
    document = {
        "model": {"name": "m"},
        "engine": {"type": "vLLM", "image": "i"},
        "variants": [{"name": "l4", "accelerator": {"profile": "l4"}, "minReplicas": 2}],
    }
    return InferenceServiceSpec.model_validate(document | more)


@pytest.mark.parametrize(("text", "expected"), GOOD.items(), ids=GOOD)
def test_an_option_is_read(text: str, expected: VariantOption) -> None:
    """Cost and maximum may be left out."""
    assert parse_variant(text) == expected


@pytest.mark.parametrize(("text", "says"), BAD.items(), ids=BAD)
def test_an_option_that_cannot_be_meant(text: str, says: str) -> None:
    """It is named, and what would be right."""
    with pytest.raises(ValueError, match=r"--variant ") as caught:
        parse_variant(text)
    assert says in str(caught.value)


def test_a_variant_is_given_once() -> None:
    """Which of two would hold?"""
    with pytest.raises(ValueError, match="--variant l4 is there twice"):
        parse_variants(["l4=l4", "l4=a100"])


def test_options_lie_over_the_service() -> None:
    """A variant that it has keeps the rest of what it says; one that it has not is added."""
    options = parse_variants(["default=a100,3.67", "l4=l4,0.5,4", "cpu=cpu"])
    changed = with_variants(spec(), options)
    assert changed.variant_names == ("default", "l4", "cpu")
    assert changed.cost_per_hour == "3.67"
    assert (changed.variants[0].cost_per_hour, changed.variants[0].max_replicas) == ("0.5", 4)
    assert (changed.variants[0].min_replicas, changed.variants[1].min_replicas) == (2, 0)


def test_a_maximum_below_the_minimum() -> None:
    """As the API server has it."""
    with pytest.raises(ValueError, match="the maximum is 1, below its minReplicas, 2"):
        with_variants(spec(), parse_variants(["l4=l4,0.5,1"]))


def test_too_many_variants() -> None:
    """As many as the API allows."""
    with pytest.raises(ValueError, match="there are 9 variants beside default; give at most 8"):
        with_variants(spec(), parse_variants([f"v{index}=l4" for index in range(8)]))


def test_prices_come_from_profiles(tmp_path: Path) -> None:
    """Where a variant has none of its own: its share of a device's; on CPU there is none."""
    file = tmp_path / "profiles.yaml"
    file.write_text(PROFILE)
    half = {"name": "half", "accelerator": {"profile": "l4", "count": 2}}
    both = spec(variants=[{"name": "l4", "accelerator": {"profile": "l4"}, "minReplicas": 2}, half])
    models = dict.fromkeys(both.variant_names, MODEL)
    hardware = hardware_of(both, models, read_profiles(file), initial_replicas=3)
    assert [each.cost_per_hour for each in hardware.values()] == [None, 0.71, 1.42]
    assert [each.initial_replicas for each in hardware.values()] == [3, 2, 0]


def test_a_variant_needs_a_replica_model() -> None:
    """What it can do cannot be guessed."""
    with pytest.raises(ValueError, match=r"variant l4 has no replica model.*give --variant l4=MODEL"):
        hardware_of(spec(), {"default": MODEL}, {}, initial_replicas=1)


def test_services_must_agree_on_prices() -> None:
    """They are replayed on the same hardware; of two maxima the larger is that of the hardware."""
    models = {"default": MODEL, "l4": MODEL}
    fleets = [
        hardware_of(with_variants(spec(), parse_variants([text])), models, {}, initial_replicas=1)
        for text in ("l4=l4,1,4", "l4=l4,1,6", "l4=l4,2,4")
    ]
    assert united(fleets[:2])["l4"].max_replicas == 6
    with pytest.raises(ValueError, match=r"variant l4 costs 1.0 in one service and 2.0 in another"):
        united(fleets)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: List\nitems: []\n", "has no inference.tidegate.dev/v1alpha1 AcceleratorProfile"),
        (PROFILE.replace('"0.71"', '"-1"'), "spec.costPerHour"),
        (PROFILE.replace("[NVIDIA-L4]", "NVIDIA-L4"), "spec.products"),
    ],
    ids=["no profile", "a price below zero", "one product for a list"],
)
def test_profiles_that_cannot_be_read(text: str, says: str, tmp_path: Path) -> None:
    """With the file, and the field where there is one."""
    file = tmp_path / "profiles.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_profiles(file)
    assert str(file) in str(caught.value)
    assert says in str(caught.value)
