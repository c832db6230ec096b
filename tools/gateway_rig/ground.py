"""The control plane of a rig: a cluster of its own, with nodes whose pods are on loopback."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cluster as clusters
import processes
from building import ToolsError
from gateway_rig.program import REPOSITORY, Program
from local_cluster import Cluster

CRDS = REPOSITORY / "crds"
POD_RANGE = "127.100.0.0/16"
"""Where pods have their addresses: apart from those of other clusters of this machine."""

PODS = 500
API_SERVER = "kube-apiserver"


@contextmanager
def ground(directory: Path) -> Iterator[Cluster]:
    """Bring up a cluster with Tidegate's kinds and a log of all writes; it is removed when the block ends.

    Raises:
        ToolsError: It did not come up.
    """
    nodes = directory / "nodes.json"
    nodes.write_text(json.dumps(_node()))
    name = f"tidegate-rig-{os.getpid()}"
    try:
        cluster = clusters.up(name, nodes=nodes, audit=True)
        kubectl(cluster, "apply", "--server-side", "--filename", str(CRDS))
        kubectl(cluster, "wait", "--for=condition=Established", "--timeout=60s", "--filename", str(CRDS))
        yield cluster
    finally:
        clusters.down(name)


def kubectl(cluster: Cluster, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl as administrator; returns what it printed.

    Raises:
        ToolsError: It failed; with what it said.
    """
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)
    if answer.returncode != 0:
        raise ToolsError(f"`kubectl {' '.join(arguments)}` failed:\n{answer.stderr.strip()}")
    return answer.stdout


def kubeconfig_through(cluster: Cluster, port: int, path: Path) -> Path:
    """Write a kubeconfig that leads to the same API server by another port of this machine.

    Raises:
        ToolsError: The cluster's own is not as kwokctl writes it.
    """
    text, count = re.subn(r"(server: https://127\.0\.0\.1):\d+", rf"\g<1>:{port}", cluster.kubeconfig.read_text())
    if count != 1:
        raise ToolsError(f"{cluster.kubeconfig} names {count} servers on 127.0.0.1, not one")
    path.write_text(text)
    return path


def api_server_port(cluster: Cluster) -> int:
    """Where the API server listens."""
    return int(cluster.api_server().url.rpartition(":")[2])


def adopted_api_server(cluster: Cluster, log: Path) -> Program:
    """The API server as a program of ours, that can be killed and started again: it is, once, to make it ours.

    Raises:
        ToolsError: It did not run, or did not come back.
    """
    pid = cluster.components().get(API_SERVER)
    if pid is None:
        raise ToolsError(f"{API_SERVER} of cluster {cluster.name} does not run")
    process = Path("/proc") / str(pid)
    command = process.joinpath("cmdline").read_bytes().rstrip(b"\0").decode().split("\0")
    directory = process.joinpath("cwd").readlink()
    # A shell that becomes the program, where kwokctl started it.
    started = ("/bin/sh", "-c", f"cd {shlex.quote(str(directory))} && exec {shlex.join(command)}")
    program = Program(name=API_SERVER, command=started, log=log)
    processes.kill(cluster.programs, [API_SERVER])
    program.start()
    program.wait_until(lambda: cluster.answers("/readyz"), 60)
    return program


def _node() -> dict[str, object]:
    room = {"cpu": "1000", "memory": "4Ti", "pods": str(PODS)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "rig-0",
            "annotations": {"kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {"type": "kwok", "kubernetes.io/hostname": "rig-0"},
        },
        "spec": {"podCIDR": POD_RANGE},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.1.100"}],
            "capacity": room,
            "allocatable": room,
        },
    }
