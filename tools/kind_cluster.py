"""A kind cluster, with real kubelets and pods: `python tools/kind_cluster.py up`, `load IMAGE`, `down`, `env`.

Needs Docker. Nodes are made of kind's own image, or of the one that KIND_NODE_IMAGE names, and claim GPUs that are not
there. A cluster's kubeconfig is in a directory of its own under the cache directory; ~/.kube is left alone.
"""

import argparse
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import interruptible
from api_server import JSON_PATCH, ApiServer
from binaries import find
from building import ToolsError, cache_directory
from local_cluster import NAME_PATTERN
from locks import exclusive

START_SECONDS = 180
DOCKER_SECONDS = 20
GPUS_PER_NODE = 8
GPU_LABELS = {
    "nvidia.com/gpu.present": "true",
    "nvidia.com/gpu.product": "NVIDIA-L4",
    "nvidia.com/gpu.family": "ada-lovelace",
    "nvidia.com/gpu.memory": "23034",
    "nvidia.com/gpu.replicas": "1",
    "nvidia.com/gpu.sharing-strategy": "none",
    "nvidia.com/gpu.compute.major": "8",
    "nvidia.com/gpu.compute.minor": "9",
    "nvidia.com/mig.capable": "false",
}
"""What NVIDIA's GPU feature discovery would set. No taint: with one node, everything has to run on it."""


@dataclass(frozen=True, slots=True)
class KindCluster:
    """One cluster by name, whether it runs or not.

    Attributes:
        name: At most 40 lower-case letters, digits and dashes.
        directory: What this machine keeps of it.
    """

    name: str
    directory: Path

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig, for this cluster alone."""
        return self.directory / "kubeconfig.yaml"

    def api_server(self) -> ApiServer:
        """A plain JSON client for it."""
        return ApiServer.from_kubeconfig(self.kubeconfig)

    def is_running(self) -> bool:
        """Whether its kubeconfig is there, and its API server answers."""
        try:
            return self.api_server().get("/readyz").status == 200  # noqa: PLR2004 - HTTP's OK
        except (OSError, ValueError):
            return False


def cluster_named(name: str) -> KindCluster:
    """A cluster by name.

    Raises:
        ToolsError: The name does not fit.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ToolsError(f"--name is {name!r}; use at most 40 lower-case letters, digits and dashes.")
    return KindCluster(name, cache_directory(os.environ) / "kind" / name)


def up(
    name: str = "tidegate",
    *,
    workers: int = 0,
    gpus_per_node: int = GPUS_PER_NODE,
    published_ports: Sequence[int] = (),
) -> KindCluster:
    """Bring a cluster up: nothing to do if it runs, made anew if it does not.

    Args:
        name: Its name.
        workers: Nodes beside the one that is control plane and worker in one.
        gpus_per_node: How many each node claims to have.
        published_ports: Ports of the first node that a new cluster has on this machine's loopback address, too.

    Raises:
        ToolsError: Docker does not answer, kind is not there, or the cluster did not start.
    """
    cluster = cluster_named(name)
    check_docker()
    find(["kind", "kubectl"])  # Before the lock: others need not wait for a build.
    with exclusive(cluster.directory.parent / "lock", waiting=lambda: _tell("waiting for another kind command")):
        if cluster.is_running():
            _tell(f"cluster {name} is already up")
            return cluster
        _remove(cluster)  # What a reboot or an interrupted start left behind.
        began = time.monotonic()
        try:
            _create(cluster, workers, gpus_per_node, published_ports)
        except BaseException:  # Ctrl-C too: a cluster is up or it is not there.
            _remove(cluster)
            raise
        _tell(f"cluster {name} is up after {time.monotonic() - began:.0f} s")
    return cluster


def down(name: str = "tidegate") -> None:
    """Remove a cluster and everything it had; nothing to do if there is none.

    Raises:
        ToolsError: Docker does not answer, or kind is not there.
    """
    cluster = cluster_named(name)
    check_docker()
    with exclusive(cluster.directory.parent / "lock", waiting=lambda: _tell("waiting for another kind command")):
        _remove(cluster)


def load(image: str, name: str = "tidegate") -> None:
    """Copy an image from Docker to the nodes of a cluster.

    Raises:
        ToolsError: Docker does not have it, or there is no such cluster.
    """
    check_docker()
    _kind("load", "docker-image", image, "--name", name)


def _create(cluster: KindCluster, workers: int, gpus: int, published_ports: Sequence[int]) -> None:
    # Without a hostPort, any that is free.
    mappings = [{"containerPort": port, "listenAddress": "127.0.0.1"} for port in published_ports]
    nodes: list[dict[str, Any]] = [{"role": "control-plane", "extraPortMappings": mappings}]
    nodes += [{"role": "worker"}] * workers
    configuration = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}
    cluster.directory.mkdir(parents=True)
    command = ["create", "cluster", "--name", cluster.name, "--config", "-", "--wait", f"{START_SECONDS}s"]
    command += ["--kubeconfig", str(cluster.directory / "kind.yaml")]
    if image := os.environ.get("KIND_NODE_IMAGE"):
        command += ["--image", image]
    _kind(*command, stdin=json.dumps(configuration))
    write_kubeconfig(cluster)
    api = cluster.api_server()
    for node in api.get("/api/v1/nodes").document["items"]:
        _claim_gpus(api, node, gpus)
    # Pods are refused before it is there.
    _wait_for(api, "/api/v1/namespaces/default/serviceaccounts/default")


