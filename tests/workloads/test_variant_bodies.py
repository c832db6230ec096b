"""The Deployments of a service that is run in several ways."""

from typing import Any

import pytest

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.workloads.deployment import deployment
from tidegate.workloads.owner import Owner

OWNER = Owner(name="chat", namespace="default", uid="u")
GPU = AcceleratorProfileSpec(resource_name="nvidia.com/gpu")
ALONE: dict[str, Any] = {
    "model": {"name": "m"},
    "engine": {"type": "vLLM", "image": "e:1"},
    "template": {"spec": {"priorityClassName": "high"}},
    "accelerator": {"profile": "l4"},
}
VARIANTS = [
    {"name": "cpu", "engine": {"type": "llamaCpp", "image": "l:1"}},
    {"name": "half", "accelerator": {"profile": "l4"}, "template": {"spec": {"priorityClassName": "low"}}},
]
WITH_OTHERS = InferenceServiceSpec.model_validate({**ALONE, "variants": VARIANTS})


def body(variant: str) -> dict[str, Any]:
    """The Deployment of a variant."""
    spec = WITH_OTHERS.of_variant(variant)
    return deployment(OWNER, spec, GPU if spec.accelerator else None, variant)


def test_other_variants_change_nothing_of_the_first() -> None:
    """Its body is the very same, hashes included: to add one restarts no pod."""
    assert body("default") == deployment(OWNER, InferenceServiceSpec.model_validate(ALONE), GPU)


@pytest.mark.parametrize("variant", ["cpu", "half"])
def test_each_has_its_name_and_its_label(variant: str) -> None:
    """In the name, in the labels, and in the selector, which can never be changed; the owner is the same."""
    rendered = body(variant)
    labels = {"inference.tidegate.dev/service": "chat", "inference.tidegate.dev/variant": variant}
    assert rendered["metadata"]["name"] == f"chat-{variant}"
    assert rendered["metadata"]["labels"].items() >= labels.items()
    assert rendered["spec"]["selector"]["matchLabels"] == labels
    assert rendered["spec"]["template"]["metadata"]["labels"].items() >= labels.items()
    assert rendered["metadata"]["ownerReferences"] == body("default")["metadata"]["ownerReferences"]


def test_each_is_made_of_its_own_part_of_the_spec() -> None:
    """What it does not say is the service's; but without an accelerator it is on CPU."""
    cpu, half = (body(name)["spec"]["template"]["spec"] for name in ("cpu", "half"))
    assert (cpu["containers"][0]["image"], cpu["priorityClassName"]) == ("l:1", "high")
    assert "resources" not in cpu["containers"][0]
    assert (half["containers"][0]["image"], half["priorityClassName"]) == ("e:1", "low")
    assert half["containers"][0]["resources"] == {"limits": {"nvidia.com/gpu": "1"}}
