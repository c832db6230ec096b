"""kopf feeds a store. It does nothing else.

Only `on.event` is used: it keeps no annotation, no finalizer, no task per object and writes nothing. Timers, daemons,
indices and the change handlers all cost writes or quadratic time (docs/adr/0002-kopf-feeds-a-store.md has the figures).

kopf never reports an object that vanished while a watch was down, so `sweep` compares names with the API server now and
then.
"""

import asyncio
import dataclasses
import itertools
from collections.abc import Awaitable, Callable
from typing import Protocol

import kopf
import structlog

from tidegate.cluster.client import Cluster
from tidegate.cluster.connection import kopf_connection, load_configuration
from tidegate.cluster.error import ClusterError
from tidegate.cluster.kopf_storage import NoProgress, NothingToCompare
from tidegate.cluster.resources import Document, Key, Resource, key_of

SYNC_TIMEOUT_SECONDS = 30.0
LIST_AGAIN_SECONDS = 2.0
SWEEP_SECONDS = 300.0
LOGIN_PAUSE_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)
LOGIN_FORGET_SECONDS = 60.0

Login = Callable[[], Awaitable[kopf.ConnectionInfo]]

log = structlog.get_logger(__name__)


class Fed(Protocol):
    """Whoever is told of objects."""

    @property
    def watched(self) -> tuple[Resource, ...]:
        """The kinds that it is made of."""

    def put(self, resource: Resource, document: Document) -> None:
        """Take in an object as it is now. The same object twice is the same as once."""

    def forget(self, resource: Resource, key: Key) -> None:
        """Take out an object that is gone."""


class Store(Fed, Protocol):
    """Whoever keeps what it needs of each object."""

    def get(self, resource: Resource, key: Key) -> object | None:
        """What is kept of an object, if it has been seen and is of use."""

    def keys(self, resource: Resource) -> set[Key]:
        """The objects of one kind that have been seen, those of no use included."""


def feeding_registry(store: Fed, login: Login) -> kopf.OperatorRegistry:
    """Make kopf's handlers: one per watched kind, and one that says who we are."""
    registry = kopf.OperatorRegistry()
    for resource in store.watched:
        _watch(registry, resource, store)
    login_patiently = patient(login)

    @kopf.on.login(registry=registry)
    async def _login(**_: object) -> kopf.ConnectionInfo:
        return await login_patiently()

    return registry


