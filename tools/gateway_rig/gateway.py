"""One gateway of a rig: Envoy and its picker, with a directory and an address of their own."""

import http.client
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from bench.process_figures import footprint
from gateway_rig.program import TIDEGATE, Program

INSTALL = "rig"
LEASE_NAMESPACE = "default"
SHARED_PORT = 8890
MAXIMUM_CONNECTIONS = 12_000
"""More than Envoy takes of itself where a process may have 20,000 descriptors."""

DRAIN_SECONDS = 30
"""How long a gateway that is asked to end waits for answers."""

GRACE_SECONDS = 15
"""What it may take beyond that; then it is killed, as the kubelet does at the end of the pod's grace."""

SLICE_NETWORK = "10.20.0"
"""What stands in EndpointSlices for the gateways' loopback addresses, which the API server refuses there."""


@dataclass(slots=True, kw_only=True)
class Gateway:
    """Two processes.

    Attributes:
        index: From 0; decides the address.
        address: Where its listeners are.
        slice_address: What stands for it in EndpointSlices.
        metrics_port: Of the picker, on the same address.
    """

    index: int
    address: str
    slice_address: str
    metrics_port: int
    envoy: Program
    picker: Program

    @property
    def is_ready(self) -> bool:
        """Whether it says that it can take requests."""
        return answers(self.address, self.metrics_port, "/readyz")

    def start(self) -> None:
        """Start both, as the kubelet would."""
        for program in (self.envoy, self.picker):
            if not program.runs:
                program.start()

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until it takes requests.

        Raises:
            ToolsError: It ended, or took too long.
        """
        self.envoy.wait_until(lambda: self.is_ready or not self.picker.runs, seconds)
        self.picker.wait_until(lambda: self.is_ready, seconds)

    def stop(self) -> None:
        """End both in the order of a pod: the picker first, which drains Envoy, then Envoy."""
        self.picker.stop(DRAIN_SECONDS + GRACE_SECONDS)
        self.envoy.stop()

    def resident_mebibytes(self) -> tuple[float, float]:
        """Memory of Envoy and of the picker."""
        envoy, picker = footprint(self.envoy.pid), footprint(self.picker.pid)
        return envoy.resident_mebibytes, picker.resident_mebibytes

    def cpu_seconds(self) -> float:
        """CPU time of both since their start."""
        return footprint(self.envoy.pid).cpu_seconds + footprint(self.picker.pid).cpu_seconds

    def freeze(self) -> None:
        """Let the picker stand still."""
        self.picker.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, if it is still there."""
        if self.picker.runs:
            self.picker.send(signal.SIGCONT)


def new_gateway(
    index: int, *, directory: Path, kubeconfig: Path, first_host: int, metrics_port: int, cpu: int | None = None
) -> Gateway:
    """A gateway that has not been started.

    Args:
        index: From 0.
        directory: For what the two share, and for their logs.
        kubeconfig: How it reaches the API server.
        first_host: Second number of the loopback address 127.x.0.y, so that rigs do not meet.
        metrics_port: Of the picker.
        cpu: The only one that both may use.
    """
    address = f"127.{first_host}.0.{index + 1}"
    shared = directory / f"gateway-{index}"
    shared.mkdir()
    name = f"gateway-{index}"
    listening = (f"--listen-host={address}", f"--shared-port={SHARED_PORT}")
    connections = f"--maximum-connections={MAXIMUM_CONNECTIONS}"
    envoy = (*TIDEGATE, "envoy", f"--directory={shared}", connections, *listening)
    slice_address = f"{SLICE_NETWORK}.{index + 1}"
    picker = (
        *TIDEGATE,
        "gateway",
        f"--directory={shared}",
        f"--kubeconfig={kubeconfig}",
        f"--identity={name}",
        f"--install={LEASE_NAMESPACE}/{INSTALL}",
        f"--address={address}",
        f"--slice-address={slice_address}",
        f"--host={address}",
        f"--port={metrics_port}",
        f"--drain-seconds={DRAIN_SECONDS}",
        *listening,
    )
    return Gateway(
        index=index,
        address=address,
        slice_address=slice_address,
        metrics_port=metrics_port,
        envoy=Program(name=f"Envoy of {name}", command=envoy, log=directory / f"{name}-envoy.log", cpu=cpu),
        picker=Program(name=f"picker of {name}", command=picker, log=directory / f"{name}-picker.log", cpu=cpu),
    )


def answers(address: str, port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(address: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True
