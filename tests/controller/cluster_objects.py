"""Objects as the API server gives them out: what the controller is fed in tests."""

import itertools
from collections.abc import Mapping
from typing import Any

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import API_VERSION
from tidegate.workloads.deployment import deployment as deployment_body
from tidegate.workloads.owner import Owner
from tidegate.workloads.service import service as service_body

Document = dict[str, Any]
Writer = tuple[str, str, str]
"""Field manager, operation, subresource."""

NAMESPACE = "default"
CREATED = "2026-01-01T00:00:00Z"

BODY: Writer = ("tidegate", "Apply", "")
SCALER: Writer = ("tidegate-scaler", "Apply", "scale")
KUBECTL: Writer = ("kubectl", "Update", "scale")

LEAST: Document = {"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "e:1"}}
TARGETING: Document = {"model": {"name": "m"}, "targetRef": {"name": "legacy", "engine": {"type": "vLLM"}}}

_versions = itertools.count(1000)


def version() -> str:
    """A resourceVersion that no other object here has."""
    return str(next(_versions))


def inference_service(
    spec: Mapping[str, Any] = LEAST,
    *,
    name: str = "chat",
    uid: str = "",
    generation: int = 1,
    status: Mapping[str, Any] | None = None,
    **metadata: Any,
) -> Document:
    """An InferenceService; its uid follows from its name."""
    document: Document = {
        "apiVersion": API_VERSION,
        "kind": "InferenceService",
        "metadata": {
            "namespace": NAMESPACE,
            "name": name,
            "uid": uid or f"uid-of-{name}",
            "generation": generation,
            "resourceVersion": version(),
            "creationTimestamp": CREATED,
            **metadata,
        },
        "spec": dict(spec),
    }
    return document if status is None else {**document, "status": dict(status)}


def own_deployment(service: Document, replicas: int = 1, *, writers: tuple[Writer, ...] = (SCALER,)) -> Document:
    """The Deployment that a service has been given; `writers` own its replicas."""
    spec = InferenceServiceSpec.model_validate(service["spec"])
    return as_applied(deployment_body(_owner(service), spec, None), replicas, writers=writers)


def own_service(service: Document) -> Document:
    """The core/v1 Service that a service has been given."""
    engine = InferenceServiceSpec.model_validate(service["spec"]).engine
    assert engine is not None
    return as_applied(service_body(_owner(service), engine))


def as_applied(body: Document, replicas: int | None = None, *, writers: tuple[Writer, ...] = ()) -> Document:
    """A body after it was applied, with what the API server adds."""
    spec = body["spec"] if replicas is None else {**body["spec"], "replicas": replicas}
    metadata = {
        **body["metadata"],
        "uid": f"uid-of-{body['kind']}-{body['metadata']['name']}",
        "generation": 1,
        "resourceVersion": version(),
        "managedFields": [_applied_fields(body), *replicas_owned_by(writers)],
    }
    counts = {"observedGeneration": 1, "replicas": replicas or 0, "updatedReplicas": replicas or 0}
    status = {**counts, "readyReplicas": replicas or 0, "availableReplicas": replicas or 0}
    return {**body, "metadata": metadata, "spec": spec, "status": status}


def replicas_owned_by(writers: tuple[Writer, ...]) -> list[Document]:
    """Entries of managedFields."""
    return [
        {
            "manager": name,
            "operation": operation,
            **({"subresource": subresource} if subresource else {}),
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }
        for name, operation, subresource in writers
    ]


def scaled(deployment: Document, replicas: int, writer: Writer) -> Document:
    """The Deployment after somebody has written its size."""
    entries = [entry for entry in deployment["metadata"]["managedFields"] if entry["fieldsV1"] != _REPLICAS]
    return {
        **deployment,
        "metadata": {
            **deployment["metadata"],
            "resourceVersion": version(),
            "managedFields": [*entries, *replicas_owned_by((writer,))],
        },
        "spec": {**deployment["spec"], "replicas": replicas},
    }


def foreign_deployment(name: str = "legacy", replicas: int = 2) -> Document:
    """A Deployment that somebody else made."""
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}},
    }
    applied = as_applied(body, replicas)
    applied["metadata"]["managedFields"] = replicas_owned_by((("helm", "Update", ""),))
    return applied


def pod(deployment: str = "chat", number: int = 1, *, ready: bool = True, **metadata: Any) -> Document:
    """A pod of a Deployment."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": NAMESPACE,
            "name": f"{deployment}-abc-{number}",
            "uid": f"uid-of-{deployment}-abc-{number}",
            "resourceVersion": version(),
            "labels": {"pod-template-hash": "abc"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{deployment}-abc", "uid": "r", "controller": True}],
            **metadata,
        },
        "status": {
            "phase": "Running",
            "podIP": f"127.0.0.{number}",
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def annotations_of(manager: str, *names: str) -> Document:
    """An entry of managedFields: who has written annotations."""
    fields = {"f:metadata": {"f:annotations": {f"f:{name}": {} for name in names}}}
    return {"manager": manager, "operation": "Update", "fieldsV1": fields}


def autoscaler(name: str = "hpa", target: str = "chat", kind: str = "Deployment") -> Document:
    """A HorizontalPodAutoscaler."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": NAMESPACE, "name": name, "uid": f"uid-of-{name}"},
        "spec": {"scaleTargetRef": {"kind": kind, "name": target}},
    }


def profile(name: str = "l4", **spec: Any) -> Document:
    """An AcceleratorProfile."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AcceleratorProfile",
        "metadata": {"name": name, "uid": f"uid-of-{name}"},
        "spec": {"resourceName": "nvidia.com/gpu", **spec},
    }


_REPLICAS = {"f:spec": {"f:replicas": {}}}


def _owner(service: Document) -> Owner:
    metadata = service["metadata"]
    return Owner(name=metadata["name"], namespace=metadata["namespace"], uid=metadata["uid"])


def _applied_fields(body: Document) -> Document:
    """What the API server records of a body without replicas: here each field of its spec is owned as a whole."""
    fields = {"f:metadata": {}, "f:spec": {f"f:{name}": {} for name in body["spec"] if name != "replicas"}}
    return {"manager": "tidegate", "operation": "Apply", "fieldsV1": fields}
