"""How the number of replicas follows demand: the terms that propose a size, the promises, and the bounds."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.behavior import Behavior
from tidegate.api.model import ApiModel, Rule
from tidegate.api.quantity import PositiveQuantity

MAXIMUM_REPLICAS = 1000
MAXIMUM_SCHEDULES = 16
Replicas = Annotated[int, Field(ge=1, le=MAXIMUM_REPLICAS)]
ReplicasOrNone = Annotated[int, Field(ge=0, le=MAXIMUM_REPLICAS)]

_CRON_RULE = Rule(
    "self.matches('^[0-9A-Za-z*/,#-]+( +[0-9A-Za-z*/,#-]+){4}$')",
    "is not a cron expression: give five fields, minute, hour, day of month, month and day of week, for example "
    "'0 8 * * 1-5'",
    subject="self",
)
# A rule, where a pattern would do: "should match ^[0-9A-Za-z..." tells people nothing.
Cron = Annotated[
    str,
    Field(min_length=1, max_length=100, json_schema_extra={"x-kubernetes-validations": [_CRON_RULE.to_document()]}),
]
"""Five fields, as in a crontab. Whether they mean anything is checked by the operator."""


class Mode(StrEnum):
    """What happens with a decision."""

    AUTOMATIC = "Automatic"
    ADVISORY = "Advisory"
    PAUSED = "Paused"


class TokenThroughput(ApiModel):
    """Scale on the work that arrives."""

    target_per_replica: PositiveQuantity = Field(
        description="How much arriving work one replica is given, in prompt plus generated tokens per second (with an "
        "engine of type Custom: in its workUnit per second). An integer, or a string such as '2.5', '500m' or '12k'."
    )


class QueueDepth(ApiModel):
    """Scale on the requests that wait."""

    target_per_replica: PositiveQuantity = Field(
        default=4,
        description="How many requests may wait for each replica; what waits beyond them adds replicas. An integer, or "
        "a string such as '0.5'. Default 4.",
    )
    drain_seconds: int = Field(
        default=30,
        ge=1,
        le=3600,
        description="Within how many seconds the requests beyond that should have been started: 1 to 3600. The "
        "shorter, the more replicas a backlog adds. Default 30.",
    )


class KvCache(ApiModel):
    """Scale on the KV cache that the requests in the engines hold."""

    target_percent: int = Field(
        default=85,
        ge=1,
        le=100,
        description="How full the KV caches of the replicas may be, in percent, 1 to 100; what is held beyond adds "
        "replicas. Counts what the engines say is in use, not what waits. Default 85.",
    )


class LatencyObjective(ApiModel):
    """A promise about one latency: this share of the requests is at least as quick as this."""

    percentile: int = Field(
        default=95,
        ge=50,
        le=99,
        description="Which share of the requests the promise is about, in percent: 50 to 99. Default 95.",
    )
    milliseconds: int = Field(
        ge=1, le=600_000, description="How long it may take for them, in milliseconds: 1 to 600000. No default."
    )


class Objectives(ApiModel):
    """What clients are promised."""

    time_to_first_token: LatencyObjective | None = Field(
        default=None,
        description="How long a request may take from its arrival at the engine to its first token. Absent (default): "
        "nothing is promised.",
    )
    inter_token_latency: LatencyObjective | None = Field(
        default=None,
        description="How far apart the tokens of an answer may be. Absent (default): nothing is promised.",
    )


class Schedule(ApiModel):
    """A span of time that returns, and the fewest replicas during it."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "self.start != self.end",
            "start and end are the same: the span would never end; give end another time, or use scaling.minReplicas",
            ".end",
        ),
    )

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="What it is called, in decisions and in conditions; no two schedules of a service share a name.",
    )
    start: Cron = Field(
        description="When the span begins, as five cron fields (minute, hour, day of month, month, day of week) in "
        "timeZone: '0 8 * * 1-5' is 8:00 from Monday to Friday. Pods are ordered earlier, by the time that they were "
        "seen to need to get ready."
    )
    end: Cron = Field(
        description="When the span ends, in the same form: the first such instant after start. '0 18 * * 1-5' is 18:00 "
        "from Monday to Friday. Where an end falls on a start, the span goes on."
    )
    time_zone: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$",
        description="Time zone of start and end, as IANA calls it: Europe/Paris, America/New_York, UTC. Daylight "
        "saving is kept: 8:00 is 8:00 all year. No default.",
    )
    min_replicas: Replicas = Field(
        description="Fewest replicas during the span, 1 to 1000; at most scaling.maxReplicas. Where spans overlap, the "
        "highest holds. No default."
    )


