"""How requests reach the pods: through the gateway, straight, or by nobody of ours; and what a gateway is told."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.model import ApiModel, Rule

FIRST_GATEWAY_PORT = 10_000
LAST_GATEWAY_PORT = 32_767
"""Ports of services on the gateways: above what people use for their own, below what Linux hands out to clients."""

HeaderName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
GatewayPort = Annotated[int, Field(ge=1, le=65_535)]


class RoutingMode(StrEnum):
    """Which way requests take."""

    GATEWAY = "Gateway"
    DIRECT = "Direct"
    NONE = "None"


class Routing(ApiModel):
    """How requests reach the pods."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "!has(self.affinityHeader) || !has(self.mode) || self.mode == 'Gateway'",
            "affinityHeader is for mode Gateway: elsewhere nothing of ours chooses the pod; remove it, or set mode to "
            "Gateway",
            ".affinityHeader",
        ),
    )

    mode: RoutingMode | None = Field(
        default=None,
        description="Gateway: all requests go through Tidegate's gateway, which picks the least loaded pod, holds "
        "requests while none is ready, and wakes a service that sleeps. Direct: through the Service straight to the "
        "pods, and through the gateway only while no pod is ready. None: straight to the pods, and never to sleep. "
        "Absent (default): the operator's --routing-mode, which the chart sets to Gateway where it installs the "
        "gateway; always None with targetRef.",
    )
    max_held_requests: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        description="How many requests one gateway pod holds for this service while none of its pods can take them: 1 "
        "to 10000. Those beyond are answered 429. Default 1000.",
    )
    hold_timeout_seconds: int = Field(
        default=300,
        ge=1,
        le=3600,
        description="How long a request is held at most, in seconds, 1 to 3600; then it is answered 504. Give it more "
        "than the service needs to start, and clients more than that. Default 300.",
    )
    shared: bool = Field(
        default=True,
        description="Whether the service answers at the shared address too, to its model name and aliases. Default "
        "true.",
    )
    affinity_header: HeaderName | None = Field(
        default=None,
        description="A request header, such as x-session-id: requests with the same value go to the same pod, whose "
        "prefix cache knows them, unless it has a quarter more to do than the mean. Absent (default): the least loaded "
        "pod. Only in mode Gateway.",
    )


class RoutingStatus(ApiModel):
    """What was made of `routing`."""

    mode: RoutingMode = Field(description="The mode that holds.")
    port: GatewayPort | None = Field(
        default=None,
        description="The service's own port on the gateways' pods. Clients use url, which leads there.",
    )
    standby: bool = Field(
        default=False,
        description="Mode Direct: the gateways are to stand beside the pods, because the last of these is about to "
        "leave.",
    )


class WakePlan(ApiModel):
    """All that a gateway needs to wake the service, though no operator is there."""

    deployment: str = Field(min_length=1, max_length=253, description="The Deployment to raise from 0.")
    allowed: bool = Field(description="Whether it may be. Otherwise requests are answered 503 at once, with message.")
    reason: str = Field(max_length=128, description="Why, or why not, in one CamelCase word.")
    message: str = Field(default="", max_length=1024, description="The same as a sentence for people.")
    min_replicas: int = Field(
        default=1, ge=1, le=1000, description="Fewest replicas to wake to, schedules of now included."
    )
    max_replicas: int = Field(default=1, ge=1, le=1000, description="Most replicas to wake to.")
    requests_per_replica: int = Field(
        default=1,
        ge=1,
        le=1_000_000,
        description="How many of the requests that are held one replica can start within queueDepth.drainSeconds.",
    )
    max_sequences: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="How many requests one pod works on at once at most; no more are handed to it. Absent where the "
        "engine's arguments do not say.",
    )
    lead_time_seconds: int | None = Field(
        default=None,
        ge=0,
        le=86_400,
        description="How long pods take to get ready, as learned: what clients are told to wait. Absent until known.",
    )


class ColdStart(ApiModel):
    """How long the last pod that got ready took, phase by phase."""

    time: str = Field(json_schema_extra={"format": "date-time"}, description="When it was ready.")
    pod: str = Field(max_length=253, description="Its name.")
    total_seconds: int = Field(ge=0, le=2_147_483_647, description="From its creation until it was ready.")
    scheduled_seconds: int | None = Field(
        default=None, ge=0, le=2_147_483_647, description="Of these: until it had a node."
    )
    pulled_seconds: int | None = Field(
        default=None,
        ge=0,
        le=2_147_483_647,
        description="Then: until the engine's container ran; volumes, network, and above all the image.",
    )
    loaded_seconds: int | None = Field(
        default=None, ge=0, le=2_147_483_647, description="Then: until the engine had loaded its model and answered."
    )
