"""A start from zero as people see it: in status, as an Event, on the metrics page."""

from typing import Any

from cluster_objects import LEAST, pod
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.cluster.resources import PODS
from tidegate.controller.records import timestamp


def started_pod(operator: OperatorUnderTest, number: int = 1, *, seconds: float = 40.0) -> dict[str, Any]:
    """A pod that is ready now, after so many seconds, a quarter of which it had no node."""
    created = operator.now - seconds
    document = pod(number=number, creationTimestamp=timestamp(created))
    document["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": timestamp(created + seconds / 4)},
        {"type": "Ready", "status": "True", "lastTransitionTime": timestamp(operator.now)},
    ]
    return document


async def phases(operator: OperatorUnderTest) -> dict[str, float]:
    """How many starts the page counts, by phase."""
    counts = await operator.series("tidegate_cold_start_seconds_count")
    return {labels["phase"]: value for labels, value in counts}


async def test_a_start_is_told_in_status_event_and_metric_and_once() -> None:
    """A phase that is not known has no seconds anywhere."""
    operator = OperatorUnderTest()
    operator.apply(LEAST)
    await operator.turn()
    assert await phases(operator) == {"scheduled": 0, "pulled": 0, "loaded": 0, "total": 0}
    operator.cluster.have(PODS, started_pod(operator))
    await operator.turn()
    assert "ColdStart" in operator.told()
    start = status_of(operator.cluster)["coldStart"]
    assert (start["pod"], start["totalSeconds"], start["scheduledSeconds"]) == ("chat-abc-1", 40, 10)
    assert "loadedSeconds" not in start
    assert await phases(operator) == {"scheduled": 1, "pulled": 0, "loaded": 0, "total": 1}
    await operator.settle()
    assert await phases(operator) == {"scheduled": 1, "pulled": 0, "loaded": 0, "total": 1}


async def test_a_second_pod_counts_and_is_no_event() -> None:
    """Sizes are told already."""
    operator = OperatorUnderTest()
    operator.apply({**LEAST, "scaling": {"minReplicas": 2}})
    await operator.turn()
    operator.cluster.have(PODS, started_pod(operator))
    await operator.settle()
    operator.cluster.have(PODS, started_pod(operator, 2, seconds=60))
    await operator.turn()
    assert "ColdStart" not in operator.told()
    assert status_of(operator.cluster)["coldStart"]["totalSeconds"] == 60
    assert (await phases(operator))["total"] == 2


async def test_a_service_that_is_being_deleted_counts_no_start_twice() -> None:
    """It is looked at, and nothing else."""
    operator = OperatorUnderTest()
    operator.apply(LEAST)
    await operator.turn()
    operator.cluster.have(PODS, started_pod(operator))
    await operator.turn()
    operator.apply(LEAST, deletionTimestamp="2026-01-01T00:00:00Z")
    await operator.turn()
    await operator.turn()
    assert (await phases(operator))["total"] == 1


async def test_another_operator_tells_it_neither_again_nor_anew() -> None:
    """It stays in status."""
    operator = OperatorUnderTest()
    operator.apply(LEAST)
    await operator.turn()
    operator.cluster.have(PODS, started_pod(operator))
    await operator.settle()
    told = status_of(operator.cluster)["coldStart"]
    operator.restart()
    await operator.settle()
    assert status_of(operator.cluster)["coldStart"] == told
    assert (await phases(operator))["total"] == 0
