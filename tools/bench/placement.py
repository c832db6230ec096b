"""How full GPUs get before a pod is left over: 200 services with shares of them on 50 GPUs, at a real scheduler.

Services come one by one, in an order that is drawn; each is a Deployment as Tidegate renders it. It ends with the first
pod that the scheduler cannot place. The share that is used by then is told for pods with Tidegate's preferences, and
for the same pods without them.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cluster import down, up
from local_cluster import Cluster
from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.workloads.claim_template import claim_template
from tidegate.workloads.deployment import deployment
from tidegate.workloads.granted import granted
from tidegate.workloads.owner import Owner

Document = dict[str, Any]

GPUS = 50
SERVICES = 200
GPUS_PER_NODE = 2
NAMESPACE = "default"
PRODUCT = "NVIDIA-A100-SXM4-80GB"
CUTS = ((2, 20), (4, 20), (8, 10))
"""Shares of a GPU, and how many GPUs are cut so: 40 halves, 80 quarters, 80 eighths."""

SIZES = {"0.1": 25, "0.2": 25, "0.25": 20, "0.33": 10, "0.5": 20}
"""Fractions that may be of any size, and how many in a hundred services ask for them."""

WAIT_SECONDS = 30
GATE = "DRAConsumableCapacity=true"


@dataclass(frozen=True, slots=True)
class Case:
    """A way to share 50 GPUs."""

    name: str
    profile: Document
    nodes: Sequence[Document]
    slices: Sequence[Document]
    """ResourceSlices and DeviceClasses."""

    draw: Callable[[random.Random], Sequence[str]]
    """Fractions that services ask for, in order."""

    share: Callable[[Document, Decimal], Decimal]
    """What a pod has of a GPU: by its node's labels, or what was granted."""


