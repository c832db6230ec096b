"""The cluster as last seen: small records, by kind, with the two ways to look across them.

Fed by kopf's watches and by the answers to our own writes; read by the loop. It knows which services an object
concerns, and collects them in `dirty`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import Any

from tidegate.cluster.resources import (
    ACCELERATOR_PROFILES,
    AUTOSCALERS,
    DEPLOYMENTS,
    INFERENCE_SERVICES,
    PODS,
    SERVICES,
    Resource,
)
from tidegate.controller.records import (
    AutoscalerRecord,
    Document,
    Key,
    PodRecord,
    ProfileRecord,
    ServiceRecord,
    autoscaler_record,
    key_of,
    pod_record,
    profile_record,
    service_record,
)
from tidegate.workloads.live import LiveDeployment, LiveService, live_deployment, live_service


class Store:
    """All that the loop knows of the cluster."""

    def __init__(self) -> None:
        self.inference_services: dict[Key, ServiceRecord] = {}
        self.profiles: dict[Key, ProfileRecord] = {}
        self.deployments: dict[Key, LiveDeployment] = {}
        self.services: dict[Key, LiveService] = {}
        self.pods: dict[Key, PodRecord] = {}
        self.autoscalers: dict[Key, AutoscalerRecord] = {}
        self.dirty: set[Key] = set()
        """InferenceServices that something has happened to."""

        self.changed = asyncio.Event()
        """Set whenever `dirty` grows."""

        self._irrelevant: defaultdict[str, set[Key]] = defaultdict(set)
        self._pods_of: defaultdict[Key, dict[Key, PodRecord]] = defaultdict(dict)
        self._drivers_of: defaultdict[Key, set[Key]] = defaultdict(set)
        self._autoscaler_of: dict[Key, AutoscalerRecord] = {}
        self._kinds: dict[str, tuple[dict[Key, Any], Callable[[Document], Any]]] = {
            INFERENCE_SERVICES.plural: (self.inference_services, service_record),
            ACCELERATOR_PROFILES.plural: (self.profiles, profile_record),
            DEPLOYMENTS.plural: (self.deployments, live_deployment),
            SERVICES.plural: (self.services, live_service),
            PODS.plural: (self.pods, pod_record),
            AUTOSCALERS.plural: (self.autoscalers, autoscaler_record),
        }

    def put(self, resource: Resource, document: Document) -> None:
        """Take in an object as it is now. The same object twice is the same as once."""
        records, project = self._kinds[resource.plural]
        key, record = key_of(document), project(document)
        before = records.get(key)
        if record is None:
            self.forget(resource, key)
            self._irrelevant[resource.plural].add(key)
        elif record != before:
            records[key] = record
            self._index(before, record)
            if not _only_status_differs(before, record):
                self._mark(before, record)

    def forget(self, resource: Resource, key: Key) -> None:
        """Take out an object that is gone."""
        records, _ = self._kinds[resource.plural]
        record = records.pop(key, None)
        self._irrelevant[resource.plural].discard(key)
        if record is not None:
            self._index(record, None)
            self._mark(record, None)

    def get(self, resource: Resource, key: Key) -> object | None:
        """The record of an object, if it has been seen and has one."""
        return self._kinds[resource.plural][0].get(key)

    def keys(self, resource: Resource) -> set[Key]:
        """The objects of one kind that have been seen, those without a record included."""
        return self._irrelevant[resource.plural] | self._kinds[resource.plural][0].keys()

    def pods_of(self, workload: Key) -> Collection[PodRecord]:
        """The pods of a Deployment."""
        return self._pods_of[workload].values() if workload in self._pods_of else ()

    def drivers_of(self, workload: Key) -> list[ServiceRecord]:
        """The InferenceServices that scale a Deployment, the oldest first: that one is obeyed."""
        drivers = (self.inference_services[key] for key in self._drivers_of.get(workload, ()))
        return sorted(drivers, key=lambda record: (record.created, record.key))

    def autoscaler_of(self, workload: Key) -> AutoscalerRecord | None:
        """A HorizontalPodAutoscaler on the same Deployment."""
        return self._autoscaler_of.get(workload)

    def mark(self, keys: Collection[Key]) -> None:
        """Have the loop look at these services soon."""
        if keys:
            self.dirty.update(keys)
            self.changed.set()

    def take_dirty(self) -> set[Key]:
        """What has gathered since the last call."""
        taken, self.dirty = self.dirty, set()
        self.changed.clear()
        return taken

    def _index(self, before: object, after: object) -> None:
        match before:
            case PodRecord():
                pods = self._pods_of[before.workload]
                pods.pop(before.key, None)
                if not pods:
                    del self._pods_of[before.workload]
            case ServiceRecord():
                drivers = self._drivers_of[before.workload]
                drivers.discard(before.key)
                if not drivers:
                    del self._drivers_of[before.workload]
            case AutoscalerRecord():
                self._autoscaler_of.pop(before.workload, None)
            case _:
                pass
        match after:
            case PodRecord():
                self._pods_of[after.workload][after.key] = after
            case ServiceRecord():
                self._drivers_of[after.workload].add(after.key)
            case AutoscalerRecord():
                self._autoscaler_of[after.workload] = after
            case _:
                pass

    def _mark(self, before: object, after: object) -> None:
        self.mark({key for record in (before, after) for key in self._concerned(record)})

    def _concerned(self, record: object) -> Iterator[Key]:
        match record:
            case ServiceRecord():
                yield record.key
                # The others on the same Deployment may win, or lose, it.
                yield from self._drivers_of.get(record.workload, ())
            case ProfileRecord():
                yield from (
                    service.key
                    for service in self.inference_services.values()
                    if service.spec and service.spec.accelerator and service.spec.accelerator.profile == record.name
                )
            case PodRecord() | AutoscalerRecord():
                yield from self._drivers_of.get(record.workload, ())
            case LiveDeployment() | LiveService():
                yield from self._drivers_of.get(record.key, ())
            case _:
                return


def _only_status_differs(before: object, after: object) -> bool:
    """Whether an InferenceService is as its user left it: its status is our own writing, and no news."""
    if not (isinstance(before, ServiceRecord) and isinstance(after, ServiceRecord)):
        return False
    return (before.uid, before.generation) == (after.uid, after.generation)
