"""What a gateway reads of InferenceServices and Pods: a few fields of each, never the document."""

from dataclasses import dataclass, replace
from sys import intern

from pydantic import ValidationError

from tidegate.api.engine import EngineType
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import ROUTING_DRAINING, ROUTING_LABEL, ROUTING_SERVING, SERVICE_LABEL
from tidegate.api.routing import RoutingMode, RoutingStatus, WakePlan
from tidegate.cluster.reading import is_leaving, is_ready, joined, seconds
from tidegate.cluster.resources import Document, Key, key_of
from tidegate.engines.catalog import engine_table
from tidegate.gateway.routed_service import ModelPod, PodTrouble, RoutedService
from tidegate.workloads.not_starting import pod_trouble


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
    uid: str
    name: str
    ip: str
    ready: bool
    serving: bool
    draining: bool
    trouble: tuple[str, str] | None
    """Reason and message."""

    def model_pod(self, engine_port: int, trouble_since: float) -> ModelPod:
        """The pod as the policy knows it.

        Args:
            engine_port: of its service.
            trouble_since: when its trouble was first seen.
        """
        trouble = None
        if self.trouble is not None:
            reason, message = self.trouble
            trouble = PodTrouble(reason=reason, message=message, since=trouble_since)
        return ModelPod(
            uid=self.uid,
            name=self.name,
            address=joined(self.ip, engine_port) if self.ip else "",
            ready=self.ready,
            serving=self.serving,
            draining=self.draining,
            trouble=trouble,
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
        uid=metadata["uid"],
        name=metadata["name"],
        ip=status.get("podIP", ""),
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
    table = engine_table(spec.serving_engine)
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
        engine_port=table.port,
        health_path=table.health_path,
        keeps_connections=table.keeps_connections,
        wake_plan=plan,
        any_post=spec.serving_engine.type is EngineType.CUSTOM,
        deleting=deleting,
    )
