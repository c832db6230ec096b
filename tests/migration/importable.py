"""Objects to import, the least of each kind, and one call that imports a text."""

from typing import Any

import yaml

from tidegate.api.engine import EngineType
from tidegate.migration.documents import read_objects
from tidegate.migration.importing import Choice, Outcome, import_objects

Document = dict[str, Any]

TOLD = Choice(EngineType.VLLM, "llama")
"""A person who says engine and model."""

NOTHING_TOLD = Choice()


def horizontal_pod_autoscaler(**spec: Any) -> Document:
    """A HorizontalPodAutoscaler of Deployment chat."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "chat"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 5} | spec,
    }


def scaled_object(annotations: dict[str, str] | None = None, **spec: Any) -> Document:
    """A ScaledObject of Deployment chat."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "chat", "annotations": annotations},
        "spec": {"scaleTargetRef": {"name": "chat"}, "minReplicaCount": 1, "triggers": []} | spec,
    }


def prometheus(query: str, threshold: Any = "5", **trigger: Any) -> Document:
    """A ScaledObject's trigger."""
    return {"type": "prometheus", "metadata": {"query": query, "threshold": threshold}, **trigger}


def kserve(annotations: dict[str, str] | None = None, **predictor: Any) -> Document:
    """A KServe InferenceService of name chat."""
    mode = {"serving.kserve.io/deploymentMode": "Standard", "serving.kserve.io/autoscalerClass": "external"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "chat", "annotations": mode if annotations is None else annotations},
        "spec": {"predictor": {"maxReplicas": 3} | predictor},
    }


def deployment(*containers: Document, name: str = "chat") -> Document:
    """A Deployment with these containers."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": list(containers)}}},
    }


def imported(*documents: Document, choice: Choice = TOLD) -> Outcome:
    """Import documents as one text."""
    text = yaml.safe_dump_all(documents).encode()
    return import_objects(read_objects(text, "input.yaml"), choice)


def spec_of(*documents: Document, choice: Choice = TOLD) -> Document:
    """The spec of the one InferenceService that becomes of documents."""
    outcome = imported(*documents, choice=choice)
    assert [refused.message for refused in outcome.refused] == []
    (only,) = outcome.imported
    spec: Document = only.document["spec"]
    return spec


def lost_of(*documents: Document) -> tuple[str, ...]:
    """What could not be carried over of the one autoscaler among documents."""
    (only,) = imported(*documents).imported
    return only.lost


def refusal_of(*documents: Document, choice: Choice = TOLD) -> str:
    """Why the one autoscaler among documents was refused."""
    (only,) = imported(*documents, choice=choice).refused
    return only.message
