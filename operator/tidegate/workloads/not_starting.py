"""Why pods do not start: what the scheduler, the kubelet and the Deployment's controller say of them, in one word each.

Pure. A pod that is on its way has no trouble; it has when the cluster has tried, and says that it cannot.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

from tidegate.api.conditions import Reason
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.placement import Placement
from tidegate.workloads.pod_place import Cause

LONGEST_MESSAGE = 256
"""Kept of what is said of a pod; a pull error may be pages long."""

WAITING_REASONS: Mapping[str, Reason] = {
    **dict.fromkeys(
        (
            "ErrImagePull",
            "ImagePullBackOff",
            "InvalidImageName",
            "ErrImageNeverPull",
            "ImageInspectError",
            "RegistryUnavailable",
            "SignatureValidationFailed",
        ),
        Reason.IMAGE_PULL_FAILING,
    ),
    **dict.fromkeys(
        (
            "CreateContainerConfigError",
            "CreateContainerError",
            "RunContainerError",
            "PreStartHookError",
            "PostStartHookError",
        ),
        Reason.CONTAINER_NOT_CREATED,
    ),
    "CrashLoopBackOff": Reason.CRASHING,
}
"""What the kubelet calls it (`pkg/kubelet/container/sync_result.go`, `pkg/kubelet/images/types.go`). Others, such as
ContainerCreating and PodInitializing, are stations on the way."""

_PULL_CAUSE = "ErrImagePull: "
"""Before the cause, in the message while the kubelet waits to try again."""

_ORDER = (
    Reason.PODS_REFUSED,
    Reason.UNSCHEDULABLE,
    Reason.IMAGE_PULL_FAILING,
    Reason.CONTAINER_NOT_CREATED,
    Reason.CRASHING,
)
"""On the way of a pod from the Deployment to its engine: of as many pods each, the earlier is told first."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one pod does not start."""

    reason: Reason
    message: str
    """In the words of whoever could not start it, at most `LONGEST_MESSAGE` characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStarting:
    """The pods of a service that do not start for one reason."""

    reason: Reason
    pods: int
    example: str
    """The first of them by name, and what is said of it."""


def pod_trouble(status: Mapping[str, Any]) -> Trouble | None:
    """Read from a pod's status why it does not start; None for one that is ready, or on its way."""
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return _trouble(Reason.UNSCHEDULABLE, scheduled.get("message") or scheduled.get("reason", ""))
    if conditions.get("Ready", {}).get("status") == "True":
        return None
    containers = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    return next((trouble for each in containers if (trouble := _container_trouble(each)) is not None), None)


def not_starting(
    pods: Iterable[tuple[str, Trouble | None]], deployment: LiveDeployment, place: Placement | None = None
) -> tuple[NotStarting, ...]:
    """Gather why pods of a Deployment do not start, the reason of most of them first.

    Args:
        pods: the name and the trouble of each pod that is not ending.
        deployment: theirs; its controller says which pods were refused before they existed.
        place: what is known of their places: pods that nodes turn away are over, and others there in their stead.
    """
    named = sorted(pods, key=lambda pod: pod[0])
    troubled = [(name, trouble) for name, trouble in named if trouble is not None]
    counts = Counter(trouble.reason for _, trouble in troubled)
    found = [
        NotStarting(
            reason=reason,
            pods=pods_of_reason,
            example=next(f"{name}: {trouble.message}" for name, trouble in troubled if trouble.reason is reason),
        )
        for reason, pods_of_reason in counts.items()
    ]
    failure = next((c for c in deployment.conditions if (c.type, c.status) == ("ReplicaFailure", "True")), None)
    if failure is not None:
        # While a rollout surges, as many pods as wanted may be there, and one more is refused.
        refused = max(1, deployment.replicas - len(named))
        found.append(NotStarting(reason=Reason.PODS_REFUSED, pods=refused, example=_trouble_text(failure.message)))
    found += [
        NotStarting(reason=Reason.PODS_REFUSED, pods=kept.pods, example=kept.words)
        for kept in (place.without if place is not None else ())
        if kept.cause is Cause.REJECTED
    ]
    return tuple(sorted(found, key=lambda each: (-each.pods, _ORDER.index(each.reason))))


def _container_trouble(container: Mapping[str, Any]) -> Trouble | None:
    if container.get("ready"):
        return None
    state, name = container.get("state") or {}, container["name"]
    waiting = state.get("waiting") or {}
    reason = WAITING_REASONS.get(waiting.get("reason", ""))
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    # One that ended is told while it is started again, too: else a crash would come and go with each attempt. An init
    # container that ended well is done.
    if reason is Reason.CRASHING or (reason is None and ended and (ended.get("exitCode") or "terminated" not in state)):
        return _trouble(Reason.CRASHING, f"container {name} {_ending(ended or {})}")
    if reason is None:
        return None
    said = waiting.get("message", "").rpartition(_PULL_CAUSE)[2]
    return _trouble(reason, f"container {name}: {said or waiting['reason']}")


def _ending(terminated: Mapping[str, Any]) -> str:
    """How a container ended, as far as it is known."""
    if "exitCode" not in terminated:
        return "ended"
    reason, message = terminated.get("reason", ""), terminated.get("message", "").strip()
    more = f" ({reason})" if reason not in {"", "Error"} else ""
    return f"ended with exit code {terminated['exitCode']}{more}" + (f": {message}" if message else "")


def _trouble(reason: Reason, message: str) -> Trouble:
    return Trouble(reason, intern(_trouble_text(message)))


def _trouble_text(message: str) -> str:
    words = " ".join(message.split())
    return words if len(words) <= LONGEST_MESSAGE else f"{words[: LONGEST_MESSAGE - 1]}…"
