"""The way down as the loop takes it: pods drain, are marked and leave; a ReplicaSet controller takes those it would."""

from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE, TARGETING, annotations_of, foreign_deployment, version
from operator_under_test import OperatorUnderTest
from recording_cluster import ABSENT, CONFLICT, FORBIDDEN, UNREACHABLE, status_of
from replica_sets_in_memory import AT_ONCE, CHAT, DRAINS, MARKED, SERVES, WithReplicaSets, four, pin

from tidegate.api.names import DELETION_COST_ANNOTATION, DRAINING_SINCE_ANNOTATION, ROUTING_LABEL
from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import DEPLOYMENTS, PODS


async def test_the_emptiest_leaves_service_and_only_then_the_size_is_written() -> None:
    """In between its stream ends; the change is told when it begins."""
    operator = await four()
    pin(operator, 3)
    assert await operator.turn() == ["Pod", "Event", "Status"]
    assert [operator.on(number) for number in (1, 2, 3, 4)] == [SERVES, SERVES, DRAINS, SERVES]
    assert operator.told() == ["ScaledDown"]
    assert await operator.turns(6) == ["Status"]  # The list of changes.

    operator.runs(3, 0.0)
    assert await operator.turns(3) == ["Pod", "Scale"]
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 3
    assert {key[1] for key in operator.store.pods} == {"chat-abc-1", "chat-abc-2", "chat-abc-4"}
    await operator.settle()
    assert [(each["from"], each["to"]) for each in status_of(operator.cluster)["changes"]][:1] == [(4, 3)]
    assert len(status_of(operator.cluster)["changes"]) == 1


async def test_the_mark_is_there_two_seconds_before_the_size() -> None:
    """The controller sorts the pods that its own watch has brought."""
    operator = await four(p3=0.0)
    pin(operator, 3)
    await operator.turn()
    await operator.turn()
    assert (operator.on(3), operator.cluster.kinds()[0]) == (MARKED, "Pod")
    assert await operator.turn(after=0.2) == []
    assert await operator.turn() == ["Scale"]


async def test_status_says_what_is_going_on() -> None:
    """Who reads it sees two pods that serve, four that are there, and why."""
    operator = await four()
    pin(operator, 2)
    for _ in range(4):
        await operator.turn()
    status = status_of(operator.cluster)
    assert {name: status[name] for name in ("replicas", "readyReplicas", "desiredReplicas")} == {
        "replicas": 4,
        "readyReplicas": 2,
        "desiredReplicas": 2,
    }
    assert status["decision"]["message"].endswith("; 2 pods drain before they leave")
    assert operator.condition("Ready")[:2] == ("True", "Serving")
    assert (await operator.series("tidegate_replicas"))[0][1] == 4
    assert (await operator.series("tidegate_draining_pods"))[0][1] == 2


async def test_at_rest_nothing_is_written() -> None:
    """Not while pods drain, and not when they have gone."""
    operator = await four()
    pin(operator, 3)
    for _ in range(3):
        await operator.turn()
    assert [await operator.turn() for _ in range(10)] == [[]] * 10
    operator.runs(3, 0.0)
    await operator.turns(6)
    assert [await operator.turn() for _ in range(10)] == [[]] * 10


async def test_pods_that_drain_serve_again_before_new_ones_are_ordered() -> None:
    """The fullest first; the size stays as it is."""
    operator = await four()
    pin(operator, 2)
    await operator.turns(3)
    assert operator.draining() == {3, 4}
    pin(operator, 3)
    assert [kind for kind in await operator.turn() if kind != "Status"] == ["Pod", "Event"]
    assert (operator.draining(), operator.told()) == ({3}, ["ScaledUp"])
    pin(operator, 6)
    assert [kind for kind in await operator.turn() if kind != "Status"] == ["Pod", "Event", "Scale", "Event"]
    assert (operator.draining(), operator.sizes()) == (set(), [6])
    await operator.settle()
    changes = [(each["from"], each["to"]) for each in status_of(operator.cluster)["changes"]]
    assert changes == [(4, 6), (3, 4), (2, 3), (4, 2)]


