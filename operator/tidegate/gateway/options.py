"""How a gateway runs."""

from dataclasses import dataclass, field
from pathlib import Path

from tidegate.cluster.lease import LeaseTimes
from tidegate.gateway.members import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    directory: Path
    """Shared with Envoy."""

    install: str
    """Which gateways belong together."""

    namespace: str
    """Where their Leases are."""

    own: Member
    """This gateway, as its Lease says it."""

    kubeconfig: str | None = None
    namespaces: tuple[str, ...] = ()
    """Those that it looks after; empty for all."""

    listen_host: str = "0.0.0.0"  # noqa: S104 - clients come from outside the pod
    """Where Envoy listens."""

    shared_port: int = 8080
    host: str = "0.0.0.0"  # noqa: S104 - kubelet, operator and Prometheus come from outside the pod
    """Address of /metrics, /healthz and /readyz."""

    port: int = 9090
    maximum_held_bytes: int = 256 * 1024 * 1024
    drain_seconds: float = 600.0
    times: LeaseTimes = field(default_factory=LeaseTimes)
    """Of the leader's Lease."""

    @property
    def leader_lease(self) -> str:
        """Name of the Lease of the one that writes slices."""
        return f"{self.install}-gateways"
