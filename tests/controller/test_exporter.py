"""What the metrics page says of services."""

import asyncio
from typing import Any

import pytest
from cluster_objects import KUBECTL, LEAST, NAMESPACE, scaled
from operator_under_test import OperatorUnderTest
from prometheus_client.parser import text_string_to_metric_families

from tidegate import __version__
from tidegate.api.conditions import ConditionType
from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES
from tidegate.controller.service_series import ROWS_AT_ONCE, SEVERAL, SINGLE, service_series

KEY = {"namespace": NAMESPACE, "service": "chat"}
SPEC: dict[str, Any] = {
    **LEAST,
    "model": {"name": "org/model:1"},
    "scaling": {
        "minReplicas": 2,
        "maxReplicas": 5,
        "tokenThroughput": {"targetPerReplica": "1500m"},
        "queueDepth": {"targetPerReplica": 3},
    },
}
BROKEN: dict[str, Any] = {**LEAST, "scaling": {"minReplicas": 3, "maxReplicas": 2}}


async def serving(spec: dict[str, Any] = SPEC, **says: float) -> OperatorUnderTest:
    """An operator with a service of two ready pods, the first of which says something else than idle."""
    operator = OperatorUnderTest()
    operator.apply(spec)
    await operator.turn()
    operator.start_pods(2)
    operator.pods.says["127.0.0.1"] = says
    await operator.settle()
    return operator


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tidegate_replicas", 2),
        ("tidegate_ready_replicas", 2),
        ("tidegate_draining_pods", 0),
        ("tidegate_desired_replicas", 2),
        ("tidegate_minimum_replicas", 2),
        ("tidegate_maximum_replicas", 5),
        ("tidegate_arriving_work_per_second", 0),
        ("tidegate_served_work_per_second", 0),
        ("tidegate_arriving_requests_per_second", 0),
        ("tidegate_abandoned_requests_per_second", 0),
        ("tidegate_replica_target_work_per_second", 1.5),
        ("tidegate_waiting_requests", 1),
        ("tidegate_replica_target_waiting_requests", 3),
        ("tidegate_running_requests", 4),
        ("tidegate_kv_cache_usage_ratio", 0.25),
        ("tidegate_sampled_pods", 2),
    ],
)
async def test_each_gauge_says_what_it_is_named_after(name: str, value: float) -> None:
    """One series for the service."""
    operator = await serving(waiting=1.0, running=4.0, kv_usage=0.5)
    assert await operator.series(name) == [(KEY, value)]


async def test_times_are_those_of_the_decision_and_of_the_oldest_page() -> None:
    """A page that cannot be read any more grows old, while decisions go on."""
    operator = await serving()
    read_at = operator.now
    operator.pods.says["127.0.0.2"] = "Timeout"
    await operator.turn()
    assert await operator.series("tidegate_last_decision_timestamp_seconds") == [(KEY, operator.now)]
    assert await operator.series("tidegate_oldest_sample_timestamp_seconds") == [(KEY, read_at)]


async def test_a_signal_that_is_missing_has_no_series() -> None:
    """It is not zero; a target that is not given is none either."""
    operator = await serving(LEAST)
    operator.pods.says.update({"127.0.0.1": "Timeout", "127.0.0.2": "Timeout"})
    for _ in range(4):
        await operator.turn()
    for name in ("waiting_requests", "running_requests", "arriving_work_per_second", "replica_target_work_per_second"):
        assert await operator.series(f"tidegate_{name}") == []
    assert await operator.series("tidegate_oldest_sample_timestamp_seconds") == []
    assert await operator.series("tidegate_sampled_pods") == [(KEY, 0)]


async def test_conditions_are_those_of_the_status() -> None:
    """One series for each type; a reason that changes takes the place of the last."""
    operator = await serving()
    conditions = {labels["type"]: labels for labels, value in await operator.series("tidegate_condition") if value == 1}
    assert conditions.keys() == set(ConditionType) - {ConditionType.ACCELERATOR_AVAILABLE}
    assert conditions["Ready"] == {**KEY, "type": "Ready", "status": "True", "reason": "Serving"}
    operator.pods.says.update({"127.0.0.1": "Timeout", "127.0.0.2": "Timeout"})
    for _ in range(4):
        await operator.turn()
    found = [
        labels for labels, _ in await operator.series("tidegate_condition") if labels["type"] == "MetricsAvailable"
    ]
    assert found == [{**KEY, "type": "MetricsAvailable", "status": "False", "reason": "Missing"}]


