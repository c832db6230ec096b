"""What a gateway reads of InferenceServices and Pods: a few fields of each, never the document."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from sys import intern

from pydantic import ValidationError

from tidegate.api.engine import EngineType, ServingEngine
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import (
    DEFAULT_VARIANT,
    ROUTING_DRAINING,
    ROUTING_LABEL,
    ROUTING_SERVING,
    SERVICE_LABEL,
    VARIANT_LABEL,
)
from tidegate.api.routing import RoutingMode, RoutingStatus, WakePlan
from tidegate.api.variant_status import VariantStatus
from tidegate.cluster.reading import is_leaving, is_ready, joined, seconds
from tidegate.cluster.resources import Document, Key, key_of
from tidegate.engines.catalog import engine_table
from tidegate.gateway.routed_service import ModelPod, PodEngine, PodTrouble, RoutedService
from tidegate.workloads.conflict import ENGINE_CONTAINER, PORT_NAME
from tidegate.workloads.not_starting import pod_trouble

_READ = ("name", "weight", "maxSequences")
"""Of `status.variants[]`: what else is said there, wrong or new, is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """An InferenceService."""

    key: Key
    uid: str
    generation: int
    is_settled: bool
    """Whether an operator has said how it is routed. Otherwise what is there is left alone."""

    routed: RoutedService | None
    """As the policy knows it; None where requests never reach it through gateways, or that is not known yet."""

    standby: bool = False
    problem: str = ""
    """Why it cannot be read; then what was known before holds on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRecord:
    """A pod of some InferenceService."""

    key: Key
    service: Key
    variant: str
    uid: str
    name: str
    ip: str
    port: int | None
    """Where its engine takes requests, as it says itself. It was made with it, whatever the spec says by now."""

    ready: bool
    serving: bool
    draining: bool
    trouble: tuple[str, str] | None
    """Reason and message."""

    def model_pod(self, engine: PodEngine, trouble_since: float) -> ModelPod:
        """The pod as the policy knows it.

        Args:
            engine: of its variant.
            trouble_since: when its trouble was first seen.
        """
        trouble = None
        if self.trouble is not None:
            reason, message = self.trouble
            trouble = PodTrouble(reason=reason, message=message, since=trouble_since)
        return ModelPod(
            uid=self.uid,
            name=self.name,
            address=joined(self.ip, self.port or engine.port) if self.ip else "",
            ready=self.ready,
            serving=self.serving,
            draining=self.draining,
            trouble=trouble,
            variant=self.variant,
            weight=engine.weight,
            max_sequences=engine.max_sequences,
            health_path=engine.health_path,
            keeps_connections=engine.keeps_connections,
        )


def service_record(document: Document, before: ServiceRecord | None) -> ServiceRecord:
    """Project an InferenceService. What cannot be read becomes a problem, not an error.

    Args:
        document: as the API server has it.
        before: what was known of it: of the same generation the spec is not read again, and of one that cannot be read
            the last one that could holds on.
    """
    metadata, status = document["metadata"], document.get("status") or {}
    same = before if before is not None and before.uid == metadata["uid"] else None
    record = ServiceRecord(
        key=key_of(document),
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        is_settled=False,
        routed=None,
    )
    try:
        routing = RoutingStatus.model_validate(status["routing"]) if status.get("routing") else None
        if routing is None:  # No operator takes it away: one that lost it says it again.
            return record if same is None else same
        record = replace(record, is_settled=True)
        if routing.mode is RoutingMode.NONE or routing.port is None:
            return record
        plan = WakePlan.model_validate(status["wakePlan"]) if status.get("wakePlan") else None
        routed = _routed(document, routing.mode, routing.port, plan, same)
        routed = replace(routed, engines=_weighed(routed.engines, status.get("variants") or ()))
        return replace(record, routed=routed, standby=routing.standby)
    except (ValidationError, ValueError) as error:
        problem = " ".join(str(error).split())[:256]
        if same is not None:
            return replace(same, generation=-1, problem=problem)
        return replace(record, is_settled=False, problem=problem)


def pod_record(document: Document) -> PodRecord | None:
    """Project a pod; None for one that belongs to no InferenceService."""
    metadata, status = document["metadata"], document.get("status") or {}
    labels = metadata.get("labels") or {}
    service = labels.get(SERVICE_LABEL)
    if not service:
        return None
    ends = is_leaving(document)
    trouble = pod_trouble(status)
    namespace = intern(metadata["namespace"])
    return PodRecord(
        key=(namespace, metadata["name"]),
        service=(namespace, intern(service)),
        variant=intern(labels.get(VARIANT_LABEL, DEFAULT_VARIANT)),
        uid=metadata["uid"],
        name=metadata["name"],
        ip=status.get("podIP", ""),
        port=_own_port(document),
        ready=is_ready(document),
        serving=labels.get(ROUTING_LABEL) == ROUTING_SERVING and not ends,
        draining=labels.get(ROUTING_LABEL) == ROUTING_DRAINING and not ends,
        trouble=None if trouble is None else (trouble.reason.value, trouble.message),
    )


def _routed(
    document: Document, mode: RoutingMode, port: int, plan: WakePlan | None, same: ServiceRecord | None
) -> RoutedService:
    metadata = document["metadata"]
    deleting = "deletionTimestamp" in metadata
    if same is not None and same.routed is not None and same.generation == metadata.get("generation", 0):
        return replace(same.routed, mode=mode, port=port, wake_plan=plan, deleting=deleting)
    spec = InferenceServiceSpec.model_validate(document.get("spec") or {})
    ways = {name: spec.of_variant(name).serving_engine for name in spec.variant_names}
    return RoutedService(
        key=key_of(document),
        uid=metadata["uid"],
        created=seconds(metadata.get("creationTimestamp")),
        mode=mode,
        port=port,
        models=tuple(dict.fromkeys((spec.model.name, *spec.model.aliases))),
        shared=spec.routing.shared,
        max_held_requests=spec.routing.max_held_requests,
        hold_timeout_seconds=float(spec.routing.hold_timeout_seconds),
        affinity_header=spec.routing.affinity_header.lower() if spec.routing.affinity_header else None,
        engines={name: _pod_engine(engine) for name, engine in ways.items()},
        wake_plan=plan,
        fallback_after_seconds=float(spec.scaling.fallback_after_seconds),
        any_post=any(engine.type is EngineType.CUSTOM for engine in ways.values()),
        deleting=deleting,
    )


def _pod_engine(engine: ServingEngine) -> PodEngine:
    table = engine_table(engine)
    return PodEngine(port=table.port, health_path=table.health_path, keeps_connections=table.keeps_connections)


def _weighed(engines: Mapping[str, PodEngine], told: Iterable[Document]) -> dict[str, PodEngine]:
    """The engines as the operator weighs their pods now; those that it says nothing of have a weight of 1."""
    read = (VariantStatus.model_validate({name: each.get(name) for name in _READ if name in each}) for each in told)
    weighed = {each.name: (each.weight, each.max_sequences) for each in read}
    found = {}
    for name, engine in engines.items():
        weight, most = weighed.get(name, (1, None))
        found[name] = replace(engine, weight=weight, max_sequences=most)
    return found


def _own_port(document: Document) -> int | None:
    containers = (document.get("spec") or {}).get("containers") or ()  # Webhooks may have put others beside ours.
    engines = (container for container in containers if container.get("name") == ENGINE_CONTAINER)
    ports = (port for container in engines for port in container.get("ports") or ())
    return next((port["containerPort"] for port in ports if port.get("name") == PORT_NAME), None)
