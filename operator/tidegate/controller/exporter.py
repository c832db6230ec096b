"""The operator's own metrics, in Prometheus' words and units.

Gauges of services are read from the loop's state when somebody scrapes, so that a service at rest costs nothing.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tidegate.controller.records import Key
from tidegate.scaling.decision import Decision
from tidegate.scaling.observation import Observation

Row = tuple[Key, Observation, Decision]

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Exporter:
    """All metrics that `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.tick_seconds = Histogram(
            "tidegate_tick_duration_seconds",
            "Time from waking up to having written, for all due services.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.visits = Counter("tidegate_visits", "Services looked at.", registry=registry)
        self.scrapes = Counter(
            "tidegate_scrapes", "Metrics pages asked for, by outcome: Read, or why not.", ["outcome"], registry=registry
        )
        self.writes = Counter(
            "tidegate_api_writes",
            "Writes to the API server, by kind and outcome: Written, Conflict, Refused, Failed.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.faults = Counter(
            "tidegate_faults", "Services that could not be handled, for a fault in the operator.", registry=registry
        )
        self.last_turn = Gauge(
            "tidegate_last_turn_timestamp_seconds", "When the loop last finished a turn.", registry=registry
        )
        self.leader = Gauge(
            "tidegate_leader", "1 while this process decides and writes, 0 while it stands by.", registry=registry
        )
        self.leader.set(1)  # Alone, until an election says otherwise.
        self.objects = Gauge("tidegate_store_objects", "Objects in the store, by kind.", ["kind"], registry=registry)

    def watch_services(self, rows: Callable[[], Iterable[Row]]) -> None:
        """Show the services that `rows` yields at each scrape."""
        self.registry.register(_Services(rows))


class _Services(Collector):
    def __init__(self, rows: Callable[[], Iterable[Row]]) -> None:
        self._rows = rows

    def describe(self) -> Iterator[Metric]:
        """The names alone: registering must not need a service."""
        return iter(self._families().values())

    def collect(self) -> Iterator[Metric]:
        """One series per service and gauge."""
        families = self._families()
        for (namespace, name), observation, decision in self._rows():
            labels = (namespace, name)
            traffic = decision.traffic
            values = {
                "tidegate_replicas": observation.replicas,
                "tidegate_ready_replicas": len(observation.ready_pods),
                "tidegate_desired_replicas": decision.to_replicas,
                "tidegate_arriving_work_per_second": traffic.arriving_per_second,
                "tidegate_served_work_per_second": traffic.served_per_second,
                "tidegate_waiting_requests": traffic.waiting,
                "tidegate_running_requests": traffic.running,
                "tidegate_abandoned_requests_per_second": traffic.abandoned_per_second,
                "tidegate_metrics_available": float(decision.health.complete),
            }
            for metric, value in values.items():
                if value is not None:  # A signal that is missing has no series: it is not zero.
                    families[metric].add_metric(labels, value)
        yield from families.values()

    @staticmethod
    def _families() -> dict[str, GaugeMetricFamily]:
        rows = (
            ("tidegate_replicas", "Size as written on the Deployment."),
            ("tidegate_ready_replicas", "Pods that are ready."),
            ("tidegate_desired_replicas", "Size decided last; in mode Advisory the size it would have."),
            ("tidegate_arriving_work_per_second", "Work units per second of the requests that arrive."),
            ("tidegate_served_work_per_second", "Work units per second that the engines did."),
            ("tidegate_waiting_requests", "Requests accepted by the engines but not started."),
            ("tidegate_running_requests", "Requests being worked on."),
            ("tidegate_abandoned_requests_per_second", "Requests that vanished without finishing."),
            ("tidegate_metrics_available", "1 while every ready pod's metrics are fresh, else 0."),
        )
        return {name: GaugeMetricFamily(name, text, labels=("namespace", "service")) for name, text in rows}