async def test_demand_that_returns_is_served_by_them() -> None:
    """No hand, no pin: the rule itself sees two pods, wants more, and has them at once."""
    operator = WithReplicaSets()
    queue = {"queueDepth": {"targetPerReplica": 4}, **AT_ONCE["scaling"]}
    operator.apply({**LEAST, "scaling": queue, "replicas": 4})
    await operator.turn()
    for number in range(1, 5):
        operator.ordinary_pod("chat", number, ours=True)
    await operator.settle()
    operator.apply({**LEAST, "scaling": queue}, generation=2)
    await operator.turn()
    assert operator.draining() == {2, 3, 4}
    for number in range(1, 5):
        operator.pods.says[f"127.0.0.{number}"] = {"waiting": 9.0, "running": 8.0}
    await operator.turn()
    assert operator.sizes() == []
    assert len(operator.draining()) < 3


async def test_a_new_leader_goes_on_with_the_same_pods() -> None:
    """It knows what is on them, holds the size that it finds without them, and lets them finish."""
    operator = WithReplicaSets()
    operator.apply({**LEAST, "replicas": 4})
    await operator.turn()
    for number in range(1, 5):
        operator.ordinary_pod("chat", number, ours=True)
        operator.runs(number, float(number))
    operator.apply(LEAST, generation=2)
    await operator.settle()
    pin(operator, 2, LEAST)
    await operator.turns(2)
    assert operator.draining() == {1, 2}
    operator.apply(LEAST, generation=4)
    operator.restart()
    assert "Pod" not in await operator.turns(5)
    operator.runs(1, 0.0)
    operator.restart()
    await operator.turns(5)
    assert {key[1] for key in operator.store.pods} == {"chat-abc-2", "chat-abc-3", "chat-abc-4"}
    operator.runs(2, 0.0)
    await operator.turns(5)
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 2


@pytest.mark.parametrize("mode", ["Advisory", "Paused"])
async def test_in_a_mode_that_writes_no_size_they_serve_again(mode: str) -> None:
    """Else they would be out of service for ever."""
    operator = await four()
    pin(operator, 2)
    await operator.turns(3)
    operator.apply({**LEAST, "scaling": {"mode": mode}, "replicas": 2}, generation=9)
    await operator.turn()
    assert operator.draining() == set()
    assert "Pod" not in await operator.turns(5)


async def test_under_a_spec_that_cannot_be_carried_out_they_serve_again() -> None:
    """No size is decided any more."""
    operator = await four()
    pin(operator, 2)
    await operator.turns(3)
    broken = {"mode": "Automatic", "minReplicas": 3, "maxReplicas": 2}
    operator.apply({**LEAST, "scaling": broken}, generation=9)
    await operator.turn()
    assert {operator.on(number) for number in (1, 2, 3, 4)} == {SERVES}
    assert "Pod" not in await operator.turns(5)


WEBHOOK_DOWN = ClusterError(500, "InternalError", "failed calling webhook pods.example.com")


class TestSomebodyElsesPods:
    """`targetRef`."""

    async def running(self) -> WithReplicaSets:
        """Four pods of a Deployment that we only scale."""
        operator = WithReplicaSets()
        operator.cluster.have(DEPLOYMENTS, foreign_deployment("legacy", replicas=4))
        for number in range(1, 5):
            operator.ordinary_pod("legacy", number, ours=False)
            operator.runs(number, float(9 - number))
        operator.apply({**TARGETING, **AT_ONCE, "replicas": 4})
        await operator.settle()
        return operator

    async def test_the_emptiest_are_marked_and_nothing_else_is_touched(self) -> None:
        """Then they are taken, running requests or not: the drain is their owner's."""
        operator = await self.running()
        pin(operator, 2, TARGETING)
        assert [kind for kind in await operator.turn() if kind != "Status"] == ["Pod", "Pod"]
        assert [operator.on(number, "legacy") for number in (1, 2, 3, 4)] == [
            (None, False, None),
            (None, False, None),
            (None, False, "-1"),
            (None, False, "-1"),
        ]
        assert "Scale" not in await operator.turn(after=0.2)
        assert "Scale" in await operator.turn()
        assert sorted(operator.control("legacy")) == ["legacy-abc-3", "legacy-abc-4"]
        await operator.settle()
        assert [(each["from"], each["to"]) for each in status_of(operator.cluster)["changes"]] == [(4, 2)]

    async def test_what_is_written_on_them_like_ours_means_nothing(self) -> None:
        """They are neither taken for draining nor put into service."""
        operator = await self.running()
        document = operator.cluster.found(PODS, (NAMESPACE, "legacy-abc-1"))
        document["metadata"]["annotations"] = {DRAINING_SINCE_ANNOTATION: "2026-01-01T00:00:00Z"}
        document["metadata"]["labels"][ROUTING_LABEL] = "draining"
        operator.cluster.have(PODS, {**document, "metadata": {**document["metadata"], "resourceVersion": version()}})
        assert "Pod" not in [kind for _ in range(4) for kind in await operator.turn()]
        assert status_of(operator.cluster)["readyReplicas"] == 4