def quiet_settings() -> kopf.OperatorSettings:
    """Kopf's settings: no Events, no scanning, watches that notice their own death, patience with the API server."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # Our own Events are posted once per transition; kopf's would be one per log line.
    settings.scanning.disabled = True  # The kinds are fixed: no need to watch CRDs and Namespaces, nor for the rights.
    settings.peering.standalone = True
    settings.watching.chunk_size = 200  # Never all documents of a fleet in memory at once.
    # kopf has a task for each object until this long after its last event: for all objects at once when it starts.
    settings.queueing.idle_timeout = 0.1
    settings.persistence.diffbase_storage = NothingToCompare()
    settings.persistence.progress_storage = NoProgress()
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 300
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 1.0
    settings.networking.request_timeout = 15
    # The default chain is 55 s long, and at its end kopf exits. An API server may well be away for minutes.
    # When it is back, requests that are held wait for what these watches will tell of their pods: not for long.
    settings.networking.error_backoffs = (1, 1, 2, 3) + (5,) * 4000
    settings.networking.enforce_retry_after = True
    settings.process.ultimate_exiting_timeout = 10
    return settings


def _watch(registry: kopf.OperatorRegistry, resource: Resource, store: Fed) -> None:
    @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry, id=resource.plural)
    async def _feed(type: str | None, body: kopf.Body, **_: object) -> None:  # noqa: A002 - kopf names its arguments
        document: Document = dict(body)
        if type == "DELETED":
            store.forget(resource, key_of(document))
        else:
            store.put(resource, document)


def patient(login: Login) -> Login:
    """Survive an API server that answers 401 for a while, as it does when its own token check is down.

    After each 401 kopf logs in again: at once, in a hot loop if nobody slows it down; and it ends the process when it
    is given what it was refused with. A priority of its own makes each login another one.
    """
    attempts: list[float] = []
    numbers = itertools.count()

    async def pause_and_login() -> kopf.ConnectionInfo:
        now = _now()
        attempts[:] = [attempt for attempt in attempts if now - attempt < LOGIN_FORGET_SECONDS]
        await asyncio.sleep(LOGIN_PAUSE_SECONDS[min(len(attempts), len(LOGIN_PAUSE_SECONDS) - 1)])
        attempts.append(_now())
        return dataclasses.replace(await login(), priority=next(numbers))

    return pause_and_login


async def watch(store: Fed, kubeconfig: str | None, namespaces: tuple[str, ...], watching: asyncio.Event) -> None:
    """Feed the store for ever. Of a kind that is not there when this begins, kopf never hears.

    Args:
        store: what is fed.
        kubeconfig: read anew at each login; None as for `load_configuration`.
        namespaces: those that are looked after; empty for all.
        watching: set when kopf has taken the process' signals, which whoever has handlers of its own takes back then.

    Raises:
        ClusterError: if the API server refuses to go on with a watch. kopf cannot begin anew with one kind.
    """

    async def login() -> kopf.ConnectionInfo:
        return await kopf_connection(await load_configuration(kubeconfig))

    try:
        await kopf.operator(
            registry=feeding_registry(store, login),
            settings=quiet_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            ready_flag=watching,
        )
    except Exception as error:
        # Its cause has the address, and with it the kind.
        raise ClusterError(
            getattr(error, "status", 0),
            "WatchRefused",
            f"{error.__cause__ or error}; was a CustomResourceDefinition deleted, or a right taken away? Started anew, "
            "the process waits for what is missing, and /readyz names it",
        ) from error


async def wait_until_synced(store: Store, cluster: Cluster, namespaces: tuple[str, ...]) -> None:
    """Wait until the store holds all that the API server holds, so that no decision is taken on half a picture.

    Gives up after 30 s: an object that is created and deleted all the time must not keep anybody from working.

    Raises:
        ClusterError: if the API server cannot be reached, refuses, or does not know one of the kinds.
    """
    missing = {resource: await _names(cluster, resource, namespaces) for resource in store.watched}
    deadline = _now() + SYNC_TIMEOUT_SECONDS
    list_again = _now() + LIST_AGAIN_SECONDS
    fewest = sum(len(names) for names in missing.values())
    while missing := {resource: left for resource, names in missing.items() if (left := names - store.keys(resource))}:
        count = sum(len(names) for names in missing.values())
        if _now() > deadline:
            log.warning("store is not complete, going on all the same", missing_objects=count)
            return
        if count < fewest:
            fewest, list_again = count, _now() + LIST_AGAIN_SECONDS
        if _now() > list_again:
            # What was deleted just after it was listed never comes.
            missing = {resource: await _names(cluster, resource, namespaces) for resource in missing}
            list_again = _now() + LIST_AGAIN_SECONDS
        await asyncio.sleep(0.1)


async def look(store: Store, cluster: Cluster, namespaces: tuple[str, ...]) -> None:
    """List all that is watched, to see whether that is possible. kopf never watches a kind that is not there at first.

    Raises:
        ClusterError: if the API server cannot be reached, refuses, or does not know one of the kinds.
    """
    for resource in store.watched:
        await _names(cluster, resource, namespaces)


async def sweep(store: Store, cluster: Cluster, namespaces: tuple[str, ...]) -> None:
    """Forget what is no longer there. What appears or changes while the names are listed is not touched.

    Raises:
        ClusterError: if the API server cannot be reached, or refuses.
    """
    for resource in store.watched:
        held = {key: store.get(resource, key) for key in store.keys(resource)}
        _forget_absent(store, resource, held, await _names(cluster, resource, namespaces))


async def catch_up(
    store: Store, cluster: Cluster, namespaces: tuple[str, ...], resources: tuple[Resource, ...]
) -> None:
    """Take in the objects of some kinds as they are now, whatever the watches have brought so far.

    A watch can be late, for minutes while it is being mended. Whoever begins to lead must know what the leader before
    has written last.

    Raises:
        ClusterError: if the API server cannot be reached, or refuses.
    """
    for resource in resources:
        held = {key: store.get(resource, key) for key in store.keys(resource)}
        found = set()
        for namespace in namespaces or (None,):
            async for document in cluster.list_documents(resource, namespace):
                found.add(key_of(document))
                store.put(resource, document)
        _forget_absent(store, resource, held, found)


def _forget_absent(store: Store, resource: Resource, held: dict[Key, object], found: set[Key]) -> None:
    for key in held.keys() - found:
        if store.get(resource, key) is held[key]:
            log.info("forgetting an object whose deletion was missed", kind=resource.kind, key=key)
            store.forget(resource, key)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _names(cluster: Cluster, resource: Resource, namespaces: tuple[str, ...]) -> set[tuple[str, str]]:
    try:
        if not namespaces or not resource.namespaced:
            return await cluster.list_names(resource)
        parts = [await cluster.list_names(resource, namespace) for namespace in namespaces]
    except ClusterError as error:
        if not error.is_absent:
            raise
        unknown = f"the API server does not know {resource.plural}.{resource.group}: apply crds/ first"
        raise ClusterError(error.status, error.reason, unknown) from error
    return set().union(*parts)
