"""What a gateway knows of the cluster: fed by the watches, and handed on to the policy and to the keeper of slices."""

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

import structlog

from tidegate.cluster.resources import INFERENCE_SERVICES, PODS, Document, Key, Resource, key_of
from tidegate.gateway.records import PodRecord, ServiceRecord, pod_record, service_record
from tidegate.gateway.routed_service import ModelPod, PodEngine, RoutedService

log = structlog.get_logger(__name__)


class Follower(Protocol):
    """Who is told: the policy's router."""

    def put_service(self, service: RoutedService) -> None:
        """A service is new, or has changed."""

    def forget_service(self, key: Key) -> None:
        """A service is gone, or no longer routed."""

    def put_pods(self, key: Key, pods: tuple[ModelPod, ...]) -> None:
        """These are all pods of a service."""


class Store:
    """The services that are routed, and the pods of all.

    Args:
        router: told of each change.
        changed: told which service has changed, or its pods.
        clock: seconds since the epoch.
    """

    def __init__(self, router: Follower, *, changed: Callable[[Key], None], clock: Callable[[], float]) -> None:
        self._router = router
        self._changed = changed
        self._clock = clock
        self.services: dict[Key, ServiceRecord] = {}
        self._pods: dict[Key, PodRecord] = {}
        self._pods_of: defaultdict[Key, dict[Key, PodRecord]] = defaultdict(dict)
        self._others: set[Key] = set()
        """Pods that belong to no InferenceService."""

        self._engine_of: dict[Key, PodEngine] = {}
        """By pod, as it was known last: a variant may leave the spec before its pods have left."""

        self._trouble_since: dict[Key, float] = {}
        self._ready_since: dict[Key, float] = {}

    @property
    def watched(self) -> tuple[Resource, ...]:
        """What it is made of."""
        return (INFERENCE_SERVICES, PODS)

    def put(self, resource: Resource, document: Document) -> None:
        """Take in an object as it is now."""
        if resource == INFERENCE_SERVICES:
            self._put_service(document)
        else:
            self._put_pod(document)

    def forget(self, resource: Resource, key: Key) -> None:
        """Take out an object that is gone."""
        if resource == INFERENCE_SERVICES:
            self._forget_service(key)
        else:
            self._others.discard(key)
            self._forget_pod(key)

    def get(self, resource: Resource, key: Key) -> object | None:
        """What is kept of an object."""
        return self.services.get(key) if resource == INFERENCE_SERVICES else self._pods.get(key)

    def keys(self, resource: Resource) -> set[Key]:
        """The objects of a kind that have been seen."""
        return set(self.services) if resource == INFERENCE_SERVICES else self._others | self._pods.keys()

    def routed(self) -> list[RoutedService]:
        """The services that gateways have a port for, in the order of their keys."""
        return [record.routed for _, record in sorted(self.services.items()) if record.routed is not None]

    def ready_since(self, key: Key) -> float | None:
        """Since when a pod of a service has been ready and serving; None while none is."""
        return self._ready_since.get(key)

    def _put_service(self, document: Document) -> None:
        key = key_of(document)
        before = self.services.get(key)
        record = service_record(document, before)
        self.services[key] = record
        if record.problem and (before is None or before.problem != record.problem):
            log.error("a service cannot be read; what was known of it holds on", service=key, problem=record.problem)
        if record == before:
            return
        if record.routed is None:
            if before is not None and before.routed is not None:
                self._router.forget_service(key)
        elif before is None or record.routed != before.routed:
            if before is not None and before.uid != record.uid and before.routed is not None:
                self._router.forget_service(key)  # Another service of that name: it shares nothing with the old one.
            self._router.put_service(record.routed)
            self._tell_pods(key)
        self._changed(key)

    def _forget_service(self, key: Key) -> None:
        record = self.services.pop(key, None)
        if record is not None:
            if record.routed is not None:
                self._router.forget_service(key)
            self._changed(key)

    def _put_pod(self, document: Document) -> None:
        record = pod_record(document)
        key = key_of(document)
        before = self._pods.get(key)
        if record == before and record is not None:
            return
        if before is not None and (record is None or record.service != before.service):
            self._forget_pod(key)
        if record is None:
            self._others.add(key)
            return
        self._others.discard(key)
        if record.trouble is None:
            self._trouble_since.pop(key, None)
        elif before is None or before.trouble is None or before.trouble[0] != record.trouble[0]:
            self._trouble_since[key] = self._clock()
        self._pods[key] = self._pods_of[record.service][key] = record
        self._pods_changed(record.service)

    def _forget_pod(self, key: Key) -> None:
        record = self._pods.pop(key, None)
        self._engine_of.pop(key, None)
        self._trouble_since.pop(key, None)
        if record is not None:
            same = self._pods_of[record.service]
            del same[key]
            if not same:
                del self._pods_of[record.service]
            self._pods_changed(record.service)

    def _pods_changed(self, service: Key) -> None:
        if any(pod.ready and pod.serving for pod in self._pods_of.get(service, {}).values()):
            self._ready_since.setdefault(service, self._clock())
        else:
            self._ready_since.pop(service, None)
        self._tell_pods(service)
        self._changed(service)

    def _tell_pods(self, service: Key) -> None:
        record = self.services.get(service)
        if record is None or record.routed is None:
            if service not in self._pods_of:  # What is known of a service is kept for as long as its pods are there.
                self._router.put_pods(service, ())
            return
        pods = self._pods_of.get(service, {}).values()
        for pod in pods:
            known = self._engine_of.get(pod.key, record.routed.default_engine)
            self._engine_of[pod.key] = record.routed.engines.get(pod.variant, known)
        self._router.put_pods(
            service,
            tuple(pod.model_pod(self._engine_of[pod.key], self._trouble_since.get(pod.key, 0.0)) for pod in pods),
        )
