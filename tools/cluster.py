"""A real Kubernetes control plane without Docker: `python tools/cluster.py up`, `down`, `status`, `env`.

kwokctl starts etcd, the API server, the controller manager and the scheduler as processes of this machine; kwok plays
the kubelets. Configuration: `tools/cluster/*.yaml`. Everything a cluster has, its kubeconfig included, is in one
directory under the cache directory; nothing is written to ~/.kube or ~/.kwok. Several clusters can run side by side.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import interruptible
import processes
from binaries import find
from building import ToolsError
from local_cluster import COMPONENTS, Cluster, cluster_named
from locks import exclusive
from pins import CLUSTER_TOOLS

__all__ = ["Cluster", "ToolsError", "cluster_named", "down", "exports", "running", "up"]

CONFIGURATION = Path(__file__).resolve().parent / "cluster"
START_SECONDS = 120


def up(
    name: str = "tidegate",
    *,
    nodes: Path = CONFIGURATION / "nodes.yaml",
    audit: bool = False,
    feature_gates: str = "",
) -> Cluster:
    """Bring a cluster up: nothing to do if it runs, made anew if its processes are gone.

    Args:
        name: Its name.
        nodes: File of nodes to create.
        audit: Log every write to `audit_log`.
        feature_gates: Features of Kubernetes to switch on or off, as NAME=true,NAME=false. Not compared with those of
            a cluster that runs already.

    Raises:
        ToolsError: A tool is missing, the cluster did not start, or it already runs without the audit log asked for.
    """
    cluster = cluster_named(name)
    tools = find(CLUSTER_TOOLS)  # Before the lock: others need not wait for a build.
    with exclusive(cluster.root / "lock", waiting=lambda: _tell("waiting for another cluster command")):
        made_of = _made_of(tools, audit=audit)
        if cluster.is_alive():
            _wait_for(cluster, "/readyz")  # A busy API server is no reason to throw a cluster away.
            _compare(cluster, made_of)
        else:
            _create(cluster, tools, audit=audit, nodes=nodes, feature_gates=feature_gates)
            cluster.record.write_text(json.dumps(made_of, indent=2))
        return cluster


def down(name: str = "tidegate") -> Cluster:
    """End a cluster and remove everything it had; nothing to do if there is none. Needs no tools."""
    cluster = cluster_named(name)
    with exclusive(cluster.root / "lock", waiting=lambda: _tell("waiting for another cluster command")):
        _remove(cluster)
    return cluster


def running(name: str = "tidegate") -> Cluster:
    """A cluster that runs.

    Raises:
        ToolsError: It does not.
    """
    cluster = cluster_named(name)
    if not cluster.is_running():
        raise ToolsError(f"cluster {name} is not running; `python tools/cluster.py up --name {name}` brings it up")
    return cluster


def _create(cluster: Cluster, tools: Mapping[str, Path], *, audit: bool, nodes: Path, feature_gates: str) -> None:
    _remove(cluster)  # What a reboot or an interrupted start left behind.
    began = time.monotonic()
    try:
        _run_kwokctl(cluster, tools, audit=audit, feature_gates=feature_gates)
        cluster.kubectl.symlink_to(tools["kubectl"])
        _kubectl(cluster, "apply", "--filename", str(nodes))
        _kubectl(cluster, "wait", "node", "--all", "--for=condition=Ready", f"--timeout={START_SECONDS}s")
        _wait_for(cluster, "/api/v1/namespaces/default/serviceaccounts/default")  # Pods are refused before it is there.
    except BaseException:  # Ctrl-C too: a cluster is up or it is not there.
        _remove(cluster)
        raise
    _tell(f"cluster {cluster.name} is up after {time.monotonic() - began:.0f} s")


def _run_kwokctl(cluster: Cluster, tools: Mapping[str, Path], *, audit: bool, feature_gates: str) -> None:
    command = [str(tools["kwokctl"]), "create", "cluster", "--name", cluster.name, "--runtime", "binary"]
    command += ["--config", str(CONFIGURATION / "kwok.yaml"), "--kubeconfig", "", "--disable-qps-limits"]
    command += ["--wait", f"{START_SECONDS}s"]
    # What is not named here, kwokctl downloads.
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        command += [f"--{name}-binary", str(tools[name])]
    command += ["--kwok-controller-binary", str(tools["kwok"])]
    if feature_gates:
        command += ["--kube-feature-gates", feature_gates]
    if audit:
        command += ["--kube-audit-policy", str(CONFIGURATION / "audit.yaml")]
    variables = {
        **os.environ,
        "KWOK_WORKDIR": str(cluster.root),
        "KWOK_KUBECTL_BINARY": str(tools["kubectl"]),
        # It prefers whatever kubectl is on PATH.
        "PATH": f"{tools['kubectl'].parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    # A session of its own: Ctrl-C reaches this process, which ends kwokctl and then all that it started.
    answer = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, start_new_session=True)
    # kwokctl also ends with 0 when it gave up waiting.
    if answer.returncode != 0 or not cluster.kubeconfig.exists() or not cluster.answers("/readyz"):
        raise ToolsError(f"cluster {cluster.name} did not start:\n{_why(cluster, answer.stderr)}")


def _why(cluster: Cluster, said: str) -> str:
    """The last words of kwokctl and of every component that is not running."""
    parts = [line for line in said.splitlines() if '"level":"INFO"' not in line]
    for name in COMPONENTS:
        log = cluster.directory / "logs" / f"{name}.log"
        if name not in cluster.components() and log.exists():
            parts.append(f"{name} is not running; its log ends:\n{log.read_text(errors='replace').strip()[-2000:]}")
    return "\n".join(parts)


def _kubectl(cluster: Cluster, *arguments: str) -> None:
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ToolsError(f"`kubectl {' '.join(arguments)}` failed: {answer.stderr.strip()}")


def _wait_for(cluster: Cluster, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not cluster.answers(path):
        if time.monotonic() > deadline:
            raise ToolsError(
                f"cluster {cluster.name} did not answer {path} within {START_SECONDS} s; "
                f"`python tools/cluster.py down --name {cluster.name}` removes it"
            )
        time.sleep(0.1)


def _remove(cluster: Cluster) -> None:
    processes.kill(cluster.programs, COMPONENTS)
    if cluster.directory.exists():
        shutil.rmtree(cluster.directory)


def _made_of(tools: Mapping[str, Path], *, audit: bool) -> dict[str, object]:
    configuration = hashlib.sha256((CONFIGURATION / "kwok.yaml").read_bytes()).hexdigest()
    return {"audit": audit, "configuration": configuration, "tools": {name: str(path) for name, path in tools.items()}}


def _compare(cluster: Cluster, wanted: Mapping[str, object]) -> None:
    found = json.loads(cluster.record.read_text())
    fix = f"to make it anew: `python tools/cluster.py down --name {cluster.name}`, then up"
    if wanted["audit"] and not found["audit"]:
        raise ToolsError(f"cluster {cluster.name} runs without the audit log; {fix}")
    if any(found.get(key) != wanted[key] for key in ("configuration", "tools")):
        _tell(f"cluster {cluster.name} was made with another configuration or other tools; {fix}")
    else:
        _tell(f"cluster {cluster.name} is already up")


def exports(cluster: Cluster) -> str:
    """Lines for a shell to evaluate: this cluster's kubeconfig, and the kubectl that fits it first on PATH."""
    # The directory that the link leads to: the cluster's own goes away with the cluster, and must not be found on PATH
    # when the next one is made.
    directory = cluster.kubectl.readlink().parent
    return f"export KUBECONFIG='{cluster.kubeconfig}'\nexport PATH='{directory}':\"$PATH\""


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _status(cluster: Cluster) -> int:
    components = cluster.components()
    state = "running" if cluster.is_running() else "broken" if components else "down"
    print(f"cluster {cluster.name}: {state}")
    for name in COMPONENTS if components else ():
        print(f"  {name}: {f'process {components[name]}' if name in components else 'not running'}")
    if state == "running":
        print(f"  kubeconfig: {cluster.kubeconfig}")
        print(f"  logs: {cluster.directory / 'logs'}")
    return 0 if state == "running" else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 = done or running, 1 = failed or not running."""
    parser = argparse.ArgumentParser(description="A Kubernetes control plane without Docker.")
    parser.add_argument("command", choices=["up", "down", "status", "env"])
    parser.add_argument("--name", default="tidegate", help="name of the cluster (default: %(default)s)")
    parser.add_argument("--nodes", type=Path, default=CONFIGURATION / "nodes.yaml", help="file of nodes, for up")
    parser.add_argument("--audit", action="store_true", help="log every write to the API server, for up")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "up":
            cluster = up(asked.name, nodes=asked.nodes, audit=asked.audit)
            if asked.audit:
                _tell(f"audit log: {cluster.audit_log}")
            print(exports(cluster))
        elif asked.command == "down":
            _tell(f"cluster {down(asked.name).name} is down")
        elif asked.command == "env":
            print(exports(running(asked.name)))
        else:
            return _status(cluster_named(asked.name))
    except ToolsError as error:
        _tell(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    interruptible.run(main)
