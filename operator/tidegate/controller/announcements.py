"""Events: told once per transition, never per tick. Pure: two statuses in, what to tell out."""

from dataclasses import dataclass
from typing import Any

from tidegate.api.conditions import ConditionType, Reason
from tidegate.api.names import API_VERSION, GROUP
from tidegate.api.routing import ColdStart
from tidegate.controller.cold_start import wording
from tidegate.controller.records import Document, ServiceRecord

COMPONENT = f"{GROUP}/operator"
MAXIMUM_MESSAGE_LENGTH = 1024
"""Of an Event's message (Kubernetes `core/v1`)."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something worth an Event."""

    warning: bool
    reason: str
    message: str


_BAD_WHEN_TRUE = {ConditionType.CONFLICTING_SCALER}
NOT_STARTING = {
    Reason.PODS_REFUSED,
    Reason.UNSCHEDULABLE,
    Reason.IMAGE_PULL_FAILING,
    Reason.CONTAINER_NOT_CREATED,
    Reason.CRASHING,
}
"""Reasons of Ready that are bad news even while other pods answer."""

_NOT_TOLD = {ConditionType.SCALING_LIMITED}
"""Bounds bite and let go all day; the decision record has them."""


def announcements(previous: Document, current: Document) -> list[Announcement]:
    """Tell which conditions turned, and, while one is bad, which reason replaced another.

    At the first sight of a service only what is bad is told.
    """
    before = {condition["type"]: condition for condition in previous.get("conditions") or ()}
    told = []
    for condition in current.get("conditions") or ():
        kind = condition["type"]
        old = before.get(kind)
        bad = _is_bad(condition)
        turned = old is not None and _has_turned(old, condition)
        renewed = bad and (old is None or old["reason"] != condition["reason"])
        starting = kind == ConditionType.READY and old is None and condition["reason"] not in NOT_STARTING
        if kind not in _NOT_TOLD and (turned or renewed) and not starting:
            told.append(Announcement(bad, _reason(kind, condition), condition["message"]))
    return [*told, *_cold_start(previous, current)]


def scaled(from_replicas: int, to_replicas: int, message: str) -> Announcement:
    """A size was written."""
    return Announcement(False, "ScaledUp" if to_replicas > from_replicas else "ScaledDown", message)


def event_document(service: ServiceRecord, told: Announcement, *, time: str, suffix: str) -> Document:
    """The `core/v1` Event. `suffix` makes its name unique among the service's Events."""
    namespace, name = service.key
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{suffix}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": "InferenceService",
            "namespace": namespace,
            "name": name,
            "uid": service.uid,
        },
        "type": "Warning" if told.warning else "Normal",
        "reason": told.reason,
        "message": told.message[:MAXIMUM_MESSAGE_LENGTH],
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "tidegate",
    }


def _cold_start(previous: Document, current: Document) -> list[Announcement]:
    """Tell how long it took, where no pod was ready before: somebody may have waited for it."""
    start = current.get("coldStart")
    if start is None or start == previous.get("coldStart") or previous.get("readyReplicas"):
        return []
    read = ColdStart.model_validate(start)
    return [Announcement(False, "ColdStart", f"{read.pod} was {wording(read)}")]


_GOOD_REASONS = {
    ConditionType.READY: "Ready",
    ConditionType.SPEC_VALID: "SpecAccepted",
    ConditionType.ROUTED: "Routed",
    ConditionType.METRICS_AVAILABLE: "MetricsAvailable",
    ConditionType.ACCELERATOR_AVAILABLE: "AcceleratorAvailable",
    ConditionType.CONFLICTING_SCALER: "SoleWriter",
}
_BAD_REASONS = {ConditionType.METRICS_AVAILABLE: "MetricsUnavailable", ConditionType.READY: "NotReady"}


def _has_turned(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if new["status"] == "Unknown":
        return False
    if new["status"] == "True" and new["reason"] in NOT_STARTING:
        return False  # The first pods answer, the others still do not start: told already, or told as a new reason.
    return bool(old["status"] != new["status"] or _is_bad(old) != _is_bad(new))


def _is_bad(condition: dict[str, Any]) -> bool:
    is_so = condition["status"] == ("True" if condition["type"] in _BAD_WHEN_TRUE else "False")
    return is_so or condition["reason"] in NOT_STARTING


def _reason(kind: str, condition: dict[str, Any]) -> str:
    if condition["reason"] in NOT_STARTING:
        return str(condition["reason"])
    reasons = _BAD_REASONS if _is_bad(condition) else _GOOD_REASONS
    return str(reasons.get(ConditionType(kind), condition["reason"]))
