"""The size that somebody else has set, told beside the one that is advised: what he did, and what we would have. Pure.

While sizes are written (mode Automatic), others who write them are rivals: `workloads.rivalry` judges those.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.api.inference_service_status import Change
from tidegate.controller.records import AutoscalerRecord
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.rivalry import SizeMemory, other_writer

SET_BY_ANOTHER = "SetByAnother"
"""Reason of a change that somebody else made while he was free to."""

_AUTOSCALERS_MANAGER = "kube-controller-manager"
"""The field manager under which a HorizontalPodAutoscaler writes."""

LONGEST_NAME = 128
"""Of `changes[].by`."""


@dataclass(frozen=True, slots=True)
class OthersChange:
    """A change of size that somebody else made."""

    by: str
    from_replicas: int
    to_replicas: int
    message: str


def others_change(
    before: SizeMemory, live: LiveDeployment, autoscaler: AutoscalerRecord | None, advised: int | None
) -> OthersChange | None:
    """Notice that somebody else has changed the size since the last look.

    Args:
        before: what the last look saw.
        live: the Deployment as it is.
        autoscaler: the HorizontalPodAutoscaler of this Deployment, if it has one.
        advised: the size that was advised last; None where nothing is.

    Returns:
        The change; None if nobody made one.
    """
    writer = other_writer(live)
    if writer is None or before.replicas is None or before.replicas == live.replicas:
        return None
    if before.uid != live.uid or before.written_over == live.resource_version:
        return None  # Another Deployment; or what is seen is older than what we have written.
    beside = "" if advised is None else f"; advised then: {advised}"
    message = f"{_who(writer, autoscaler)} changed the replicas from {before.replicas} to {live.replicas}{beside}"
    return OthersChange(writer[:LONGEST_NAME], before.replicas, live.replicas, message)


def others_size(live: LiveDeployment, autoscaler: AutoscalerRecord | None, changes: Iterable[Change]) -> str:
    """Say who has set the size that is there, and when, as far as it was seen.

    Args:
        live: the Deployment as it is.
        autoscaler: the HorizontalPodAutoscaler of this Deployment, if it has one.
        changes: those that were seen, newest first. The API server keeps no time of writes through /scale.

    Returns:
        `kube-controller-manager (HPA legacy) set 2 at 2026-01-01T12:00:00Z`; empty where Tidegate itself has set it.
    """
    writer = other_writer(live)
    if writer is None:
        return ""
    last = next(iter(changes), None)
    seen = last is not None and last.by == writer[:LONGEST_NAME] and last.to == live.replicas
    when = f" at {last.time}" if last is not None and seen else ", before Tidegate looked"
    return f"{_who(writer, autoscaler)} set {live.replicas}{when}"


def _who(writer: str, autoscaler: AutoscalerRecord | None) -> str:
    if writer != _AUTOSCALERS_MANAGER or autoscaler is None:
        return writer
    return f"{writer} (HPA {autoscaler.key[1]})"