class TestOthersWord:
    """A deletion cost of somebody else."""

    async def test_it_is_obeyed_and_stays(self) -> None:
        """By whoever: `kubectl annotate`, a controller."""
        operator = await four()
        document = operator.cluster.found(PODS, (NAMESPACE, "chat-abc-1"))
        document["metadata"]["annotations"] = {DELETION_COST_ANNOTATION: "-100"}
        document["metadata"]["managedFields"] = [annotations_of("kubectl-annotate", DELETION_COST_ANNOTATION)]
        operator.cluster.have(PODS, {**document, "metadata": {**document["metadata"], "resourceVersion": version()}})
        pin(operator, 3)
        await operator.turn()
        assert operator.on(1) == ("draining", True, "-100")
        operator.runs(1, 0.0)
        written = await operator.turns(3)
        assert [kind for kind in written if kind != "Status"] == ["Scale"]
        assert "chat-abc-1" not in {key[1] for key in operator.store.pods}


class TestWritesThatFail:
    """Pods that cannot be written on."""

    @pytest.mark.parametrize("failure", [FORBIDDEN, WEBHOOK_DOWN])
    async def test_without_the_right_kubernetes_chooses_and_the_status_says_so(self, failure: ClusterError) -> None:
        """Nobody waits for a right that may never come, nor for a webhook that may stay down."""
        operator = await four()
        operator.cluster.failures["Pod"] = failure
        pin(operator, 2)
        await operator.turn()
        assert operator.sizes() == []
        await operator.turn(after=0.2)
        assert (operator.sizes(), operator.told()) == ([2], ["ScaledDown"])
        operator.control()
        await operator.settle()
        message = status_of(operator.cluster)["changes"][0]["message"]
        assert message.endswith(f"; pods cannot be marked, so Kubernetes chooses who leaves: {failure.message}")

    async def test_it_is_tried_again_after_a_while(self) -> None:
        """Rights are granted."""
        operator = await four()
        operator.cluster.failures["Pod"] = FORBIDDEN
        pin(operator, 3)
        await operator.turns(3)
        operator.cluster.failures.clear()
        operator.now += 20
        pin(operator, 2)
        assert "Pod" in await operator.turn()
        assert len(operator.draining()) == 1

    @pytest.mark.parametrize("failure", [CONFLICT, UNREACHABLE])
    async def test_a_race_or_an_outage_is_no_refusal(self, failure: Any) -> None:
        """The same is planned anew, and no size goes down meanwhile."""
        operator = await four()
        operator.cluster.failures["Pod"] = failure
        pin(operator, 3)
        await operator.turns(2)
        assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 4
        operator.cluster.failures.clear()
        await operator.turn()
        assert operator.draining() == {3}

    async def test_a_pod_that_is_gone_is_forgotten(self) -> None:
        """The watch has not told yet; the others are written on."""
        operator = await four()
        operator.cluster.failures["Pod"] = ABSENT
        pin(operator, 3)
        await operator.turn()
        assert (NAMESPACE, "chat-abc-3") not in operator.store.pods
        assert written_as(operator, "Failed") == 0

    async def test_a_size_that_is_to_rise_does_not_wait_for_a_pod_that_cannot_be_written_on(self) -> None:
        """Demand is there."""
        operator = await four()
        pin(operator, 3)
        await operator.turns(2)
        operator.cluster.failures["Pod"] = CONFLICT
        pin(operator, 6)
        await operator.turn()
        assert operator.sizes() == [6]


def written_as(operator: OperatorUnderTest, outcome: str) -> float:
    """How often pods were written on so, by the operator's own metrics."""
    labels = {"kind": "MarkPods", "outcome": outcome}
    return operator.exporter.registry.get_sample_value("tidegate_api_writes_total", labels) or 0.0