async def test_a_service_that_cannot_be_carried_out_has_its_conditions() -> None:
    """There is no size to tell of, and an alert must know all the same."""
    operator = OperatorUnderTest()
    operator.apply(BROKEN)
    await operator.settle()
    found = {labels["type"]: labels["reason"] for labels, _ in await operator.series("tidegate_condition")}
    assert found["SpecValid"] == "InvalidSpec"
    assert await operator.series("tidegate_replicas") == []


async def test_what_is_served_is_said_by_labels() -> None:
    """The model, the engine, the mode."""
    operator = await serving()
    labels = {**KEY, "model": "org/model:1", "engine": "vLLM", "mode": "Automatic"}
    assert await operator.series("tidegate_service_info") == [(labels, 1)]


async def test_each_term_that_asks_for_a_size_is_shown() -> None:
    """The largest wins."""
    operator = await serving()
    terms = {labels["term"]: value for labels, value in await operator.series("tidegate_proposed_replicas")}
    assert terms == {"throughput": 0, "memory": 0, "queue": 0}


def changes(series: list[tuple[dict[str, str], float]]) -> dict[tuple[str, str], float]:
    """Counts by direction and reason."""
    return {(labels["direction"], labels["reason"]): value for labels, value in series}


async def test_changes_of_size_are_counted_by_direction_and_reason() -> None:
    """Ours and those of others; the usual ones from zero on, so that the first one is seen as an increase."""
    operator = await serving()
    usual = {("up", "ScaledUp"): 0.0, ("down", "ScaledDown"): 0.0}
    assert changes(await operator.series("tidegate_scale_changes_total")) == usual
    operator.apply({**SPEC, "scaling": {**SPEC["scaling"], "minReplicas": 4}}, generation=2)
    await operator.settle()
    assert changes(await operator.series("tidegate_scale_changes_total")) == {**usual, ("up", "ScaledUp"): 1}
    document = operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "chat"))
    operator.cluster.have(DEPLOYMENTS, scaled(document, 1, KUBECTL))
    await operator.settle()
    assert changes(await operator.series("tidegate_scale_changes_total")) == {
        ("up", "ScaledUp"): 2,
        ("down", "ScaledDown"): 0,
        ("down", "ForeignChange"): 1,
    }


async def test_a_service_that_is_gone_has_no_series() -> None:
    """Not one: an alert on what no longer exists would never end."""
    operator = await serving()
    operator.cluster.lose(INFERENCE_SERVICES, (NAMESPACE, "chat"))
    await operator.turn()
    page = (await operator.exporter.page()).decode()
    assert 'service="chat"' not in page


async def test_only_a_leader_speaks_of_services() -> None:
    """A process that has lost its lead remembers sizes that are not true any more."""
    operator = await serving()
    operator.exporter.leader.set(0)
    assert await operator.series("tidegate_replicas") == []
    assert await operator.series("tidegate_condition") == []
    assert await operator.series("tidegate_leader") == [({}, 0)]
    operator.exporter.leader.set(1)
    assert await operator.series("tidegate_replicas") == [(KEY, 2)]


async def test_the_page_says_which_version_runs() -> None:
    """As a label, to join by."""
    assert await OperatorUnderTest().series("tidegate_build_info") == [({"version": __version__}, 1)]


async def test_every_metric_has_help_and_type_also_where_there_is_no_service() -> None:
    """Whoever looks for a name finds it on the page of an empty cluster."""
    families = {
        family.name: family
        for family in text_string_to_metric_families((await OperatorUnderTest().exporter.page()).decode())
    }
    for each in (*SINGLE, *SEVERAL):
        assert families[each.name.removesuffix("_total")].documentation == each.text


async def test_labels_that_people_wrote_are_escaped() -> None:
    """A quote, a backslash or a line's end in a status must not break the page for all others."""
    operator = await serving()
    record = operator.store.inference_services[NAMESPACE, "chat"]
    said = 'a "b" \\ \n c'
    record.status["conditions"][0]["reason"] = said
    reasons = {labels["reason"] for labels, _ in await operator.series("tidegate_condition")}
    assert said in reasons


async def test_others_have_their_turn_while_a_fleet_is_written() -> None:
    """A page of thousands of services must not keep the loop from its work."""
    operator = await serving()
    row = next(iter(operator.loop._rows()))  # noqa: SLF001 - what the exporter is given
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    page = await service_series([row] * (4 * ROWS_AT_ONCE))
    waiting.cancel()
    assert turns >= 4
    assert page.count(b"\ntidegate_replicas{") == 4 * ROWS_AT_ONCE
