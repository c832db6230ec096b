"""What becomes of a Service's slices when its selector changes, at a real endpoint controller."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from live_cluster import LiveCluster

pytestmark = [pytest.mark.cluster]

NODE = "with-ordinary-addresses"
NATIVE, MIRRORED = "endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"
SECONDS = 20


@pytest.fixture(scope="module")
def node(cluster: LiveCluster) -> Iterator[str]:
    """A node whose pods have addresses that slices may hold. Those of others are loopback, which is refused there."""
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "50"}
    document = {
        "metadata": {
            "name": NODE,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"type": "kwok", NODE: "yes"},
        },
        "spec": {"podCIDR": "10.99.0.0/16", "taints": [{"key": NODE, "value": "yes", "effect": "NoSchedule"}]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.1.99"}],
            "capacity": capacity,
            "allocatable": capacity,
        },
    }
    assert cluster.api.request("POST", "/api/v1/nodes", document).status in {201, 409}
    yield NODE
    cluster.api.request("DELETE", f"/api/v1/nodes/{NODE}")


class Served:
    """A Deployment of two pods, and a Service in front of it."""

    def __init__(self, cluster: LiveCluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        labels = {"app": "chat"}
        pod = {
            "nodeSelector": {NODE: "yes"},
            "tolerations": [{"key": NODE, "operator": "Exists"}],
            "containers": [{"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": 8000}]}],
        }
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        assert cluster.api.request("POST", path, {"metadata": {"name": "chat"}, "spec": spec}).status == 201

    def select(self, selector: dict[str, str] | None) -> None:
        """Apply the Service with a selector, or without one."""
        port = {"name": "http", "port": 8000, "targetPort": "http", "protocol": "TCP"}
        spec: dict[str, Any] = {"type": "ClusterIP", "ports": [port]}
        if selector is not None:
            spec["selector"] = selector
        body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "chat"}, "spec": spec}
        path = f"/api/v1/namespaces/{self.namespace}/services/chat"
        assert self.cluster.api.apply(path, body, manager="tidegate", force=True).status in {200, 201}

    def addresses(self) -> dict[str, int]:
        """How many addresses the slices have, by who keeps them."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices"
        items = self.cluster.api.get(path, labelSelector="kubernetes.io/service-name=chat").document["items"]
        return {
            item["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"]: len(item.get("endpoints") or ())
            for item in items
        }

    def wait(self, expected: dict[str, int]) -> None:
        """Wait for slices."""
        _until(lambda: self.addresses() == expected, lambda: f"{self.addresses()} is not {expected}")


@pytest.fixture
def served(node: str, cluster: LiveCluster, namespace: str) -> Served:
    """Behind a Service that leads to its pods."""
    del node
    made = Served(cluster, namespace)
    made.select({"app": "chat"})
    made.wait({NATIVE: 2})
    return made


def test_a_selector_that_no_pod_matches_empties_the_slice_and_fills_it_again(served: Served) -> None:
    """So a Service leads to the gateways alone, and back to its pods, and nothing has to be cleared away."""
    served.select({"app": "chat", "routing": "gateway"})
    served.wait({NATIVE: 0})
    served.select({"app": "chat"})
    served.wait({NATIVE: 2})


def test_without_a_selector_the_old_slice_stays_and_is_doubled(served: Served) -> None:
    """Why the selector is never taken away: both go on leading to pods that may be gone."""
    served.select(None)
    served.wait({NATIVE: 2, MIRRORED: 2})
    path = f"/apis/apps/v1/namespaces/{served.namespace}/deployments/chat/scale"
    assert served.cluster.api.merge_patch(path, {"spec": {"replicas": 0}}, manager="anybody").status == 200
    pods = f"/api/v1/namespaces/{served.namespace}/pods"
    _until(lambda: not served.cluster.api.get(pods).document["items"], lambda: "the pods stay")
    assert served.addresses() == {NATIVE: 2, MIRRORED: 2}


def _until(is_so: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.1)
