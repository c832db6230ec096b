"""InferenceService of KServe, `serving.kserve.io/v1beta1`, in its Standard (RawDeployment) mode."""

from typing import Any

from tidegate.migration.autoscaler import Autoscaler
from tidegate.migration.documents import KubernetesObject, RefusedError, parsed
from tidegate.migration.kinds import KServeSpec, Predictor
from tidegate.migration.scaled_object import add_query

VERSION = "serving.kserve.io/v1beta1"
_MODE = "serving.kserve.io/deploymentMode"
_CLASS = "serving.kserve.io/autoscalerClass"
_STANDARD = ("Standard", "RawDeployment")
_RESOURCES = ("cpu", "memory")

_LOST = {
    "canary_traffic_percent": "the canary is a Deployment of its own; targetRef drives the stable one",
    "worker_spec": "an engine over several nodes is a Deployment for each of its parts; targetRef drives the head only",
}


def read_kserve(found: KubernetesObject) -> Autoscaler:
    """Read a KServe InferenceService: the Deployment of its predictor is the target.

    Raises:
        RefusedError: if Knative runs its pods, or it is not as the API server would take it.
    """
    if found.api_version != VERSION:
        raise RefusedError(f"{found.api_version} is not read; {VERSION} is")
    annotations = found.annotations
    mode = annotations.get(_MODE)
    if mode is not None and mode not in _STANDARD:
        raise RefusedError(
            f"annotation {_MODE}: {mode}: in this mode its pods are no Deployment's that others may scale; only "
            f"{_STANDARD[0]} can be imported"
        )
    spec = parsed(KServeSpec, found.document.get("spec"), "spec")
    predictor = spec.predictor
    parts = (found.name, predictor.name, "predictor")
    autoscaler = Autoscaler(
        origin=found,
        deployment="-".join(part for part in parts if part),
        containers=_containers(predictor, found.name),
    )
    minimum = 1 if predictor.min_replicas is None else predictor.min_replicas
    autoscaler.set_bounds(
        minimum,
        "spec.predictor.minReplicas",
        max(predictor.max_replicas or 0, minimum, 1),
        "spec.predictor.maxReplicas",
    )
    if not predictor.max_replicas:
        autoscaler.notes.append("spec.predictor.maxReplicas: absent means the minimum to KServe; raise maxReplicas")
    if mode is None:
        autoscaler.notes.append(
            f"annotation {_MODE} is absent: make sure that {autoscaler.deployment} is a Deployment of KServe's "
            "Standard mode, and not Knative's"
        )
    if annotations.get(_CLASS) != "external":
        autoscaler.notes.append(
            f"before mode Automatic, annotate the KServe object with {_CLASS}=external: KServe then makes no "
            "autoscaler of its own"
        )
    given = predictor.model_dump(by_alias=False, include=set(_LOST), exclude_none=True)
    autoscaler.lost += [f"spec.predictor.{Predictor.model_fields[name].alias}: {_LOST[name]}" for name in given]
    for part in ("transformer", "explainer"):
        if getattr(spec, part) is not None:
            autoscaler.lost.append(f"spec.{part}: it is a Deployment of its own, and stays with KServe")
    _metrics(autoscaler, predictor)
    return autoscaler


def _metrics(autoscaler: Autoscaler, predictor: Predictor) -> None:
    scaling = predictor.auto_scaling
    if scaling is None:
        name, target = predictor.scale_metric or "cpu", predictor.scale_target
        what = f"spec.predictor.scaleMetric: {name}" + ("" if target is None else f" at {target}")
        if name in _RESOURCES:
            autoscaler.lose_resource(what)
        else:
            autoscaler.lose_signal(None, what)
        return
    autoscaler.set_behavior(scaling.behavior, "spec.predictor.autoScaling.behavior")
    for metric in scaling.metrics or ():
        if metric.resource is not None:
            autoscaler.lose_resource(f"metric {metric.resource.name}")
        elif metric.external is not None and metric.external.metric is not None:
            target_of = metric.external.target
            whole = target_of.average_value is None
            add_query(
                autoscaler,
                metric.external.metric.query,
                target_of.value if whole else target_of.average_value,
                is_compared_as_a_whole=whole,
            )
        else:
            autoscaler.lost.append(f"metric of type {metric.type}: only queries to Prometheus are read")


def _containers(predictor: Predictor, name: str) -> list[dict[str, Any]]:
    if predictor.containers:
        return predictor.containers
    model = predictor.model
    if model is None:
        return []
    # The runtime's image is in a ServingRuntime; its name, or the model's format, says as much. KServe's own runtimes
    # serve a model under the object's name.
    image = model.image or model.runtime or (model.model_format.name if model.model_format else "")
    return [{"name": "kserve-container", "image": image, "args": [*(model.args or []), f"--model_name={name}"]}]
