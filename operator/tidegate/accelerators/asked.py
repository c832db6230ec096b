"""What a mechanism is asked for, in its own terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tidegate.accelerators.pod_additions import NodeRequirement

ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a mechanism is asked for."""

    resource: str
    """What it comes to, in one word or two: the resource, the annotation or the device class, and how much of it."""

    granted: Decimal = ONE
    """Share of each device that this is; 1 for all of it."""

    limits: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    claim: Mapping[str, Any] | None = None
    """`devices` of a ResourceClaim."""

    requirements: Sequence[NodeRequirement] = ()
    preferred: Sequence[NodeRequirement] = ()
    product_suffix: str = ""
    """What the device plugin adds to the product's name in the nodes' label."""


def of_resource(name: str, quantity: int, **more: Any) -> Asked:
    """A quantity of an extended resource."""
    return Asked(resource=f"{name}: {quantity}", limits={name: str(quantity)}, **more)


def share_text(share: Decimal) -> str:
    """Three decimals at most, without noughts at the end: a seventh is 0.143."""
    return f"{share.quantize(Decimal('0.001')).normalize():f}"
