"""A namespace under a running operator, seen as its users see it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from custom_resources import CustomResources, Document, changed, service

from live_cluster import LiveCluster

SECONDS = 30
COLLECTED_SECONDS = 90
"""The garbage collector looks for new kinds of objects every half minute, and ours is new."""

MOST_SAID = 4000
AT_ONCE = {"scaling": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}}
"""Shrinks as soon as there is a reason: nobody waits five minutes for a test."""

ON_GPU_NODES = {
    "resourceName": "nvidia.com/gpu",
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
}
"""The spec of an AcceleratorProfile for any of the cluster's GPUs."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class OperatedNamespace:
    """A namespace of a test's own.

    Attributes:
        cluster: The cluster.
        namespace: Its name.
        port: Where simulated engines answer on the addresses of its pods.
    """

    cluster: LiveCluster
    namespace: str
    port: int
    resources: CustomResources = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "resources", CustomResources(self.cluster, self.namespace))

    # What users write.

    def least(self, **changes: Any) -> Document:
        """The least spec that runs here, with changes laid over it."""
        spec = {"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "e:1", "port": self.port}}
        return changed(spec, changes)

    def targeting(self, name: str, **changes: Any) -> Document:
        """A spec that scales somebody's Deployment."""
        engine = {"type": "vLLM", "port": self.port}
        return changed({"model": {"name": "m"}, "targetRef": {"name": name, "engine": engine}}, changes)

    def apply(self, spec: Document, name: str = "chat") -> None:
        """Apply an InferenceService, as `kubectl apply --server-side` does."""
        path = self.resources.path(name=name)
        answer = self.cluster.api.apply(path, service(spec, name), manager="kubectl", force=True)
        assert answer.status in {200, 201}, answer.message

    def make_deployment(self, name: str, replicas: int = 2) -> None:
        """A Deployment that knows nothing of us."""
        labels = {"app": name}
        container = {"name": "server", "image": "s:1"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        self.create("/apis/apps/v1", "deployments", {"metadata": {"name": name}, "spec": spec})

    def create(self, group: str, plural: str, document: Document) -> None:
        """Create an object."""
        path = f"{group}/namespaces/{self.namespace}/{plural}"
        answer = self.cluster.api.request("POST", path, document, fieldManager="helm")
        assert answer.status == 201, answer.message

    def scale(self, deployment: str, replicas: int, manager: str = "kubectl") -> None:
        """Scale a Deployment behind the operator's back."""
        path = f"{self.path('deployments', deployment)}/scale"
        answer = self.cluster.api.merge_patch(path, {"spec": {"replicas": replicas}}, manager=manager)
        assert answer.status == 200, answer.message

    def patch(self, plural: str, name: str, change: Document, manager: str = "kubectl-edit") -> None:
        """Change an object behind the operator's back."""
        answer = self.cluster.api.merge_patch(self.path(plural, name), change, manager=manager)
        assert answer.status == 200, answer.message

    def delete(self, plural: str, name: str, **options: Any) -> None:
        """Delete an object."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        answer = self.cluster.api.request("DELETE", self.path(plural, name), body)
        assert answer.status in {200, 202}, answer.message

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the namespace; what it prints."""
        found: str = self.resources.kubectl(*arguments).stdout
        return found

    # What is there.

    def path(self, plural: str, name: str = "") -> str:
        """Path of a kind's objects, or of one of them."""
        groups = {"deployments": "/apis/apps/v1", "inferenceservices": "/apis/inference.tidegate.dev/v1alpha1"}
        return f"{groups.get(plural, '/api/v1')}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def find(self, plural: str, name: str = "chat") -> Document | None:
        """An object, if it is there."""
        answer = self.cluster.api.get(self.path(plural, name))
        return answer.document if answer.status == 200 else None

    def read(self, plural: str, name: str = "chat") -> Document:
        """An object that must be there."""
        found = self.find(plural, name)
        assert found is not None, f"{plural} {name} is not there"
        return found

    def deployment(self, name: str = "chat") -> Document:
        """A Deployment."""
        return self.read("deployments", name)

    def size(self, name: str = "chat") -> int:
        """The size that a Deployment is asked to have."""
        return int(self.deployment(name)["spec"]["replicas"])

    def status(self, name: str = "chat") -> Document:
        """The status of an InferenceService."""
        found: Document = self.read("inferenceservices", name).get("status", {})
        return found

    def condition(self, kind: str, name: str = "chat") -> tuple[str, str, str]:
        """Status, reason and message of a condition, as far as there is one."""
        for condition in self.status(name).get("conditions", ()):
            if condition["type"] == kind:
                return condition["status"], condition["reason"], condition["message"]
        return "", "", ""

    def addresses(self, name: str = "chat") -> list[str]:
        """Addresses of the ready pods of a service."""
        selector = f"inference.tidegate.dev/service={name}"
        pods = self.cluster.api.get(self.path("pods"), labelSelector=selector).document["items"]
        return [pod["status"]["podIP"] for pod in pods if "deletionTimestamp" not in pod["metadata"] and _is_ready(pod)]

    def events(self, reason: str, name: str = "chat") -> list[str]:
        """Messages of the Events of a reason about a service."""
        items = self.cluster.api.get(self.path("events")).document["items"]
        about = [each for each in items if each["involvedObject"]["name"] == name and each["reason"] == reason]
        return [each["message"] for each in about]

    def owners(self, name: str = "chat") -> set[str]:
        """Who owns the replicas of a Deployment."""
        return {
            " ".join(filter(None, (entry["manager"], entry["operation"], entry.get("subresource", ""))))
            for entry in self.deployment(name)["metadata"]["managedFields"]
            if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
        }

    # Waiting.

    def wait(self, what: str, look: Callable[[], Found], seconds: float = SECONDS) -> Found:
        """Look until something is so, and return it; say what did not come about otherwise."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}; {self._everything()}"
            time.sleep(0.1)
        return found

    def wait_condition(self, kind: str, status: str, reason: str, name: str = "chat") -> str:
        """Wait for a condition; its message."""
        self.wait(f"{kind} of {name} is {status} {reason}", lambda: self.condition(kind, name)[:2] == (status, reason))
        return self.condition(kind, name)[2]

    def wait_serving(self, name: str = "chat", pods: int | None = None) -> None:
        """Wait until all pods of a service are ready and read, and the status says so."""

        def is_serving() -> bool:
            service = self.read("inferenceservices", name)
            status = service.get("status", {})
            return (
                self.condition("Ready", name)[:2] == ("True", "Serving")
                and self.condition("MetricsAvailable", name)[0] == "True"
                # It was read before its conditions, and may know less.
                and status.get("readyReplicas", -1) == (pods or status.get("desiredReplicas"))
                and status.get("observedGeneration") == service["metadata"]["generation"]
            )

        self.wait(f"{name} serves", is_serving)

    def wait_size(self, size: int, name: str = "chat") -> None:
        """Wait until a Deployment is asked to have a size."""
        self.wait(f"{name} has {size} replicas", lambda: self.size(name) == size)

    def _everything(self) -> str:
        items = self.cluster.api.get(self.path("inferenceservices")).document.get("items", [])
        return json.dumps({item["metadata"]["name"]: item.get("status") for item in items})[:MOST_SAID]


def _is_ready(pod: Document) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
