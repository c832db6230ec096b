"""Carries out what a visit wants done, in its order, and notes how it went. It decides nothing."""

import logging
import secrets
from collections.abc import Callable

import structlog

from tidegate.cluster.client import Cluster
from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import CLAIM_TEMPLATES, DEPLOYMENTS, INFERENCE_SERVICES, PODS
from tidegate.cluster.write_budget import Urgency
from tidegate.controller.actions import Action, Announce, ApplyBody, Delete, MarkPods, Scale, WriteStatus
from tidegate.controller.announcements import event_document, scaled
from tidegate.controller.exporter import Exporter
from tidegate.controller.records import ServiceRecord, timestamp
from tidegate.controller.state import ServiceState
from tidegate.controller.store import Store
from tidegate.controller.undeclared import LeftOut, undeclared_fields, without_fields
from tidegate.workloads.altered import fields_altered

log = structlog.get_logger(__name__)


class Writer:
    """The only hand that writes."""

    def __init__(self, store: Store, cluster: Cluster, exporter: Exporter, clock: Callable[[], float]) -> None:
        self._store = store
        self._cluster = cluster
        self._exporter = exporter
        self._clock = clock
        self._left_out = LeftOut()

    async def carry_out(self, service: ServiceRecord, state: ServiceState, actions: list[Action]) -> None:
        """Do all of it, or as far as it goes: what fails is planned anew from what is then."""
        for action in actions:
            if not await self._try(service, state, action):
                return
        state.write_succeeded()

    async def _try(self, service: ServiceRecord, state: ServiceState, action: Action) -> bool:
        """Do one thing; whether to go on with the rest."""
        outcome = "Written"
        try:
            match action:
                case ApplyBody():
                    outcome = await self._apply_body(service, state, action)
                case Scale():
                    await self._scale(service, state, action)
                case Delete():
                    await self._delete(service, action)
                case MarkPods():
                    await self._mark_pods(service, state, action)
                case WriteStatus():
                    await self._write_status(service, state, action)
                case Announce():
                    await self._announce(service, action)
        except ClusterError as error:
            self._failed(service, state, action, error)
            return isinstance(action, Announce | MarkPods)
        self._exporter.writes.labels(type(action).__name__, outcome).inc()
        return True

    async def _apply_body(self, service: ServiceRecord, state: ServiceState, action: ApplyBody) -> str:
        if action.rehearse:
            answer = await self._cluster.apply(action.resource, action.body, dry_run=True)
            if altered := fields_altered(action.rendered, answer):
                state.of(action.variant).bodies.rehearsed(action, altered, self._clock())
                self._store.mark({service.key})  # What is changed now belongs into the status.
                return "Rehearsed"
        log.info("applying", service=service.key, kind=action.resource.kind, because=action.because)
        answer = await self._cluster.apply(action.resource, action.body)
        if action.resource in self._store.watched:
            self._store.put(action.resource, answer)
        else:
            self._store.mark({service.key})  # No watch tells that it is there now, and others wait for it.
        altered = fields_altered(action.rendered, answer)
        if altered:
            log.warning(
                "an admission webhook changed what was applied",
                service=service.key,
                kind=action.resource.kind,
                fields=altered,
            )
        version = answer["metadata"]["resourceVersion"]
        state.of(action.variant).bodies.accepted(action, version, altered, self._clock())
        return "Written"

    async def _scale(self, service: ServiceRecord, state: ServiceState, action: Scale) -> None:
        at_version = action.resource_version or self._store.deployments[action.workload].resource_version
        namespace, name = action.workload
        await self._cluster.apply_scale(namespace, name, action.replicas, at_version)
        change = action.change
        log.info(
            "size written",
            service=service.key,
            deployment=name,
            replicas=action.replicas,
            change=change,
            reason=action.reason,
            because=action.message,
        )
        state.scale_written(action, at_version, self._clock())
        if change is not None:
            self._store.mark({service.key})  # The list of changes is in status.
            await self._try(service, state, Announce(scaled(*change, action.message)))

    async def _delete(self, service: ServiceRecord, action: Delete) -> None:
        namespace, name = action.workload
        log.info("deleting the Deployment of a variant that is no more", service=service.key, deployment=name)
        await self._cluster.delete(
            DEPLOYMENTS,
            namespace,
            name,
            uid=action.uid,
            resource_version=action.resource_version,
            urgency=Urgency.BODY,
        )

    async def _mark_pods(self, service: ServiceRecord, state: ServiceState, action: MarkPods) -> None:
        """Write on each pod: who is faster at one is no reason to leave the others."""
        log.info("writing on pods", service=service.key, pods={pod.key[1]: pod.metadata for pod in action.pods})
        joined, raced = 0, None
        try:
            for pod in action.pods:
                try:
                    self._store.put(PODS, await self._cluster.patch_pod(*pod.key, pod.metadata))
                    joined += pod.joins
                except ClusterError as error:
                    if error.is_absent:
                        self._store.forget(PODS, pod.key)
                    elif error.is_conflict:
                        raced = error
                    else:
                        raise
            state.of(action.variant).way_down.marks_were_taken()
        finally:
            if joined and action.from_replicas is not None:
                to_replicas = action.from_replicas + joined
                state.note_change(action.from_replicas, to_replicas, action.reason, action.message, self._clock())
                await self._try(service, state, Announce(scaled(action.from_replicas, to_replicas, action.message)))
        if raced is not None:
            raise raced

    async def _write_status(self, service: ServiceRecord, state: ServiceState, action: WriteStatus) -> None:
        namespace, name = service.key
        while True:
            left_out = self._left_out.at(self._clock())
            status = without_fields(action.status, left_out) if left_out else action.status
            try:
                answer = await self._cluster.apply_status(
                    INFERENCE_SERVICES, namespace, name, status, uid=service.uid, urgency=action.urgency
                )
                break
            except ClusterError as error:
                undeclared = undeclared_fields(error.message) - left_out if error.is_internal else set()
                if not undeclared:
                    raise
                self._leave_out(undeclared)
        self._store.put(INFERENCE_SERVICES, answer)
        state.status_written(action.status, answer.get("status") or {}, self._clock())

    def _leave_out(self, fields: set[str]) -> None:
        """Write statuses without fields for a while; each is told once."""
        if new := self._left_out.add(fields, self._clock()):
            log.warning(
                "the CustomResourceDefinition of InferenceServices is older than this operator; these fields of the "
                "status are left out until it knows them, which is tried every 10 minutes: apply crds/ of this version",
                fields=sorted(new),
            )

    async def _announce(self, service: ServiceRecord, action: Announce) -> None:
        time = timestamp(self._clock())
        body = event_document(service, action.announcement, time=time, suffix=secrets.token_hex(8))
        await self._cluster.create_event(body)

    def _failed(self, service: ServiceRecord, state: ServiceState, action: Action, error: ClusterError) -> None:
        outcome = "Conflict" if error.is_conflict else "Refused" if error.is_refusal else "Failed"
        self._exporter.writes.labels(type(action).__name__, outcome).inc()
        match action:
            case WriteStatus() if error.is_absent:
                self._store.forget(INFERENCE_SERVICES, service.key)
            case Scale() if error.is_absent:
                self._store.forget(DEPLOYMENTS, action.workload)
            case ApplyBody() if error.is_refusal or error.is_internal or _is_unknown(action, error):
                state.of(action.variant).bodies.refuse(action, error.message, self._clock())
                self._store.mark({service.key})  # The refusal belongs into the status.
            case Scale() if error.is_refusal:
                state.of(action.variant).size_was_refused(action.replicas, error.message, self._clock())
                self._store.mark({service.key})
            case MarkPods() if error.is_refusal or error.is_internal:  # As of a webhook that is down.
                state.of(action.variant).way_down.marks_were_refused(error.message, self._clock())
                self._store.mark({service.key})
            case Announce():
                pass  # The rest is written all the same.
            case _ if not error.is_conflict:
                state.write_failed(self._clock())
        level, said = (  # A conflict is a race; all else is worth a warning.
            (logging.INFO, "somebody else was faster; the write is planned anew")
            if error.is_conflict
            else (logging.WARNING, "a write failed")
        )
        log.log(
            level,
            said,
            service=service.key,
            action=type(action).__name__,
            status=error.status,
            error=str(error),
        )


def _is_unknown(action: ApplyBody, error: ClusterError) -> bool:
    """Whether the API server is too old for the kind. For others, a 404 says that the namespace has gone."""
    return error.is_absent and action.resource is CLAIM_TEMPLATES
