"""A service that is run in two ways, behind gateways, in a cluster whose ReplicaSets do as they are told."""

from typing import Any

from cluster_objects import NAMESPACE, pod, version
from gateways_in_memory import WithGateways, sleepy
from recording_cluster import status_of

from tidegate.api.names import ROUTING_LABEL
from tidegate.cluster.resources import DEPLOYMENTS, PODS

CPU = (NAMESPACE, "chat-cpu")
SMALL: dict[str, Any] = {
    "name": "cpu",
    "engine": {"type": "llamaCpp", "image": "l:1"},
    "costPerHour": "0.2",
    "tokenThroughput": {"targetPerReplica": 1000},
}


def with_variants(*variants: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A spec with variants beside one on vLLM that costs five times as much as the small one, and does four times."""
    scaling = {"tokenThroughput": {"targetPerReplica": 4000}, **more.pop("scaling", {})}
    return {**sleepy(scaling=scaling), "costPerHour": "1", "variants": list(variants), **more}


class WithVariants(WithGateways):
    """An operator, gateways, and pods that come as soon as they are ordered."""

    comes_up = True
    """Whether pods get ready."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._number = 0

    def sized(self, deployment: str) -> int:
        """A Deployment's size, as it is written."""
        size: int = self.cluster.found(DEPLOYMENTS, (NAMESPACE, deployment))["spec"]["replicas"]
        return size

    def controllers(self) -> None:
        """Let the controllers of Deployments and ReplicaSets do their work."""
        for _, name in list(self.store.deployments):
            self.control(name)
            while len(self.store.pods_of((NAMESPACE, name))) < self.sized(name):
                self._make_pod(name)
            self._count(name)

    async def run(self, turns: int) -> list[str]:
        """Turn so often, with the controllers; what was written, and on what."""
        written = []
        for _ in range(turns):
            await self.turn()
            written += [f"{write.kind} {write.name}" for write in self.cluster.writes if not write.dry_run]
            self.controllers()
        return written

    def let_pods_start(self) -> None:
        """From now on pods get ready, and those that are there and could not."""
        self.comes_up = True
        for record in [each for each in self.store.pods.values() if not each.ready]:
            document = self.cluster.found(PODS, record.key)
            metadata = {**document["metadata"], "resourceVersion": version()}
            status = {**document["status"], "conditions": [{"type": "Ready", "status": "True"}]}
            self.cluster.have(PODS, {**document, "metadata": metadata, "status": status})
        self.controllers()

    def in_service(self) -> int:
        """How many pods are ready and take requests."""
        return sum(each.ready and not each.marks.drains for each in self.store.pods.values())

    def variant(self, name: str) -> dict[str, Any]:
        """What the status says of one."""
        return next(each for each in status_of(self.cluster)["variants"] if each["name"] == name)

    def _make_pod(self, deployment: str) -> None:
        self._number += 1
        document = pod(deployment, self._number, ready=self.comes_up)
        document["metadata"]["labels"][ROUTING_LABEL] = "serving"
        document["spec"] = {"terminationGracePeriodSeconds": 360}
        self.cluster.have(PODS, document)

    def _count(self, name: str) -> None:
        """Write what a controller writes into a Deployment's status."""
        key = (NAMESPACE, name)
        found, pods = self.cluster.found(DEPLOYMENTS, key), self.store.pods_of(key)
        ready = sum(each.ready for each in pods)
        counts = {"replicas": len(pods), "updatedReplicas": len(pods), "readyReplicas": ready}
        status = {**found["status"], **counts, "availableReplicas": ready}
        if found["status"] != status:
            metadata = {**found["metadata"], "resourceVersion": version()}
            self.cluster.have(DEPLOYMENTS, {**found, "metadata": metadata, "status": status})
