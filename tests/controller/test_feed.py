"""Filling the store, keeping it honest, and logging in without haste."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import kopf
import looptime
import pytest
from cluster_objects import LEAST, NAMESPACE, autoscaler, inference_service, own_deployment, pod
from recording_cluster import ABSENT, FORBIDDEN, RecordingCluster

from tidegate.cluster.clocks import steady_clock
from tidegate.cluster.error import ClusterError
from tidegate.cluster.feed import (
    LOGIN_FORGET_SECONDS,
    LOGIN_PAUSE_SECONDS,
    SYNC_TIMEOUT_SECONDS,
    feeding_registry,
    patient,
    quiet_settings,
    sweep,
    wait_until_synced,
)
from tidegate.cluster.resources import (
    AUTOSCALERS,
    DEPLOYMENTS,
    INFERENCE_SERVICES,
    PODS,
    WATCHED,
    Key,
    Resource,
    watched_in,
)
from tidegate.controller.store import Store

CHAT = (NAMESPACE, "chat")
Story = Callable[[], Coroutine[Any, Any, None]]


def in_fake_time(story: Story) -> None:
    """Run a story whose waits take no time."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
        runner.run(story())


def now() -> float:
    """Seconds."""
    return asyncio.get_running_loop().time()


class ListedCluster(RecordingCluster):
    """A cluster whose lists of names are written down by a test."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.names: dict[str, set[Key]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.failure: ClusterError | None = None
        self.while_listing: dict[str, Callable[[], None]] = {}

    async def list_names(self, resource: Resource, namespace: str | None = None) -> set[Key]:
        """The names of a kind."""
        self.asked.append((resource.plural, namespace))
        if self.failure is not None:
            raise self.failure
        self.while_listing.get(resource.plural, lambda: None)()
        return {key for key in self.names.get(resource.plural, set()) if namespace in (None, key[0])}


class TestSync:
    """Waiting for the store to be full."""

    def test_it_waits_for_the_last_object_and_no_longer(self) -> None:
        """Half a picture shows services without their pods."""

        async def story() -> None:
            store = Store()
            cluster = ListedCluster(store)
            cluster.names = {PODS.plural: {(NAMESPACE, "chat-abc-1")}, INFERENCE_SERVICES.plural: {CHAT}}
            waiting = asyncio.create_task(wait_until_synced(store, cluster, ()))
            store.put(INFERENCE_SERVICES, inference_service(LEAST))
            await asyncio.sleep(1.0)
            assert not waiting.done()
            store.put(PODS, pod("chat"))
            await asyncio.sleep(0.2)
            assert waiting.done()

        in_fake_time(story)

    def test_objects_that_are_of_no_use_count_as_seen(self) -> None:
        """An autoscaler of something else has no record, and has been seen all the same."""

        async def story() -> None:
            store = Store()
            cluster = ListedCluster(store)
            cluster.names = {AUTOSCALERS.plural: {(NAMESPACE, "hpa")}}
            store.put(AUTOSCALERS, autoscaler(kind="StatefulSet"))
            await wait_until_synced(store, cluster, ())
            assert now() == 0.0

        in_fake_time(story)

    def test_what_was_deleted_after_it_was_listed_is_not_waited_for(self) -> None:
        """In a cluster where pods come and go there is always one."""

        async def story() -> None:
            store = Store()
            cluster = ListedCluster(store)
            cluster.names = {PODS.plural: {(NAMESPACE, "gone")}}
            waiting = asyncio.create_task(wait_until_synced(store, cluster, ()))
            await asyncio.sleep(0.5)
            cluster.names = {}
            await waiting
            assert now() < 5

        in_fake_time(story)

    def test_it_gives_up_after_a_while(self) -> None:
        """An object that never shows must not keep all others waiting for ever."""

        async def story() -> None:
            store = Store()
            cluster = ListedCluster(store)
            cluster.names = {PODS.plural: {(NAMESPACE, "never")}}
            await wait_until_synced(store, cluster, ())
            assert SYNC_TIMEOUT_SECONDS <= now() < SYNC_TIMEOUT_SECONDS + 1

        in_fake_time(story)

    async def test_only_the_given_namespaces_are_asked_for_and_profiles_of_the_whole_cluster(self) -> None:
        """Rights may not reach further."""
        store = Store(watched_in(("a", "b")))
        cluster = ListedCluster(store)
        await wait_until_synced(store, cluster, ("a", "b"))
        asked = {
            resource.plural: [where for plural, where in cluster.asked if plural == resource.plural]
            for resource in store.watched
        }
        assert asked.pop("acceleratorprofiles") == [None]
        assert set(map(tuple, asked.values())) == {("a", "b")}

    async def test_a_missing_crd_is_told_by_name_and_fix(self) -> None:
        """The first thing that goes wrong at an installation."""
        store = Store()
        cluster = ListedCluster(store)
        cluster.failure = ABSENT
        with pytest.raises(ClusterError, match=r"inferenceservices\.inference\.tidegate\.dev: apply crds/ first"):
            await wait_until_synced(store, cluster, ())

    async def test_missing_rights_are_told_in_the_api_servers_words(self) -> None:
        """The second thing."""
        store = Store()
        cluster = ListedCluster(store)
        cluster.failure = FORBIDDEN
        with pytest.raises(ClusterError, match=FORBIDDEN.message):
            await wait_until_synced(store, cluster, ())


class TestSweep:
    """kopf never tells of what vanished while a watch was down."""

    async def test_what_is_gone_is_forgotten_and_concerns_its_service(self) -> None:
        """As if its deletion had been seen."""
        store = Store()
        cluster = ListedCluster(store)
        store.put(INFERENCE_SERVICES, inference_service(LEAST))
        store.put(DEPLOYMENTS, own_deployment(inference_service()))
        store.put(PODS, pod("chat"))
        store.take_dirty()
        cluster.names = {INFERENCE_SERVICES.plural: {CHAT}, DEPLOYMENTS.plural: {CHAT}}
        await sweep(store, cluster, ())
        assert (store.pods, store.take_dirty()) == ({}, {CHAT})
        assert CHAT in store.deployments

    async def test_what_appears_or_changes_meanwhile_is_left_alone(self) -> None:
        """The list is older than it."""
        store = Store()
        cluster = ListedCluster(store)
        store.put(PODS, pod("chat", 1, ready=False))

        def pods_come() -> None:
            store.put(PODS, pod("chat", 1))
            store.put(PODS, pod("chat", 2))

        cluster.while_listing[PODS.plural] = pods_come
        await sweep(store, cluster, ())
        assert {key[1] for key in store.pods} == {"chat-abc-1", "chat-abc-2"}


class TestLogin:
    """Logging in anew after each 401."""

    @staticmethod
    async def _login() -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server="https://api", token="the same all along")  # noqa: S106 - an example

    def test_repeated_logins_take_ever_longer_and_a_lone_one_no_time(self) -> None:
        """It would ask hundreds of times a second."""

        async def story() -> None:
            login, times = patient(self._login), []
            for _ in range(len(LOGIN_PAUSE_SECONDS) + 2):
                start = now()
                await login()
                times.append(now() - start)
            assert times == pytest.approx([*LOGIN_PAUSE_SECONDS, *LOGIN_PAUSE_SECONDS[-1:] * 2], abs=0.01)
            await asyncio.sleep(LOGIN_FORGET_SECONDS + 1)
            start = now()
            await login()
            assert now() == start

        in_fake_time(story)

    def test_no_two_logins_are_equal(self) -> None:
        """The API server sees the same token; kopf, which gives up when it gets what was refused, another login."""

        async def story() -> None:
            login = patient(self._login)
            first, second = await login(), await login()
            assert first != second
            assert (first.server, first.token) == (second.server, second.token)

        in_fake_time(story)


class TestKopf:
    """What kopf is told."""

    def test_nothing_but_raw_events_is_handled(self) -> None:
        """Every other kind of handler writes to objects, or keeps a task for each."""
        registry = feeding_registry(Store(), TestLogin._login)  # noqa: SLF001 - the same example
        assert len(registry._watching.get_all_handlers()) == len(WATCHED)  # noqa: SLF001 - kopf has no public way
        assert not list(registry._changing.get_all_handlers())  # noqa: SLF001
        assert not list(registry._spawning.get_all_handlers())  # noqa: SLF001
        assert not list(registry._indexing.get_all_handlers())  # noqa: SLF001

    def test_an_outage_of_minutes_does_not_end_it(self) -> None:
        """By default kopf gives up after 55 s."""
        settings = quiet_settings()
        backoffs = settings.networking.error_backoffs
        assert isinstance(backoffs, tuple)
        assert sum(backoffs) > 3600
        assert max(backoffs) <= 20
        assert settings.posting.enabled is False


def test_the_clock_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets the machine's clock: ticks would wait, and samples be older than they are."""
    clock = steady_clock()
    before = clock()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert before <= clock() < before + 60
