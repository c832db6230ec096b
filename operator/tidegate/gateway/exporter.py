"""What a gateway says of itself and of each service, in Prometheus' words and units.

The operator reads this page every few seconds from every gateway, and takes what it does not find for unknown, not for
zero: so each service that is known has its counts from the first moment on. The text is written here and not by
prometheus-client, which takes ten times as long for a fleet.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest

from tidegate import __version__
from tidegate.gateway.picker.admin import EnvoyAdminError, EnvoyFigures
from tidegate.gateway.policy.counts import COLD_START_BOUNDS_SECONDS, Report, ServiceCounts
from tidegate.gateway.routed_service import Key

SERVICES_AT_ONCE = 250
"""So many are written before requests have their turn: some milliseconds."""

ENVOY_SECONDS = 0.5
"""How long the page waits for Envoy's part: the operator reads the others in time, or takes nothing for known."""

PREFIX = "tidegate_gateway_"


@dataclass(frozen=True, slots=True)
class Single:
    """A metric of which each service has one series."""

    name: str
    kind: str
    text: str
    value: Callable[[ServiceCounts], float]


@dataclass(frozen=True, slots=True)
class Several:
    """A counter of which a service has a series for each thing that has happened."""

    name: str
    label: str
    text: str
    values: Callable[[ServiceCounts], Mapping[str, int] | Mapping[int, int]]


SINGLE: tuple[Single, ...] = (
    Single(
        "requests_total",
        "counter",
        "Uses that arrived: POSTs at paths where a model works.",
        lambda counts: counts.requests_total,
    ),
    Single("in_flight", "gauge", "Uses that are with a pod.", lambda counts: counts.in_flight),
    Single("held", "gauge", "Requests that wait for a pod.", lambda counts: counts.held),
    Single(
        "oldest_held_seconds",
        "gauge",
        "How long the one that waits longest has waited; 0 where none does.",
        lambda counts: counts.oldest_held_seconds,
    ),
    Single("held_bytes", "gauge", "Bytes of those that wait, headers and bodies.", lambda counts: counts.held_bytes),
    Single(
        "abandoned_total", "counter", "Uses whose client left before the end.", lambda counts: counts.abandoned_total
    ),
    Single(
        "last_use_timestamp_seconds",
        "gauge",
        "When a use last arrived or ended; before the first one, when the picker began.",
        lambda counts: counts.last_use,
    ),
    Single(
        "slots", "gauge", "Requests that its pods would take from this gateway at once.", lambda counts: counts.slots
    ),
    Single(
        "retries_total",
        "counter",
        "Requests that were sent to a second pod, because the first took no connection.",
        lambda counts: counts.retries_total,
    ),
)
SEVERAL: tuple[Several, ...] = (
    Several("rejected_total", "reason", "Requests that the gateway answered itself.", lambda counts: counts.rejected),
    Several("wakes_total", "outcome", "Attempts to raise the service from 0.", lambda counts: counts.wakes),
    Several("responses_total", "code", "Answers by status; 0 where none was begun.", lambda counts: counts.responses),
)
COLD_START = "cold_start_seconds"
COLD_START_TEXT = "From the arrival of a request that found no pod until it was sent to one."
SLICE_SINCE = "slice_since_timestamp_seconds"
SLICE_SINCE_TEXT = "Leader only: since when the service's slice has had every gateway that takes connections."


ENVOY: Mapping[str, tuple[str, Callable[[EnvoyFigures], float]]] = {
    "connections": ("Connections of clients that are open.", lambda figures: figures.connections),
    "requests": ("Requests that Envoy has: held, or with a pod.", lambda figures: figures.requests),
    "heap_bytes": ("Memory of Envoy's heap.", lambda figures: figures.heap_bytes),
    "listeners": ("Ports that Envoy serves.", lambda figures: figures.listeners),
    "refused_listeners": (
        "Ports that Envoy could not serve since it started, for others have them.",
        lambda figures: figures.listener_failures,
    ),
}
"""What is told of Envoy; nothing while it does not answer."""


