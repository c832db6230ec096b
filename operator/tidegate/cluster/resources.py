"""The kinds of object that are read and written, and where the API server keeps them."""

from dataclasses import dataclass
from sys import intern
from typing import Any

from tidegate.api.names import GROUP, VERSION

Key = tuple[str, str]
"""(namespace, name)."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object."""

    group: str
    """Empty for the core group."""

    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As objects carry it: `apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of a collection, an object or a subresource on the API server."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (self.plural, name, subresource) if part)
        return f"{root}{scope}{tail}"


INFERENCE_SERVICES = Resource(GROUP, VERSION, "inferenceservices", "InferenceService")
ACCELERATOR_PROFILES = Resource(GROUP, VERSION, "acceleratorprofiles", "AcceleratorProfile", namespaced=False)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
SERVICES = Resource("", "v1", "services", "Service")
PODS = Resource("", "v1", "pods", "Pod")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
EVENTS = Resource("", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")

CLAIM_TEMPLATES = Resource("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplate")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")

WATCHED = (INFERENCE_SERVICES, ACCELERATOR_PROFILES, DEPLOYMENTS, SERVICES, PODS, AUTOSCALERS, NAMESPACES)
"""What the operator's store is made of."""


def watched_in(namespaces: tuple[str, ...]) -> tuple[Resource, ...]:
    """What of that can be watched by whoever looks after some namespaces only; all of it, for none named.

    Who may not look into other namespaces is not to be told of them either: their ceilings of cost are not known then.
    """
    return tuple(resource for resource in WATCHED if not namespaces or resource is not NAMESPACES)


def key_of(document: Document) -> Key:
    """(namespace, name) of any object; the namespace of a cluster-scoped one is empty."""
    metadata = document["metadata"]
    return (intern(metadata.get("namespace", "")), metadata["name"])
