"""The operator, as Helm installs it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custom_resources import Document, changed

from live_cluster import LiveCluster

CHART = Path(os.environ.get("E2E_CHART") or Path(__file__).resolve().parents[1] / "charts" / "tidegate")
INSTALL_SECONDS = 60


@dataclass(slots=True)
class Release:
    """A release of our chart, installed or not.

    Attributes:
        cluster: The cluster.
        helm: Helm's program.
        values: What is always set.
        name: Its name.
        namespace: Where it is.
        installed: The values with which it is there; None while it is not.
    """

    cluster: LiveCluster
    helm: Path
    values: Document
    name: str = "tidegate"
    namespace: str = "tidegate-system"
    installed: Document | None = None

    def install(self, chart: Path = CHART, **values: Any) -> None:
        """Install or upgrade it, and wait until the operator is ready; values are laid over those always set."""
        values = changed(self.values, values)
        self.run(
            *("upgrade", "--install", self.name, str(chart), "--values=-"),
            *("--wait", f"--timeout={INSTALL_SECONDS}s"),
            stdin=json.dumps(values),
        )
        self.installed = values

    def uninstall(self) -> None:
        """Uninstall it, whatever needs its gateways, and wait until the operator is gone."""
        self.run(
            *("uninstall", self.name, "--wait", f"--timeout={INSTALL_SECONDS}s"), *("--ignore-not-found", "--no-hooks")
        )
        self.installed = None

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Run helm in the namespace of the release; what it prints."""
        answer = self._helm(arguments, stdin)
        assert answer.returncode == 0, f"helm {' '.join(arguments)}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    def refusal(self, *arguments: str) -> str:
        """What helm says when it does not do as it is told."""
        answer = self._helm(arguments)
        assert answer.returncode != 0, f"helm {' '.join(arguments)}: {answer.stdout}"
        return answer.stdout + answer.stderr

    def _helm(self, arguments: tuple[str, ...], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        where = ["--kubeconfig", str(self.cluster.kubeconfig), "--namespace", self.namespace]
        return subprocess.run([self.helm, *arguments, *where], input=stdin, capture_output=True, text=True, check=False)

    def pods(self) -> list[Document]:
        """The operator's pods that are not about to end."""
        found = self.cluster.api.get(
            f"/api/v1/namespaces/{self.namespace}/pods",
            labelSelector=f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component=operator",
        )
        return [pod for pod in found.document["items"] if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self) -> list[str]:
        """Names of the operator's pods that are ready."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods()
            if any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
        ]

    def leader(self) -> str | None:
        """Name of the operator's pod that decides and writes."""
        leading = [pod for pod in self.ready_pods() if self._number(pod, "tidegate_leader") == 1]
        return leading[0] if leading else None

    def turns(self, pod: str) -> float:
        """How many turns an operator's loop has taken, by its own count."""
        return self._number(pod, "tidegate_tick_duration_seconds_count")

    def _number(self, pod: str, series: str) -> float:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}:8080/proxy/metrics"
        page = self.cluster.api.get(path).message
        return next((float(line.split()[1]) for line in page.splitlines() if line.startswith(f"{series} ")), 0.0)
