"""What a gateway knows of a service and of its pods."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.routing import RoutingMode, WakePlan

Key = tuple[str, str]
"""(namespace, name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTrouble:
    """Why a pod does not start."""

    reason: str
    """In one CamelCase word, as in the condition Ready: Unschedulable, ImagePullFailing, ..."""

    message: str
    since: float
    """When this gateway saw it first, in seconds of its clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEngine:
    """What runs in the pods of one variant, and how much of the work one of them is given."""

    port: int
    """Where it takes requests, unless the pod itself names another."""

    health_path: str | None
    """Where it says that it is well; None where a connection has to do."""

    keeps_connections: bool = True
    """Whether it takes another request on a connection that it has not said it closes."""

    weight: int = 1
    """At least 1: what one pod works on at once, beside those of other variants."""

    max_sequences: int | None = None
    """Most requests that one pod takes at once. None: what the wake plan says of the only variant, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedService:
    """One InferenceService that requests reach through the gateway, always or while no pod is ready."""

    key: Key
    uid: str
    created: float
    """In seconds since the epoch: of two services with one model name the older is meant."""

    mode: RoutingMode
    port: int
    """Its own port on every gateway."""

    models: tuple[str, ...]
    """Its model's name, then the aliases."""

    shared: bool
    """Whether it answers at the shared address."""

    max_held_requests: int
    hold_timeout_seconds: float
    affinity_header: str | None
    """In lower case."""

    engines: Mapping[str, PodEngine]
    """By variant, `default` among them."""

    wake_plan: WakePlan | None
    """None until an operator has written one."""

    fallback_after_seconds: float = 0.0
    """For so long pods of one variant may find no place before the operator has others do their work. Of no meaning
    where there is but one."""

    any_post: bool = False
    """Nobody knows at which paths its model works: whatever is posted to it is a use."""

    deleting: bool = False

    @property
    def default_engine(self) -> PodEngine:
        """What runs in pods of which nothing else is known."""
        return self.engines[DEFAULT_VARIANT]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPod:
    """One pod of a service."""

    uid: str
    name: str
    address: str
    """`IP:port` of its engine; empty until it has an IP."""

    ready: bool
    """The kubelet says so."""

    serving: bool
    """It is to take requests: it neither drains nor ends."""

    draining: bool = False
    """It is being emptied before it leaves, and would still answer."""

    trouble: PodTrouble | None = None
    variant: str = DEFAULT_VARIANT
    """Which way of running the model it is."""

    weight: float = 1.0
    """Above 0: its share of the work, beside that of others."""

    max_sequences: int | None = None
    """As `PodEngine.max_sequences`."""

    health_path: str | None = None
    keeps_connections: bool = True
