"""A gateway's process: Envoy's picker, and what keeps it in the picture of the cluster and in the way of requests."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog
from kubernetes.aio.client import Configuration

from tidegate.cluster.client import ClusterClient
from tidegate.cluster.clocks import boot_clock, steady_clock
from tidegate.cluster.connection import load_configuration
from tidegate.cluster.elector import Elector
from tidegate.cluster.error import ClusterError
from tidegate.cluster.feed import SWEEP_SECONDS, look, sweep, wait_until_synced
from tidegate.cluster.lease import Candidate
from tidegate.cluster.lease_client import LeaseClient
from tidegate.cluster.readiness import Readiness, wait_until_filled, watch_rights
from tidegate.cluster.resources import Key
from tidegate.cluster.rights import GATEWAY, GATEWAY_LEASES, needed
from tidegate.cluster.stopping import stop_on_signals
from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.listener_file import ListenerFile
from tidegate.gateway.exporter import Exporter
from tidegate.gateway.feeding import feed
from tidegate.gateway.leaving import leave
from tidegate.gateway.leaving_steps import leaving_steps
from tidegate.gateway.listener_keeper import ListenerKeeper
from tidegate.gateway.members import Members, MemberState
from tidegate.gateway.membership import Membership
from tidegate.gateway.options import Options
from tidegate.gateway.peers import Peers, held_route
from tidegate.gateway.picker.admin import EnvoyAdmin, EnvoyAdminError
from tidegate.gateway.picker.server import Picker
from tidegate.gateway.policy.router import Router
from tidegate.gateway.probe import Prober
from tidegate.gateway.slice_keeper import SliceKeeper
from tidegate.gateway.store import Store
from tidegate.gateway.waker import Waker
from tidegate.metrics.endpoints import Endpoints

RESYNC_SECONDS = 10.0
"""Between two looks at what Envoy has with each pod."""

AGAIN_SECONDS = 5.0
NOT_SERVING = "Envoy is not answered yet"
LEAVING = "this gateway is leaving"

log = structlog.get_logger(__name__)


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT, and leave then.

    Raises:
        NoClusterError: if no cluster is configured.
        OSError: if a port is taken, or the directory cannot be written.
    """
    stop = asyncio.Event()
    stop_on_signals(stop)
    configuration = await load_configuration(options.kubeconfig)
    async with (
        contextlib.aclosing(ClusterClient(configuration)) as cluster,
        _electing(configuration, options) as elector,
        contextlib.aclosing(ClusterClient(configuration, fence=elector.may_write)) as writing,
        EnvoyAdmin(Directory(options.directory)) as admin,
    ):
        gateway = Gateway(options, cluster, writing, elector, admin)
        async with gateway.peers:
            await gateway.serve(stop)


@contextlib.asynccontextmanager
async def _electing(configuration: Configuration, options: Options) -> AsyncIterator[Elector]:
    # Connections of its own: a renewal must not wait behind other requests.
    client = ClusterClient(configuration, timeout_seconds=options.times.request_timeout_seconds)
    async with contextlib.aclosing(client):
        yield Elector(
            LeaseClient(client, options.namespace, options.leader_lease),
            Candidate(identity=f"{options.own.name}_{secrets.token_hex(4)}", times=options.times),
            notify=lambda _: None,
            clock=boot_clock,
        )


