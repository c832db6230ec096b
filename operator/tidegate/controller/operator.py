"""The operator's process: kopf's watches, the loop and the HTTP endpoints, side by side until SIGTERM."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import kopf
import structlog

from tidegate.cluster.client import ClusterClient
from tidegate.cluster.connection import kopf_connection, load_configuration
from tidegate.controller.endpoints import Endpoints
from tidegate.controller.exporter import Exporter
from tidegate.controller.feed import SWEEP_SECONDS, feeding_registry, quiet_settings, sweep, wait_until_synced
from tidegate.controller.loop import Loop
from tidegate.controller.store import Store
from tidegate.metrics.pod_scrape import PodScraper

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the operator runs."""

    kubeconfig: str | None = None
    namespaces: tuple[str, ...] = ()
    """Namespaces to look after; empty for all."""

    tick_seconds: float = 5.0
    host: str = "0.0.0.0"  # noqa: S104 - kubelet and Prometheus come from outside the pod
    port: int = 8080


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        NoClusterError: if no cluster is configured.
        ClusterError: if the API server refuses to list what must be watched (missing rights, missing CRDs).
        OSError: if the port is taken.
    """
    stop, watching = asyncio.Event(), asyncio.Event()
    _stop_on_signals(stop)
    configuration = await load_configuration(options.kubeconfig)
    cluster, store, exporter = ClusterClient(configuration), Store(), Exporter()
    synced = asyncio.Event()
    clock = steady_clock()
    async with PodScraper(clock=clock) as scraper, contextlib.aclosing(cluster):
        loop = Loop(
            store=store,
            cluster=cluster,
            scraper=scraper,
            exporter=exporter,
            clock=clock,
            tick_seconds=options.tick_seconds,
        )
        endpoints = Endpoints(
            exporter=exporter, is_alive=loop.is_alive, is_ready=synced.is_set, host=options.host, port=options.port
        )
        await endpoints.start()
        log.info("serving /metrics, /healthz and /readyz", host=options.host, port=endpoints.port)
        work = asyncio.create_task(_work(loop, store, cluster, options.namespaces, synced), name="loop")
        watch = asyncio.create_task(
            kopf.operator(
                registry=feeding_registry(store, lambda: _login(options.kubeconfig)),
                settings=quiet_settings(),
                standalone=True,
                clusterwide=not options.namespaces,
                namespaces=options.namespaces,
                ready_flag=watching,
            ),
            name="watch",
        )
        stopping = asyncio.create_task(_stopped(stop, watching), name="stop")
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


def steady_clock() -> Callable[[], float]:
    """Seconds since the epoch that never go back: when somebody sets the clock, no tick waits and no sample ages."""
    epoch = time.time() - time.monotonic()
    return lambda: epoch + time.monotonic()


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _stopped(stop: asyncio.Event, watching: asyncio.Event) -> None:
    """Wait for a signal. kopf takes the signals when it starts, and then takes 5 s to end: take them back."""
    await watching.wait()
    _stop_on_signals(stop)
    await stop.wait()


async def _login(kubeconfig: str | None) -> kopf.ConnectionInfo:
    return await kopf_connection(await load_configuration(kubeconfig))


async def _work(
    loop: Loop, store: Store, cluster: ClusterClient, namespaces: tuple[str, ...], synced: asyncio.Event
) -> None:
    await wait_until_synced(store, cluster, namespaces)
    synced.set()
    log.info("store is filled", services=len(store.inference_services), pods=len(store.pods))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_sweep_now_and_then(store, cluster, namespaces))
        tasks.create_task(loop.run())


async def _sweep_now_and_then(store: Store, cluster: ClusterClient, namespaces: tuple[str, ...]) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await sweep(store, cluster, namespaces)
        except Exception:
            log.exception("sweep failed; the next one is in 5 minutes")
