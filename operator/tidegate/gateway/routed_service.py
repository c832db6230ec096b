"""What a gateway knows of a service and of its pods."""

from dataclasses import dataclass

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

    engine_port: int
    health_path: str | None
    """Where its engine says that it is well; None where a connection has to do."""

    wake_plan: WakePlan | None
    """None until an operator has written one."""

    keeps_connections: bool = True
    """Whether its engine takes another request on a connection that it has not said it closes."""

    any_post: bool = False
    """Nobody knows at which paths its model works: whatever is posted to it is a use."""

    deleting: bool = False


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
    weight: float = 1.0
    """Its share of the work, beside that of others."""
