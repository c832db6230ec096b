"""A kwok cluster of this machine by name: where its files are, and whether it runs."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import processes
from api_server import ApiServer
from building import ToolsError, cache_directory

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller")
NAME_PATTERN = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster by name, whether it runs or not.

    Attributes:
        name: At most 40 lower-case letters, digits and dashes.
        root: Directory of all clusters.
    """

    name: str
    root: Path

    @property
    def directory(self) -> Path:
        """Everything this cluster has; kwokctl decides where that is inside root."""
        return self.root / "clusters" / self.name

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig, for this cluster alone."""
        return self.directory / "kubeconfig.yaml"

    @property
    def programs(self) -> Path:
        """Directory of links to the programs it runs, and to the kubectl that goes with them."""
        return self.directory / "bin"

    @property
    def kubectl(self) -> Path:
        """The kubectl of the same version as the API server."""
        return self.programs / "kubectl"

    @property
    def audit_log(self) -> Path:
        """One JSON line for each write, if it was started with audit."""
        return self.directory / "logs" / "audit.log"

    @property
    def record(self) -> Path:
        """What it was made of; written last, so that a cluster without it is half made."""
        return self.directory / "tidegate.json"

    def api_server(self) -> ApiServer:
        """A plain JSON client for it."""
        return ApiServer.from_kubeconfig(self.kubeconfig)

    def components(self) -> dict[str, int]:
        """The components that run: name to process id."""
        return processes.running(self.programs, COMPONENTS)

    def is_running(self) -> bool:
        """Whether it is complete, every component runs, and the API server says it is ready."""
        return self.is_alive() and self.answers("/readyz")

    def is_alive(self) -> bool:
        """Whether it is complete and every component runs, ready or not."""
        return self.record.exists() and len(self.components()) == len(COMPONENTS)

    def answers(self, path: str) -> bool:
        """Whether a GET of this path succeeds."""
        try:
            return self.api_server().get(path).status == 200  # noqa: PLR2004 - HTTP's OK
        except (OSError, ValueError):
            return False


def cluster_named(name: str) -> Cluster:
    """A cluster by name.

    Raises:
        ToolsError: The name does not fit, or the cache directory has a space in its path, which kwokctl cuts off.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ToolsError(f"--name is {name!r}; use at most 40 lower-case letters, digits and dashes.")
    cache = cache_directory(os.environ)
    if re.search(r"\s", str(cache)):
        raise ToolsError(f"clusters cannot live in {str(cache)!r}: set TIDEGATE_CACHE to a path without spaces.")
    return Cluster(name, cache / "kwok")
