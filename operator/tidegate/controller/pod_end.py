"""When a pod ended for good: read from what the node says of it. Pure."""

from collections.abc import Iterator
from typing import Any

from tidegate.cluster.reading import seconds

_OVER = {"Failed", "Succeeded"}


def pod_end(pod: dict[str, Any]) -> float | None:
    """When the last container of a pod stopped that will not run again; None for a pod that may run still.

    Where no container says (an evicted pod may have none), it is when the pod last changed; an end that nobody dates
    is taken to be the pod's beginning, so that nothing is charged for what never ran.
    """
    status = pod.get("status") or {}
    if status.get("phase") not in _OVER:
        return None
    told = list(_stopped(status)) or list(_changed(status))
    return max((seconds(time) for time in told), default=seconds(pod["metadata"].get("creationTimestamp")))


def _stopped(status: dict[str, Any]) -> Iterator[str]:
    for container in status.get("containerStatuses") or ():
        time = ((container.get("state") or {}).get("terminated") or {}).get("finishedAt")
        if time:
            yield time


def _changed(status: dict[str, Any]) -> Iterator[str]:
    for condition in status.get("conditions") or ():
        if condition.get("lastTransitionTime"):
            yield condition["lastTransitionTime"]
