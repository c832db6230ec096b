"""What is written on pods about their way down: read from their metadata, and as a patch of it."""

from datetime import UTC, datetime
from sys import intern
from typing import Any

from tidegate.api.names import (
    DELETION_COST_ANNOTATION,
    DRAINING_SINCE_ANNOTATION,
    FIELD_MANAGER_PODS,
    ROUTING_LABEL,
)
from tidegate.workloads.leaving import PodMarks
from tidegate.workloads.managed_fields import field_managers

_COST = ("f:metadata", "f:annotations", f"f:{DELETION_COST_ANNOTATION}")


def pod_marks(metadata: dict[str, Any]) -> PodMarks:
    """Read a pod's marks. What cannot be read counts as Kubernetes counts it, or as long ago."""
    annotations = metadata.get("annotations") or {}
    cost = annotations.get(DELETION_COST_ANNOTATION)
    return PodMarks(
        routing=_shared((metadata.get("labels") or {}).get(ROUTING_LABEL)),
        draining_since=_since(annotations.get(DRAINING_SINCE_ANNOTATION)),
        deletion_cost=None if cost is None else _number(cost),
        cost_is_foreign=cost is not None and _is_foreign(metadata),
    )


def patch_of(before: PodMarks, after: PodMarks) -> dict[str, Any]:
    """The part of a pod's metadata that makes one the other, for a merge patch."""
    part: dict[str, Any] = {}
    if before.routing != after.routing:
        part["labels"] = {ROUTING_LABEL: after.routing}
    annotations: dict[str, str | None] = {}
    if before.draining_since != after.draining_since:
        since = after.draining_since
        annotations[DRAINING_SINCE_ANNOTATION] = None if since is None else _timestamp(since)
    if before.deletion_cost != after.deletion_cost:
        cost = after.deletion_cost
        annotations[DELETION_COST_ANNOTATION] = None if cost is None else str(cost)
    if annotations:
        part["annotations"] = annotations
    return part


def _is_foreign(metadata: dict[str, Any]) -> bool:
    """Whether anybody but us has written the deletion cost: a template's came with the pod."""
    owners = {manager.name for manager in field_managers(metadata.get("managedFields") or ()) if manager.owns(_COST)}
    return owners != {FIELD_MANAGER_PODS}


def _shared(text: str | None) -> str | None:
    return None if text is None else intern(text)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _since(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _timestamp(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
