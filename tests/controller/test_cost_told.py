"""What the operator tells of cost, and when it writes it; and what it lets services cost."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE, foreign_deployment, pod
from gateways_in_memory import WithGateways, sleepy
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.api.names import MAX_COST_ANNOTATION
from tidegate.cluster.resources import DEPLOYMENTS, NAMESPACES, PODS
from tidegate.controller.pod_end import pod_end

PRICED = {**LEAST, "costPerHour": "3.6"}
"""A second costs a thousandth."""


class Costing(OperatorUnderTest):
    """An operator whose pods have a time of creation."""

    def have_pod(self, number: int, name: str = "chat", **status: Any) -> None:
        """A pod, made just now if it was not there."""
        held = self.store.pods.get((NAMESPACE, f"{name}-abc-{number}"))
        created = self.now if held is None or held.created is None else held.created
        document = pod(name, number, creationTimestamp=datetime.fromtimestamp(created, UTC).isoformat())
        document["status"].update(status)
        self.cluster.have(PODS, document)

    def lose_pod(self, number: int, name: str = "chat") -> None:
        """It is gone."""
        self.cluster.lose(PODS, (NAMESPACE, f"{name}-abc-{number}"))

    def cost(self, name: str = "chat") -> dict[str, Any]:
        """What the status says."""
        found: dict[str, Any] = status_of(self.cluster, name).get("cost", {})
        return found

    def ceiling(self, value: str | None) -> None:
        """What the namespace may cost."""
        annotations = {} if value is None else {MAX_COST_ANNOTATION: value}
        self.cluster.have(
            NAMESPACES, {"kind": "Namespace", "metadata": {"name": NAMESPACE, "annotations": annotations}}
        )

    async def rest(self, seconds: float) -> int:
        """Let time pass; how often a status was written."""
        written = 0
        for _ in range(int(seconds / self.tick_seconds)):
            written += (await self.turn()).count("Status")
        return written


async def serving(spec: dict[str, Any] = PRICED, pods: int = 2) -> Costing:
    """A service that has just got its pods."""
    operator = Costing()
    operator.apply({**spec, "replicas": pods})
    await operator.turn()
    for number in range(1, pods + 1):
        operator.have_pod(number)
    await operator.turn()
    return operator


async def test_what_the_pods_cost_is_told_when_they_come_and_go() -> None:
    """For an hour at once, and as a sum from their creation."""
    operator = await serving()
    assert operator.cost()["perHour"] == "7.2"
    await operator.rest(100)
    operator.lose_pod(2)
    await operator.settle()
    assert operator.cost()["perHour"] == "3.6"
    assert 0.2 < float(operator.cost()["lastDay"]) < 0.24


async def test_without_a_price_nothing_is_told() -> None:
    """Nor is there a series."""
    operator = await serving(LEAST)
    assert operator.cost() == {}
    assert await operator.series("tidegate_cost_total") == []
    assert await operator.series("tidegate_work_total") == []


async def test_at_rest_it_is_written_every_ten_minutes_at_most() -> None:
    """And less often the longer it stays as it is: a day's cost that grows by less than a percent is no news."""
    operator = await serving()
    await operator.rest(400)  # Until nothing is held for the window any more.
    assert await operator.rest(3600) <= 6
    operator.tick_seconds = 60
    assert await operator.rest(24 * 3600) <= 6 * 24
    assert await operator.rest(6 * 3600) == 0


async def test_asleep_nothing_is_written() -> None:
    """The time says of which day it speaks."""
    operator = await serving()
    operator.apply({**PRICED, "replicas": 0}, generation=2)
    for number in (1, 2):
        operator.lose_pod(number)
    await operator.settle()
    told = operator.cost()
    operator.tick_seconds = 60
    assert await operator.rest(30 * 3600) == 0
    assert operator.cost() == told
    assert told["perHour"] == "0"
    ((_, seconds),) = await operator.series("tidegate_scaled_to_zero_seconds_total")
    assert seconds == pytest.approx(30 * 3600, abs=120)


