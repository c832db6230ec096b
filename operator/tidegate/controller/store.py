"""The cluster as last seen: small records, by kind, with the ways to look across them.

Fed by kopf's watches and by the answers to our own writes; read by the loop. It knows which services an object
concerns, and collects them in `dirty`.
"""

import asyncio
import time
from collections import ChainMap, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from tidegate.cluster.resources import (
    ACCELERATOR_PROFILES,
    AUTOSCALERS,
    DEPLOYMENTS,
    INFERENCE_SERVICES,
    NAMESPACES,
    PODS,
    SERVICES,
    WATCHED,
    Document,
    Key,
    Resource,
    key_of,
)
from tidegate.controller.indices import ByModelName, ByOwner, ByWorkload
from tidegate.controller.records import (
    AutoscalerRecord,
    NamespaceRecord,
    PodRecord,
    ProfileRecord,
    ServiceRecord,
    autoscaler_record,
    namespace_record,
    pod_record,
    profile_record,
    service_record,
)
from tidegate.workloads.live import LiveDeployment, LiveService, live_deployment, live_service


class Store:
    """All that the loop knows of the cluster."""

    def __init__(self, watched: tuple[Resource, ...] = WATCHED, clock: Callable[[], float] = time.time) -> None:
        """Begin empty.

        Args:
            watched: the kinds that are fed in.
            clock: tells when a pod has vanished.
        """
        self.watched = watched
        self._clock = clock
        self.inference_services: dict[Key, ServiceRecord] = {}
        self.profiles: dict[Key, ProfileRecord] = {}
        self.deployments: dict[Key, LiveDeployment] = {}
        self.services: dict[Key, LiveService] = {}
        self.pods: dict[Key, PodRecord] = {}
        self.autoscalers: dict[Key, AutoscalerRecord] = {}
        self.namespaces: dict[Key, NamespaceRecord] = {}
        """Those with a ceiling of cost."""

        self._gone: dict[str, float] = {}
        self._gone_before: dict[str, float] = {}

        self.dirty: set[Key] = set()
        """InferenceServices that something has happened to."""

        self.changed = asyncio.Event()
        """Set whenever `dirty` grows."""

        self._irrelevant: defaultdict[str, set[Key]] = defaultdict(set)
        self._pods: ByWorkload[PodRecord] = ByWorkload(PodRecord)
        self._drivers: ByWorkload[ServiceRecord] = ByWorkload(ServiceRecord)
        self._scalers: ByWorkload[AutoscalerRecord] = ByWorkload(AutoscalerRecord)
        self._names = ByModelName()
        self._owners = ByOwner()
        self._kinds: dict[str, tuple[dict[Key, Any], Callable[[Document], Any]]] = {
            INFERENCE_SERVICES.plural: (self.inference_services, service_record),
            ACCELERATOR_PROFILES.plural: (self.profiles, profile_record),
            DEPLOYMENTS.plural: (self.deployments, live_deployment),
            SERVICES.plural: (self.services, live_service),
            PODS.plural: (self.pods, pod_record),
            AUTOSCALERS.plural: (self.autoscalers, autoscaler_record),
            NAMESPACES.plural: (self.namespaces, namespace_record),
        }

    def put(self, resource: Resource, document: Document) -> None:
        """Take in an object as it is now. The same object twice is the same as once."""
        records, project = self._kinds[resource.plural]
        key, record = key_of(document), project(document)
        before = records.get(key)
        if record is None:
            self.forget(resource, key)
            self._irrelevant[resource.plural].add(key)
        elif not _is_older(record, before):
            records[key] = record
            self._irrelevant[resource.plural].discard(key)
            self._index(before, record)
            if record != before and not _only_status_differs(before, record):
                self._mark(before, record)

    def forget(self, resource: Resource, key: Key) -> None:
        """Take out an object that is gone."""
        records, _ = self._kinds[resource.plural]
        record = records.pop(key, None)
        self._irrelevant[resource.plural].discard(key)
        if isinstance(record, PodRecord):
            self._gone[record.uid] = self._clock() if record.ended is None else record.ended
        if record is not None:
            self._index(record, None)
            self._mark(record, None)

    def get(self, resource: Resource, key: Key) -> object | None:
        """The record of an object, if it has been seen and has one."""
        return self._kinds[resource.plural][0].get(key)

    def keys(self, resource: Resource) -> set[Key]:
        """The objects of one kind that have been seen, those without a record included."""
        return self._irrelevant[resource.plural] | self._kinds[resource.plural][0].keys()

    def count(self, resource: Resource) -> int:
        """How many those are."""
        return len(self._irrelevant[resource.plural]) + len(self._kinds[resource.plural][0])

    def pods_of(self, workload: Key) -> Collection[PodRecord]:
        """The pods of a Deployment."""
        return self._pods.of(workload)

    def drivers_of(self, workload: Key) -> list[ServiceRecord]:
        """The InferenceServices that scale a Deployment, the one first that is obeyed.

        It is the oldest. But who would have a Deployment of this name only, while another one has it, is no driver yet:
        an older service may be given a variant of a name that is in use.
        """
        drivers, live = self._drivers.of(workload), self.deployments.get(workload)
        owner = None if live is None else live.owner_uid

        def order(record: ServiceRecord) -> tuple[bool, float, Key]:
            return (owner is not None and record.target is None and record.uid != owner, record.created, record.key)

        return sorted(drivers, key=order)

    def deployments_of(self, service: ServiceRecord) -> Collection[LiveDeployment]:
        """The Deployments that were made for an InferenceService, those included that its spec has no more."""
        return self._owners.deployments(service.uid)

    @property
    def gone_at(self) -> Mapping[str, float]:
        """When pods have ended that vanished since `dirty` was taken the time before last, by uid.

        What they cost ends then: with their containers where their node has said when, else when they were deleted.
        """
        return ChainMap(self._gone, self._gone_before)

    def autoscaler_of(self, workload: Key) -> AutoscalerRecord | None:
        """A HorizontalPodAutoscaler on the same Deployment."""
        return next(iter(self._scalers.of(workload)), None)

    def claimants_of(self, model_name: str) -> Iterator[ServiceRecord]:
        """The InferenceServices that want to answer to a model's name at the shared address, the oldest first."""
        return (self.inference_services[key] for _, key in self._names.of(model_name))

    def mark(self, keys: Collection[Key]) -> None:
        """Have the loop look at these services soon."""
        if keys:
            self.dirty.update(keys)
            self.changed.set()

    def take_dirty(self) -> set[Key]:
        """What has gathered since the last call."""
        taken, self.dirty = self.dirty, set()
        self._gone_before, self._gone = self._gone, {}
        self.changed.clear()
        return taken

    def _index(self, before: object, after: object) -> None:
        for index in (self._pods, self._drivers, self._scalers, self._names, self._owners):
            index.replace(before, after)

    def _mark(self, before: object, after: object) -> None:
        self.mark({key for record in (before, after) for key in self._concerned(record)})

    def _concerned(self, record: object) -> Iterator[Key]:
        match record:
            case ServiceRecord():
                yield record.key
                # The others on the same Deployments may win, or lose, them.
                for workload in record.workloads:
                    yield from self._driver_keys(workload)
            case ProfileRecord():
                yield from (
                    service.key
                    for service in self.inference_services.values()
                    if any(name == record.name for _, name in service.profiles)
                )
            case NamespaceRecord():
                yield from (key for key in self.inference_services if key[0] == record.name)
            case AutoscalerRecord():
                yield from self._driver_keys(record.workload)
            case PodRecord():
                yield from self._driver_keys(record.workload)
                yield from self._owner_keys(self.deployments.get(record.workload))
            case LiveDeployment():
                yield from self._driver_keys(record.key)
                yield from self._owner_keys(record)
            case LiveService():
                yield from self._driver_keys(record.key)
            case _:
                return

    def _driver_keys(self, workload: Key) -> Iterator[Key]:
        return (service.key for service in self._drivers.of(workload))

    def _owner_keys(self, live: LiveDeployment | None) -> Iterator[Key]:
        """Whose Deployment it is: the spec of that service may have it no more."""
        owner = None if live is None else self._owners.service(live.owner_uid)
        if owner is not None:
            yield owner


def _is_older(record: object, known: object) -> bool:
    """Whether it is an earlier state of what is known: answers to our own requests can overtake the watch.

    Versions of objects of one kind are numbers that grow; where they are not, a generation is better than nothing.
    """
    generations = 0, 0  # A pod has none that tells.
    match record, known:
        case (ServiceRecord(), ServiceRecord()):
            versions, generations = (record.version, known.version), (record.generation, known.generation)
        case (LiveDeployment(), LiveDeployment()):
            versions = record.resource_version, known.resource_version
            generations = record.generation, known.generation
        case (PodRecord(), PodRecord()):
            versions = record.version, known.version
        case _:
            return False
    if record.uid != known.uid:
        return False
    if all(version.isdecimal() for version in versions):
        return int(versions[0]) < int(versions[1])
    return generations[0] < generations[1]


def _only_status_differs(before: object, after: object) -> bool:
    """Whether an InferenceService is as its user left it: its status is our own writing, and no news."""
    if not (isinstance(before, ServiceRecord) and isinstance(after, ServiceRecord)):
        return False
    return (before.uid, before.generation) == (after.uid, after.generation)
