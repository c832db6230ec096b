"""The loop: who is looked at when, and that nobody's trouble is another's."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import looptime
import pytest
from cluster_objects import LEAST, NAMESPACE, inference_service, own_deployment
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES, PODS, SERVICES
from tidegate.controller import loop as loop_module
from tidegate.controller import pod_reader

Story = Callable[[], Coroutine[Any, Any, None]]


def in_fake_time(story: Story) -> None:
    """Run a story whose waits take no time; the operator's clock is that of the event loop."""
    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0)) as runner:
        runner.run(story())


class RunningOperator(OperatorUnderTest):
    """An operator whose loop runs by itself, on the event loop's clock."""

    @property
    def now(self) -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()

    @now.setter
    def now(self, _: float) -> None:
        """The event loop turns this clock."""


async def service_counts(operator: OperatorUnderTest) -> float:
    """How many looks there were, of all services."""
    return operator.exporter.registry.get_sample_value("tidegate_visits_total") or 0.0


class TestOrder:
    """Within a turn."""

    async def test_all_services_are_read_before_any_is_decided_about(self) -> None:
        """So a decision is about now."""
        operator = OperatorUnderTest()
        for name in ("a", "b"):
            operator.apply(LEAST, name=name)
        await operator.turn()
        for name in ("a", "b"):
            operator.start_pods(1, name)
        operator.pods.says["127.0.0.1"] = {"waiting": 40.0}
        await operator.turn()
        assert len(operator.pods.asked) == 2
        assert status_of(operator.cluster, "a")["signals"]["waiting"] == 40
        assert status_of(operator.cluster, "b")["signals"]["waiting"] == 40

    async def test_only_ready_pods_with_an_address_that_stay_are_read(self) -> None:
        """The others cannot answer, or will not for long."""
        operator = OperatorUnderTest()
        operator.apply(LEAST)
        await operator.turn()
        operator.start_pods(4)
        for number, change in ((2, {"podIP": ""}), (3, {"conditions": []})):
            document = operator.cluster.found(PODS, (NAMESPACE, f"chat-abc-{number}"))
            operator.cluster.have(PODS, {**document, "status": {**document["status"], **change}})
        leaving = operator.cluster.found(PODS, (NAMESPACE, "chat-abc-4"))
        leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        operator.cluster.have(PODS, leaving)
        await operator.turn()
        assert operator.pods.asked == ["127.0.0.1"]

    async def test_between_ticks_only_what_something_happened_to_is_looked_at_and_nothing_is_read(self) -> None:
        """Events are many; pods are read at the pace of the tick."""
        operator = OperatorUnderTest()
        for name in ("a", "b", "c"):
            operator.apply(LEAST, name=name)
            operator.start_pods(1, name)
        await operator.settle()
        looks, operator.pods.asked = await service_counts(operator), []
        operator.apply({**LEAST, "replicas": 3}, name="b", generation=2)
        await operator.turn(after=0.1)
        assert (await service_counts(operator) - looks, operator.pods.asked) == (1, [])
        assert operator.sizes() == [3]


class TestTrouble:
    """What goes wrong with one service."""

    async def test_a_service_that_cannot_be_looked_at_does_not_stop_the_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is logged and counted."""
        operator = OperatorUnderTest()
        real = loop_module.visit

        def failing_for_b(state: Any, given: Any, *rest: Any) -> Any:
            if given.service.key[1] == "b":
                raise RuntimeError("a fault of ours")
            return real(state, given, *rest)

        monkeypatch.setattr(loop_module, "visit", failing_for_b)
        for name in ("a", "b", "c"):
            operator.apply(LEAST, name=name)
        await operator.turn()
        assert set(operator.store.deployments) == {(NAMESPACE, "a"), (NAMESPACE, "c")}
        assert operator.exporter.registry.get_sample_value("tidegate_faults_total") == 1

    async def test_a_service_that_cannot_be_written_does_not_stop_the_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor end the turn while the others still write."""
        operator = OperatorUnderTest()
        real = operator.cluster.apply

        async def failing_for_b(resource: Any, body: Any, **options: Any) -> Any:
            if body["metadata"]["name"] == "b":
                raise RuntimeError("a fault of ours")
            return await real(resource, body, **options)

        monkeypatch.setattr(operator.cluster, "apply", failing_for_b)
        for name in ("a", "b", "c"):
            operator.apply(LEAST, name=name)
        await operator.turn()
        assert set(operator.store.deployments) == {(NAMESPACE, "a"), (NAMESPACE, "c")}
        assert operator.exporter.registry.get_sample_value("tidegate_faults_total") == 1

    async def test_a_service_that_is_deleted_while_its_turn_waits_is_no_fault(self) -> None:
        """There are sixteen places, and the watch goes on."""
        operator = OperatorUnderTest()
        names = [f"s{number}" for number in range(loop_module.SERVICES_AT_ONCE + 4)]
        for name in names:
            operator.apply(LEAST, name=name)
        operator.cluster.answers.clear()
        turn = asyncio.create_task(operator.turn())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for name in names:
            operator.store.forget(INFERENCE_SERVICES, (NAMESPACE, name))
        operator.cluster.answers.set()
        await turn
        assert operator.exporter.registry.get_sample_value("tidegate_faults_total") == 0

    async def test_a_deleted_service_is_forgotten_with_all_its_memory(self) -> None:
        """One made anew under its name starts afresh, and shows up in the metrics as itself."""
        operator = OperatorUnderTest()
        operator.apply(LEAST)
        await operator.turn()
        operator.start_pods(1)
        await operator.settle()
        assert await operator.series("tidegate_replicas") == [({"namespace": NAMESPACE, "service": "chat"}, 1)]
        operator.cluster.lose(INFERENCE_SERVICES, (NAMESPACE, "chat"))
        operator.cluster.lose(DEPLOYMENTS, (NAMESPACE, "chat"))
        operator.cluster.lose(SERVICES, (NAMESPACE, "chat"))
        await operator.turn()
        assert await operator.series("tidegate_replicas") == []
        operator.apply({**LEAST, "scaling": {"minReplicas": 2}}, uid="another")
        await operator.turn()
        assert operator.sizes() == [2]


