"""The operator's process: kopf's watches, the loop and the HTTP endpoints, side by side until SIGTERM."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import structlog
from kubernetes.aio.client import Configuration

from tidegate.api.inference_service import MetricsSource
from tidegate.api.routing import RoutingMode
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.clocks import boot_clock, steady_clock
from tidegate.cluster.connection import load_configuration
from tidegate.cluster.elector import Elector, identity
from tidegate.cluster.error import ClusterError
from tidegate.cluster.feed import SWEEP_SECONDS, catch_up, look, sweep, wait_until_synced, watch
from tidegate.cluster.lease import Candidate, LeaseTimes
from tidegate.cluster.lease_client import LeaseClient
from tidegate.cluster.readiness import Readiness, wait_until_filled, watch_rights
from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES, watched_in
from tidegate.cluster.rights import OPERATOR, needed
from tidegate.cluster.stopping import stop_on_signals, stopped
from tidegate.controller.exporter import Exporter
from tidegate.controller.gateway_ports import GatewayPorts, PortRange
from tidegate.controller.gateways import GatewayInstall, Gateways
from tidegate.controller.loop import Loop
from tidegate.controller.pod_reader import PodReader
from tidegate.controller.recorder import RecordingOptions, recording
from tidegate.controller.routing_views import RoutingViews
from tidegate.controller.state import STALE_AFTER_INTERVALS
from tidegate.controller.store import Store
from tidegate.metrics.endpoints import Endpoints
from tidegate.metrics.gateway_scrape import GatewayScraper
from tidegate.metrics.pod_scrape import PodScraper
from tidegate.metrics.prometheus import PrometheusSource
from tidegate.metrics.prometheus_options import PrometheusOptions

LED_BY = (INFERENCE_SERVICES, DEPLOYMENTS)
"""Kinds that say what the leader before has written: the last size, and when. With an older one it would hold the wrong
size for its first window."""

CATCH_UP_ATTEMPTS = 5
CATCH_UP_AGAIN_SECONDS = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderElection:
    """Which Lease to hold, and how."""

    lease_name: str = "tidegate-operator"
    lease_namespace: str = "default"
    times: LeaseTimes = field(default_factory=LeaseTimes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the operator runs."""

    kubeconfig: str | None = None
    namespaces: tuple[str, ...] = ()
    """Namespaces to look after; empty for all."""

    tick_seconds: float = 5.0
    host: str = "0.0.0.0"  # noqa: S104 - kubelet and Prometheus come from outside the pod
    port: int = 8080
    leader_election: LeaderElection | None = None
    """None: this operator is alone, and need not ask."""

    metrics_source: MetricsSource = MetricsSource.POD_SCRAPE
    """Where metrics come from, for services that do not say."""

    prometheus: PrometheusOptions | None = None
    gateway: GatewayInstall | None = None
    """Which gateways are ours; None: there are none, so that all services have routing mode None."""

    routing_mode: RoutingMode = RoutingMode.NONE
    """Of services that do not say."""

    gateway_ports: PortRange = field(default_factory=PortRange)
    max_cost_per_hour_per_namespace: float | None = None
    """What the services of each namespace may cost together, where it has no annotation of its own; None: anything."""

    recording: RecordingOptions | None = None
    """Where to keep what was seen and decided; None: nowhere."""


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        NoClusterError: if no cluster is configured.
        ClusterError: if a new leader cannot learn what the one before has written.
        OSError: if the port is taken.
    """
    stop, watching = asyncio.Event(), asyncio.Event()
    stop_on_signals(stop)
    configuration = await load_configuration(options.kubeconfig)
    clock = steady_clock()
    store, exporter = Store(watched_in(options.namespaces), clock), Exporter()
    readiness, possible = Readiness(), asyncio.Event()
    async with (
        recording(options.recording, lambda outcome: exporter.recorded.labels(outcome).inc()) as record,
        _electing(options.leader_election, configuration, exporter) as elector,
        PodScraper(clock=clock) as scraper,
        _asking(options.prometheus, clock) as prometheus,
        contextlib.aclosing(ClusterClient(configuration, fence=elector.may_write if elector else None)) as cluster,
        contextlib.aclosing(ClusterClient(configuration)) as asked,
        _reading_gateways(options, asked, clock) as gateways,
    ):
        loop = Loop(
            store=store,
            cluster=cluster,
            reader=PodReader(scraper, prometheus, clock=clock),
            exporter=exporter,
            clock=clock,
            tick_seconds=options.tick_seconds,
            metrics_source=options.metrics_source,
            routing=RoutingViews(store, gateways, GatewayPorts(options.gateway_ports), options.routing_mode),
            record=record,
            max_cost_per_hour=options.max_cost_per_hour_per_namespace,
        )
        endpoints = Endpoints(
            page=exporter.page,
            is_alive=lambda: not readiness.is_filled or _is_alive(loop, elector),
            problem=lambda: _problem(readiness, elector),
            host=options.host,
            port=options.port,
        )
        try:
            await endpoints.start()
        except OSError as error:
            reason = error.strerror or error
            raise OSError(f"cannot listen on --host {options.host} --port {options.port}: {reason}") from error
        log.info("serving /metrics, /healthz and /readyz", host=options.host, port=endpoints.port)
        work = asyncio.create_task(
            _work(loop, elector, store, cluster, asked, options.namespaces, readiness, possible), name="work"
        )
        watch = asyncio.create_task(_watch(options, store, possible, watching), name="watch")
        stopping = asyncio.create_task(stopped(stop, watching), name="stop")
        try:
            done, _ = await asyncio.wait({work, watch, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # A task that ended by itself has failed: its error ends the process.
        finally:
            log.info("stopping")
            for task in (work, stopping, watch):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
            await endpoints.stop()


@contextlib.asynccontextmanager
async def _reading_gateways(
    options: Options, asked: ClusterClient, clock: Callable[[], float]
) -> AsyncIterator[Gateways | None]:
    """Hold ready what reads the gateways, if the operator was told of any."""
    if options.gateway is None:
        yield None
        return
    async with GatewayScraper(clock=clock) as scraper:
        log.info(
            "services may be routed by gateways", namespace=options.gateway.namespace, install=options.gateway.name
        )
        stale_seconds = STALE_AFTER_INTERVALS * options.tick_seconds
        yield Gateways(options.gateway, asked, scraper, clock=clock, stale_seconds=stale_seconds)


@contextlib.asynccontextmanager
async def _asking(
    options: PrometheusOptions | None, clock: Callable[[], float]
) -> AsyncIterator[PrometheusSource | None]:
    """Hold a Prometheus ready to be asked, if the operator was told of one."""
    if options is None:
        yield None
        return
    with contextlib.closing(PrometheusSource(options, clock=clock)) as source:
        log.info("services may take their metrics from a Prometheus", host=options.host)
        yield source


async def _watch(options: Options, store: Store, possible: asyncio.Event, watching: asyncio.Event) -> None:
    """Feed the store, once that is possible: of a kind that is not there when kopf starts it never hears.

    Raises:
        ClusterError: if the API server refuses to go on with a watch.
    """
    await possible.wait()
    await watch(store, options.kubeconfig, options.namespaces, watching)


@contextlib.asynccontextmanager
async def _electing(
    wanted: LeaderElection | None, configuration: Configuration, exporter: Exporter
) -> AsyncIterator[Elector | None]:
    if wanted is None:
        yield None
        return
    # Connections of its own: a renewal must not wait behind other requests.
    client = ClusterClient(configuration, timeout_seconds=wanted.times.request_timeout_seconds)
    async with contextlib.aclosing(client):
        yield Elector(
            LeaseClient(client, wanted.lease_namespace, wanted.lease_name),
            Candidate(identity=identity(), times=wanted.times),
            notify=exporter.leader.set,
            clock=boot_clock,
        )


def _is_alive(loop: Loop, elector: Elector | None) -> bool:
    """Whether what this process has to do gets done; a follower has to look at the Lease."""
    if elector is None:
        return loop.is_alive()
    return elector.is_alive() and (loop.is_alive() or not loop.runs)


def _problem(readiness: Readiness, elector: Elector | None) -> str:
    """All that is in the way of the work; empty where nothing is."""
    return "; ".join(filter(None, (readiness.problem(), elector.problem if elector else "")))


async def _work(
    loop: Loop,
    elector: Elector | None,
    store: Store,
    cluster: ClusterClient,
    asked: ClusterClient,
    namespaces: tuple[str, ...],
    readiness: Readiness,
    possible: asyncio.Event,
) -> None:
    """Begin as soon as that is possible. `asked` has no fence: a follower says as well what it lacks."""
    rights = tuple(needed(OPERATOR, namespaces))

    async def fill() -> None:
        possible.set()
        await wait_until_synced(store, cluster, namespaces)

    await wait_until_filled(readiness, asked, lambda: look(store, cluster, namespaces), fill, rights)
    log.info("store is filled", services=len(store.inference_services), pods=len(store.pods))
    sweeping = asyncio.create_task(_sweep_now_and_then(elector, store, cluster, namespaces), name="sweep")
    asking = asyncio.create_task(watch_rights(readiness, asked, rights), name="rights")
    try:
        if elector is None:
            await loop.run()
        else:
            await elector.run(lambda: _serve_term(loop, store, cluster, namespaces))
    finally:
        sweeping.cancel()
        asking.cancel()


async def _serve_term(loop: Loop, store: Store, cluster: ClusterClient, namespaces: tuple[str, ...]) -> None:
    """Lead: learn what the leader before has written last, and go on from there.

    Raises:
        ClusterError: if that cannot be learned, although the Lease can be renewed: another one may do better.
    """
    for attempt in range(CATCH_UP_ATTEMPTS):
        try:
            await catch_up(store, cluster, namespaces, LED_BY)
            break
        except ClusterError as error:
            log.warning("cannot see yet what the leader before has written", error=str(error))
            if attempt == CATCH_UP_ATTEMPTS - 1:
                raise
            await asyncio.sleep(CATCH_UP_AGAIN_SECONDS)
    await loop.run()


async def _sweep_now_and_then(
    elector: Elector | None, store: Store, cluster: ClusterClient, namespaces: tuple[str, ...]
) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await sweep(store, cluster, namespaces)
        except Exception:
            log.exception("sweep failed; the next one is in 5 minutes")
        if elector is not None and not elector.works:
            store.take_dirty()  # Nobody else takes it from a follower, and the names of what is gone would pile up.
