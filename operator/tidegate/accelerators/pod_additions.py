"""What is added to a pod so that it runs on the hardware asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.api.accelerator import Placement


@dataclass(frozen=True, slots=True)
class NodeRequirement:
    """A requirement on a node's label, as in a node affinity."""

    key: str
    operator: str
    """In, NotIn, Gt or Lt; Gt and Lt compare integers, and NotIn holds where there is no such label."""

    values: tuple[str, ...]

    def to_document(self) -> dict[str, Any]:
        """As in `matchExpressions`."""
        return {"key": self.key, "operator": self.operator, "values": list(self.values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodAdditions:
    """What is added to an engine's pod so that it runs on the hardware asked for. Empty for CPU."""

    resources: Mapping[str, str] = field(default_factory=dict)
    """Limits of the engine's container: extended resource to quantity."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the pod."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the pod."""

    workload_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the Deployment."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels that the node must carry."""

    node_requirements: Sequence[NodeRequirement] = ()
    """What a selector cannot say. They hold beside whatever affinity the user gives, not instead of it."""

    preferred_nodes: Sequence[NodeRequirement] = ()
    """Nodes that the scheduler prefers."""

    placement: Placement = Placement.NONE
    """What the scheduler is asked to do; None leaves it alone."""

    tolerations: Sequence[Mapping[str, Any]] = ()
    """Tolerations of the pod, as in a PodSpec."""

    runtime_class_name: str | None = None
    """RuntimeClass of the pod; None leaves the cluster's own."""

    scheduler_name: str | None = None
    """Scheduler of the pod; None leaves the cluster's own."""

    claim: Mapping[str, Any] | None = None
    """`devices` of a ResourceClaim that each pod gets of its own; None where none is needed."""

    has_devices: bool = False
    """Whether the engine's processes work on devices."""


CPU = PodAdditions()
"""No accelerator was asked for."""
