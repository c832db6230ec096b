"""Why a pod has no place to run: what scheduler, kubelet and quota say of it, sorted by what would help. Pure.

The scheduler's sentence does not say whether a resource is all in use or nowhere to be had: "3 Insufficient
nvidia.com/gpu" is both. What it adds on preemption does, from Kubernetes 1.34: it helps on no node that lacks the
resource even when empty (kubernetes/kubernetes#131345). Earlier ones call everything in use. So no node is ever read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from sys import intern
from typing import Any

from tidegate.api.conditions import Reason
from tidegate.api.timestamps import seconds_of

LONGEST_WORDS = 256
"""Kept of what is said of one pod."""


class Cause(StrEnum):
    """Why, told first where as many pods have another."""

    QUOTA = "quota"
    REFUSED = "refused"
    RUNTIME_CLASS = "runtime class"
    REJECTED = "rejected by its node"
    GATED = "gated"
    NOWHERE = "nowhere"
    NO_DRIVER = "no driver"
    CLAIM = "claim"
    FULL = "full"
    UNMATCHED = "unmatched"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a cause means to people."""

    reason: Reason
    """Of the condition AcceleratorAvailable."""

    matter: str
    """What is the matter with such pods, without a verb: there may be one, or many."""

    remedy: str


MEANINGS: Mapping[Cause, Meaning] = {
    Cause.QUOTA: Meaning(
        Reason.QUOTA_EXCEEDED, "not allowed to be created", "raise the ResourceQuota, or lower scaling.maxReplicas"
    ),
    Cause.REFUSED: Meaning(Reason.PODS_REFUSED, "not allowed to be created", "change what the message names"),
    Cause.RUNTIME_CLASS: Meaning(
        Reason.NO_DEVICE_PLUGIN,
        "not allowed to be created",
        "install the vendor's runtime, or correct runtimeClassName in the AcceleratorProfile",
    ),
    Cause.REJECTED: Meaning(
        Reason.NO_DEVICE_PLUGIN,
        "turned away by their nodes, again and again",
        "look at the device plugin's pods on these nodes",
    ),
    Cause.GATED: Meaning(
        Reason.QUOTA_EXCEEDED,
        "behind scheduling gates",
        "a queue such as Kueue's opens them when it has quota: see `kubectl get workloads`",
    ),
    Cause.NOWHERE: Meaning(
        Reason.NO_DEVICE_PLUGIN,
        "without a node that has as much even when empty",
        "no device plugin offers it under this name, or nodes are too small, or an autoscaler has yet to add one: "
        "compare with `tidegate profiles detect`",
    ),
    Cause.NO_DRIVER: Meaning(
        Reason.NO_DEVICE_PLUGIN, "without a node", "install the DRA driver that brings this class"
    ),
    Cause.CLAIM: Meaning(
        Reason.NO_ROOM,
        "without a node",
        "see what is offered with `kubectl get resourceslices`, and who has it in claims",
    ),
    Cause.FULL: Meaning(
        Reason.NO_ROOM, "without a node", "they go on by themselves when others free some, or nodes are added"
    ),
    Cause.UNMATCHED: Meaning(
        Reason.NO_ROOM,
        "without a node",
        "compare labels and taints of the nodes with nodeLabels, products and tolerations of the AcceleratorProfile",
    ),
    Cause.UNSEEN: Meaning(
        Reason.NO_ROOM, "looked at by no scheduler", "install the scheduler that they name, or the claim template"
    ),
}


@dataclass(frozen=True, slots=True)
class NoPlace:
    """Why one pod has no place."""

    cause: Cause
    words: str
    """Of whoever says so, at most `LONGEST_WORDS` characters."""

    since: float | None
    """In seconds since the epoch; None where the pod's creation is all that is known."""


_AFTERTHOUGHT = re.compile(r"\s*(?:no new claims to deallocate, |still not schedulable, )?preemption: .*", re.DOTALL)
"""What the scheduler adds: nothing that helps people."""

_UNHELPFUL = re.compile(r"preemption: 0/(\d+) nodes are available: (\d+) Preemption is not helpful for scheduling\.")
_INSUFFICIENT = re.compile(r"\d+ Insufficient ([^\s,]*[^\s,.])")

_ADMISSION = re.compile(r"UnexpectedAdmissionError|OutOf.+")
"""`status.reason` of pods that a kubelet has turned away (`pkg/kubelet/lifecycle/predicate.go`)."""


def no_place(pod: Mapping[str, Any]) -> NoPlace | None:
    """Read from a pod why it has no place; None for one that has, or whose node is just being chosen.

    Args:
        pod: the document of a core/v1 Pod.

    Returns:
        `Cause.UNSEEN` also for one that was created a moment ago: only its age tells.
    """
    status = pod.get("status") or {}
    if status.get("phase") == "Failed":
        reason = status.get("reason", "")
        return (
            _found(Cause.REJECTED, f"{reason}: {status.get('message', '')}") if _ADMISSION.fullmatch(reason) else None
        )
    conditions = (each for each in status.get("conditions") or () if each["type"] == "PodScheduled")
    scheduled = next(conditions, None)
    if scheduled is None:
        is_new = status.get("phase") == "Pending" and not (pod.get("spec") or {}).get("nodeName")
        return _found(Cause.UNSEEN, "nothing is said of them") if is_new and not status.get("startTime") else None
    if scheduled.get("status") != "False":
        return None
    said, since = (
        scheduled.get("message") or scheduled.get("reason", ""),
        seconds_of(scheduled.get("lastTransitionTime")),
    )
    cause = Cause.GATED if scheduled.get("reason") == "SchedulingGated" else cause_of(said)
    return _found(cause, _AFTERTHOUGHT.sub("", said), since)


def cause_of(said: str) -> Cause:
    """Sort a sentence of the scheduler."""
    if "device class" in said and "does not exist" in said:
        return Cause.NO_DRIVER
    if "cannot allocate all claims" in said:
        return Cause.CLAIM
    lacking = set(_INSUFFICIENT.findall(_AFTERTHOUGHT.sub("", said)))
    if not lacking:
        return Cause.UNMATCHED
    unhelpful = _UNHELPFUL.search(said)
    # Beside a lack of cpu it may be the cpu that no node has: only devices are told to be nowhere.
    devices_only = all("/" in resource for resource in lacking)
    return Cause.NOWHERE if devices_only and unhelpful and unhelpful[1] == unhelpful[2] else Cause.FULL


def cause_of_refusal(said: str) -> Cause:
    """Sort what the API server says of a pod that it does not let be created."""
    if "exceeded quota" in said:
        return Cause.QUOTA
    return Cause.RUNTIME_CLASS if "RuntimeClass" in said and "not found" in said else Cause.REFUSED


def shortened(said: str) -> str:
    """One line, and no more than `LONGEST_WORDS` characters."""
    words = " ".join(said.split())
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"


def _found(cause: Cause, said: str, since: float | None = None) -> NoPlace:
    return NoPlace(cause, intern(shortened(said)), since)
