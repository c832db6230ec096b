"""What a pod needs to be given accelerators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import Accelerator


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAdditions:
    """What is added to an engine's pod so that it runs on the hardware asked for. Empty for CPU."""

    resources: Mapping[str, str] = field(default_factory=dict)
    """Limits of the engine's container: extended resource to quantity."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels that the node must carry.

    A selector, not a required affinity term: both bind alike, but in an overlay a selector merges key by key, while
    a user's own affinity terms would replace ours and quietly let the pod onto other hardware.
    """

    tolerations: Sequence[Mapping[str, Any]] = ()
    """Tolerations of the pod, as in a PodSpec."""

    runtime_class_name: str | None = None
    """RuntimeClass of the pod; None leaves the cluster's own."""


CPU = PodAdditions()
"""No accelerator was asked for."""


def request(accelerator: Accelerator, profile: AcceleratorProfileSpec) -> PodAdditions:
    """Ask for whole accelerators as a profile describes them.

    Args:
        accelerator: how many the service asks for, for each replica.
        profile: the profile that it names.

    Returns:
        What its pods need; the quantity is an integer, as extended resources must be.
    """
    return PodAdditions(
        resources={profile.resource_name: str(accelerator.count)},
        node_selector=dict(profile.node_labels),
        tolerations=tuple(toleration.to_document() for toleration in profile.tolerations),
        runtime_class_name=profile.runtime_class_name,
    )
