"""What is asked of the API server, and written to it.

Bodies are plain documents: server-side apply needs exactly what we own and nothing else, which typed models, full of
their own defaults, would spoil.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

from kubernetes.aio.client import Configuration

from tidegate.api.names import FIELD_MANAGER_BODY, FIELD_MANAGER_PODS, FIELD_MANAGER_SCALE
from tidegate.cluster.api_server import ApiServer, Document
from tidegate.cluster.error import ClusterError
from tidegate.cluster.fence import Fence
from tidegate.cluster.follow import Change, Selection, follow
from tidegate.cluster.resources import DEPLOYMENTS, EVENTS, PODS, Resource
from tidegate.cluster.rights import Right
from tidegate.cluster.write_budget import Urgency, WriteBudget

REQUEST_TIMEOUT_SECONDS = 15.0
APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
QUESTIONS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
"""Asking is a POST, and writes nothing: a fenced client may not, though."""

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_BY_BODY_MANAGER = urlencode({"fieldManager": FIELD_MANAGER_BODY})
_BY_PODS_MANAGER = urlencode({"fieldManager": FIELD_MANAGER_PODS})


class Cluster(Protocol):
    """What the controller needs of a cluster. Tests give it a recording one."""

    async def apply(self, resource: Resource, body: Document, *, dry_run: bool = False) -> Document:
        """Apply a body under the body's field manager, taking what is ours from others."""

    async def apply_scale(self, namespace: str, name: str, replicas: int, resource_version: str) -> Document:
        """Set a Deployment's replicas under the scale's field manager, if it is still at this version."""

    async def patch_pod(self, namespace: str, name: str, metadata: Document) -> Document:
        """Merge-patch the metadata of the pod with this uid, if it is still at this version."""

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, status: Mapping[str, Any], *, uid: str, urgency: Urgency
    ) -> Document:
        """Make the status of the object with this uid exactly this."""

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, urgency: Urgency
    ) -> None:
        """Delete the object of this uid, if it is there, and still at this version."""

    async def create_event(self, body: Document) -> None:
        """Post one Event."""

    async def list_names(self, resource: Resource, namespace: str | None = None) -> set[tuple[str, str]]:
        """(namespace, name) of every object there is."""

    def list_documents(
        self, resource: Resource, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[Document]:
        """Every object there is, or those with these labels."""


class ClusterClient:
    """`Cluster`, over HTTP.

    Args:
        configuration: where the API server is.
        budget: for writes; one of its own unless given.
        fence: asked just before each write is sent; where it says no, the write fails with `NotLeading`.
        timeout_seconds: of each request.
    """

    def __init__(
        self,
        configuration: Configuration,
        budget: WriteBudget | None = None,
        *,
        fence: Fence | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> None:
        self._budget = budget or WriteBudget()
        self._server = ApiServer(
            configuration, asks_for_rest=self._budget.rest, fence=fence, timeout_seconds=timeout_seconds
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    async def apply(self, resource: Resource, body: Document, *, dry_run: bool = False) -> Document:
        """Apply a body under the body's field manager, taking what is ours from others.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        metadata = body["metadata"]
        await self._budget.take(Urgency.BODY)
        return await self._apply(
            resource.path(metadata.get("namespace"), metadata["name"]), body, FIELD_MANAGER_BODY, dry_run=dry_run
        )

    async def apply_scale(self, namespace: str, name: str, replicas: int, resource_version: str) -> Document:
        """Set a Deployment's replicas under the scale's field manager, if it is still at this version.

        Raises:
            ClusterError: 409 if the Deployment has changed since `resource_version`.
        """
        await self._budget.take(Urgency.SCALE)
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": resource_version},
            "spec": {"replicas": replicas},
        }
        return await self._apply(DEPLOYMENTS.path(namespace, name, "scale"), body, FIELD_MANAGER_SCALE)

    async def patch_pod(self, namespace: str, name: str, metadata: Document) -> Document:
        """Merge-patch the metadata of the pod with this uid, if it is still at this version.

        Not an apply: of a pod that is gone that would ask for the right to create pods.

        Raises:
            ClusterError: 409 if the pod has changed since, or is another one; 404 if there is none of that name.
        """
        await self._budget.take(Urgency.SCALE)
        path = f"{PODS.path(namespace, name)}?{_BY_PODS_MANAGER}"
        return await self._server.send("PATCH", path, {"metadata": metadata}, MERGE_PATCH)

    async def apply_status(
        self, resource: Resource, namespace: str, name: str, status: Mapping[str, Any], *, uid: str, urgency: Urgency
    ) -> Document:
        """Make the status of the object with this uid exactly this.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        await self._budget.take(urgency)
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": namespace, "uid": uid},
            "status": status,
        }
        return await self._apply(resource.path(namespace, name, "status"), body, FIELD_MANAGER_BODY)

    async def create_event(self, body: Document) -> None:
        """Post one Event.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        await self._budget.take(Urgency.EVENT)
        await self._server.send("POST", EVENTS.path(body["metadata"]["namespace"]), body, "application/json")

    async def list_names(self, resource: Resource, namespace: str | None = None) -> set[tuple[str, str]]:
        """(namespace, name) of every object there is; the API server sends metadata only, page by page.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        items = self._server.list_items(resource, namespace, page_size=500, accept=METADATA_ONLY)
        return {(item["metadata"].get("namespace", ""), item["metadata"]["name"]) async for item in items}

    def list_documents(
        self, resource: Resource, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[Document]:
        """Every object there is, as it is at the time of the request or later; a page of them in memory at a time.

        Args:
            resource: their kind.
            namespace: theirs; None for all.
            labels: leave out those that have not all of these.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        return self._server.list_items(resource, namespace, page_size=200, accept="application/json", labels=labels)

    def follow(self, selection: Selection) -> AsyncGenerator[Change, None]:
        """Some objects of a kind as they are now, and then each change of them, for ever.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached. Then all has to be followed anew.
        """
        return follow(self._server, selection)

    async def apply_as(self, manager: str, resource: Resource, body: Document, *, urgency: Urgency) -> Document:
        """Apply a body under a field manager of one's own; what is there then.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        metadata = body["metadata"]
        await self._budget.take(urgency)
        return await self._apply(resource.path(metadata["namespace"], metadata["name"]), body, manager)

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        urgency: Urgency,
        resource_version: str | None = None,
    ) -> None:
        """Delete the object of this uid, if it is there, and, where a version is given, still at that.

        Raises:
            ClusterError: 409 if there is another one of that name, or it has changed since; others if the API server
                refuses, or cannot be reached.
        """
        await self._budget.take(urgency)
        preconditions = {"uid": uid} if resource_version is None else {"uid": uid, "resourceVersion": resource_version}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        try:
            await self._server.send("DELETE", resource.path(namespace, name), body)
        except ClusterError as error:
            if not error.is_absent:
                raise

    async def read_scale(self, namespace: str, name: str) -> Document:
        """A Deployment's size, as its `/scale` has it: without `replicas` at 0.

        Raises:
            ClusterError: 404 if it is not there; others if the API server refuses, or cannot be reached.
        """
        return await self._server.send("GET", DEPLOYMENTS.path(namespace, name, "scale"), None)

    async def may(self, right: Right) -> bool:
        """Whether this account has a right, as far as it may ask: where it may not, the first request will tell.

        Raises:
            ClusterError: if the API server cannot be reached, or fails.
        """
        try:
            answer = await self._server.send("POST", QUESTIONS, right.question())
        except ClusterError as error:
            if error.is_refusal or error.is_absent:
                return True
            raise
        return bool((answer.get("status") or {}).get("allowed"))

    async def find(self, resource: Resource, namespace: str, name: str) -> Document | None:
        """One object, if it is there.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        try:
            return await self.read(resource, namespace, name)
        except ClusterError as error:
            if error.is_absent:
                return None
            raise

    async def read(self, resource: Resource, namespace: str, name: str) -> Document:
        """One object.

        Raises:
            ClusterError: 404 of reason NotFound if it is not there, without a reason if its kind is not known; and if
                the API server refuses, or cannot be reached.
        """
        return await self._server.send("GET", resource.path(namespace, name), None)

    async def create(self, resource: Resource, body: Document) -> Document:
        """Create an object, outside the budget; what was made of it.

        Raises:
            ClusterError: 409 if there is one of that name.
        """
        path = f"{resource.path(body['metadata']['namespace'])}?{_BY_BODY_MANAGER}"
        return await self._server.send("POST", path, body)

    async def replace(self, resource: Resource, body: Document) -> Document:
        """Write an object as a whole, outside the budget, if it is still at the body's `resourceVersion`.

        Raises:
            ClusterError: 409 if it is not; 404 if it is gone.
        """
        metadata = body["metadata"]
        path = f"{resource.path(metadata['namespace'], metadata['name'])}?{_BY_BODY_MANAGER}"
        return await self._server.send("PUT", path, body)

    async def patch(self, resource: Resource, namespace: str, name: str, patch: Document) -> Document:
        """Merge-patch an object on behalf of the person at the terminal (`tidegate pin`).

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        return await self._server.send("PATCH", resource.path(namespace, name), patch, MERGE_PATCH)

    async def _apply(self, path: str, body: Document, manager: str, *, dry_run: bool = False) -> Document:
        query = {"fieldManager": manager, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        return await self._server.send("PATCH", f"{path}?{urlencode(query)}", body, APPLY)
