"""The InferenceServices of a rig, and what the API server says of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from building import ToolsError
from local_cluster import Cluster
from tidegate.api.names import GROUP, SLICE_MANAGED_BY, VERSION

Document = dict[str, Any]

NAMESPACE = "default"
SIMULATED_STARTUP = "tidegate.dev/simulated-startup"
"""Annotation of a pod: after how long kwok calls it ready."""

COLLECTION = f"/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/inferenceservices"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
POLL_SECONDS = 0.2
_OUR_SLICES = f"endpointslice.kubernetes.io/managed-by={SLICE_MANAGED_BY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What services of a case have in common.

    Attributes:
        engine_port: Where their pods answer.
        kubelet_ready: When kwok calls a pod ready, as a Go duration.
        max_sequences: Most requests of one pod at once, said by an argument of its engine; None: not said.
        replicas: Pinned to so many; None: automatic, down to zero.
    """

    engine_port: int
    mode: str = "Gateway"
    kubelet_ready: str = "500ms"
    max_sequences: int | None = None
    replicas: int | None = None
    max_replicas: int = 4
    idle_seconds: int = 30
    hold_timeout_seconds: int = 60
    max_held_requests: int = 1000
    scaling: tuple[tuple[str, Any], ...] = ()
    """Laid over `spec.scaling`."""


def body(name: str, shape: Shape) -> Document:
    """One service."""
    arguments = [] if shape.max_sequences is None else [f"--max-num-seqs={shape.max_sequences}"]
    engine = {"type": "vLLM", "image": "example.org/simulated:1", "port": shape.engine_port, "args": arguments}
    scaling: Document = {"minReplicas": 0, "maxReplicas": shape.max_replicas}
    if shape.replicas is None:
        scaling["scaleToZero"] = {"idleSeconds": shape.idle_seconds}
        # The way down is by idleness; the window that holds sizes would only make each round longer.
        scaling["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    else:
        scaling["minReplicas"] = 1
    spec: Document = {
        "model": {"name": name},
        "engine": engine,
        "template": {"metadata": {"annotations": {SIMULATED_STARTUP: shape.kubelet_ready}}},
        "scaling": scaling | dict(shape.scaling),
        "routing": {
            "mode": shape.mode,
            "holdTimeoutSeconds": shape.hold_timeout_seconds,
            "maxHeldRequests": shape.max_held_requests,
        },
    }
    if shape.replicas is not None:
        spec["replicas"] = shape.replicas
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "InferenceService", "metadata": metadata, "spec": spec}


@dataclass(frozen=True, slots=True)
class Services:
    """What is asked of and told to the API server, as its administrator and past all links that faults cut."""

    cluster: Cluster

    def create(self, name: str, shape: Shape) -> None:
        """Create a service.

        Raises:
            ToolsError: It was refused.
        """
        answer = self.cluster.api_server().request("POST", COLLECTION, body(name, shape))
        if answer.status >= 300:  # noqa: PLR2004 - all of success is below
            raise ToolsError(f"service {name} was refused: {answer.message}")

    def patch(self, name: str, spec: Document) -> None:
        """Change part of a service's spec.

        Raises:
            ToolsError: It was refused.
        """
        answer = self.cluster.api_server().merge_patch(f"{COLLECTION}/{name}", {"spec": spec}, manager="rig")
        if answer.status >= 300:  # noqa: PLR2004 - all of success is below
            raise ToolsError(f"a change of service {name} was refused: {answer.message}")

    def delete(self, name: str) -> None:
        """Delete a service and, by the garbage collector, all that is its."""
        self.cluster.api_server().request("DELETE", f"{COLLECTION}/{name}")

    def documents(self) -> dict[str, Document]:
        """All services by name."""
        items = self.cluster.api_server().get(COLLECTION).document.get("items", [])
        return {item["metadata"]["name"]: item for item in items}

    def ports(self, names: list[str], seconds: float = 60.0) -> dict[str, int]:
        """The services' ports on the gateways, waited for.

        Raises:
            ToolsError: Some have none.
        """
        found: dict[str, int] = {}

        def all_there() -> bool:
            found.update(
                (name, port)
                for name, document in self.documents().items()
                if (port := ((document.get("status") or {}).get("routing") or {}).get("port"))
            )
            return set(names) <= found.keys()

        wait_until(all_there, seconds, lambda: f"services without a port: {sorted(set(names) - found.keys())}")
        return {name: found[name] for name in names}

    def sizes(self) -> dict[str, int]:
        """Replicas that each Deployment is to have, by name."""
        items = self.cluster.api_server().get(DEPLOYMENTS).document.get("items", [])
        return {item["metadata"]["name"]: item["spec"].get("replicas", 0) for item in items}

    def pods(self) -> list[Document]:
        """All pods."""
        found: list[Document] = self.cluster.api_server().get(f"/api/v1/namespaces/{NAMESPACE}/pods").document["items"]
        return found

    def kill_pod(self, name: str) -> None:
        """Delete a pod without grace: its processes are killed."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}"
        self.cluster.api_server().request("DELETE", path, {"gracePeriodSeconds": 0})

    def gateways_of(self) -> dict[str, list[str]]:
        """By service, the addresses that its EndpointSlice of the gateways holds: where kube-proxy would lead."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
        found = self.cluster.api_server().get(path, labelSelector=_OUR_SLICES).document["items"]
        return {
            item["metadata"]["labels"]["kubernetes.io/service-name"]: [
                address for endpoint in item.get("endpoints") or () for address in endpoint["addresses"]
            ]
            for item in found
        }

    def wait_led(self, names: list[str], gateways: int, seconds: float = 60.0) -> None:
        """Wait until the slices of all of them hold so many gateways.

        Raises:
            ToolsError: Some do not, in time.
        """
        wait_until(
            lambda: (
                [len(found) for name, found in self.gateways_of().items() if name in names] == [gateways] * len(names)
            ),
            seconds,
            lambda: f"not every slice holds {gateways} gateways after {seconds:g} s: {self.gateways_of()}",
        )

    def asleep(self, names: list[str]) -> set[str]:
        """Those that have no pod and are to have none."""
        sizes = self.sizes()
        prefixes = {pod["metadata"]["labels"].get(f"{GROUP}/service") for pod in self.pods()}
        return {name for name in names if sizes.get(name) == 0 and name not in prefixes}

    def wait_asleep(self, names: list[str], seconds: float = 180.0) -> None:
        """Wait until all of them sleep.

        Raises:
            ToolsError: Some did not go to sleep in time.
        """
        wait_until(
            lambda: set(names) <= self.asleep(names),
            seconds,
            lambda: f"not asleep after {seconds:g} s: {sorted(set(names) - self.asleep(names))[:5]}",
        )

    def ready_pods(self, name: str) -> list[str]:
        """Addresses of a service's pods that the kubelet calls ready."""
        found = []
        for pod in self.pods():
            conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", ())}
            if pod["metadata"]["labels"].get(f"{GROUP}/service") == name and conditions.get("Ready") == "True":
                found.append(pod["status"]["podIP"])
        return found

    def wait_ready(self, name: str, count: int, seconds: float = 90.0) -> None:
        """Wait until a service has so many ready pods.

        Raises:
            ToolsError: It has not, in time.
        """
        wait_until(
            lambda: len(self.ready_pods(name)) >= count,
            seconds,
            lambda: f"{name} has {len(self.ready_pods(name))} ready pods after {seconds:g} s, not {count}",
        )


def wait_until(is_so: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Poll until something is so.

    Raises:
        ToolsError: It was not, in time.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise ToolsError(otherwise())
        time.sleep(POLL_SECONDS)
