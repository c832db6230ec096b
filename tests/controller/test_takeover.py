"""A follower that becomes leader: it makes its store as new as the last leader's writes, and remembers nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

import looptime
import pytest
from cluster_objects import LEAST, NAMESPACE, SCALER, inference_service, own_deployment, pod, scaled
from operator_under_test import OperatorUnderTest
from recording_cluster import FORBIDDEN, RecordingCluster

from tidegate.cluster.error import ClusterError
from tidegate.cluster.feed import catch_up
from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES, PODS, Resource
from tidegate.controller.operator import LED_BY
from tidegate.controller.records import Document
from tidegate.controller.store import Store

CHAT = (NAMESPACE, "chat")
SWAP = (NAMESPACE, "swap")
Story = Callable[[], Coroutine[Any, Any, None]]


def in_fake_time(story: Story) -> None:
    """Run a story whose waits take no time."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
        runner.run(story())


async def led_for(operator: OperatorUnderTest, seconds: float) -> list[int]:
    """Let its loop run for so long, and then end; the sizes that it wrote."""
    operator.cluster.forget_writes()
    running = asyncio.create_task(operator.loop.run())
    for _ in range(int(seconds)):
        operator.now += 1
        await asyncio.sleep(1)
    running.cancel()
    await asyncio.wait({running})
    return operator.sizes()


def test_it_does_not_shrink_in_its_first_window_though_it_led_before() -> None:
    """In its own term it saw that one pod is enough; another leader has seen more since, and it cannot know why."""

    async def story() -> None:
        operator = OperatorUnderTest()
        operator.apply({**LEAST, "replicas": 4})
        await led_for(operator, 10)
        assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 4
        operator.start_pods(4)
        operator.apply(LEAST, generation=2)
        assert await led_for(operator, 290) == []

        operator.now += 20
        operator.cluster.have(DEPLOYMENTS, scaled(operator.cluster.found(DEPLOYMENTS, CHAT), 6, SCALER))
        operator.start_pods(6)

        assert await led_for(operator, 290) == []
        assert await led_for(operator, 330) == [1]

    in_fake_time(story)


def test_a_term_begins_with_what_the_statuses_say() -> None:
    """The list of changes goes on where the leader before has left it, not where this one left it."""

    async def story() -> None:
        operator = OperatorUnderTest()
        operator.apply(LEAST)
        await led_for(operator, 10)
        operator.start_pods(1)
        await led_for(operator, 30)
        document = operator.cluster.found(INFERENCE_SERVICES, CHAT)
        change = {"time": "2026-01-01T00:00:00Z", "from": 1, "to": 2, "reason": "ScaledUp", "message": "theirs"}
        status = {**document["status"], "changes": [change]}
        operator.cluster.have(INFERENCE_SERVICES, inference_service(LEAST, status=status))

        operator.apply({**LEAST, "replicas": 3}, generation=2)
        assert await led_for(operator, 10) == [3]
        changes = operator.cluster.found(INFERENCE_SERVICES, CHAT)["status"]["changes"]
        assert [(each["to"], each["message"]) for each in changes][1:] == [(2, "theirs")]

    in_fake_time(story)


class ListedCluster(RecordingCluster):
    """A cluster whose objects are there, and have not all been seen by the watch."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.there: dict[str, list[Document]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.while_listing: Callable[[], None] = lambda: None

    async def list_documents(
        self, resource: Resource, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> AsyncIterator[Document]:
        """The objects of a kind."""
        del labels
        self.asked.append((resource.plural, namespace))
        if resource.plural in self.failures:
            raise self.failures[resource.plural]
        for document in self.there.get(resource.plural, ()):
            if namespace in {None, document["metadata"]["namespace"]}:
                yield document
        self.while_listing()


class TestCatchUp:
    """The watch is late; the lists are not."""

    async def test_what_the_watch_has_not_brought_is_taken_in(self) -> None:
        """A size and a status that were written, a service that was made, and one that was deleted."""
        store = Store()
        cluster = ListedCluster(store)
        service = inference_service(LEAST, status={"desiredReplicas": 3})
        deployment = own_deployment(service, 3)
        store.put(INFERENCE_SERVICES, service)
        store.put(DEPLOYMENTS, deployment)
        gone = inference_service(LEAST, name="gone")
        store.put(INFERENCE_SERVICES, gone)
        store.put(DEPLOYMENTS, own_deployment(gone, 1))
        swap = inference_service(LEAST, name="swap")
        now = inference_service(LEAST, status={"desiredReplicas": 5})
        cluster.there = {
            INFERENCE_SERVICES.plural: [now, swap],
            DEPLOYMENTS.plural: [scaled(deployment, 5, SCALER), own_deployment(swap, 1)],
        }

        await catch_up(store, cluster, (), LED_BY)

        assert store.keys(INFERENCE_SERVICES) == store.keys(DEPLOYMENTS) == {CHAT, SWAP}
        assert store.deployments[CHAT].replicas == 5
        assert store.inference_services[CHAT].status == {"desiredReplicas": 5}
        assert cluster.asked == [(INFERENCE_SERVICES.plural, None), (DEPLOYMENTS.plural, None)]

    async def test_what_the_watch_brings_afterwards_is_older_and_changes_nothing(self) -> None:
        """It goes through the past in order, and reaches the present last."""
        store = Store()
        cluster = ListedCluster(store)
        service = inference_service(LEAST)
        past = [own_deployment(service, replicas) for replicas in (3, 4)]
        cluster.there = {INFERENCE_SERVICES.plural: [service], DEPLOYMENTS.plural: [own_deployment(service, 5)]}
        await catch_up(store, cluster, (), LED_BY)
        for document in past:
            store.put(DEPLOYMENTS, document)
            assert store.deployments[CHAT].replicas == 5

    async def test_what_appears_while_the_list_is_on_its_way_stays(self) -> None:
        """It is newer than the list."""
        store = Store()
        cluster = ListedCluster(store)
        cluster.while_listing = lambda: store.put(INFERENCE_SERVICES, inference_service(LEAST))
        await catch_up(store, cluster, (), LED_BY)
        assert store.keys(INFERENCE_SERVICES) == {CHAT}

    async def test_pods_are_left_to_the_watch(self) -> None:
        """They are most of a cluster, and a pod that is missed or gone makes nothing smaller."""
        store = Store()
        store.put(PODS, pod("chat", 1))
        await catch_up(store, ListedCluster(store), (), LED_BY)
        assert len(store.keys(PODS)) == 1

    async def test_only_the_namespaces_that_are_looked_after_are_listed(self) -> None:
        """There may be no right to list others."""
        store = Store()
        cluster = ListedCluster(store)
        await catch_up(store, cluster, ("a", "b"), LED_BY)
        assert [namespace for _, namespace in cluster.asked] == ["a", "b", "a", "b"]

    async def test_a_list_that_fails_leaves_the_store_as_it_is(self) -> None:
        """Nothing is forgotten by mistake."""
        store = Store()
        store.put(INFERENCE_SERVICES, inference_service(LEAST))
        cluster = ListedCluster(store)
        cluster.failures[INFERENCE_SERVICES.plural] = FORBIDDEN
        with pytest.raises(ClusterError):
            await catch_up(store, cluster, (), LED_BY)
        assert store.keys(INFERENCE_SERVICES) == {CHAT}
