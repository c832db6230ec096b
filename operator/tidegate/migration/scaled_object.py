"""ScaledObject of KEDA, `keda.sh/v1alpha1`."""

from typing import Any

from tidegate.api.scaling import MAXIMUM_REPLICAS
from tidegate.migration.autoscaler import Autoscaler, deployment_only, quoted
from tidegate.migration.cron_trigger import add_schedule
from tidegate.migration.documents import KubernetesObject, RefusedError, parsed
from tidegate.migration.kinds import ScaledObjectSpec, Trigger
from tidegate.migration.promql import question_of, signals_in

VERSION = "keda.sh/v1alpha1"
_DEFAULT_MAXIMUM = 100
_PREFIX = "autoscaling.keda.sh/"

_LOST = {
    "cooldown_period": "matters on the way to zero only, and a target is not put to sleep; the way down is "
    "scaling.behavior.scaleDown",
    "initial_cooldown_period": "matters on the way to zero only",
    "idle_replica_count": "a target does not idle below its minimum",
    "fallback": "where metrics are missing the size is held, and never made smaller; no other size can be named",
}
_NOTED = {"polling_interval": "pods are read every few seconds, whatever it says"}

_RESOURCES = {"cpu", "memory"}


def read_scaled_object(found: KubernetesObject) -> Autoscaler:
    """Read a ScaledObject.

    Raises:
        RefusedError: if it is of another version, does not scale a Deployment, or would be refused by the API server.
    """
    if found.api_version != VERSION:
        raise RefusedError(f"{found.api_version} is not read; {VERSION} is")
    spec = parsed(ScaledObjectSpec, found.document.get("spec"), "spec")
    autoscaler = Autoscaler(
        origin=found, deployment=deployment_only(spec.scale_target_ref.kind, spec.scale_target_ref.name)
    )
    autoscaler.set_bounds(
        spec.min_replica_count or 0,
        "spec.minReplicaCount",
        _DEFAULT_MAXIMUM if spec.max_replica_count is None else spec.max_replica_count,
        "spec.maxReplicaCount",
    )
    for table, sentences in ((_LOST, autoscaler.lost), (_NOTED, autoscaler.notes)):
        given = spec.model_dump(by_alias=False, include=set(table), exclude_none=True)
        sentences += [f"spec.{ScaledObjectSpec.model_fields[name].alias}: {table[name]}" for name in given]
    if spec.advanced is not None:
        configuration = spec.advanced.horizontal_pod_autoscaler_config
        if configuration is not None:
            autoscaler.set_behavior(configuration.behavior, "spec.advanced.horizontalPodAutoscalerConfig.behavior")
        if spec.advanced.restore_to_original_replica_count:
            autoscaler.notes.append(
                "spec.advanced.restoreToOriginalReplicaCount: KEDA sets the old size when the ScaledObject is deleted; "
                "set it to false before that, to keep the pods that serve"
            )
    modifiers = spec.advanced.scaling_modifiers if spec.advanced else None
    if modifiers:
        autoscaler.lost.append(
            f"spec.advanced.scalingModifiers: the formula {quoted(str(modifiers.get('formula')))} and the triggers it "
            "puts together; each term proposes a size here, and the largest wins"
        )
    else:
        for trigger in spec.triggers:
            _add(autoscaler, trigger)
    _pauses(autoscaler)
    return autoscaler


def _add(autoscaler: Autoscaler, trigger: Trigger) -> None:
    metadata = trigger.metadata or {}
    if trigger.type in _RESOURCES:
        autoscaler.lose_resource(f"trigger {trigger.type}")
    elif trigger.type == "cron":
        add_schedule(autoscaler, trigger)
    elif trigger.type != "prometheus":
        autoscaler.lost.append(f"trigger {trigger.type}: only what engines say of themselves proposes a size here")
    else:
        add_query(
            autoscaler,
            str(metadata.get("query", "")),
            metadata.get("threshold", ""),
            is_compared_as_a_whole=trigger.metric_type == "Value",
        )
        if "activationThreshold" in metadata:
            autoscaler.lost.append("activationThreshold: matters on the way from zero only")
        if trigger.authentication_ref is not None:
            autoscaler.notes.append("authenticationRef: not needed, the pods' own metrics are read")


def add_query(autoscaler: Autoscaler, query: str, threshold: Any, *, is_compared_as_a_whole: bool) -> None:
    """Take a Prometheus query over, if it asks for what proposes a size here.

    Args:
        autoscaler: what it belongs to.
        query: PromQL.
        threshold: its target.
        is_compared_as_a_whole: whether the answer itself is compared with the target (`Value`), and not the answer
            divided by the pods (`AverageValue`).
    """
    what = f"query {quoted(query)} with threshold {threshold}"
    question = question_of(query)
    if question is None:
        named = signals_in(query)
        autoscaler.lose_signal(next(iter(named)) if len(named) == 1 else None, what)
    elif question.is_mean != is_compared_as_a_whole:
        made = "a mean that is divided by the replicas once more" if question.is_mean else "a sum compared as a whole"
        term = "queueDepth" if question.signal == "waiting" else "tokenThroughput"
        autoscaler.lost.append(f"{what}: {made} is no target for each replica: set scaling.{term}.targetPerReplica")
    else:
        autoscaler.add_term(question.signal, threshold, what)


def _pauses(autoscaler: Autoscaler) -> None:
    annotations = autoscaler.origin.annotations

    def is_set(name: str) -> bool:
        value = annotations.get(f"{_PREFIX}{name}")
        return value is not None and value.lower() not in {"false", "f", "0"}  # As KEDA reads it: else it is true.

    if (text := annotations.get(f"{_PREFIX}paused-replicas")) is not None:
        if not text.isdecimal() or len(text) > len(str(MAXIMUM_REPLICAS)):
            raise RefusedError(f"annotation {_PREFIX}paused-replicas: {quoted(text)} is not a number of replicas")
        autoscaler.pinned = int(text)
        autoscaler.notes.append(f"annotation {_PREFIX}paused-replicas: became the pin spec.replicas: {text}")
    elif is_set("paused"):
        autoscaler.paused = True
        autoscaler.notes.append(f"annotation {_PREFIX}paused: became scaling.mode: Paused")
    for name, direction in (("paused-scale-in", "scaleDown"), ("paused-scale-out", "scaleUp")):
        if is_set(name):
            autoscaler.disable(direction)
            autoscaler.notes.append(f"annotation {_PREFIX}{name}: became behavior.{direction}.selectPolicy: Disabled")
    if is_set("force-activation"):
        autoscaler.lost.append(f"annotation {_PREFIX}force-activation: matters at zero only")