class Exporter:
    """The page.

    Args:
        report: the policy's counts.
        slice_since: since when each service's slice has been complete; empty on a gateway that does not lead.
        figures: asks Envoy.
        clock: seconds since the epoch: that of `report` and `slice_since`.

    Attributes:
        leader: 1 on the one that writes slices.
        members: How many gateways are alive, this one included.
    """

    def __init__(
        self,
        report: Callable[[], Report],
        slice_since: Callable[[], Mapping[Key, float]],
        figures: Callable[[], Awaitable[EnvoyFigures]],
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._report = report
        self._slice_since = slice_since
        self._figures = figures
        registry = self._registry = CollectorRegistry()
        self.leader = Gauge(
            f"{PREFIX}leader", "1 while this gateway writes the slices, 0 while another one does.", registry=registry
        )
        self.members = Gauge(f"{PREFIX}members", "Gateways that are alive, this one included.", registry=registry)
        self._held = Gauge(f"{PREFIX}held_requests", "Requests that wait, of all services.", registry=registry)
        self._held_bytes = Gauge(f"{PREFIX}all_held_bytes", "Bytes of those, headers and bodies.", registry=registry)
        self._limit = Gauge(f"{PREFIX}held_bytes_limit", "How many of those there may be.", registry=registry)
        self._time = Gauge(
            f"{PREFIX}time_seconds", "What this gateway's clock says, by which its other times are.", registry=registry
        )
        self._leaving = Gauge(f"{PREFIX}leaving", "1 while this gateway ends.", registry=registry)
        build = Gauge(f"{PREFIX}build_info", "1; the label says which version runs.", ["version"], registry=registry)
        build.labels(__version__).set(1)
        ProcessCollector(registry=registry)

    async def page(self) -> bytes:
        """The page, in Prometheus' text format."""
        report = self._report()
        self._held.set(report.held)
        self._held_bytes.set(report.held_bytes)
        self._limit.set(report.held_bytes_limit)
        self._leaving.set(report.leaving)
        self._time.set(self._clock())
        services = await service_series(report.services, self._slice_since())
        return b"".join((generate_latest(self._registry), await self._envoy(), _totals(report), services))

    async def _envoy(self) -> bytes:
        try:
            async with asyncio.timeout(ENVOY_SECONDS):
                figures = await self._figures()
        except (EnvoyAdminError, TimeoutError):
            return b""
        lines = [
            f"{_head(f'envoy_{name}', 'gauge', text)}{PREFIX}envoy_{name} {value(figures)}\n"
            for name, (text, value) in ENVOY.items()
        ]
        return "".join(lines).encode()


async def service_series(services: Mapping[Key, ServiceCounts], slice_since: Mapping[Key, float]) -> bytes:
    """Write what is said of each service, metric by metric."""
    families = [[_head(each.name, each.kind, each.text)] for each in SINGLE]
    families += [[_head(each.name, "counter", each.text)] for each in SEVERAL]
    families += [[_head(COLD_START, "histogram", COLD_START_TEXT)], [_head(SLICE_SINCE, "gauge", SLICE_SINCE_TEXT)]]
    left = iter(services.items())
    while some := tuple(itertools.islice(left, SERVICES_AT_ONCE)):
        for key, counts in some:
            labels = f'namespace="{key[0]}",service="{key[1]}"'
            for parts, lines in zip(families, _lines(labels, counts, slice_since.get(key)), strict=True):
                parts.extend(lines)
        await asyncio.sleep(0)
    return "".join(part for parts in families for part in parts).encode()


def _lines(labels: str, counts: ServiceCounts, slice_since: float | None) -> Iterator[Iterable[str]]:
    """The lines of each metric about one service, in the order of the tables."""
    for single in SINGLE:
        yield (f"{PREFIX}{single.name}{{{labels}}} {single.value(counts)}\n",)
    for several in SEVERAL:
        values = several.values(counts)
        yield [f'{PREFIX}{several.name}{{{labels},{several.label}="{of}"}} {count}\n' for of, count in values.items()]
    yield _cold_start(labels, counts)
    yield () if slice_since is None else (f"{PREFIX}{SLICE_SINCE}{{{labels}}} {slice_since}\n",)


def _cold_start(labels: str, counts: ServiceCounts) -> Iterator[str]:
    durations = counts.cold_start
    if durations is None:
        return
    name = f"{PREFIX}{COLD_START}"
    sums = itertools.accumulate(durations.buckets)
    for bound, below in zip((*COLD_START_BOUNDS_SECONDS, "+Inf"), sums, strict=True):
        yield f'{name}_bucket{{{labels},le="{bound}"}} {below}\n'
    yield f"{name}_count{{{labels}}} {durations.count}\n"
    yield f"{name}_sum{{{labels}}} {durations.total_seconds}\n"


def _totals(report: Report) -> bytes:
    """Counters of the gateway as a whole."""
    unrouted = "Requests that belong to no service: unknown models, bodies without one, services that are gone."
    mended = "Requests whose end nobody was told of, and that came out when Envoy was asked what runs."
    reasons = sorted(report.unrouted.items())
    lines = [f'{PREFIX}unrouted_total{{reason="{reason}"}} {count}\n' for reason, count in reasons]
    parts = (
        _head("unrouted_total", "counter", unrouted),
        *lines,
        _head("mended_total", "counter", mended),
        f"{PREFIX}mended_total {report.mended}\n",
    )
    return "".join(parts).encode()


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP {PREFIX}{name} {text}\n# TYPE {PREFIX}{name} {kind}\n"
