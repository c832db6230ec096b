"""What Tidegate says of an InferenceService: conditions, signals, the decision and the changes before it."""

from typing import Annotated

from pydantic import Field

from tidegate.api.conditions import Condition
from tidegate.api.model import ApiModel

Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
Rate = Annotated[str, Field(max_length=24)]
Sentence = Annotated[str, Field(max_length=1024)]
Word = Annotated[str, Field(max_length=128)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

MAXIMUM_CHANGES = 10


class Signals(ApiModel):
    """What the engines said last, over all pods. Rounded, so that a quiet service writes nothing."""

    work_unit: Word = Field(description="Unit of the rates: tokens, or the workUnit of a Custom engine.")
    arriving_per_second: Rate | None = Field(
        default=None, description="Work units per second of the requests that arrive (not of those served)."
    )
    served_per_second: Rate | None = Field(default=None, description="Work units per second that the pods finished.")
    requests_per_second: Rate | None = Field(default=None, description="Requests per second that arrive.")
    waiting: Count | None = Field(default=None, description="Requests accepted by the engines but not started.")
    running: Count | None = Field(default=None, description="Requests being worked on.")
    kv_cache_percent: Count | None = Field(default=None, description="Mean share of the KV caches in use, in percent.")
    pods_sampled: Count = Field(description="Ready pods whose metrics were read.")
    pods_ready: Count = Field(description="Ready pods.")


class Proposal(ApiModel):
    """What one term of the rule would have."""

    term: Word = Field(description="The term: throughput, queue, ...")
    replicas: Count = Field(description="The size it proposes.")
    because: Sentence = Field(description="The numbers behind it.")


class Limit(ApiModel):
    """A step that changed what the terms proposed."""

    name: Word = Field(description="The step: minReplicas, maxReplicas, pin, stabilization, behavior, ...")
    from_: Count = Field(alias="from", description="The size before this step.")
    to: Count = Field(description="The size after it.")
    because: Sentence = Field(description="Why it held.")


class DecisionRecord(ApiModel):
    """The last decision, and all that led to it."""

    time: Time = Field(description="When it was taken.")
    from_: Count = Field(alias="from", description="The size it started from.")
    to: Count = Field(description="The size it decided.")
    reason: Word = Field(description="One CamelCase word.")
    message: Sentence = Field(description="One sentence for people.")
    applied: bool = Field(description="Whether it is carried out: false in modes Advisory and Paused.")
    proposals: list[Proposal] = Field(
        default_factory=list,
        max_length=8,
        description="What each term proposed; the largest wins.",
    )
    limits: list[Limit] = Field(
        default_factory=list,
        max_length=16,
        description="Each step that changed the outcome, in order.",
    )


class Change(ApiModel):
    """One change of size."""

    time: Time = Field(description="When it was written.")
    from_: Count = Field(alias="from", description="The size before.")
    to: Count = Field(description="The size after.")
    reason: Word = Field(description="One CamelCase word.")
    message: Sentence = Field(description="One sentence for people.")


class InferenceServiceStatus(ApiModel):
    """What is, and why."""

    observed_generation: int | None = Field(
        default=None,
        ge=0,
        description="The `metadata.generation` that this status speaks of.",
    )
    replicas: Count = Field(default=0, description="Pods of the workload, ready or not.")
    ready_replicas: Count = Field(default=0, description="Pods that are ready.")
    desired_replicas: Count = Field(
        default=0, description="The size decided last. In mode Advisory: the size it would have."
    )
    selector: str = Field(
        default="", max_length=2048, description="Label selector of the pods, in the form that /scale gives out."
    )
    url: str | None = Field(default=None, max_length=512, description="Address inside the cluster.")
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="What is true now, and the one word why.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    signals: Signals | None = Field(default=None, description="What the engines said last.")
    decision: DecisionRecord | None = Field(default=None, description="The last decision, and what led to it.")
    changes: list[Change] = Field(
        default_factory=list,
        max_length=MAXIMUM_CHANGES,
        description="The last 10 changes of size, newest first.",
    )
