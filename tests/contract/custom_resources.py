"""Our objects at a real API server, written plainly: what it accepts, what it says when it does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api_server import Answer, ApiServer
from live_cluster import LiveCluster
from tidegate.api.names import API_VERSION

Document = dict[str, Any]

LEAST: Document = {"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "i"}}
"""The least that an InferenceService can say."""


def changed(document: Mapping[str, Any], change: Mapping[str, Any]) -> Document:
    """A document with a change laid over it, as a JSON merge patch does: None removes a key."""
    found = dict(document)
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = changed(found[key], value)
        else:
            found[key] = value
    return found


def service(spec: Mapping[str, Any], name: str = "chat") -> Document:
    """An InferenceService."""
    return {"apiVersion": API_VERSION, "kind": "InferenceService", "metadata": {"name": name}, "spec": dict(spec)}


def profile(spec: Mapping[str, Any], name: str = "l4") -> Document:
    """An AcceleratorProfile."""
    return {"apiVersion": API_VERSION, "kind": "AcceleratorProfile", "metadata": {"name": name}, "spec": dict(spec)}


@dataclass(frozen=True, slots=True)
class CustomResources:
    """Our objects in a namespace of the test's own."""

    cluster: LiveCluster
    namespace: str

    @property
    def api(self) -> ApiServer:
        """The plain JSON client."""
        return self.cluster.api

    def path(self, kind: str = "InferenceService", name: str = "") -> str:
        """Path of the objects of a kind, or of one of them."""
        plural = f"{kind.lower()}s"
        place = "" if kind == "AcceleratorProfile" else f"/namespaces/{self.namespace}"
        return f"/apis/{API_VERSION}{place}/{plural}" + (f"/{name}" if name else "")

    def try_out(self, document: Document) -> Answer:
        """What creating it would give, without creating it."""
        return self.api.request("POST", self.path(document["kind"]), document, dryRun="All")

    def create(self, spec: Mapping[str, Any], name: str = "chat") -> Document:
        """Create an InferenceService."""
        answer = self.api.request("POST", self.path(), service(spec, name))
        assert answer.status == 201, answer.message
        return answer.document

    def read(self, name: str = "chat") -> Document:
        """An InferenceService as it is."""
        answer = self.api.get(self.path(name=name))
        assert answer.status == 200, answer.message
        return answer.document

    def patch(self, change: Document, subresource: str = "", name: str = "chat") -> Answer:
        """Merge-patch an InferenceService or a subresource of it."""
        path = self.path(name=name) + (f"/{subresource}" if subresource else "")
        return self.api.merge_patch(path, change, manager="test")

    def kubectl(self, *arguments: str, **options: Any) -> Any:
        """Run kubectl in the namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, **options)