class Gateway:
    """All parts of one gateway, put together.

    Attributes:
        peers: The other gateways; to be entered before it serves.

    Args:
        options: how it runs.
        cluster: for Leases, wakes and questions: their connections are used every few seconds, so that a wake finds
            one open.
        writing: for slices; fenced by the leader's Lease.
        elector: stands for leader.
        admin: of the Envoy beside it.
    """

    def __init__(
        self, options: Options, cluster: ClusterClient, writing: ClusterClient, elector: Elector, admin: EnvoyAdmin
    ) -> None:
        self._options = options
        self._cluster = cluster
        self._elector = elector
        self._admin = admin
        self._clock = steady_clock()
        self._readiness = Readiness("the gateway")
        self._serves = False
        self._leaves = False
        directory = Directory(options.directory)
        self._members = Members(options.own.name, clock=boot_clock, changed=self._members_changed)
        self.peers = Peers(lambda: (each for each in self._members.live() if each.name != options.own.name))
        self._router = Router(
            clock=self._clock,
            wake=Waker(cluster, self._held, self.peers.held).wake,
            new_id=lambda: secrets.token_hex(8),
            held_bytes_limit=options.maximum_held_bytes,
        )
        self._store = Store(self._router, changed=self._service_changed, clock=self._clock)
        self._membership = Membership(
            cluster,
            namespace=options.namespace,
            install=options.install,
            own=options.own,
            members=self._members,
        )
        self._slices = SliceKeeper(
            writing,
            store=self._store,
            members=self._members,
            is_urgent=self._router.holds,
            listens=lambda service: self._listeners.listens(service),  # noqa: PLW0108 - made below
            clock=self._clock,
            namespaces=options.namespaces,
            lease_namespace=options.namespace,
        )
        self._picker = Picker(self._router, directory)
        self._listeners = ListenerKeeper(
            ListenerFile(directory, shared_port=options.shared_port, listen_host=options.listen_host),
            admin,
            self._store.routed,
            shared_port=options.shared_port,
            asks=self._picker.warm,
            changed=self._state_changed,
        )
        self._prober = Prober(self._router.to_probe, self._router.pod_answered)
        self._exporter = Exporter(self._router.report, self._slices.since, admin.figures, self._clock)
        self._endpoints = Endpoints(
            page=self._page,
            is_alive=elector.is_alive,
            problem=self._problem,
            host=options.host,
            port=options.port,
            more=(held_route(self._held),),
        )

    async def serve(self, stop: asyncio.Event) -> None:
        """Work until `stop`, then leave.

        Args:
            stop: set by signals.

        Raises:
            OSError: if the port is taken.
        """
        await self._listen()
        possible = asyncio.Event()
        works: list[Coroutine[Any, Any, None]] = [
            self._watch(possible),
            self._work(possible),
            self._membership.follow(),
            self._listeners.look_for_ever(),
            self._lead_for_ever(),
        ]
        tasks = {asyncio.create_task(work) for work in works}
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # A task that ended by itself has failed: its error ends the process.
            steps = leaving_steps(
                self._options, self._cluster, self._members, self._router, self._picker, self._admin, self._announce
            )
            await leave(steps, drain_seconds=self._options.drain_seconds)
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
            await self._membership.leave()
            await self._endpoints.stop()

    # What goes on side by side.

    async def _listen(self) -> None:
        options = self._options
        try:
            await self._endpoints.start()
        except OSError as error:
            reason = error.strerror or error
            raise OSError(f"cannot listen on --host {options.host} --port {options.port}: {reason}") from error
        log.info("serving /metrics, /healthz and /readyz", host=options.host, port=self._endpoints.port)

    async def _watch(self, possible: asyncio.Event) -> None:
        """Feed the store. A watch that is refused is begun anew: requests go on all the while, by what was known."""
        await possible.wait()
        while True:
            try:
                await feed(self._store, self._options.kubeconfig, self._options.namespaces)
            except ClusterError as error:
                log.error("a watch is refused; trying again", error=str(error))  # noqa: TRY400 - no fault of ours
            await self._until_all_can_be_seen()

    async def _until_all_can_be_seen(self) -> None:
        """Of a kind that is not there, or may not be read, as it begins, kopf never hears."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            try:
                await sweep(self._store, self._cluster, self._options.namespaces)
            except ClusterError as error:
                log.warning("what is watched cannot be listed; trying again", error=str(error))
            else:
                return

    async def _work(self, possible: asyncio.Event) -> None:
        """Take requests once the picture is complete: of a service that is not known yet it would say that it is none.

        Envoy answers 503 until then.
        """
        options, store, cluster = self._options, self._store, self._cluster
        rights = (*needed(GATEWAY, options.namespaces), *needed(GATEWAY_LEASES, (options.namespace,)))

        async def fill() -> None:
            possible.set()
            await wait_until_synced(store, cluster, options.namespaces)

        await wait_until_filled(
            self._readiness, cluster, lambda: look(store, cluster, options.namespaces), fill, rights
        )
        log.info("store is filled", services=len(store.services))
        await self._resync()
        await self._picker.start()
        self._serves = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listeners.write_for_ever())
            group.create_task(self._join())
            group.create_task(self._prober.run())
            group.create_task(self._resync_for_ever())
            group.create_task(self._sweep_for_ever())
            group.create_task(watch_rights(self._readiness, cluster, rights))

    async def _join(self) -> None:
        """Become a member when there is an Envoy that serves."""
        await self._listeners.serving.wait()
        await self._membership.keep()

    async def _lead_for_ever(self) -> None:
        """Stand for leader. Whatever goes wrong with slices is no reason to drop requests."""
        while True:
            try:
                await self._elector.run(self._slices.run)
            except Exception:
                log.exception("standing for leader failed; trying again")
            await asyncio.sleep(AGAIN_SECONDS)

    async def _resync_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            await self._resync()

    async def _resync(self) -> None:
        try:
            self._router.resync(await self._admin.in_flight())
        except EnvoyAdminError as error:
            log.info("Envoy does not say what runs", error=str(error))

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await sweep(self._store, self._cluster, self._options.namespaces)
            except Exception:
                log.exception("sweep failed; the next one is in 5 minutes")

    # What the parts tell one another.

    def _held(self, key: Key) -> int:
        return self._router.held(key)

    def _service_changed(self, key: Key) -> None:
        self._slices.touch(key)
        self._listeners.touch()

    def _members_changed(self) -> None:
        self._router.set_gateways(len(self._members.live()))
        self._slices.touch_all()

    def _state_changed(self) -> None:
        """No connections to a gateway whose Envoy is away."""
        away = self._leaves or bool(self._listeners.problem)
        self._membership.change(MemberState.LEAVING if away else MemberState.SERVING)

    def _problem(self) -> str:
        if self._leaves:
            return LEAVING
        told = (
            self._readiness.problem(),
            "" if self._serves else NOT_SERVING,
            self._listeners.problem,
            "" if self._membership.joined else self._membership.problem,
        )
        return "; ".join(filter(None, told))

    async def _page(self) -> bytes:
        self._exporter.leader.set(self._elector.works)
        self._exporter.members.set(len(self._members.live()))
        return await self._exporter.page()

    def _announce(self) -> None:
        self._leaves = True
        self._state_changed()
