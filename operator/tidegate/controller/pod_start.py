"""When a pod passed the stations to its first answer: read from what scheduler and kubelet say of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidegate.workloads.conflict import ENGINE_CONTAINER


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStart:
    """When, in seconds since the epoch, by the clock of whoever says so: scheduler, node, node."""

    scheduled: float | None
    """It got a node; None where that is not known, as of all below."""

    running: float | None
    """Its engine's container began to run. None after a restart, too: the time is then that of the last run."""

    ready: float
    """It was ready, last. A pod that fell ill and recovered says nothing of its first time."""


def pod_start(status: Mapping[str, Any]) -> PodStart | None:
    """Read a pod's status; None for a pod that is not ready, or does not say since when."""
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    ready = _since(conditions.get("Ready"))
    if ready is None:
        return None
    return PodStart(
        scheduled=_since(conditions.get("PodScheduled")),
        running=_running(status.get("containerStatuses") or ()),
        ready=ready,
    )


def _since(condition: Mapping[str, Any] | None) -> float | None:
    """Since when a condition is true."""
    if condition is None or condition.get("status") != "True":
        return None
    return _seconds(condition.get("lastTransitionTime"))


def _running(containers: Iterable[Mapping[str, Any]]) -> float | None:
    """When the engine's container began to run; in pods that are not ours, the last of all containers."""
    containers = list(containers)
    engines = [each for each in containers if each.get("name") == ENGINE_CONTAINER] or containers
    if any(each.get("restartCount") for each in engines):
        return None
    times = [_seconds(((each.get("state") or {}).get("running") or {}).get("startedAt")) for each in engines]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def _seconds(timestamp: object) -> float | None:
    if not isinstance(timestamp, str):
        return None
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        return None
