"""An operator with a few services, one of them in every state that panels and alerts speak of, on the real clock."""

import time

from cluster_objects import pod
from operator_under_test import OperatorUnderTest

from tidegate.cluster.resources import PODS
from tidegate.controller.records import timestamp

MINIMUM_REPLICAS = 2
WORK = {"prompt_tokens": 800.0, "generated_tokens": 200.0, "requests_finished": 1.0, "requests_ended": 1.0}
"""What a request adds to the counters of its engine."""


class ScrapedOperator(OperatorUnderTest):
    """The operator's loop and its exporter; pods and cluster are made up, time is not."""

    def __init__(self) -> None:
        super().__init__()
        self._requests = 0
        spec = {"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "e:1"}}
        throughput = {"tokenThroughput": {"targetPerReplica": 4000}}
        self.chat = {**spec, "costPerHour": "2.5", "scaling": {"minReplicas": MINIMUM_REPLICAS, **throughput}}
        self.apply(self.chat)
        self.apply(spec, name="lost")
        self.apply({**spec, "scaling": {"minReplicas": 3, "maxReplicas": 2}}, name="broken")
        for number in range(1, MINIMUM_REPLICAS + 1):
            self.cluster.have(PODS, pod("chat", number, creationTimestamp=timestamp(self.now)))
        pending = pod("lost", 9, ready=False)
        nowhere = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes fit"}
        pending["status"]["conditions"].append(nowhere)
        self.cluster.have(PODS, pending)

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    @now.setter
    def now(self, _: float) -> None:
        """Nobody turns this clock."""

    async def work(self) -> None:
        """Let another request come to each pod, and look at everything."""
        self._requests += 1
        busy = {"waiting": 3.0, "running": 8.0, "kv_usage": 0.4, "first_tokens": float(self._requests)}
        counters = {name: each * self._requests for name, each in WORK.items()}
        for number in range(1, MINIMUM_REPLICAS + 1):
            self.pods.says[f"127.0.0.{number}"] = {**busy, **counters}
        await self.turn()
        self.exporter.last_turn.set(self.now)  # As the loop does when it runs by itself.

    def ask_for_more(self) -> None:
        """Raise the least size of the busy service, so that it is changed."""
        more = {**self.chat["scaling"], "minReplicas": MINIMUM_REPLICAS + 1}
        self.apply({**self.chat, "scaling": more}, generation=2)
