"""A stage on Docker: a kind cluster, the operator as Helm installs it there, and simulated engines as real pods."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import kind_cluster
from binaries import find
from building import ToolsError
from demo.programs import TAIL_LINES, Program
from demo.scenario import PARTS, STREAM_INTERVAL_SECONDS, Document, Part
from demo.stage import CLUSTER_NAME, REPOSITORY, apply_examples, kubectl
from demo.watching import Pod

CHART = REPOSITORY / "charts" / "tidegate"
OPERATOR_NAMESPACE = "tidegate-system"
INSTALL_SECONDS = 120
IMAGE = os.environ.get("IMAGE", "tidegate:dev")
GPUS = 16
"""`chat` may take eight, and `legacy` has two."""

NODE_PORTS = {part.name: 30080 + number for number, part in enumerate(PARTS)}
"""Name of a part to the port that it has on the node. Kubernetes gives 30000 to 32767 to such."""


class KindStage:
    """See `demo.stage.Stage`."""

    about = "Setting up a kind cluster, with the operator as Helm installs it; engines are real pods."
    left = "The cluster is still up, and everything in it at work: operator and engines are pods."

    def __init__(self) -> None:
        self._cluster = kind_cluster.cluster_named(CLUSTER_NAME)
        self._addresses: dict[str, str] = {}

    @property
    def kubeconfig(self) -> Path:
        """Of the kind cluster."""
        return self._cluster.kubeconfig

    def check_machine(self) -> None:
        """Refuse a machine without the image."""
        kind_cluster.check_docker()
        if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode != 0:
            raise ToolsError(f"Docker has no image {IMAGE}: `make image` builds it, IMAGE names another")

    def set_up(self, directory: Path) -> None:
        """Bring up everything."""
        kind_cluster.down(CLUSTER_NAME)
        kind_cluster.up(CLUSTER_NAME, gpus_per_node=GPUS, published_ports=list(NODE_PORTS.values()))
        try:
            kind_cluster.load(IMAGE, CLUSTER_NAME)
            self._addresses = {name: _published(port) for name, port in NODE_PORTS.items()}
            self._install()
            apply_examples(self, placed, directory, [doorway(part) for part in PARTS])
        except BaseException:  # Ctrl-C too.
            kind_cluster.down(CLUSTER_NAME)
            raise

    @contextmanager
    def programs(self, directory: Path) -> Iterator[Sequence[Program]]:
        """None: everything is a pod."""
        del directory
        yield ()

    def url(self, part: Part, pod: Pod) -> str:
        """Through a Service: pods have addresses inside Docker alone, and the API server is no way for a load."""
        del pod
        return f"http://{self._addresses[part.name]}"

    def arrives(self, address: str) -> None:
        """Each pod is an engine of its own: nothing is to be forgotten."""

    def tail(self) -> str:
        """Of the operator."""
        where = ("--namespace", OPERATOR_NAMESPACE, "deployment/tidegate", f"--tail={TAIL_LINES}")
        return f"the end of the operator's log:\n{self.kubectl('logs', *where)}"

    def kubectl(self, *arguments: str) -> str:
        """The kubectl of this project."""
        (program,) = find(["kubectl"]).values()
        return kubectl(program, self.kubeconfig, *arguments)

    def take_down(self) -> None:
        """Remove the cluster."""
        kind_cluster.down(CLUSTER_NAME)

    def exports_left(self) -> str | None:
        """Of the kind cluster."""
        return kind_cluster.exports(self._cluster) if self._cluster.is_running() else None

    def _install(self) -> None:
        repository, _, tag = IMAGE.rpartition(":")
        values = {
            "image": {"registry": "", "repository": repository, "tag": tag},
            "logging": {"format": "console"},
            "gateway": {"enabled": False},  # The load comes in by node ports, and nothing sleeps.
        }
        (helm,) = find(["helm"]).values()
        answer = subprocess.run(
            [
                *(helm, "install", "tidegate", CHART, "--kubeconfig", self.kubeconfig),
                *("--namespace", OPERATOR_NAMESPACE, "--create-namespace"),
                *("--values", "-", "--wait", f"--timeout={INSTALL_SECONDS}s"),
            ],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise ToolsError(f"`helm install` failed:\n{answer.stderr.strip()}\n{self.tail()}")


def _published(port: int) -> str:
    """Where this machine has a port of the node: address and port."""
    command = ["docker", "port", f"{CLUSTER_NAME}-control-plane", f"{port}/tcp"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ToolsError(f"`{' '.join(command)}` failed:\n{answer.stderr.strip()}")
    return answer.stdout.split()[0]


def doorway(part: Part) -> Document:
    """A Service that leads from outside to the pods that are in service, as the one inside the cluster does."""
    port = {"port": part.engine.port, "targetPort": "http", "nodePort": NODE_PORTS[part.name], "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{part.name}-from-outside"},
        "spec": {"type": "NodePort", "selector": dict(part.pod_labels), "ports": [{"name": "http", **port}]},
    }


def placed(part: Part, kind: str) -> Document:
    """Engines are replaced by simulated ones; a pod asks for the accelerators of its example, and for little else."""
    engine = part.engine
    container = {
        "name": "engine" if part.touched else "vllm",
        "image": IMAGE,
        "command": ["tidegate", "engine", f"--type={engine.flavour}", f"--hardware={engine.physics}"],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    container["command"] += [f"--startup-seconds={part.startup_seconds}"]
    container["command"] += [f"--stream-interval-seconds={STREAM_INTERVAL_SECONDS}"]
    if kind == "InferenceService" and part.touched:
        return {"spec": {"engine": {"image": IMAGE, "args": []}, "template": {"spec": {"containers": [container]}}}}
    if kind == "Deployment":
        container["resources"] |= {"limits": {"nvidia.com/gpu": "1"}}
        container |= {
            "args": [f"--served-model-name={part.model}"],
            "ports": [{"name": "http", "containerPort": engine.port}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1},
        }
        return {"spec": {"template": {"spec": {"containers": [container]}}}}
    return {}
