"""A stage without Docker: a kwok cluster whose pods have loopback addresses, on which one process is every engine."""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cluster as clusters
from building import ToolsError
from demo.programs import Program, engines, operator, reset_engine
from demo.scenario import ENGINES, Document, Part
from demo.stage import CLUSTER_NAME, REPOSITORY, apply_examples, kubectl
from demo.watching import Pod

CRDS = REPOSITORY / "crds"
READY_SECONDS = 30
SIMULATED_STARTUP = "tidegate.dev/simulated-startup"
"""Annotation of a pod: how long kwok lets it start."""


class KwokStage:
    """See `demo.stage.Stage`."""

    about = "Setting up a cluster: etcd, API server, controller manager, scheduler; kwok plays kubelet."
    left = "The control plane is still up, with everything as it was at the end; operator and engines have stopped."

    def __init__(self) -> None:
        self._cluster = clusters.cluster_named(CLUSTER_NAME)
        self._programs: Sequence[Program] = ()

    @property
    def kubeconfig(self) -> Path:
        """Of the kwok cluster."""
        return self._cluster.kubeconfig

    def check_machine(self) -> None:
        """Refuse other systems than Linux, and ports that are taken."""
        if sys.platform != "linux":
            raise ToolsError(
                f"the demo needs Linux, this is {sys.platform}: its pods have the addresses 127.64.0.0 and up, which "
                "only Linux answers on. A container or a virtual machine will do, or Docker: `make demo CLUSTER=kind`."
            )
        for engine in ENGINES:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("0.0.0.0", engine.port))  # noqa: S104 - as the engines will
                except OSError as error:
                    raise ToolsError(
                        f"port {engine.port} is in use ({error.strerror}), and the simulated {engine.flavour} pods "
                        f"answer on it; end what listens there: `ss -ltnp 'sport = :{engine.port}'` names it"
                    ) from error

    def set_up(self, directory: Path) -> None:
        """Bring up everything but the operator."""
        clusters.down(CLUSTER_NAME)
        clusters.up(CLUSTER_NAME)
        try:
            self.kubectl("apply", "--server-side", "--filename", str(CRDS))
            established = ("--for=condition=Established", f"--timeout={READY_SECONDS}s")
            self.kubectl("wait", *established, "--filename", str(CRDS))
            apply_examples(self, placed, directory)
        except BaseException:  # Ctrl-C too.
            clusters.down(CLUSTER_NAME)
            raise

    @contextmanager
    def programs(self, directory: Path) -> Iterator[Sequence[Program]]:
        """Run the engines and the operator."""
        with engines(directory) as engine, operator(directory, self.kubeconfig) as controller:
            self._programs = (engine, controller)
            yield self._programs

    def url(self, part: Part, pod: Pod) -> str:
        """The pod's address is one of this machine."""
        return f"http://{pod.address}:{part.engine.port}"

    def arrives(self, address: str) -> None:
        """A new pod may have got the address of one that is gone: what that one did is forgotten."""
        reset_engine(self._programs[0].port, address)

    def tail(self) -> str:
        """Of the programs."""
        return "\n".join(program.tail() for program in self._programs)

    def kubectl(self, *arguments: str) -> str:
        """The kubectl that comes with the cluster."""
        return kubectl(self._cluster.kubectl, self.kubeconfig, *arguments)

    def take_down(self) -> None:
        """Remove the cluster."""
        clusters.down(CLUSTER_NAME)

    def exports_left(self) -> str | None:
        """Of the kwok cluster."""
        try:
            return clusters.exports(clusters.running(CLUSTER_NAME))
        except ToolsError:
            return None


def placed(part: Part, kind: str) -> Document:
    """Pods become ready after a while; whatever their image is, the process of this machine answers for them."""
    owned = "InferenceService" if part.touched else "Deployment"
    annotations = {SIMULATED_STARTUP: f"{part.startup_seconds}s"}
    return {"spec": {"template": {"metadata": {"annotations": annotations}}}} if kind == owned else {}
