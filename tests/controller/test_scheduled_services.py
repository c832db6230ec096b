"""Schedules of a service, seen from outside: sizes, conditions, writes. The clock begins on a Monday, 13:46:40 UTC."""

from typing import Any

from cluster_objects import LEAST
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

AFTERNOON = {"name": "afternoon", "start": "0 14 * * *", "end": "30 14 * * *", "timeZone": "UTC", "minReplicas": 3}


def scheduled(*schedules: dict[str, Any]) -> dict[str, Any]:
    """A service with schedules."""
    return {**LEAST, "scaling": {"schedules": list(schedules)}}


async def serving(*schedules: dict[str, Any], pods: int = 1) -> OperatorUnderTest:
    """An operator, and a service at rest."""
    operator = OperatorUnderTest()
    operator.apply(scheduled(*schedules))
    await operator.turn()
    operator.start_pods(pods)
    await operator.settle()
    return operator


async def test_a_span_raises_the_size_in_time_and_gives_it_back() -> None:
    """Pods are ordered a minute early, as none was seen to start yet, and go when the span and the window are over."""
    operator = await serving(AFTERNOON)
    written: list[tuple[int, int]] = []
    for _ in range(600):
        await operator.turn()
        for size in operator.sizes():
            written.append((int(operator.now) % 86_400 // 60 - 13 * 60, size))
            operator.start_pods(size)
    assert [size for _, size in written] == [3, 1]
    (ordered, _), (given_back, _) = written
    assert ordered == 59
    assert given_back >= 90


async def test_the_condition_says_which_schedule_holds_the_size_and_until_when() -> None:
    """And a service that a schedule holds up is at rest: nothing is written of it."""
    operator = await serving({**AFTERNOON, "start": "0 6 * * *"}, pods=3)
    assert operator.condition("ScalingLimited") == (
        "True",
        "ScheduleFloor",
        "schedule afternoon holds 3 until 1970-01-12 14:30 UTC",
    )
    assert [await operator.turn() for _ in range(20)] == [[]] * 20


async def test_one_that_cannot_be_kept_is_told_and_the_others_are_kept() -> None:
    """A typo in one must not let the service shrink that another holds."""
    operator = await serving({**AFTERNOON, "start": "0 6 * * *"}, pods=3)
    bad = {**AFTERNOON, "name": "bad", "timeZone": "Europe/Bonn", "minReplicas": 8}
    operator.apply(scheduled({**AFTERNOON, "start": "0 6 * * *", "minReplicas": 4}, bad), generation=2)
    await operator.turn()
    assert operator.sizes() == [4]
    status, reason, message = operator.condition("SpecValid")
    assert (status, reason) == ("False", "InvalidSchedule")
    assert "spec.scaling.schedules[name=bad].timeZone: 'Europe/Bonn'" in message
    assert status_of(operator.cluster)["desiredReplicas"] == 4
