"""The loop with everything around it faked but time itself: the clock is a number that tests turn."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from cluster_objects import NAMESPACE, inference_service, pod
from prometheus_client.parser import text_string_to_metric_families
from recording_cluster import RecordingCluster, condition, status_of

from tidegate.api.inference_service import MetricsSource
from tidegate.cluster.resources import INFERENCE_SERVICES, PODS
from tidegate.controller.exporter import Exporter
from tidegate.controller.loop import Loop
from tidegate.controller.pod_reader import PodReader
from tidegate.controller.routing_views import RoutingViews
from tidegate.controller.store import Store
from tidegate.metrics.pod_scrape import ScrapeTarget
from tidegate.metrics.prometheus import StoredReadings, StoredTarget
from tidegate.scaling.recording import Look
from tidegate.scaling.sample import Sample, ScrapeFailure

IDLE: dict[str, float] = {
    "waiting": 0.0,
    "running": 0.0,
    "kv_usage": 0.0,
    "requests_finished": 0.0,
    "first_tokens": 0.0,
    "prompt_tokens": 0.0,
    "generated_tokens": 0.0,
}


class PodsThatAnswer:
    """A scraper whose pods say what a test has put down for their address; the others are idle."""

    def __init__(self, operator: "OperatorUnderTest") -> None:
        self._operator = operator
        self.says: dict[str, dict[str, float] | str] = {}
        """By address: signals that differ from idle, or the reason of a failure."""

        self.asked: list[str] = []

    async def scrape(self, targets: Iterable[ScrapeTarget[Any]]) -> dict[Hashable, Sample | ScrapeFailure]:
        """Read all of them."""
        readings: dict[Hashable, Sample | ScrapeFailure] = {}
        for target in targets:
            self.asked.append(target.address)
            said, now = self.says.get(target.address, {}), self._operator.now
            if isinstance(said, str):
                readings[target.key] = ScrapeFailure(time=now, reason=said, message=f"{target.url}: broken")
            else:
                readings[target.key] = Sample(time=now, **{**IDLE, **said})
        return readings


class ScrapedEveryHalfMinute:
    """A Prometheus that scrapes every half minute, and knows of each pod what a test has put down for its name."""

    def __init__(self, operator: "OperatorUnderTest") -> None:
        self._operator = operator
        self.says: dict[str, dict[str, float] | str] = {}
        """By name of the pod: signals that differ from idle, or the reason of a failure."""

        self.asked: list[StoredTarget[Any]] = []

    async def read(self, targets: Iterable[StoredTarget[Any]]) -> StoredReadings[Any]:
        """Read all of them, as at their last scrape."""
        readings: dict[Any, Sample | ScrapeFailure] = {}
        now, targets = self._operator.now, list(targets)
        self.asked += targets
        for target in targets:
            said = self.says.get(target.pod[1], {})
            if isinstance(said, str):
                readings[target.key] = ScrapeFailure(time=now, reason=said, message="Prometheus p:9090: broken")
            else:
                readings[target.key] = Sample(time=now - now % 30, **{**IDLE, **said})
        return StoredReadings(readings, {target.key: 30.0 for target in targets})


class OperatorUnderTest:
    """An operator, its cluster and its pods."""

    record: Callable[[Look], None] | None = None
    """Takes each look, if anybody records."""

    def __init__(
        self,
        tick_seconds: float = 5.0,
        *,
        has_prometheus: bool = False,
        metrics_source: MetricsSource = MetricsSource.POD_SCRAPE,
    ) -> None:
        self.prometheus = ScrapedEveryHalfMinute(self) if has_prometheus else None
        self.metrics_source = metrics_source
        self.now = 1_000_000.0
        self.tick_seconds = tick_seconds
        self.store = Store()
        self.cluster = RecordingCluster(self.store)
        self.pods = PodsThatAnswer(self)
        self.exporter = Exporter()
        self.loop = self._loop()

    def restart(self) -> None:
        """A new process: it knows what is in the store, and nothing else."""
        self.exporter = Exporter()
        self.loop = self._loop()

    async def turn(self, after: float | None = None) -> list[str]:
        """Let time pass (a tick, unless told) and the loop turn once; what it wrote."""
        self.now += self.tick_seconds if after is None else after
        self.cluster.forget_writes()
        await self.loop.turn()
        return self.cluster.kinds()

    async def settle(self) -> None:
        """Turn until nothing is written any more."""
        for _ in range(10):
            if not await self.turn(after=11.0):
                return
        raise AssertionError(f"it goes on writing: {self.cluster.writes}")

    def apply(self, spec: dict[str, Any], name: str = "chat", generation: int = 1, **metadata: Any) -> None:
        """A user applies an InferenceService."""
        held = self.store.inference_services.get((NAMESPACE, name))
        status = held.status if held else None
        document = inference_service(spec, name=name, generation=generation, status=status, **metadata)
        self.cluster.have(INFERENCE_SERVICES, document)

    def start_pods(self, count: int, deployment: str = "chat", *, ready: bool = True) -> None:
        """Let the pods of a Deployment be there."""
        for number in range(1, count + 1):
            self.cluster.have(PODS, pod(deployment, number, ready=ready))

    def condition(self, kind: str, name: str = "chat") -> tuple[str, str, str]:
        """Status, reason and message of a condition."""
        return condition(status_of(self.cluster, name), kind)

    async def series(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series of a metric, as Prometheus reads the page."""
        families = text_string_to_metric_families((await self.exporter.page()).decode())
        return [
            (sample.labels, sample.value) for family in families for sample in family.samples if sample.name == name
        ]

    def sizes(self) -> list[int]:
        """The sizes written since the last turn began."""
        return [write.body["replicas"] for write in self.cluster.writes if write.kind == "Scale"]

    def told(self) -> list[str]:
        """The reasons of the Events since the last turn began."""
        return [write.name for write in self.cluster.writes if write.kind == "Event"]

    def routing(self) -> RoutingViews | None:
        """What it knows of gateways: nothing, unless a test has some."""
        return None

    def _loop(self) -> Loop:
        return Loop(
            store=self.store,
            cluster=self.cluster,
            reader=PodReader(self.pods, self.prometheus, clock=lambda: self.now),  # type: ignore[arg-type]
            exporter=self.exporter,
            clock=lambda: self.now,
            tick_seconds=self.tick_seconds,
            metrics_source=self.metrics_source,
            routing=self.routing(),
            record=self.record,
        )