def write_kubeconfig(cluster: KindCluster) -> None:
    """Write kind's kubeconfig with the certificates in files: Python's TLS takes a client's from nowhere else."""
    text = (cluster.directory / "kind.yaml").read_text()
    for key in ("certificate-authority", "client-certificate", "client-key"):
        file = cluster.directory / f"{key}.pem"
        found = re.search(rf"{key}-data: (\S+)", text)
        if found is None:
            raise ToolsError(f"kind wrote a kubeconfig without {key}-data: {file.with_name('kind.yaml')}")
        file.touch(mode=0o600)
        file.write_bytes(base64.b64decode(found[1]))
        text = text.replace(found[0], f"{key}: {file}")
    cluster.kubeconfig.touch(mode=0o600)
    cluster.kubeconfig.write_text(text)


def _claim_gpus(api: ApiServer, node: dict[str, Any], gpus: int) -> None:
    """Let a node claim GPUs as a device plugin would, and their labels."""
    path = f"/api/v1/nodes/{node['metadata']['name']}"
    resources = [
        {"op": "add", "path": f"/status/{where}/nvidia.com~1gpu", "value": str(gpus)}
        for where in ("capacity", "allocatable")
    ]
    labels = {**GPU_LABELS, "nvidia.com/gpu.count": str(gpus)}
    answers = [
        api.merge_patch(path, {"metadata": {"labels": labels}}, manager="gpu-feature-discovery"),
        api.request("PATCH", f"{path}/status", resources, content_type=JSON_PATCH),
    ]
    for answer in answers:
        if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
            raise ToolsError(f"node {path} took no GPUs: {answer.message}")


def _wait_for(api: ApiServer, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while api.get(path).status != 200:  # noqa: PLR2004 - HTTP's OK
        if time.monotonic() > deadline:
            raise ToolsError(f"the cluster did not answer {path} within {START_SECONDS} s")
        time.sleep(0.1)


def _remove(cluster: KindCluster) -> None:
    _kind("delete", "cluster", "--name", cluster.name, "--kubeconfig", os.devnull)
    shutil.rmtree(cluster.directory, ignore_errors=True)


def check_docker() -> None:
    """Make sure that Docker answers.

    Raises:
        ToolsError: It does not.
    """
    if shutil.which("docker") is None:
        raise ToolsError("kind needs Docker, and there is no docker on PATH; install it, or use `make cluster`")
    try:
        answer = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=DOCKER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ToolsError(f"Docker's daemon did not answer `docker info` within {DOCKER_SECONDS} s") from None
    if answer.returncode != 0:
        raise ToolsError(f"Docker's daemon does not answer; start it. `docker info` says: {answer.stderr.strip()}")


def _kind(*arguments: str, stdin: str | None = None) -> None:
    (program,) = find(["kind"]).values()
    # A session of its own: Ctrl-C reaches this process, which then removes the half-made cluster.
    answer = subprocess.run(
        [program, *arguments, "--quiet"],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    if answer.returncode != 0:
        raise ToolsError(f"`kind {' '.join(arguments)}` failed:\n{answer.stderr.strip()}")


def exports(cluster: KindCluster) -> str:
    """Lines for a shell to evaluate: this cluster's kubeconfig, and a kubectl that fits it first on PATH."""
    (kubectl,) = find(["kubectl"]).values()
    return f"export KUBECONFIG='{cluster.kubeconfig}'\nexport PATH='{kubectl.parent}':\"$PATH\""


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done, 1 = failed."""
    parser = argparse.ArgumentParser(description="A kind cluster whose nodes claim GPUs. Needs Docker.")
    parser.add_argument("command", choices=["up", "load", "down", "env"])
    parser.add_argument("image", nargs="?", help="image in Docker, for load")
    parser.add_argument("--name", default="tidegate", help="name of the cluster (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=0, help="nodes beside the first, for up (default: %(default)s)")
    asked = parser.parse_args(arguments)
    if (asked.command == "load") != (asked.image is not None):
        parser.error("load needs an IMAGE; other commands take none")
    try:
        if asked.command == "up":
            print(exports(up(asked.name, workers=asked.workers)))
        elif asked.command == "load":
            load(asked.image, asked.name)
        elif asked.command == "down":
            down(asked.name)
        elif (cluster := cluster_named(asked.name)).is_running():
            print(exports(cluster))
        else:
            _tell(f"error: cluster {asked.name} does not run; `python tools/kind_cluster.py up --name {asked.name}`")
            return 1
    except ToolsError as error:
        _tell(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    interruptible.run(main)
