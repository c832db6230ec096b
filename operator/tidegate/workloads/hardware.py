"""The parts of a pod template that hardware asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.accelerators.claims import REQUEST as CLAIM
from tidegate.accelerators.pod_additions import NodeRequirement, PodAdditions
from tidegate.api.accelerator import Placement
from tidegate.api.names import SHARE_LABEL
from tidegate.workloads.owner import Document

SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108 - A mount point in the container, not a file of ours.
HOSTNAME = "kubernetes.io/hostname"
PREFERENCE_WEIGHT = 100
"""The greatest there is: the scheduler's own preference for empty nodes is to lose against it."""


def metadata(additions: PodAdditions, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Document:
    """The metadata of the pods."""
    every = {**annotations, **additions.annotations}
    return {"labels": {**labels, **additions.labels}, **({"annotations": every} if every else {})}


def container_parts(additions: PodAdditions) -> Document:
    """What the engine's container has for its devices."""
    if not additions.has_devices:
        return {}
    resources: Document = {}
    if additions.resources:
        # Requests of extended resources follow their limits; given here too, an overlay would have to change both.
        resources["limits"] = dict(additions.resources)
    if additions.claim is not None:
        resources["claims"] = [{"name": CLAIM}]
    parts: Document = {"resources": resources} if resources else {}
    # NCCL shares tensors between processes through it, and the runtime's default of 64 MiB ends them. Unbounded,
    # because it counts towards the container's memory limit anyway.
    return {**parts, "volumeMounts": [{"name": "shm", "mountPath": SHARED_MEMORY_PATH}]}


def pod_parts(additions: PodAdditions, labels: Mapping[str, str], claim_template: str | None) -> Document:
    """What the pod has for its devices.

    Args:
        additions: what the hardware asks for.
        labels: labels of the pods, to spread them by.
        claim_template: name of the ResourceClaimTemplate of their claim, where they have one.
    """
    pod: Document = {}
    if additions.has_devices:
        pod["volumes"] = [{"name": "shm", "emptyDir": {"medium": "Memory"}}]
    if claim_template is not None:
        pod["resourceClaims"] = [{"name": CLAIM, "resourceClaimTemplateName": claim_template}]
    if additions.node_selector:
        pod["nodeSelector"] = dict(additions.node_selector)
    affinity = _preferences(additions)
    if affinity:
        pod["affinity"] = affinity
    if additions.placement is Placement.SPREAD:
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": HOSTNAME,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(labels)},
            }
        ]
    if additions.tolerations:
        pod["tolerations"] = [dict(toleration) for toleration in additions.tolerations]
    if additions.runtime_class_name is not None:
        pod["runtimeClassName"] = additions.runtime_class_name
    if additions.scheduler_name is not None:
        pod["schedulerName"] = additions.scheduler_name
    return pod


def with_node_requirements(pod: Mapping[str, Any], requirements: Sequence[NodeRequirement]) -> Document:
    """Add requirements on nodes to each of the terms that are there, of which one has to hold.

    After the user's part is laid over ours, because terms of theirs would replace ours, and quietly let the pod onto
    other hardware.
    """
    if not requirements:
        return dict(pod)
    ours = [requirement.to_document() for requirement in requirements]
    affinity = dict(pod.get("affinity") or {})
    node = dict(affinity.get("nodeAffinity") or {})
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms") or [{}]
    node["requiredDuringSchedulingIgnoredDuringExecution"] = {
        "nodeSelectorTerms": [
            {**term, "matchExpressions": [*(term.get("matchExpressions") or ()), *ours]} for term in terms
        ]
    }
    return {**pod, "affinity": {**affinity, "nodeAffinity": node}}


def _preferences(additions: PodAdditions) -> Document:
    affinity: Document = {}
    if additions.preferred_nodes:
        expressions = [requirement.to_document() for requirement in additions.preferred_nodes]
        preferred = [{"weight": PREFERENCE_WEIGHT, "preference": {"matchExpressions": expressions}}]
        affinity["nodeAffinity"] = {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
    if additions.placement is Placement.PACK:
        term = {
            "topologyKey": HOSTNAME,
            "labelSelector": _companions(additions),
            # Of all namespaces: whose shares they are is nothing to a device.
            "namespaceSelector": {},
        }
        preferred = [{"weight": PREFERENCE_WEIGHT, "podAffinityTerm": term}]
        affinity["podAffinity"] = {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
    return affinity


def _companions(additions: PodAdditions) -> Document:
    """Pods to be near: all that have a share; where nodes have shares of different sizes, those with the same one.

    Among those, others would draw a pod to a share that is larger than need be: the scheduler weighs nearness to pods
    as much as what a pod prefers of nodes.
    """
    if additions.preferred_nodes and SHARE_LABEL in additions.labels:
        return {"matchLabels": {SHARE_LABEL: additions.labels[SHARE_LABEL]}}
    return {"matchExpressions": [{"key": SHARE_LABEL, "operator": "Exists"}]}
