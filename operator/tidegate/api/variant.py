"""Variants: other ways to run the model of a service, on other hardware or with another engine."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from tidegate.api.accelerator import Accelerator
from tidegate.api.engine import Engine
from tidegate.api.model import ApiModel, Rule
from tidegate.api.quantity import NonNegativeQuantity
from tidegate.api.scaling import Replicas, ReplicasOrNone, TokenThroughput
from tidegate.api.template import PodTemplateOverlay

MAXIMUM_VARIANTS = 8


class Variant(ApiModel):
    """One more way to run the model."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "self.name != 'default'",
            "default is the variant that spec.engine and spec.accelerator describe: give this one another name",
            ".name",
        ),
        Rule(
            "!has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
            "minReplicas is above maxReplicas: lower minReplicas, or raise maxReplicas",
            ".minReplicas",
        ),
        Rule(
            "!has(self.template) || !has(self.template.metadata) || !has(self.template.metadata.labels)"
            " || !self.template.metadata.labels.exists(l, l.startsWith('inference.tidegate.dev/'))",
            "labels under inference.tidegate.dev/ are taken: selectors are made of them; remove them from the template",
            ".template.metadata.labels",
        ),
    )

    name: str = Field(
        min_length=1,
        max_length=20,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="What it is called: at most 20 lower-case letters, digits and '-'. Its Deployment is named after "
        "the service and it.",
    )
    engine: Engine | None = Field(
        default=None,
        description="The engine to run, whole, for example with a quantised model or for CPU. Absent (default): "
        "spec.engine.",
    )
    template: PodTemplateOverlay | None = Field(
        default=None,
        description="Any part of a PodTemplateSpec, laid over the one that Tidegate makes, instead of spec.template. "
        "Absent (default): spec.template.",
    )
    accelerator: Accelerator | None = Field(
        default=None,
        description="Accelerators for each replica. Absent (default): this variant runs on CPU, whatever "
        "spec.accelerator says.",
    )
    cost_per_hour: NonNegativeQuantity | None = Field(
        default=None,
        description="What one replica of it costs for an hour, in your currency. Absent (default): its share of the "
        "price in its AcceleratorProfile; on CPU it is not known. While the price of one variant is not known, they "
        "are used in the order in which they are listed, default first, and the one that is ready soonest is woken.",
    )
    token_throughput: TokenThroughput | None = Field(
        default=None,
        description="How much arriving work one replica of it is given. Absent (default): what it can do is learned, "
        "and until it has run it is taken to be worth its price.",
    )
    min_replicas: ReplicasOrNone = Field(
        default=0,
        description="Fewest replicas of it while the service is awake, 0 to 1000. Default 0.",
    )
    max_replicas: Replicas | None = Field(
        default=None,
        description="Most replicas of it, 1 to 1000. Absent (default): scaling.maxReplicas, which bounds all of them "
        "together.",
    )
