"""A `Cluster` that writes down what it is asked to do, and answers as the API server does where nothing goes wrong."""

import asyncio
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from cluster_objects import SCALER, annotations_of, as_applied, scaled, version

from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES, PODS, Document, Key, Resource, key_of
from tidegate.cluster.write_budget import Urgency
from tidegate.controller.store import Store

CONFLICT = ClusterError(409, "Conflict", "the object has been modified")
FORBIDDEN = ClusterError(403, "Forbidden", "no rights for that")
INVALID = ClusterError(422, "Invalid", 'Deployment.apps "chat" is invalid: spec.template.spec: bad')
ABSENT = ClusterError(404, "NotFound", "not found")
PODS_WRITER = "tidegate-drain"
UNREACHABLE = ClusterError(0, "Unreachable", "connection refused")


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was asked for."""

    kind: str
    """Of the object, or Scale, Status, Event."""

    name: str
    body: Any
    dry_run: bool = False
    urgency: Urgency | None = None


class RecordingCluster:
    """Writes go into the list and, unless they are made to fail, into the store, as a quick watch would have it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.writes: list[Write] = []
        self.failures: dict[str, ClusterError] = {}
        """By kind of write: how it fails."""

        self.alter: Callable[[Document], None] = lambda _: None
        """What a webhook of somebody else does to a body that is applied, in place."""

        self.answers = asyncio.Event()
        """Writes wait until it is set, as it is at first."""

        self.answers.set()

        self._objects: dict[tuple[str, Key], Document] = {}

    def have(self, resource: Resource, document: Document) -> None:
        """Let an object be there, seen by the watch."""
        self._objects[resource.plural, key_of(document)] = document
        self.store.put(resource, document)

    def lose(self, resource: Resource, key: Key) -> None:
        """Let somebody delete an object, seen by the watch."""
        del self._objects[resource.plural, key]
        self.store.forget(resource, key)

    def found(self, resource: Resource, key: Key) -> Document:
        """An object as it is."""
        return self._objects[resource.plural, key]

    def kinds(self) -> list[str]:
        """What was written, in order; dry runs left out."""
        return [write.kind for write in self.writes if not write.dry_run]

    def forget_writes(self) -> None:
        """Begin the list anew."""
        self.writes.clear()

    async def apply(self, resource: Resource, body: Document, *, dry_run: bool = False) -> Document:
        """Apply a body."""
        await self._write(Write(resource.kind, body["metadata"]["name"], body, dry_run))
        before = self._objects.get((resource.plural, key_of(body)))
        live = before["spec"].get("replicas") if before else None
        replicas = body["spec"].get("replicas", live)
        answer = as_applied(deepcopy({**body, "spec": dict(body["spec"])}), replicas)
        self.alter(answer)
        if before:
            claims = [entry for entry in before["metadata"]["managedFields"] if entry["manager"] != "tidegate"]
            answer["metadata"]["managedFields"] += claims
            answer["metadata"]["uid"] = before["metadata"]["uid"]
        if not dry_run:
            self._objects[resource.plural, key_of(body)] = answer
        return answer

    async def apply_scale(self, namespace: str, name: str, replicas: int, resource_version: str) -> Document:
        """Write a size."""
        await self._write(Write("Scale", name, {"replicas": replicas, "resourceVersion": resource_version}))
        key = (namespace, name)
        self.have(DEPLOYMENTS, scaled(self._objects[DEPLOYMENTS.plural, key], replicas, SCALER))
        return {}

    async def patch_pod(self, namespace: str, name: str, metadata: Document) -> Document:
        """Write on a pod: the watch brings it at once."""
        await self._write(Write("Pod", name, metadata))
        pod = deepcopy(self._objects.get((PODS.plural, (namespace, name))))
        if pod is None:
            raise ABSENT
        found = pod["metadata"]
        if any(found.get(field) != metadata[field] for field in ("uid", "resourceVersion")):
            raise CONFLICT
        for part in ("labels", "annotations"):
            merged = {**found.get(part, {}), **metadata.get(part, {})}
            found[part] = {key: value for key, value in merged.items() if value is not None}
        written = {key for key in metadata.get("annotations", {}) if key in found["annotations"]}
        found["managedFields"] = [*found.get("managedFields", ()), annotations_of(PODS_WRITER, *written)]
        found["resourceVersion"] = version()
        self.have(PODS, pod)
        return pod

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, status: Mapping[str, Any], *, uid: str, urgency: Urgency
    ) -> Document:
        """Write a status."""
        await self._write(Write("Status", name, status, urgency=urgency))
        before = self._objects[resource.plural, (namespace, name)]
        assert before["metadata"]["uid"] == uid
        metadata = {**before["metadata"], "resourceVersion": version()}
        answer = {**before, "metadata": metadata, "status": self.keep(dict(status))}
        self._objects[resource.plural, (namespace, name)] = answer
        return answer

    def keep(self, status: Document) -> Document:
        """What the CRD keeps of a status; everything, unless a test says otherwise."""
        return status

    async def create_event(self, body: Document) -> None:
        """Post an Event."""
        await self._write(Write("Event", body["reason"], body))

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, urgency: Urgency
    ) -> None:
        """Delete an object: the watch brings it at once."""
        key = (namespace, name)
        await self._write(Write("Delete", name, resource.kind, urgency=urgency))
        metadata = self._objects[resource.plural, key]["metadata"]
        if (metadata["uid"], metadata["resourceVersion"]) != (uid, resource_version):
            raise CONFLICT
        self.lose(resource, key)

    async def list_names(self, resource: Resource, namespace: str | None = None) -> set[Key]:
        """The names of what is there."""
        return {key for plural, key in self._objects if plural == resource.plural and namespace in (None, key[0])}

    async def _write(self, write: Write) -> None:
        self.writes.append(write)
        await self.answers.wait()
        if write.kind in self.failures:
            raise self.failures[write.kind]


def status_of(cluster: RecordingCluster, name: str = "chat") -> Document:
    """The status of a service as it is now."""
    found: Document = cluster.found(INFERENCE_SERVICES, ("default", name)).get("status", {})
    return found


def condition(status: Document, kind: str) -> tuple[str, str, str]:
    """Status, reason and message of one condition."""
    (found,) = (each for each in status["conditions"] if each["type"] == kind)
    return found["status"], found["reason"], found["message"]