class ScaleToZero(ApiModel):
    """When a service goes to sleep."""

    idle_seconds: int = Field(
        default=600,
        ge=30,
        le=86_400,
        description="How long no request may have arrived or run, in seconds, 30 to 86400, before all replicas leave. "
        "Probes, scrapes and questions for /v1/models are no use. Default 600.",
    )


class Budget(ApiModel):
    """What a service may cost."""

    max_cost_per_hour: PositiveQuantity = Field(
        description="Most that all replicas together may cost for an hour, in the currency of costPerHour, for example "
        "'12.50'. It holds against everything else, a pin included. The replicas must have a price."
    )


class Scaling(ApiModel):
    """How the number of replicas follows demand. The largest of the terms' proposals wins."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "minReplicas is above maxReplicas: lower minReplicas, or raise maxReplicas",
            ".minReplicas",
        ),
        Rule(
            "!has(self.schedules) || self.schedules.all(s, s.minReplicas <= self.maxReplicas)",
            "minReplicas of a schedule is above maxReplicas: lower it, or raise maxReplicas",
            ".schedules",
        ),
    )

    mode: Mode = Field(
        default=Mode.AUTOMATIC,
        description="What happens with a decision. Automatic (default): it is carried out. Advisory: it is written to "
        "status and explained, never carried out. Paused: none is taken. In all of them pods that Tidegate runs are "
        "kept up to date with this spec, and status with the pods.",
    )
    min_replicas: ReplicasOrNone = Field(
        default=1,
        description="Fewest replicas, 0 to 1000. 0: the service sleeps when nobody uses it (scaleToZero), and the "
        "first request wakes it. Default 1.",
    )
    max_replicas: Replicas = Field(default=8, description="Most replicas, 1 to 1000. Default 8.")
    token_throughput: TokenThroughput | None = Field(
        default=None,
        description="Scale on the tokens that arrive per second, at a capacity per replica that you give. Absent "
        "(default): what one replica can do is learned from the engines' own metrics, and shown in status.capacity.",
    )
    queue_depth: QueueDepth = Field(
        default_factory=QueueDepth, description="Scale on the requests that wait. Always on."
    )
    kv_cache: KvCache = Field(
        default_factory=KvCache,
        description="Scale on the KV cache in use. On wherever the engine tells how full it is.",
    )
    objectives: Objectives = Field(
        default_factory=Objectives,
        description="What clients are promised. What is measured slower than that adds replicas, and what a replica "
        "can do is taken as what it can do within it. Absent (default): nothing is promised.",
    )
    schedules: list[Schedule] = Field(
        default_factory=list,
        max_length=MAXIMUM_SCHEDULES,
        description="Spans of time with more replicas than minReplicas, at most 16; for load that is known in advance. "
        "They only raise the size, and hold although metrics are missing. Default: none.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    scale_to_zero: ScaleToZero = Field(
        default_factory=ScaleToZero,
        description="When the service goes to sleep, where minReplicas is 0.",
    )
    budget: Budget | None = Field(
        default=None,
        description="What the service may cost. Absent (default): only its namespace is bounded, if at all.",
    )
    fallback_after_seconds: int = Field(
        default=180,
        ge=10,
        le=86_400,
        description="How long replicas of a variant may wait for a place, in seconds, 10 to 86400, before the other "
        "variants do their work. One goes on waiting, so that it is noticed when there is room again. Default 180.",
    )
    behavior: Behavior = Field(
        default_factory=Behavior,
        description="How fast the size may change: exactly the behavior of a HorizontalPodAutoscaler autoscaling/v2, "
        "with the same defaults.",
    )
