"""What Tidegate says of an InferenceService: conditions, signals, the decision and the changes before it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tidegate.api.conditions import Condition
from tidegate.api.model import ApiModel
from tidegate.api.routing import ColdStart, RoutingStatus, WakePlan

Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
Rate = Annotated[str, Field(max_length=24)]
Sentence = Annotated[str, Field(max_length=1024)]
Word = Annotated[str, Field(max_length=128)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

MAXIMUM_CHANGES = 10
MAXIMUM_PROPOSALS = 16
"""Of one decision: one for each term, or one for each variant."""

MAXIMUM_LIMITS = 16
MAXIMUM_LEARNED = 6144
MAXIMUM_COST_LEARNED = 1024


class Signals(ApiModel):
    """What the engines said last, over all pods. Rounded, so that a quiet service writes nothing."""

    work_unit: Word = Field(description="What work is counted in: tokens, or the workUnit of an engine of type Custom.")
    arriving_per_second: Rate | None = Field(
        default=None,
        description="Work of the requests that arrive, in work units per second. Demand: what is scaled on. Absent "
        "while it is not known.",
    )
    served_per_second: Rate | None = Field(
        default=None,
        description="Work that the pods do, in work units per second. Falls short of arrivingPerSecond while there are "
        "too few of them.",
    )
    requests_per_second: Rate | None = Field(
        default=None, description="Requests that arrive per second. Absent where the engine counts none."
    )
    waiting: Count | None = Field(
        default=None, description="Requests that the engines have accepted and not yet started."
    )
    running: Count | None = Field(default=None, description="Requests that the engines are working on.")
    kv_cache_percent: Count | None = Field(
        default=None,
        description="Share of the KV caches in use, in percent, as a mean over the pods. Absent where the engine does "
        "not tell.",
    )
    pods_sampled: Count = Field(description="Ready pods whose metrics were read and made sense.")
    pods_ready: Count = Field(description="Ready pods. More than podsSampled: the numbers above leave some out.")


class Proposal(ApiModel):
    """What one term of the rule would have."""

    term: Word = Field(description="The term: throughput, bursts, memory, queue, objectives or running.")
    replicas: Count = Field(description="The size it proposes.")
    because: Sentence = Field(description="The numbers behind it, as a sentence for people.")


class Limit(ApiModel):
    """A step that changed what the terms proposed."""

    name: Word = Field(
        description="The step: metrics, rollout, placement, stabilization, behavior, scaleToZero, minReplicas, "
        "schedules, maxReplicas, pin, budget or paused."
    )
    from_: Count = Field(alias="from", description="The size before this step.")
    to: Count = Field(description="The size after it.")
    because: Sentence = Field(description="Why it held, as a sentence for people.")


class DecisionRecord(ApiModel):
    """The last decision, and all that led to it."""

    time: Time = Field(description="When it was taken.")
    from_: Count = Field(alias="from", description="The size there was.")
    to: Count = Field(description="The size that was decided.")
    reason: Word = Field(description="Why, in one CamelCase word: ScaledUp, ScaledDown, Steady, Pinned, ...")
    message: Sentence = Field(description="What was decided and why, as a sentence for people.")
    applied: bool = Field(
        description="Whether it is carried out: not in modes Advisory and Paused, nor while yielding to another scaler."
    )
    proposals: list[Proposal] = Field(
        default_factory=list,
        max_length=MAXIMUM_PROPOSALS,
        description="What each term proposed; the largest wins. With variants: what the part of each comes to in its "
        "own replicas; of these the cheapest set is made.",
    )
    limits: list[Limit] = Field(
        default_factory=list,
        max_length=MAXIMUM_LIMITS,
        description="Each step that changed the outcome after that, in order.",
    )


class Confidence(StrEnum):
    """How sure a capacity is."""

    GIVEN = "Given"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class LearnedCapacity(ApiModel):
    """What one replica can do. One step of an engine lasts alpha + beta * sequences + c * prompt tokens in it."""

    variant: Word = Field(description="The variant that it is about; default where there is no other.")
    units_per_second: Rate | None = Field(
        default=None,
        description="Work that one replica can do of the requests that come now, in work units per second. Absent "
        "while that is not known.",
    )
    requests_per_second: Rate | None = Field(
        default=None, description="The same in requests per second. Absent while it is not known how large they are."
    )
    requests_at_once: Rate | None = Field(
        default=None,
        description="How many requests one replica works on at once when full. The fewer, the more room is left for "
        "requests that come by chance together. Absent while that is not known, and where the capacity is given.",
    )
    confidence: Confidence = Field(
        description="How sure that is. Given: it is scaling.tokenThroughput, and was not learned. High: learned, to "
        "within 15 percent. Medium: to within 40. Low: not even so. Absent numbers are Low."
    )
    template_hash: Word | None = Field(
        default=None,
        description="The pod-template-hash of the pods it was learned from. Pods of another start afresh.",
    )
    alpha_milliseconds: Rate | None = Field(
        default=None, description="What a step takes, however little is in it, in milliseconds."
    )
    beta_milliseconds: Rate | None = Field(
        default=None, description="What each sequence in a step adds to it, in milliseconds."
    )
    c_milliseconds: Rate | None = Field(
        default=None, description="What each prompt token in a step adds to it, in milliseconds."
    )
    samples: Count = Field(default=0, description="How many looks at pods at work it was learned from.")
    time: Time = Field(description="When this was written: after a change of more than 5 percent, or ten minutes.")


class LearnedLeadTime(ApiModel):
    """How long pods take from their creation until they are ready."""

    variant: Word = Field(description="The variant that it is about; default where there is no other.")
    p50_seconds: Count = Field(description="Half of them take no longer, in seconds.")
    p75_seconds: Count = Field(
        description="Three of four take no longer, in seconds. So far ahead demand is forecast, and schedules begin."
    )
    samples: Count = Field(description="From how many pods: of the latest, up to 20.")
    time: Time = Field(description="When this was written: after a change of more than 5 percent, or ten minutes.")


class Change(ApiModel):
    """One change of size."""

    time: Time = Field(description="When it was written.")
    from_: Count = Field(alias="from", description="The size before.")
    to: Count = Field(description="The size after.")
    reason: Word = Field(description="Why, in one CamelCase word.")
    message: Sentence = Field(description="What was decided and why, as a sentence for people.")
    by: str | None = Field(
        default=None,
        max_length=128,
        description="The field manager that changed it, where it was not Tidegate: kubectl, for example.",
    )


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


class CostStatus(ApiModel):
    """What the service costs, in the currency of the prices: of its pods, from their creation to their end."""

    time: Time = Field(
        description="When this was worked out: when pods came or went, else about every ten minutes while there are "
        "some and it is another. While the service sleeps it stays as it was."
    )
    per_hour: Rate = Field(description="What the pods that were there then cost for an hour.")
    last_day: Rate | None = Field(
        default=None, description="What they have cost in the 24 hours before time, or since the service was made."
    )
    per_million_tokens: Rate | None = Field(
        default=None,
        description="What a million tokens, prompts and answers together, have cost in the last 24 hours, idle time "
        "included. Absent while none were worked on, and where the workUnit is another.",
    )
    per_work_unit: Rate | None = Field(
        default=None,
        description="What one work unit (image, second, embedding, request) has cost in the last 24 hours. Absent "
        "where work is counted in tokens.",
    )
    learned: str | None = Field(
        default=None,
        max_length=MAXIMUM_COST_LEARNED,
        description="The sums of which the above is made, by hour, for the next operator. Not for people.",
    )


class InferenceServiceStatus(ApiModel):
    """What is, and why."""

    observed_generation: int | None = Field(
        default=None,
        ge=0,
        description="The metadata.generation that this status speaks of: older than it means not seen yet.",
    )
    replicas: Count = Field(default=0, description="Pods there are, ready or not.")
    ready_replicas: Count = Field(
        default=0, description="Pods that are ready and take requests. Those that finish before they leave do not."
    )
    desired_replicas: Count = Field(
        default=0, description="Pods there should be, as decided last. In mode Advisory: as they would be."
    )
    selector: str = Field(
        default="",
        max_length=2048,
        description="Label selector of the pods, in the form that /scale gives out: a=b,c=d.",
    )
    url: str | None = Field(
        default=None,
        max_length=512,
        description="Address inside the cluster, for example http://chat.default.svc:8000. Absent with targetRef, "
        "whose address is somebody else's.",
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        description="What is true now, and the one word why: Ready, SpecValid, Routed, MetricsAvailable, "
        "AcceleratorAvailable, ScalingLimited and ConflictingScaler.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    accelerator: AcceleratorStatus | None = Field(
        default=None,
        description="What each replica is given of accelerators. Absent on CPU, and with targetRef.",
    )
    variants: list[VariantStatus] = Field(
        default_factory=list,
        max_length=9,
        description="What is true of each variant, default first. Empty where the service has none but that.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    cost: CostStatus | None = Field(
        default=None, description="What the service costs. Absent where the price of its replicas is not known."
    )
    signals: Signals | None = Field(default=None, description="What the engines said last, over all pods. Rounded.")
    capacity: list[LearnedCapacity] = Field(
        default_factory=list,
        max_length=16,
        description="What one replica can do, as it was learned or given.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["variant"]},
    )
    lead_time: list[LearnedLeadTime] = Field(
        default_factory=list,
        max_length=16,
        description="How long pods take to get ready, as it was learned.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["variant"]},
    )
    learned: str | None = Field(
        default=None,
        max_length=MAXIMUM_LEARNED,
        description="All that was learned, for the next operator to go on with. Not for people: capacity and leadTime "
        "say it in words. A version that cannot read it learns anew.",
    )
    routing: RoutingStatus | None = Field(default=None, description="What was made of spec.routing.")
    wake_plan: WakePlan | None = Field(
        default=None,
        description="What a gateway does when a request arrives while the service has no pods. Absent where it has no "
        "part in it.",
    )
    idle_since: Time | None = Field(
        default=None,
        description="Since when no request has arrived or run. Absent while there are some, or that is not known.",
    )
    cold_start: ColdStart | None = Field(
        default=None, description="How long the last pod that got ready took, phase by phase."
    )
    decision: DecisionRecord | None = Field(default=None, description="The last decision, and all that led to it.")
    changes: list[Change] = Field(
        default_factory=list,
        max_length=MAXIMUM_CHANGES,
        description="The last 10 changes of size, newest first.",
    )
