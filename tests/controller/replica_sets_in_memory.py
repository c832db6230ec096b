"""A cluster whose ReplicaSets take the pods that Kubernetes' would, and a service in it that shrinks."""

from typing import Any

from cluster_objects import LEAST, NAMESPACE, pod
from operator_under_test import OperatorUnderTest

from tidegate.api.names import DELETION_COST_ANNOTATION, DRAINING_SINCE_ANNOTATION, ROUTING_LABEL
from tidegate.cluster.resources import DEPLOYMENTS, PODS

CHAT = (NAMESPACE, "chat")
AT_ONCE = {"scaling": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}}
GRACE_SECONDS = 360


class WithReplicaSets(OperatorUnderTest):
    """An operator in whose cluster pods come and go as the sizes have it."""

    def ordinary_pod(self, deployment: str, number: int, *, ours: bool) -> None:
        """Let a pod be there."""
        document = pod(deployment, number, creationTimestamp=f"2026-01-01T00:00:{number:02d}Z")
        if ours:
            document["metadata"]["labels"][ROUTING_LABEL] = "serving"
        document["spec"] = {"terminationGracePeriodSeconds": GRACE_SECONDS}
        self.cluster.have(PODS, document)

    def control(self, deployment: str = "chat") -> list[str]:
        """Take away pods as a ReplicaSet's controller does; those that went."""
        size = self.cluster.found(DEPLOYMENTS, (NAMESPACE, deployment))["spec"]["replicas"]
        pods = [self.cluster.found(PODS, record.key) for record in self.store.pods_of((NAMESPACE, deployment))]
        pods.sort(key=_as_kubernetes)
        gone = [str(each["metadata"]["name"]) for each in pods[: max(0, len(pods) - size)]]
        for name in gone:
            self.cluster.lose(PODS, (NAMESPACE, name))
        return gone

    def on(self, number: int, deployment: str = "chat") -> tuple[str | None, bool, str | None]:
        """What is on a pod: routing label, whether it drains, deletion cost."""
        metadata = self.cluster.found(PODS, (NAMESPACE, f"{deployment}-abc-{number}"))["metadata"]
        annotations = metadata.get("annotations", {})
        label = metadata["labels"].get(ROUTING_LABEL)
        return label, DRAINING_SINCE_ANNOTATION in annotations, annotations.get(DELETION_COST_ANNOTATION)

    def draining(self) -> set[int]:
        """The numbers of the pods that drain."""
        return {int(key[1][-1]) for key in self.store.pods if self.on(int(key[1][-1]))[1]}

    def runs(self, number: int, requests: float) -> None:
        """Let a pod be busy."""
        self.pods.says[f"127.0.0.{number}"] = {"running": requests}

    async def turns(self, count: int) -> list[str]:
        """Turn so often, with the controllers; what was written."""
        written = []
        for _ in range(count):
            written += await self.turn()
            self.control()
        return written


SERVES = ("serving", False, None)
DRAINS = ("draining", True, None)
MARKED = ("draining", True, "-1")


async def four(**loads: float) -> WithReplicaSets:
    """A service pinned at four pods, of which number 3 is the emptiest."""
    operator = WithReplicaSets()
    operator.apply({**LEAST, **AT_ONCE, "replicas": 4})
    await operator.turn()
    for number in range(1, 5):
        operator.ordinary_pod("chat", number, ours=True)
        operator.runs(number, loads.get(f"p{number}", {1: 5.0, 2: 4.0, 3: 1.0, 4: 3.0}[number]))
    await operator.settle()
    return operator


def pin(operator: OperatorUnderTest, replicas: int, spec: dict[str, Any] = LEAST) -> None:
    """A person sets the size."""
    held = operator.store.inference_services[CHAT]
    operator.apply({**spec, **AT_ONCE, "replicas": replicas}, generation=held.generation + 1)


def _as_kubernetes(document: dict[str, Any]) -> tuple[bool, int, str]:
    ready = document["status"]["conditions"][0]["status"] == "True"
    cost = int(document["metadata"].get("annotations", {}).get(DELETION_COST_ANNOTATION, 0))
    return ready, cost, document["metadata"]["name"]