def main() -> None:
    """Run the cases and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="orders that are drawn (default: 3)")
    parser.add_argument("--case", action="append", choices=CASES, help="this case only (default: all)")
    asked = parser.parse_args()
    seeds = asked.seeds
    print(f"{'used before the first pod is left over':52} {'with':>6} {'without':>8}   (worst of {seeds} orders)")
    for case in (CASES[name]() for name in asked.case or CASES):
        with _cluster(case) as cluster:
            used = {
                packed: min(_fill(cluster, case, _order(seed), packed=packed) for seed in range(seeds))
                for packed in (True, False)
            }
        print(f"{case.name:52} {used[True]:>6.1%} {used[False]:>8.1%}", flush=True)


def _order(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - an order of services, and no secret


def _sliced() -> Case:
    """Time slices of three sizes, told apart by the labels of the nodes alone."""
    nodes = []
    for replicas, gpus in CUTS:
        for _ in range(gpus // GPUS_PER_NODE):
            labels = {
                "nvidia.com/gpu.product": f"{PRODUCT}-SHARED",
                "nvidia.com/gpu.replicas": str(replicas),
                "nvidia.com/gpu.sharing-strategy": "time-slicing",
            }
            nodes.append(_node(len(nodes), labels, {"nvidia.com/gpu": str(GPUS_PER_NODE * replicas)}))

    def draw(order: random.Random) -> list[str]:
        fractions = {2: "0.5", 4: "0.25", 8: "0.12"}
        drawn = [fractions[replicas] for replicas, gpus in CUTS for _ in range(replicas * gpus)]
        order.shuffle(drawn)
        return drawn

    return Case(
        "TimeSlicing: halves, quarters and eighths, by label",
        _profile("TimeSlicing"),
        nodes,
        (),
        draw,
        lambda node, _: 1 / Decimal(node["metadata"]["labels"]["nvidia.com/gpu.replicas"]),
    )


def _claimed() -> Case:
    """Shares of any size of each GPU's memory, allocated by the scheduler itself.

    Each node has one GPU: in Kubernetes 1.34, where the feature is alpha, shares were only ever allocated from the
    first device of a node.
    """
    nodes = [_node(index, {}, {}) for index in range(GPUS)]
    slices = [_slice(node["metadata"]["name"]) for node in nodes]
    device_class = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": "gpu.nvidia.com"},
        "spec": {"selectors": [{"cel": {"expression": "device.driver == 'gpu.nvidia.com'"}}]},
    }

    def draw(order: random.Random) -> list[str]:
        return order.choices(list(SIZES), list(SIZES.values()), k=2 * SERVICES)

    return Case(
        "DRAShares: a tenth to a half, of any size",
        _profile("DRAShares"),
        nodes,
        [device_class, *slices],
        draw,
        lambda _, share: share,
    )


def _profile(mechanism: str) -> Document:
    return {
        "resourceName": "nvidia.com/gpu",
        "vendor": "NVIDIA",
        "products": [PRODUCT],
        "memory": "80Gi",
        "sharing": {"mechanism": mechanism},
    }


def _node(index: int, labels: Mapping[str, str], resources: Mapping[str, str]) -> Document:
    name, room = f"gpu-{index:02}", {"cpu": "96", "memory": "1Ti", "pods": "250", **resources}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": name, **labels},
        },
        "spec": {"podCIDR": f"127.{100 + index}.0.0/16"},
        "status": {"capacity": room, "allocatable": room},
    }


def _slice(node_name: str) -> Document:
    gpu = {
        "attributes": {"type": {"string": "gpu"}, "productName": {"string": PRODUCT.replace("-", " ", 1)}},
        "capacity": {"memory": {"value": "80Gi"}},
        "allowMultipleAllocations": True,
    }
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node_name}-gpu.nvidia.com"},
        "spec": {
            "driver": "gpu.nvidia.com",
            "nodeName": node_name,
            "pool": {"name": node_name, "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": "gpu-0", **gpu}],
        },
    }


@contextmanager
def _cluster(case: Case) -> Iterator[Cluster]:
    name = "tidegate-bench-placement"
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "nodes.json"
        items = [*case.nodes, *case.slices]
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        try:
            yield up(name, nodes=file, feature_gates=GATE if case.slices else "")
        finally:
            down(name)


def _fill(cluster: Cluster, case: Case, order: random.Random, *, packed: bool) -> float:
    """Create services until one is left over; the share of all GPUs that is used by then."""
    server, profile = cluster.api_server(), AcceleratorProfileSpec.model_validate(case.profile)
    nodes = {node["metadata"]["name"]: node for node in case.nodes}
    pods_path, used = f"/api/v1/namespaces/{NAMESPACE}/pods", Decimal(0)
    try:
        for index, fraction in enumerate(case.draw(order)):
            spec = _spec(fraction)
            owner = Owner(name=f"service-{index:03}", namespace=NAMESPACE, uid="none")
            given = granted(spec, profile).allocation
            bodies = [deployment(owner, spec, profile)]
            if given.additions.claim:
                bodies.insert(0, claim_template(owner, given.additions.claim))
            for body in bodies:
                _apply(server, body if packed else _unpacked(body))
            place = _place(server, pods_path, owner.name)
            if place is None:
                break
            used += case.share(nodes[place], given.granted or Decimal(1))
    finally:
        _clear(server, pods_path)
    return float(used / GPUS)


def _spec(fraction: str) -> InferenceServiceSpec:
    engine = {"type": "vLLM", "image": "vllm/vllm-openai:v0.11.0"}
    accelerator = {"profile": "shared", "fraction": fraction}
    return InferenceServiceSpec.model_validate({"model": {"name": "m"}, "engine": engine, "accelerator": accelerator})


def _unpacked(body: Document) -> Document:
    """The same without what it prefers."""
    plain: Document = json.loads(json.dumps(body))
    if body["kind"] == "Deployment":
        affinity = plain["spec"]["template"]["spec"].get("affinity", {})
        affinity.pop("podAffinity", None)
        affinity.get("nodeAffinity", {}).pop("preferredDuringSchedulingIgnoredDuringExecution", None)
    return plain


def _apply(server: Any, body: Document) -> None:
    groups = {"Deployment": "/apis/apps/v1", "ResourceClaimTemplate": "/apis/resource.k8s.io/v1"}
    metadata = {key: value for key, value in body["metadata"].items() if key != "ownerReferences"}
    path = f"{groups[body['kind']]}/namespaces/{NAMESPACE}/{body['kind'].lower()}s/{metadata['name']}"
    answer = server.apply(path, {**body, "metadata": metadata}, manager="bench", force=True)
    if answer.status not in {200, 201}:
        raise RuntimeError(f"the API server refused {path}: {answer.message}")


def _place(server: Any, path: str, service: str) -> str | None:
    """The node of a service's pod, as soon as it has one; None if the scheduler has none for it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for pod in server.get(path, labelSelector=f"inference.tidegate.dev/service={service}").document["items"]:
            if pod["spec"].get("nodeName"):
                return str(pod["spec"]["nodeName"])
            conditions = pod.get("status", {}).get("conditions") or ()
            # Before its claim is made, which follows, the scheduler speaks of that, and not of nodes.
            if any(c["status"] == "False" and "nodes are available" in c.get("message", "") for c in conditions):
                return None
        time.sleep(0.02)
    raise RuntimeError(f"the scheduler says nothing of {service}")


def _clear(server: Any, pods_path: str) -> None:
    for path in (f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", pods_path):
        server.request("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
    server.request("DELETE", f"/apis/resource.k8s.io/v1/namespaces/{NAMESPACE}/resourceclaimtemplates")
    deadline = time.monotonic() + 2 * WAIT_SECONDS
    claims = f"/apis/resource.k8s.io/v1/namespaces/{NAMESPACE}/resourceclaims"
    while server.get(pods_path).document["items"] or server.get(claims).document["items"]:
        if time.monotonic() > deadline:
            raise RuntimeError("pods and claims of the last run are still there")
        time.sleep(0.2)


CASES: Mapping[str, Callable[[], Case]] = {"sliced": _sliced, "claimed": _claimed}


if __name__ == "__main__":
    sys.exit(main())
