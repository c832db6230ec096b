"""A cluster full of services: the nodes, addresses and objects for any number of them."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from cluster import down, up
from local_cluster import Cluster
from tidegate.api.names import GROUP, VERSION

CRDS = Path(__file__).resolve().parents[2] / "crds"
PODS_PER_NODE = 1000
PODS_PER_SERVICE = 2
USER_AGENT = "tidegate-tools"
"""What this tool calls itself, as all tools here do."""

_WRITES_AT_ONCE = 8

Document = dict[str, Any]


@contextmanager
def fleet_cluster(services: int, directory: Path) -> Iterator[Cluster]:
    """Bring up a cluster with room for so many services; it is removed when the block ends.

    Raises:
        ToolsError: It did not come up.
    """
    count = -(-services * PODS_PER_SERVICE // PODS_PER_NODE)
    nodes = directory / "nodes.json"
    items = [_node(index) for index in range(count)]
    nodes.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    with own_cluster(nodes) as cluster:
        _widen_service_addresses(cluster)
        _kubectl(cluster, "apply", "--server-side", "--filename", str(CRDS))
        _kubectl(cluster, "wait", "--for=condition=Established", "--filename", str(CRDS))
        yield cluster


@contextmanager
def own_cluster(nodes: Path) -> Iterator[Cluster]:
    """Bring up a cluster that no other process uses; it is removed when the block ends.

    Raises:
        ToolsError: It did not come up.
    """
    name = f"tidegate-bench-{os.getpid()}"
    try:
        yield up(name, nodes=nodes, audit=True)
    finally:
        down(name)


def create_services(cluster: Cluster, services: int, *, metrics_port: int) -> None:
    """Create services whose pods are read at this port, and that want two replicas when nothing happens.

    Raises:
        RuntimeError: The API server refused one.
    """
    path = f"/apis/{GROUP}/{VERSION}/namespaces/default/inferenceservices"
    create(cluster, path, [_service(index, metrics_port) for index in range(services)])


def create(cluster: Cluster, path: str, bodies: Iterable[Document]) -> None:
    """Create objects of one kind.

    Raises:
        RuntimeError: The API server refused one.
    """
    server = cluster.api_server()
    with ThreadPoolExecutor(_WRITES_AT_ONCE) as threads:
        for answer in threads.map(lambda body: server.request("POST", path, body), bodies):
            if answer.status != HTTPStatus.CREATED:
                raise RuntimeError(f"the API server refused an object: {answer.message}")


def writes_by_the_operator(cluster: Cluster) -> int:
    """Writes so far of whoever is no part of the cluster, whatever their outcome; from the audit log."""
    with cluster.audit_log.open() as lines:
        agents = (json.loads(line).get("userAgent", "") for line in lines)
        return sum(not agent.startswith(("kube-", "kwok-", "kubectl", USER_AGENT)) for agent in agents)


def _kubectl(cluster: Cluster, *arguments: str) -> None:
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _service(index: int, metrics_port: int) -> Document:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "InferenceService",
        "metadata": {"name": f"service-{index:05}", "namespace": "default"},
        "spec": {
            "model": {"name": "llama-3.1-8b"},
            "engine": {
                "type": "vLLM",
                "image": "vllm/vllm-openai:v0.11.0",
                "args": ["--model=meta-llama/Llama-3.1-8B-Instruct"],
                "metrics": {"port": metrics_port},
            },
            "scaling": {
                "minReplicas": PODS_PER_SERVICE,
                "maxReplicas": 8,
                "tokenThroughput": {"targetPerReplica": 4000},
            },
        },
    }


def _node(index: int) -> Document:
    room = {"cpu": "1000", "memory": "4Ti", "pods": str(PODS_PER_NODE)}
    name = f"bench-{index}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": name},
        },
        "spec": {"podCIDR": f"127.{80 + index}.0.0/16"},  # Loopback: one server is every pod.
        "status": {
            "addresses": [{"type": "InternalIP", "address": f"127.0.1.{80 + index}"}],
            "capacity": room,
            "allocatable": room,
        },
    }


def _widen_service_addresses(cluster: Cluster) -> None:
    """Give room for a million Services; the API server's own range has 254 addresses."""
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "bench"},
        "spec": {"cidrs": ["10.96.0.0/12"]},
    }
    create(cluster, "/apis/networking.k8s.io/v1/servicecidrs", [body])
