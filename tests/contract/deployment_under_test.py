"""One Deployment, written the way the operator writes it and the way everybody else does."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api_server import Answer, ApiServer
from live_cluster import LiveCluster

BODY_MANAGER = "tidegate"
SCALE_MANAGER = "tidegate-scaler"
NAME = "chat"
SETTLE_SECONDS = 30
QUIET_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Deployment:
    """A Deployment in a namespace of the test's own.

    Owners of `spec.replicas` are written as text: manager, operation and, where there is one, subresource, such as
    `kubectl Update scale`.
    """

    cluster: LiveCluster
    namespace: str

    @property
    def api(self) -> ApiServer:
        """The plain JSON client."""
        return self.cluster.api

    @property
    def path(self) -> str:
        """Path of the Deployment at the API server."""
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{NAME}"

    def body(self, replicas: int | None = None, **metadata: str) -> dict[str, Any]:
        """The manifest, with or without replicas."""
        labels = {"app": NAME}
        spec = {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "engine", "image": "e:1"}]}},
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": NAME, "labels": labels, **metadata},
            "spec": spec if replicas is None else {**spec, "replicas": replicas},
        }

    def scale(self, replicas: int, **metadata: str) -> dict[str, Any]:
        """The Scale to write."""
        return {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": NAME, **metadata},
            "spec": {"replicas": replicas},
        }

    def apply_body(self, replicas: int | None = None, *, force: bool = True, **metadata: str) -> Answer:
        """Apply the body as the operator does."""
        return self.api.apply(self.path, self.body(replicas, **metadata), manager=BODY_MANAGER, force=force)

    def apply_scale(self, replicas: int, *, force: bool = False, **metadata: str) -> Answer:
        """Apply the size as the operator does."""
        path = f"{self.path}/scale"
        return self.api.apply(path, self.scale(replicas, **metadata), manager=SCALE_MANAGER, force=force)

    def create(self, replicas: int = 3) -> None:
        """Both writes of a creation."""
        _succeed(self.apply_body(replicas))
        _succeed(self.apply_scale(replicas, force=True))

    def create_and_scale(self, replicas: int = 3) -> None:
        """A creation, and a later decision of another size: from here the size has one owner."""
        self.create(replicas - 1)
        _succeed(self.apply_scale(replicas, force=True))

    def kubectl(self, *arguments: str, manifest: dict[str, Any] | None = None, **options: Any) -> Any:
        """Run kubectl in the namespace, with a manifest on standard input if it is given one."""
        stdin = None if manifest is None else json.dumps(manifest)
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, stdin=stdin, **options)

    def read(self) -> dict[str, Any]:
        """The Deployment as it is."""
        return _succeed(self.api.get(self.path)).document

    def replicas(self) -> int:
        """The size it is asked to have."""
        return int(self.read()["spec"]["replicas"])

    def resource_version(self) -> str:
        """What a compare-and-set has to carry."""
        return str(self.read()["metadata"]["resourceVersion"])

    def managed_fields(self) -> list[dict[str, Any]]:
        """Who owns which field."""
        return list(self.read()["metadata"].get("managedFields", []))

    def owners(self) -> set[str]:
        """Who owns `spec.replicas`."""
        return {
            " ".join(filter(None, (entry["manager"], entry["operation"], entry.get("subresource", ""))))
            for entry in self.managed_fields()
            if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
        }

    def settle(self) -> None:
        """Wait until the controllers have nothing more to write, so that its resourceVersion stands still."""
        self.wait_until(
            lambda found: (
                found["status"].get("observedGeneration") == found["metadata"]["generation"]
                and found["status"].get("readyReplicas", 0) == found["spec"]["replicas"]
                and found["status"].get("replicas", 0) == found["spec"]["replicas"]
            )
        )
        before, now = "", self.resource_version()
        while before != now:  # The last status may come a moment after the last pod.
            time.sleep(QUIET_SECONDS)
            before, now = now, self.resource_version()

    def wait_until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Read it again and again until a condition holds."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while not condition(found := self.read()):
            assert time.monotonic() < deadline, f"not within {SETTLE_SECONDS} s: {json.dumps(found['status'])}"
            time.sleep(0.05)


def _succeed(answer: Answer) -> Answer:
    assert answer.status in {200, 201}, answer.message
    return answer
