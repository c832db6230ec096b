"""What is kept of a Deployment and a Service as they are in the cluster: small values, never the document."""

from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

from tidegate.api.names import (
    BODY_HASH_ANNOTATION,
    INPUTS_HASH_ANNOTATION,
    RENDER_VERSION_ANNOTATION,
    ROUTING_GATEWAY,
    ROUTING_LABEL,
)
from tidegate.api.timestamps import seconds_of
from tidegate.engines.batch import batch_arguments
from tidegate.workloads.managed_fields import FieldManager, field_managers
from tidegate.workloads.selector import selector_text


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCondition:
    """One condition of a Deployment."""

    type: str
    status: str
    reason: str
    message: str
    since: float | None = None
    """When its status last changed, in seconds since the epoch; None where that is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveChild:
    """What a Deployment and a Service have in common."""

    key: tuple[str, str]
    """(namespace, name)."""

    uid: str
    resource_version: str
    deleting: bool
    """Its deletion has begun."""

    owner_uid: str | None
    """The controlling owner's; None for an object that nobody controls."""

    body_hash: str | None
    """The annotation that the last apply of the body left; None on an object that is not ours."""

    managers: tuple[FieldManager, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDeployment(LiveChild):
    """A Deployment as it is."""

    generation: int
    observed_generation: int
    """The generation that the counts below speak of."""

    replicas: int
    """`spec.replicas`: the size that is asked for, whoever wrote it."""

    current_replicas: int
    """`status.replicas`: pods that exist and are not ending."""

    updated_replicas: int
    """Those of them that are made from the present template."""

    ready_replicas: int
    available_replicas: int
    inputs_hash: str | None
    render_version: str | None
    selector: str
    """Label selector of its pods, as text in the form that /scale gives out."""

    conditions: tuple[LiveCondition, ...]

    batch_arguments: tuple[str, ...] = ()
    """See `tidegate.engines.batch`."""

    @property
    def rollout_in_progress(self) -> bool:
        """Whether pods of an older template are still there, or the controller has not seen the last write yet."""
        return self.observed_generation < self.generation or self.updated_replicas < self.current_replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveService(LiveChild):
    """A core/v1 Service as it is."""

    to_pods: bool = True
    """Whether it leads to pods itself, and not to the gateways alone."""


def live_deployment(document: Mapping[str, Any]) -> LiveDeployment:
    """Project an apps/v1 Deployment."""
    metadata, spec = document["metadata"], document["spec"]
    status = document.get("status") or {}
    annotations = metadata.get("annotations") or {}
    return LiveDeployment(
        **_common(metadata),
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        # The API server always fills it in; a document without it is from before defaulting and means 1 too.
        replicas=spec.get("replicas", 1),
        current_replicas=status.get("replicas", 0),
        updated_replicas=status.get("updatedReplicas", 0),
        ready_replicas=status.get("readyReplicas", 0),
        available_replicas=status.get("availableReplicas", 0),
        inputs_hash=annotations.get(INPUTS_HASH_ANNOTATION),
        render_version=annotations.get(RENDER_VERSION_ANNOTATION),
        selector=selector_text(spec.get("selector") or {}),
        conditions=tuple(
            LiveCondition(
                type=intern(condition["type"]),
                status=intern(condition["status"]),
                reason=intern(condition.get("reason", "")),
                message=condition.get("message", ""),
                since=seconds_of(condition.get("lastTransitionTime")),
            )
            for condition in status.get("conditions") or ()
        ),
        batch_arguments=batch_arguments(((spec.get("template") or {}).get("spec") or {}).get("containers") or ()),
    )


def live_service(document: Mapping[str, Any]) -> LiveService:
    """Project a core/v1 Service."""
    selector = (document.get("spec") or {}).get("selector") or {}
    return LiveService(**_common(document["metadata"]), to_pods=selector.get(ROUTING_LABEL) != ROUTING_GATEWAY)


def _common(metadata: Mapping[str, Any]) -> dict[str, Any]:
    owners = metadata.get("ownerReferences") or ()
    return {
        "key": (metadata["namespace"], metadata["name"]),
        "uid": metadata["uid"],
        "resource_version": metadata["resourceVersion"],
        "deleting": "deletionTimestamp" in metadata,
        "owner_uid": next((owner["uid"] for owner in owners if owner.get("controller")), None),
        "body_hash": (metadata.get("annotations") or {}).get(BODY_HASH_ANNOTATION),
        "managers": field_managers(metadata.get("managedFields") or ()),
    }