async def test_work_sets_the_price_of_a_million_tokens() -> None:
    """Of prompts and answers together; the series tell them apart."""
    operator = await serving(pods=1)
    for second in range(1, 11):
        operator.pods.says["127.0.0.1"] = {
            "prompt_tokens": 8000.0 * second,
            "generated_tokens": 2000.0 * second,
            "requests_finished": 4.0 * second,
            "running": 1.0,
        }
        await operator.turn()
    operator.lose_pod(1)
    await operator.settle()
    cost = operator.cost()
    work = {labels["direction"]: value for labels, value in await operator.series("tidegate_work_total")}
    assert work == {"in": 80_000.0, "out": 20_000.0}
    assert float(cost["perMillionTokens"]) == pytest.approx(float(cost["lastDay"]) / 0.1, rel=1e-3)
    assert await operator.series("tidegate_requests_total") == [
        ({"namespace": NAMESPACE, "service": "chat", "model_name": "m"}, 40.0)
    ]


async def test_a_new_operator_goes_on_from_what_is_written() -> None:
    """The last day goes on, the series begin anew."""
    operator = await serving()
    await operator.rest(700)
    before = float(operator.cost()["lastDay"])
    operator.restart()
    await operator.turn()
    for number in (1, 2):
        operator.lose_pod(number)
    await operator.settle()
    assert float(operator.cost()["lastDay"]) == pytest.approx(before + 2 * (operator.now - 1_000_600) / 1000, abs=0.3)
    ((labels, counted),) = await operator.series("tidegate_cost_total")
    assert labels == {"namespace": NAMESPACE, "service": "chat", "variant": "default", "model_name": "m"}
    assert counted < 0.1


async def test_somebody_elses_pods_are_not_paid() -> None:
    """A Deployment of our name that is not ours has pods of its own."""
    operator = Costing()
    operator.cluster.have(DEPLOYMENTS, foreign_deployment("chat", 1))
    operator.have_pod(1)
    operator.apply(PRICED)
    await operator.settle()
    assert operator.cost()["perHour"] == "0"


async def test_the_older_service_keeps_what_it_has() -> None:
    """Both ask for more than there is: the sizes are those of the table, in whatever order they are looked at."""
    operator = Costing()
    operator.ceiling("10")
    for name, created in (("younger", "2026-01-02T00:00:00Z"), ("older", "2026-01-01T00:00:00Z")):
        operator.apply({**LEAST, "costPerHour": "2.5", "replicas": 3}, name=name, creationTimestamp=created)
    await operator.settle()
    sizes = {name: status_of(operator.cluster, name)["desiredReplicas"] for name in ("older", "younger")}
    assert sizes == {"older": 3, "younger": 1}
    status, reason, message = operator.condition("ScalingLimited", "younger")
    assert (status, reason) == ("True", "BudgetExhausted")
    assert message == (
        "3 replicas at 2.5 would cost 7.5 an hour, 1 replica can be had: the namespace may cost 10 an hour (annotation "
        "inference.tidegate.dev/max-cost-per-hour), of which the other services hold 7.5 (older 7.5)"
    )
    operator.ceiling("5")
    await operator.settle()
    sizes = {name: status_of(operator.cluster, name)["desiredReplicas"] for name in ("older", "younger")}
    assert sizes == {"older": 2, "younger": 0}
    operator.ceiling(None)
    await operator.settle()
    sizes = {name: status_of(operator.cluster, name)["desiredReplicas"] for name in ("older", "younger")}
    assert sizes == {"older": 3, "younger": 3}


@pytest.mark.parametrize("written", ["much", "-1", "", "1 EUR"])
async def test_a_ceiling_that_cannot_be_read_holds_as_if_it_were_not_there(written: str) -> None:
    """It is told as an Event, once, and in the decision's message."""
    operator = Costing()
    operator.ceiling(written)
    operator.apply({**PRICED, "replicas": 3})
    await operator.turn()
    assert operator.told().count("CeilingUnreadable") == 1
    await operator.settle()
    assert "CeilingUnreadable" not in operator.told()
    status = status_of(operator.cluster)
    assert status["desiredReplicas"] == 3
    assert f"{written!r} is not a number, or is negative, and is ignored" in status["decision"]["message"]


