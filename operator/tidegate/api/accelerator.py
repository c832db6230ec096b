"""Which accelerators each replica gets, and how much of each."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.accelerator_profile import MemorySize
from tidegate.api.model import ApiModel, ObjectName, Rule

FRACTION_RULE = Rule(
    r"self.matches('^(0?[.](0[1-9]|[1-9][0-9]?)|1([.]00?)?)$')",
    "is not a fraction: write a string above 0 and up to 1 with at most two decimals, such as '0.5' or '0.33'",
    subject="self",
)
Fraction = Annotated[
    str,
    Field(max_length=16, json_schema_extra={"x-kubernetes-validations": [FRACTION_RULE.to_document()]}),
]
"""A share of a device, in whole percent: `"0.5"`, `"0.33"`."""


class Placement(StrEnum):
    """How replicas are laid over nodes."""

    PACK = "Pack"
    SPREAD = "Spread"
    NONE = "None"


class Accelerator(ApiModel):
    """Which accelerators each replica gets."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "!has(self.fraction) || !has(self.memory)",
            "fraction and memory both say how much of a device: keep one of them",
            ".fraction",
        ),
    )

    profile: ObjectName = Field(
        description="Name of the AcceleratorProfile that describes the hardware; `kubectl get accel` lists them."
    )
    count: int = Field(
        default=1,
        ge=1,
        le=64,
        description="How many accelerators each replica gets, or how many it gets a share of: 1 to 64. Default 1.",
    )
    fraction: Fraction | None = Field(
        default=None,
        description="Share of each accelerator, above 0 and up to 1 with at most two decimals, as a string: '0.5'. The "
        "profile must say how its devices are shared; status.accelerator says what was granted. Default: all of it.",
    )
    memory: MemorySize | None = Field(
        default=None,
        description="The same as an amount of memory on each accelerator, for example 10Gi. Give either this or "
        "fraction. With a profile that is not shared: the least that a whole device must have.",
    )
    spot: bool = Field(
        default=False,
        description="Run on nodes that can be taken away at any time: priced at the profile's spotCostPerHour, placed "
        "on nodes with its spotNodeLabels. Default false: on nodes as nodeLabels and tolerations let it.",
    )
    placement: Placement | None = Field(
        default=None,
        description="Pack: on nodes that others have a share of already, so that whole devices stay free. Spread: over "
        "as many nodes as possible. None: as the scheduler does by itself. Absent (default): Pack for shares, None "
        "for whole devices, of which the scheduler prefers to spread those of one service anyway.",
    )
