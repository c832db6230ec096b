"""The operator's own metrics, in Prometheus' words and units.

What is said of services is read from the loop's state when somebody scrapes, so that a service at rest costs nothing,
and one that is gone is gone from the page.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from tidegate import __version__
from tidegate.api.routing import ColdStart
from tidegate.controller.service_series import Row, service_series

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_COLD_START_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800)
_PHASES = ("scheduled", "pulled", "loaded", "total")


class Exporter:
    """All metrics that `/metrics` shows.

    Attributes:
        registry: what is said of the process.
    """

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
            "Writes to the API server, by kind and outcome: Written, Rehearsed (a dry run), Conflict, Refused, Failed.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._cold_start_seconds = Histogram(
            "tidegate_cold_start_seconds",
            "How long pods took until they were ready, by phase: scheduled, pulled, loaded; and total.",
            ["phase"],
            buckets=_COLD_START_SECONDS,
            registry=registry,
        )
        for phase in _PHASES:
            self._cold_start_seconds.labels(phase)
        self.faults = Counter(
            "tidegate_faults", "Services that could not be handled, for a fault in the operator.", registry=registry
        )
        self.recorded = Counter(
            "tidegate_recorded_decisions",
            "Decisions for the recording, by outcome: Recorded, QueueFull, Failed. None without a recording.",
            ["outcome"],
            registry=registry,
        )
        self.last_turn = Gauge(
            "tidegate_last_turn_timestamp_seconds",
            "When the loop last finished a turn; before the first one, when the process began.",
            registry=registry,
        )
        self.last_turn.set_to_current_time()
        self.leader = Gauge(
            "tidegate_leader", "1 while this process decides and writes, 0 while it stands by.", registry=registry
        )
        self.leader.set(1)  # Alone, until an election says otherwise.
        self.objects = Gauge("tidegate_store_objects", "Objects in the store, by kind.", ["kind"], registry=registry)
        build = Gauge("tidegate_build_info", "1; the label says which version runs.", ["version"], registry=registry)
        build.labels(__version__).set(1)
        ProcessCollector(registry=registry)  # CPU time, memory, open files; nothing where there is no /proc.
        self._rows: Callable[[], Iterable[Row]] = tuple

    def saw_cold_start(self, start: ColdStart) -> None:
        """Count a pod that has got ready; a phase that is not known is left out."""
        spent = (start.scheduled_seconds, start.pulled_seconds, start.loaded_seconds, start.total_seconds)
        for phase, seconds in zip(_PHASES, spent, strict=True):
            if seconds is not None:
                self._cold_start_seconds.labels(phase).observe(seconds)

    def watch_services(self, rows: Callable[[], Iterable[Row]]) -> None:
        """Show the services that `rows` yields at each scrape."""
        self._rows = rows

    async def page(self) -> bytes:
        """The page, in Prometheus' text format.

        Only a leader speaks of services: two that said different things of one would be added up.
        """
        services = await service_series(self._rows() if self._leads() else ())
        return generate_latest(self.registry) + services

    def _leads(self) -> bool:
        return any(sample.value for metric in self.leader.collect() for sample in metric.samples)
