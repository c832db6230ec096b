"""What Tidegate says of one variant, and of the accelerators that each of its replicas is given."""

from typing import Annotated

from pydantic import Field

from tidegate.api.model import ApiModel
from tidegate.api.status_fields import Count, Rate, Sentence, Time, Word


class AcceleratorStatus(ApiModel):
    """What each replica is given of accelerators."""

    profile: Word = Field(description="The AcceleratorProfile by which it was asked for.")
    mechanism: Word = Field(description="How devices are shared there: the profile's sharing.mechanism.")
    resource: Sentence = Field(
        description="What the pods ask for, in the mechanism's words: nvidia.com/gpu.shared: 1, for example."
    )
    count: Count = Field(description="Devices that each replica gets all or a share of.")
    fraction_asked: Rate = Field(description="Share of each device that was asked for, as given or as memory comes to.")
    fraction_granted: Rate = Field(
        description="Share of each device that is granted: more than was asked for where shares have fixed sizes."
    )
    enforced: bool = Field(
        description="Whether something keeps a replica to its share of memory. false: it is only accounted for, and "
        "the engine is told its share."
    )
    engine_memory_utilization: Rate | None = Field(
        default=None,
        description="Share of the memory that the engine sees which it is told to take, by Tidegate or by engine.args. "
        "Absent where it is told nothing.",
    )
    note: Sentence | None = Field(default=None, description="What else is worth knowing, as a sentence for people.")


class VariantStatus(ApiModel):
    """What is true of one variant."""

    name: Word = Field(description="Its name; default is what spec.engine and spec.accelerator describe.")
    replicas: Count = Field(default=0, description="Pods there are, ready or not.")
    ready_replicas: Count = Field(default=0, description="Pods that are ready and take requests.")
    desired_replicas: Count = Field(default=0, description="Pods there should be, as decided last.")
    weight: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1,
        description="How much one of its pods is given to do at once, beside the pods of other variants: the gateways "
        "pick the pod with the fewest requests for its weight.",
    )
    max_sequences: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="How many requests one of its pods works on at once at most; no more are handed to it. Absent "
        "where its engine's arguments do not say.",
    )
    cost_per_hour: Rate | None = Field(
        default=None, description="What one of its replicas costs for an hour. Absent where that is not known."
    )
    unavailable_since: Time | None = Field(
        default=None, description="Since when pods of it find no place. Absent while none waits for one."
    )
    message: Sentence | None = Field(
        default=None, description="What is wrong with it, and what would help. Absent while nothing is."
    )
    accelerator: AcceleratorStatus | None = Field(
        default=None, description="What each of its replicas is given of accelerators. Absent on CPU."
    )
