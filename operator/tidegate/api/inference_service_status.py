"""What Tidegate says of an InferenceService: conditions, signals, the decision and the changes before it."""

from pydantic import Field

from tidegate.api.conditions import Condition
from tidegate.api.cost_status import CostStatus
from tidegate.api.learned_status import LearnedCapacity, LearnedLeadTime
from tidegate.api.model import ApiModel
from tidegate.api.routing import ColdStart, RoutingStatus, WakePlan
from tidegate.api.status_fields import Count, Rate, Sentence, Time, Word
from tidegate.api.variant_status import AcceleratorStatus, VariantStatus

MAXIMUM_CHANGES = 10
MAXIMUM_PROPOSALS = 16
"""Of one decision: one for each term, or one for each variant."""

MAXIMUM_LIMITS = 16
MAXIMUM_LEARNED = 6144


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
