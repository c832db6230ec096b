"""The real gateway, its Envoy beside it, each as a process of its own; and a service that sleeps, with no operator."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateways_under_test import routing
from operated_namespace import OperatedNamespace

from tidegate.api.names import API_VERSION, GROUP

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 30
PORT = 12_345
METRICS_PORT = 9_191
SHARED_PORT = 8_181
PROGRAM = (sys.executable, "-m", "tidegate")

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(slots=True)
class GatewayProcess:
    """One gateway on a loopback address of its own.

    Attributes:
        address: Where Envoy and the picker listen.
        directory: What they share, and their logs.
        envoy: The process of Envoy.
        arguments: Of the picker.
        picker: Its process, while there is one.
    """

    address: str
    directory: Path
    envoy: subprocess.Popen[bytes]
    arguments: tuple[str, ...]
    picker: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        """Of the service's own port."""
        return f"http://{self.address}:{PORT}"

    @property
    def shared_url(self) -> str:
        """Of the address that all services share."""
        return f"http://{self.address}:{SHARED_PORT}"

    def start_picker(self, *, until_ready: bool = True) -> None:
        """Start the picker."""
        with (self.directory / "log").open("ab") as log:
            self.picker = _start(*self.arguments, log=log)
        if until_ready:
            self.wait("the gateway is ready", lambda: self.readiness() == "ok\n")

    def kill_picker(self) -> None:
        """End the picker at once; Envoy goes on."""
        assert self.picker is not None
        self.picker.kill()
        self.picker.wait()
        self.picker = None

    def ask_picker_to_leave(self) -> None:
        """Ask the picker to end, as a kubelet does."""
        assert self.picker is not None
        self.picker.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End both."""
        for process in (self.picker, self.envoy):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    def readiness(self) -> str:
        """What `/readyz` says; empty while nobody answers."""
        return self._get("/readyz")

    def series(self, name: str) -> dict[str, float]:
        """The series of a metric, by their labels as text."""
        lines = (line for line in self._get("/metrics").splitlines() if line.startswith(f"{name}{{"))
        found = (line.removeprefix(name).rsplit(" ", 1) for line in lines)
        return {labels: float(value) for labels, value in found}

    def total(self, name: str) -> float:
        """The sum of a metric's series."""
        return sum(self.series(name).values())

    def said(self) -> str:
        """The log."""
        return (self.directory / "log").read_text()

    def wait(self, what: str, look: Callable[[], Any], seconds: float = START_SECONDS) -> Any:
        """Look until something is so, and return it."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            assert self.envoy.poll() is None, "Envoy has ended"
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}; {self.said()[-3000:]}"
            time.sleep(0.05)
        return found

    def _get(self, path: str) -> str:
        try:
            with _DIRECT.open(f"http://{self.address}:{METRICS_PORT}{path}", timeout=5) as response:
                text: str = response.read().decode()
                return text
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()
        except OSError:
            return ""


@contextmanager
def running_gateway_process(
    kubeconfig: Path, namespace: str, directory: Path, *, number: int, drain_seconds: float = 20
) -> Iterator[GatewayProcess]:
    """Run a gateway until the block ends; it is ready when the block begins.

    Args:
        kubeconfig: Of the cluster.
        namespace: Of its Lease, and the one that it looks after.
        directory: An empty one. Its path must be short: sockets are in it.
        number: Of this one among several on this machine.
        drain_seconds: How long it waits for its last answers.
    """
    address = f"127.88.{os.getpid() % 250}.{number}"
    shared = (f"--directory={directory}", f"--listen-host={address}", f"--shared-port={SHARED_PORT}")
    with (directory / "envoy.log").open("wb") as log:
        envoy = _start("envoy", *shared, log=log)
    arguments = (
        "gateway",
        *shared,
        f"--install={namespace}/gateways",
        f"--identity=gateway-{number}",
        f"--address={address}",
        f"--slice-address=10.88.0.{number}",
        f"--host={address}",
        f"--port={METRICS_PORT}",
        f"--namespace={namespace}",
        f"--kubeconfig={kubeconfig}",
        f"--drain-seconds={drain_seconds}",
    )
    gateway = GatewayProcess(address, directory, envoy, arguments)
    try:
        gateway.start_picker()
        yield gateway
    finally:
        gateway.stop()


def sleeping_service(here: OperatedNamespace, *, nowhere: bool = False, **plan: Any) -> None:
    """A service at zero, with the Deployment and the status that an operator would have written.

    Args:
        here: Its namespace.
        nowhere: No node takes its pods.
        plan: More of its wake plan.
    """
    here.apply(here.least(scaling={"minReplicas": 0}, model={"aliases": ["mm"]}))
    labels = {f"{GROUP}/service": "chat", f"{GROUP}/variant": "default"}
    template = {
        "metadata": {"labels": {**labels, f"{GROUP}/routing": "serving"}},
        "spec": {
            "containers": [{"name": "engine", "image": "e:1"}],
            "nodeSelector": {"example.com/nowhere": "yes"} if nowhere else {},
        },
    }
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    here.create("/apis/apps/v1", "deployments", {"metadata": {"name": "chat", "labels": labels}, "spec": spec})
    status = routing(port=PORT, **plan)
    path = f"{here.path('inferenceservices', 'chat')}/status"
    answer = here.cluster.api.merge_patch(path, {"apiVersion": API_VERSION, "status": status}, manager="tidegate")
    assert answer.status == 200, answer.message


def ask(url: str, *, tokens: int = 3, stream: bool = False, timeout: float = 30) -> tuple[int, dict[str, str], bytes]:
    """Send a chat completion; status, headers and body of whatever is answered."""
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": tokens,
        "stream": stream,
    }
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{url}/v1/chat/completions", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with _DIRECT.open(request, timeout=timeout) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def listens(address: str, port: int) -> bool:
    """Whether a port takes connections."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def _start(*arguments: str, log: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    return subprocess.Popen(  # noqa: S603 - our own commands
        [*PROGRAM, *arguments], env=environment, stdout=log, stderr=log
    )
