"""The gateways' pods, and what can be done to them."""

import subprocess
from dataclasses import dataclass

from custom_resources import Document

from helm_release import Release
from live_cluster import LiveCluster
from sizes_over_time import is_ready

PICKER, ENVOY = "gateway", "envoy"
"""Names of the two containers."""


@dataclass(frozen=True, slots=True)
class Gateways:
    """Those of a release.

    Attributes:
        release: As Helm installed it.
    """

    release: Release

    @property
    def cluster(self) -> LiveCluster:
        """Where they run."""
        return self.release.cluster

    @property
    def shared_url(self) -> str:
        """The shared address."""
        return f"http://{self.release.name}-gateway.{self.release.namespace}.svc"

    def all_pods(self) -> list[Document]:
        """Their pods, those that end included."""
        found = self.cluster.api.get(
            f"/api/v1/namespaces/{self.release.namespace}/pods",
            labelSelector=f"app.kubernetes.io/instance={self.release.name},app.kubernetes.io/component=gateway",
        )
        items: list[Document] = found.document["items"]
        return items

    def pods(self) -> list[Document]:
        """Their pods that are not about to end."""
        return [pod for pod in self.all_pods() if "deletionTimestamp" not in pod["metadata"]]

    def are_settled(self) -> bool:
        """Whether there are two of them, both ready, and none that ends."""
        return len(self.all_pods()) == 2 == len(self.ready_addresses())

    def names(self) -> set[str]:
        """Of those pods."""
        return {pod["metadata"]["name"] for pod in self.pods()}

    def ready_addresses(self) -> frozenset[str]:
        """Of those that are ready."""
        return frozenset(pod["status"]["podIP"] for pod in self.pods() if is_ready(pod))

    def restarts(self, container: str = PICKER) -> list[int]:
        """How often a container of each was started again."""
        return [
            status["restartCount"]
            for pod in self.pods()
            for status in (*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"])
            if status["name"] == container
        ]

    def delete(self, *names: str) -> None:
        """Delete pods, and wait for nothing."""
        self.cluster.kubectl("delete", "pod", *names, f"--namespace={self.release.namespace}", "--wait=false")

    def kill_pickers(self) -> None:
        """Kill the picker of each without a warning; from its node, for from inside a pod's first process is immune."""
        for pod in self.pods():
            (container,) = (each for each in pod["status"]["containerStatuses"] if each["name"] == PICKER)
            number = container["containerID"].rpartition("/")[2]
            kill = ("ctr", "--namespace=k8s.io", "tasks", "kill", "--signal=SIGKILL", number)
            _on_node(pod["spec"]["nodeName"], *kill)

    def total(self, series: str, **labels: str) -> float:
        """The sum of a metric over all gateways, and over all series with some labels."""
        return sum(self._of(pod["metadata"]["name"], series, labels) for pod in self.pods())

    def _of(self, pod: str, series: str, labels: dict[str, str]) -> float:
        path = f"/api/v1/namespaces/{self.release.namespace}/pods/{pod}:8080/proxy/metrics"
        lines = self.cluster.api.get(path).message.splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith(f"{series}{{") and all(label in line for label in wanted)
        )


def _on_node(node: str, *command: str) -> None:
    """Run a command on a node, which kind makes of a container."""
    answer = subprocess.run(["docker", "exec", node, *command], capture_output=True, text=True, check=False)  # noqa: S607 - as kind finds it
    assert answer.returncode == 0, answer.stderr
