"""HorizontalPodAutoscaler, `autoscaling/v2` and `autoscaling/v1`."""

from tidegate.migration.autoscaler import Autoscaler, deployment_only
from tidegate.migration.documents import KubernetesObject, RefusedError, parsed
from tidegate.migration.kinds import HorizontalPodAutoscalerSpec, Metric
from tidegate.migration.signals import signal_of

VERSIONS = ("autoscaling/v2", "autoscaling/v1")

_V1_ANNOTATIONS = ("autoscaling.alpha.kubernetes.io/metrics", "autoscaling.alpha.kubernetes.io/behavior")
"""Where the API server keeps what `autoscaling/v1` has no field for."""

_TOTALS = ("External", "Object")
"""Types whose metric is one number for all pods."""


def read_horizontal_pod_autoscaler(found: KubernetesObject) -> Autoscaler:
    """Read a HorizontalPodAutoscaler.

    Raises:
        RefusedError: if it is of another version, does not scale a Deployment, or would be refused by the API server.
    """
    if found.api_version not in VERSIONS:
        raise RefusedError(
            f"{found.api_version} is not read; `kubectl get hpa.v2.autoscaling {found.name} -o yaml` gives it as "
            "autoscaling/v2"
        )
    spec = parsed(HorizontalPodAutoscalerSpec, found.document.get("spec"), "spec")
    autoscaler = Autoscaler(
        origin=found, deployment=deployment_only(spec.scale_target_ref.kind, spec.scale_target_ref.name)
    )
    minimum = 1 if spec.min_replicas is None else spec.min_replicas
    autoscaler.set_bounds(minimum, "spec.minReplicas", spec.max_replicas, "spec.maxReplicas")
    autoscaler.set_behavior(spec.behavior, "spec.behavior")
    for metric in spec.metrics or ():
        _add(autoscaler, metric)
    if spec.target_cpu_utilization_percentage is not None:
        autoscaler.lose_resource(f"targetCPUUtilizationPercentage: {spec.target_cpu_utilization_percentage}")
    autoscaler.lost += [
        f"annotation {name}: `kubectl get hpa.v2.autoscaling {found.name} -o yaml` shows it as fields; import that"
        for name in _V1_ANNOTATIONS
        if name in found.annotations
    ]
    return autoscaler


def _add(autoscaler: Autoscaler, metric: Metric) -> None:
    source, target = metric.source, metric.source.target
    name = source.metric.name if source.metric else source.name or ""
    value = next(
        (each for each in (target.average_value, target.value, target.average_utilization) if each is not None), ""
    )
    what = f"metric {name or '(without a name)'} ({metric.type}, {target.type} {value})"
    if metric.type in {"Resource", "ContainerResource"}:
        autoscaler.lose_resource(what)
        return
    signal = signal_of(name)
    if signal != "waiting":
        autoscaler.lose_signal(signal, what)
    elif metric.type in _TOTALS and target.average_value is None:
        autoscaler.lost.append(
            f"{what}: Value is compared with the whole queue; set scaling.queueDepth.targetPerReplica to what may wait "
            "for each replica"
        )
    else:
        autoscaler.add_term("waiting", value, what)
