"""The stage: a cluster of the demo's own, the CRDs, the accelerator profiles, and the examples made to fit."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import cluster as clusters
from building import ToolsError, cache_directory
from cluster import Cluster
from demo.scenario import ENGINES, NAMESPACE, PARTS, PROFILES, Document, merged

CLUSTER_NAME = "tidegate-demo"
REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
CRDS = REPOSITORY / "crds"
READY_SECONDS = 30


def state_directory() -> Path:
    """Where the demo keeps its logs and what it applied. Made if it is not there."""
    directory = cache_directory(os.environ) / "demo"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep other demos of this user off this machine for the length of a `with` block.

    Raises:
        ToolsError: One is running.
    """
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ToolsError(
                f"a demo is running already (process {file.read().strip() or 'unknown'}); press Ctrl-C where it runs, "
                "or wait for its end"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def check_machine() -> None:
    """Refuse what cannot work, before anything is started.

    Raises:
        ToolsError: Not Linux, or a port that the engines need is taken.
    """
    if sys.platform != "linux":
        raise ToolsError(
            f"the demo needs Linux, this is {sys.platform}: its pods have the addresses 127.64.0.0 and up, which only "
            "Linux answers on. A container or a virtual machine will do."
        )
    for engine in ENGINES:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", engine.port))  # noqa: S104 - as the engines will
            except OSError as error:
                raise ToolsError(
                    f"port {engine.port} is in use ({error.strerror}), and the simulated {engine.flavour} pods answer "
                    f"on it; end what listens there: `ss -ltnp 'sport = :{engine.port}'` names it"
                ) from error


def set_up(directory: Path) -> Cluster:
    """Bring up a cluster with everything in it but the operator. One that an earlier demo left is made anew.

    Raises:
        ToolsError: The cluster did not start, or refused an object.
    """
    clusters.down(CLUSTER_NAME)
    made = clusters.up(CLUSTER_NAME)
    try:
        kubectl(made, "apply", "--server-side", "--filename", str(CRDS))
        kubectl(made, "wait", "--for=condition=Established", f"--timeout={READY_SECONDS}s", "--filename", str(CRDS))
        objects = directory / "objects.yaml"
        objects.write_text(yaml.safe_dump_all(documents(), sort_keys=False))
        kubectl(made, "apply", "--server-side", "--namespace", NAMESPACE, "--filename", str(objects))
    except BaseException:  # Ctrl-C too.
        clusters.down(CLUSTER_NAME)
        raise
    return made


def take_down() -> None:
    """Remove the cluster."""
    clusters.down(CLUSTER_NAME)


def exports_left() -> str | None:
    """Shell lines that lead to the demo's cluster and to its kubectl; None if it does not run."""
    try:
        return clusters.exports(clusters.running(CLUSTER_NAME))
    except ToolsError:
        return None


def documents() -> list[Document]:
    """The objects that are applied: profiles and examples, with the scenario's patches laid over them."""
    found = list(_read(EXAMPLES / PROFILES))
    for part in PARTS:
        found += [
            merged(document, part.patches.get(document["kind"], {})) for document in _read(EXAMPLES / part.example)
        ]
    return found


def kubectl(cluster: Cluster, *arguments: str) -> str:
    """Run kubectl on the demo's cluster; gives what it printed.

    Raises:
        ToolsError: It failed; with what it said.
    """
    command = [str(cluster.kubectl), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ToolsError(f"`kubectl {' '.join(arguments)}` failed:\n{answer.stderr.strip()}")
    return answer.stdout


def _read(path: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]