async def test_a_budget_smaller_than_a_replica_touches_nothing() -> None:
    """Neither the pods that run, nor their number; a new service gets none."""
    operator = await serving()
    impossible = {**PRICED, "replicas": 4, "scaling": {"budget": {"maxCostPerHour": "3"}}}
    operator.apply(impossible, generation=2)
    operator.apply(impossible, name="new")
    written = await operator.turn()
    assert "Scale" not in written
    assert "Deployment" not in written
    for name in ("chat", "new"):
        assert operator.condition("SpecValid", name)[:2] == ("False", "BudgetImpossible")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Running"}, None),
        ({}, None),
        (
            {
                "phase": "Failed",
                "containerStatuses": [
                    {"state": {"terminated": {"finishedAt": "2026-01-01T00:00:10Z"}}},
                    {"state": {"terminated": {"finishedAt": "2026-01-01T00:00:20Z"}}},
                ],
            },
            20,
        ),
        ({"phase": "Failed", "conditions": [{"type": "Ready", "lastTransitionTime": "2026-01-01T00:00:05Z"}]}, 5),
        ({"phase": "Succeeded"}, 0),
    ],
)
def test_when_a_pod_has_ended(status: dict[str, Any], expected: int | None) -> None:
    """Its last container, else its last change, else nothing is known of its having run."""
    created = datetime(2026, 1, 1, tzinfo=UTC)
    end = pod_end({"metadata": {"creationTimestamp": created.isoformat()}, "status": status})
    assert end == (None if expected is None else created.timestamp() + expected)


async def test_a_sleeper_that_cannot_be_paid_is_not_woken_and_says_who_holds_the_rest() -> None:
    """Gateways tell clients so at once; when the others have left, it may be woken again."""
    operator = WithGateways()
    operator.apply(sleepy(costPerHour="2.5"))
    await operator.until_asleep()
    annotations = {MAX_COST_ANNOTATION: "6"}
    namespace = {"kind": "Namespace", "metadata": {"name": NAMESPACE, "annotations": annotations}}
    operator.cluster.have(NAMESPACES, namespace)
    await operator.settle()
    plan = status_of(operator.cluster)["wakePlan"]
    assert (plan["allowed"], plan["maxReplicas"]) == (True, 2)
    other = {**LEAST, "costPerHour": "2", "replicas": 2}
    operator.apply(other, name="other")
    await operator.settle()
    plan = status_of(operator.cluster)["wakePlan"]
    assert (plan["allowed"], plan["reason"]) == (False, "BudgetExhausted")
    assert plan["message"] == (
        "one replica costs 2.5 an hour: the namespace may cost 6 an hour (annotation "
        "inference.tidegate.dev/max-cost-per-hour), of which the other services hold 4 (other 4)"
    )
    operator.apply({**other, "replicas": 1}, name="other", generation=2)
    await operator.settle()
    assert status_of(operator.cluster)["wakePlan"]["allowed"]


async def test_gateways_that_are_gone_are_not_kept() -> None:
    """A new one has a new name each time: what each had counted would be kept for ever."""
    operator = WithGateways()
    operator.apply(sleepy(costPerHour="2.5"))
    for generation in range(1, 4):
        operator.gateways = [f"g-{generation}", f"h-{generation}"]
        operator.use(held=1.0)
        await operator.turns(6)
    counted = operator.loop._states[NAMESPACE, "chat"].cost.counted  # noqa: SLF001 - nobody tells of it
    assert set(counted) == {"g-3", "h-3"}


async def test_a_new_operator_tells_nothing_anew_while_all_is_as_it_was() -> None:
    """Else each change of the leader would write the status of every service that has a price."""
    operator = await serving()
    await operator.rest(60)
    operator.restart()
    assert await operator.rest(120) == 0
    asleep = WithGateways()
    asleep.apply(sleepy(costPerHour="2.5"))
    await asleep.until_asleep()
    asleep.restart()
    assert "Status" not in await asleep.turns(12)


async def test_a_new_operator_tells_what_has_changed_while_nobody_looked() -> None:
    """A pod has left; or nobody says any more what one costs."""
    operator = await serving()
    operator.lose_pod(2)
    operator.restart()
    await operator.settle()
    assert operator.cost()["perHour"] == "3.6"
    operator.restart()
    operator.apply({**LEAST, "replicas": 2}, generation=2)
    await operator.settle()
    assert operator.cost() == {}