class TestPace:
    """When it turns."""

    def test_it_turns_at_once_when_something_happens_and_every_tick_otherwise(self) -> None:
        """After a moment in which what belongs together gathers."""

        async def story() -> None:
            operator = RunningOperator()
            running = asyncio.create_task(operator.loop.run())
            await asyncio.sleep(1.0)
            operator.apply(LEAST)
            await asyncio.sleep(loop_module.SETTLE_SECONDS + 0.01)
            assert (NAMESPACE, "chat") in operator.store.deployments
            looks = await service_counts(operator)
            await asyncio.sleep(60.0)
            assert 12 <= await service_counts(operator) - looks <= 14
            running.cancel()

        in_fake_time(story)

    def test_an_api_server_that_does_not_answer_ends_the_turn_and_not_the_loop(self) -> None:
        """What was not written is planned anew; meanwhile the process counts as alive."""

        async def story() -> None:
            operator = RunningOperator()
            operator.apply(LEAST)
            operator.cluster.answers.clear()
            running = asyncio.create_task(operator.loop.run())
            await asyncio.sleep(3 * loop_module.TURN_TIMEOUT_SECONDS)
            assert (NAMESPACE, "chat") not in operator.store.deployments
            assert operator.loop.is_alive()
            operator.cluster.answers.set()
            await asyncio.sleep(loop_module.TURN_TIMEOUT_SECONDS + 10)
            assert (NAMESPACE, "chat") in operator.store.deployments
            running.cancel()

        in_fake_time(story)

    def test_a_loop_that_is_stuck_does_not_count_as_alive(self) -> None:
        """Kubernetes restarts the pod then."""

        async def story() -> None:
            operator = RunningOperator()
            assert operator.loop.is_alive()
            await asyncio.sleep(loop_module.ALIVE_SECONDS + 1)
            assert not operator.loop.is_alive()

        in_fake_time(story)

    def test_pods_that_do_not_answer_cost_the_others_a_little_time_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are read last from then on, and no longer than the reading may take."""

        async def story() -> None:
            monkeypatch.setattr(pod_reader, "READ_TOGETHER", 2)
            operator = RunningOperator()
            silent = {f"127.0.0.{number}" for number in range(1, 21)}
            operator.apply({**LEAST, "replicas": 20}, name="dark")
            operator.apply(LEAST, name="bright")
            operator.cluster.have(DEPLOYMENTS, own_deployment(inference_service({**LEAST}, name="dark"), 20))
            operator.start_pods(20, "dark")
            operator.start_pods(1, "bright")
            bright = operator.cluster.found(PODS, (NAMESPACE, "bright-abc-1"))
            bright["status"]["podIP"] = "127.0.1.1"
            operator.cluster.have(PODS, bright)
            real = operator.pods.scrape

            async def slow(targets: Any) -> Any:
                targets = list(targets)
                if any(target.address in silent for target in targets):
                    await asyncio.sleep(2.0)
                return await real(targets)

            monkeypatch.setattr(operator.pods, "scrape", slow)
            operator.pods.says.update(dict.fromkeys(silent, "Timeout"))
            running = asyncio.create_task(operator.loop.run())
            await asyncio.sleep(60.0)
            before = operator.pods.asked.count("127.0.1.1")
            await asyncio.sleep(60.0)
            assert operator.pods.asked.count("127.0.1.1") - before >= 5
            assert operator.condition("MetricsAvailable", "bright")[:2] == ("True", "Fresh")
            assert operator.condition("MetricsAvailable", "dark")[:2] == ("False", "Missing")
            assert all(address in operator.pods.asked for address in silent)
            running.cancel()

        in_fake_time(story)
