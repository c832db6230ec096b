"""Services that are run in several ways, on a node that claims whole GPUs, shares of others, and CPU."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from custom_resources import Document, changed, profile
from operated_namespace import AT_ONCE

from api_server import JSON_PATCH
from live_cluster import LiveCluster
from model_namespace import RESTRICTED, ModelNamespace, administration, pod_that

SHARES = "nvidia.com/gpu.shared"
SHARES_OF_A_GPU = 4
GPU_PER_HOUR = 480.0
"""Prices are high, so that minutes leave sums with all their digits."""

SHARE_PER_HOUR = GPU_PER_HOUR / SHARES_OF_A_GPU
CPU_PER_HOUR = 40.0
BUDGET_PER_HOUR = 165.0
"""For one share and one CPU; two shares are too dear."""

WHOLE_PER_HOUR, STAND_IN_PER_HOUR = 50.0, 60.0
FALLBACK_SECONDS = 10
CPU_PORT = 8080
CPU_STARTUP_SECONDS = 4
IDLE_SECONDS = 30

PROFILES: Mapping[str, Document] = {
    "e2e-quarters": {
        "resourceName": "nvidia.com/gpu",
        "memory": "23034Mi",
        "sharing": {"mechanism": "TimeSlicing", "replicas": SHARES_OF_A_GPU, "renamed": True},
        "costPerHour": f"{GPU_PER_HOUR:g}",
    },
    "e2e-l4": {
        "resourceName": "nvidia.com/gpu",
        "vendor": "NVIDIA",
        "products": ["NVIDIA-L4"],
        "memory": "23034Mi",
        "costPerHour": f"{WHOLE_PER_HOUR:g}",
    },
}


@contextmanager
def accelerators_on(cluster: LiveCluster) -> Iterator[None]:
    """The profiles, and shares on the node beside the whole GPUs that it claims anyway."""
    api = cluster.api
    (node,) = api.get("/api/v1/nodes").document["items"]
    path = f"/api/v1/nodes/{node['metadata']['name']}/status"
    there = [f"/status/{where}/{SHARES.replace('/', '~1')}" for where in ("capacity", "allocatable")]
    added = [{"op": "add", "path": each, "value": "8"} for each in there]
    answer = api.request("PATCH", path, added, content_type=JSON_PATCH)
    assert answer.status == 200, answer.message
    profiles = "/apis/inference.tidegate.dev/v1alpha1/acceleratorprofiles"
    for name, spec in PROFILES.items():
        answer = api.apply(f"{profiles}/{name}", profile(spec, name), manager="kubectl", force=True)
        assert answer.status in {200, 201}, answer.message
    try:
        yield
    finally:
        for name in PROFILES:
            api.request("DELETE", f"{profiles}/{name}")
        api.request("PATCH", path, [{"op": "remove", "path": each} for each in there], content_type=JSON_PATCH)


PATIENCE = {"spec": {"terminationGracePeriodSeconds": 60}}
"""Pods drain for no longer than they may take to end."""


def on_cpu(image: str, **changes: object) -> Document:
    """A variant on CPU: another engine, which is slower, takes its time to start, and has another port."""
    start = administration("--hardware=l4", f"--startup-seconds={CPU_STARTUP_SECONDS}")
    variant = {
        "name": "cpu",
        "engine": {"type": "llamaCpp", "image": image, "port": CPU_PORT},
        "template": changed(pod_that(command=["tidegate", "engine", "--type=llamaCpp", *start]), PATIENCE),
        "costPerHour": f"{CPU_PER_HOUR:g}",
        "tokenThroughput": {"targetPerReplica": 120},
        "maxReplicas": 1,
    }
    return changed(variant, changes)


def mixed(here: ModelNamespace) -> Document:
    """A quarter of a GPU, and a CPU that is cheaper for what it does, of which there is but one."""
    accelerator = {"profile": "e2e-quarters", "fraction": "0.25"}
    scaling = {
        "maxReplicas": 6,
        "tokenThroughput": {"targetPerReplica": 300},
        "budget": {"maxCostPerHour": f"{BUDGET_PER_HOUR:g}"},
        **AT_ONCE["scaling"],
    }
    return _service(here, "mixed", accelerator, scaling, on_cpu(here.image))


def short_of_gpus(here: ModelNamespace) -> Document:
    """A whole GPU, which is cheap for what it does, and a CPU to stand in for it."""
    stand_in = on_cpu(here.image, costPerHour=f"{STAND_IN_PER_HOUR:g}")
    scaling = {
        "tokenThroughput": {"targetPerReplica": 400},
        "fallbackAfterSeconds": FALLBACK_SECONDS,
        **AT_ONCE["scaling"],
    }
    return _service(here, "short", {"profile": "e2e-l4"}, scaling, stand_in)


def asleep(here: ModelNamespace) -> Document:
    """The same as `mixed`, which sleeps when nobody uses it."""
    sleeps = {
        "model": {"name": "asleep"},
        "scaling": {"minReplicas": 0, "scaleToZero": {"idleSeconds": IDLE_SECONDS}, "budget": None},
    }
    return changed(mixed(here), sleeps)


def _service(
    here: ModelNamespace, model: str, accelerator: Document, scaling: Document, *variants: Document
) -> Document:
    return here.least(
        model={"name": model},
        accelerator=accelerator,
        scaling=scaling,
        routing={"mode": "Gateway"},
        template=changed(pod_that(), PATIENCE),
        variants=list(variants),
    )


@contextmanager
def all_gpus_taken(here: ModelNamespace) -> Iterator[None]:
    """Somebody more important takes every whole GPU of the node: whoever had one is evicted, and none is left."""
    gpus = {"nvidia.com/gpu": "8"}
    container = {
        "name": "training",
        "image": here.image,
        "command": ["sleep", "infinity"],
        "resources": {"requests": gpus, "limits": gpus},
        "securityContext": RESTRICTED,
    }
    spec = {
        "priorityClassName": "system-cluster-critical",
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    }
    here.create("/api/v1", "pods", {"metadata": {"name": "training"}, "spec": spec})
    try:
        yield
    finally:
        here.delete("pods", "training", gracePeriodSeconds=0)
