"""The InferenceService that watches, and later scales, what another autoscaler does."""

import hashlib
import re
from typing import Any

from tidegate.api.engine import EngineType
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import API_VERSION, MAXIMUM_NAME_LENGTH
from tidegate.api.scaling import Mode
from tidegate.migration.autoscaler import LONGEST_QUANTITY, Autoscaler
from tidegate.migration.documents import Document, parsed

_DIGITS = 4


def inference_service(autoscaler: Autoscaler, engine: EngineType, model: str, port: int | None) -> Document:
    """Make the InferenceService of an autoscaler, in mode Advisory: nothing changes when it is applied.

    Args:
        autoscaler: what it was told. Sentences are added to its account.
        engine: the engine in the pods.
        model: the name that clients send as model.
        port: where the engine listens; None for its usual port.

    Raises:
        RefusedError: if the result would not be a valid InferenceService; the message names the field.
    """
    target: Document = {"name": autoscaler.deployment, "engine": {"type": engine.value}}
    if port is not None:
        target["engine"]["port"] = port
    scaling: Document = {
        "mode": (Mode.PAUSED if autoscaler.paused else Mode.ADVISORY).value,
        "minReplicas": autoscaler.minimum,
        "maxReplicas": autoscaler.maximum,
    }
    for field, targets in (("tokenThroughput", autoscaler.work_targets), ("queueDepth", autoscaler.queue_targets)):
        if targets:
            scaling[field] = {"targetPerReplica": _quantity(min(targets))}
        if len(set(targets)) > 1:
            autoscaler.notes.append(f"{field}: of {len(targets)} targets the smallest is taken, as it wins anyway")
    if autoscaler.schedules:
        scaling["schedules"] = autoscaler.schedules
    if autoscaler.behavior:
        scaling["behavior"] = autoscaler.behavior
    if not autoscaler.work_targets and not autoscaler.queue_targets:
        autoscaler.notes.append(
            "no target was carried over: what one replica can do is learned, unless "
            "scaling.tokenThroughput.targetPerReplica says it"
        )
    spec: Document = {"model": {"name": model}, "targetRef": target}
    if autoscaler.pinned is not None:
        spec["replicas"] = autoscaler.pinned
    spec["scaling"] = scaling
    parsed(InferenceServiceSpec, spec, "spec")
    metadata = {"name": _name(autoscaler)}
    if autoscaler.origin.namespace:
        metadata["namespace"] = autoscaler.origin.namespace
    return {"apiVersion": API_VERSION, "kind": "InferenceService", "metadata": metadata, "spec": spec}


def _name(autoscaler: Autoscaler) -> str:
    """The Deployment's name where it will do; it is the one that people know."""
    wanted = autoscaler.deployment
    plain = re.sub(r"[^-a-z0-9]", "-", wanted)
    name = plain if plain[:1].isalpha() else f"model-{plain}"
    if len(name) > MAXIMUM_NAME_LENGTH:
        # Two long names may begin alike.
        digest = hashlib.sha256(wanted.encode()).hexdigest()[:_DIGITS]
        name = f"{name[: MAXIMUM_NAME_LENGTH - _DIGITS - 1].rstrip('-')}-{digest}"
    if name != wanted:
        autoscaler.notes.append(f"metadata.name: {name}, because {wanted!r} is not fit for an InferenceService")
    return name


def _quantity(number: float) -> Any:
    if number == int(number):
        return int(number)
    text = f"{number:.6f}".rstrip("0").rstrip(".")
    return text if len(text) <= LONGEST_QUANTITY else int(number)
