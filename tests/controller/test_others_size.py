"""Advice stands next to what somebody else did: who set the size that is there, when, and what was advised then."""

from typing import Any

import pytest
from cluster_objects import (
    KUBECTL,
    LEAST,
    NAMESPACE,
    SCALER,
    TARGETING,
    Writer,
    autoscaler,
    foreign_deployment,
    replicas_owned_by,
    scaled,
)
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.api.inference_service_status import Change
from tidegate.cluster.resources import AUTOSCALERS, DEPLOYMENTS
from tidegate.controller.others_size import others_change, others_size
from tidegate.controller.records import AutoscalerRecord
from tidegate.workloads.live import LiveDeployment, live_deployment
from tidegate.workloads.rivalry import SizeMemory

HPA: Writer = ("kube-controller-manager", "Update", "scale")
LEGACY = AutoscalerRecord(key=(NAMESPACE, "legacy"), workload=(NAMESPACE, "legacy"))
AT = "2026-01-01T12:00:00Z"


def deployment(replicas: int, *writers: Writer) -> LiveDeployment:
    """A Deployment whose size these have set."""
    document = foreign_deployment("legacy", replicas)
    document["metadata"]["managedFields"] = replicas_owned_by(writers)
    return live_deployment(document)


def change(to: int, by: str | None) -> Change:
    """A change that was seen."""
    return Change(time=AT, from_=1, to=to, reason="SetByAnother", message="", by=by)


@pytest.mark.parametrize(
    ("writers", "autoscaler_record", "changes", "says"),
    [
        ([HPA], LEGACY, [change(2, HPA[0])], f"kube-controller-manager (HPA legacy) set 2 at {AT}"),
        ([HPA], None, [change(2, HPA[0])], f"kube-controller-manager set 2 at {AT}"),
        ([KUBECTL], LEGACY, [change(2, "kubectl")], f"kubectl set 2 at {AT}"),
        ([KUBECTL], None, [], "kubectl set 2, before Tidegate looked"),
        ([KUBECTL], None, [change(2, HPA[0])], "kubectl set 2, before Tidegate looked"),
        ([KUBECTL], None, [change(3, "kubectl")], "kubectl set 2, before Tidegate looked"),
        ([KUBECTL], None, [change(2, None)], "kubectl set 2, before Tidegate looked"),
        ([], None, [], "somebody set 2, before Tidegate looked"),
        ([SCALER], LEGACY, [], ""),
        ([SCALER, KUBECTL], None, [], ""),
    ],
)
def test_the_size_that_stands_has_an_author(
    writers: list[Writer], autoscaler_record: AutoscalerRecord | None, changes: list[Change], says: str
) -> None:
    """And a time, where it was seen to be set; our own sizes need no word."""
    assert others_size(deployment(2, *writers), autoscaler_record, changes) == says


@pytest.mark.parametrize(
    ("before", "is_seen"),
    [
        (3, True),
        (2, False),
        (None, False),
    ],
)
def test_a_change_is_one_against_the_last_look(before: int | None, is_seen: bool) -> None:  # noqa: FBT001 - a table
    """The first look sees none."""
    live = deployment(2, KUBECTL)

    assert (others_change(SizeMemory(uid=live.uid, replicas=before), live, None, 6) is not None) == is_seen


def test_nothing_is_a_change_of_somebody_elses_that_is_older_than_our_write() -> None:
    """Nor the size of another Deployment of the same name, nor one that we have set."""
    live = deployment(2, KUBECTL)

    assert others_change(SizeMemory(uid="another", replicas=3), live, None, 6) is None
    ours = SizeMemory(uid=live.uid, replicas=3, written_over=live.resource_version)
    assert others_change(ours, live, None, 6) is None
    mine = deployment(2, SCALER)
    assert others_change(SizeMemory(uid=mine.uid, replicas=3), mine, None, 6) is None


async def advising(mode: str = "Advisory") -> OperatorUnderTest:
    """An operator that looks at a Deployment of two pods which an HPA scales."""
    operator = OperatorUnderTest()
    operator.cluster.have(DEPLOYMENTS, scaled(foreign_deployment("legacy", replicas=2), 2, HPA))
    operator.cluster.have(AUTOSCALERS, autoscaler("legacy", "legacy"))
    operator.apply({**TARGETING, "scaling": {"mode": mode}})
    operator.start_pods(2, "legacy")
    operator.pods.says["127.0.0.1"] = {"waiting": 40.0, "running": 8.0}
    for _ in range(4):
        await operator.turn(after=11.0)
    return operator


def set_size(operator: OperatorUnderTest, replicas: int, writer: Writer) -> None:
    """Somebody scales the target."""
    live = operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "legacy"))
    operator.cluster.have(DEPLOYMENTS, scaled(live, replicas, writer))


def change_of(operator: OperatorUnderTest) -> dict[str, Any]:
    """The last change in status."""
    return dict(status_of(operator.cluster)["changes"][0])


async def test_advice_names_who_set_the_size_and_when_and_what_was_advised_then() -> None:
    """In the record of the decision and in the list of changes; nobody is reproached."""
    operator = await advising()
    decision = status_of(operator.cluster)["decision"]
    advised = decision["to"]
    assert advised > 2
    assert decision["message"].startswith(f"2 → {advised} advised: ")
    assert decision["message"].endswith("; kube-controller-manager (HPA legacy) set 2, before Tidegate looked")

    set_size(operator, 3, HPA)
    await operator.turn()
    seen = change_of(operator)
    assert operator.told() == []
    assert (seen["from"], seen["to"], seen["by"], seen["reason"]) == (2, 3, "kube-controller-manager", "SetByAnother")
    message = f"kube-controller-manager (HPA legacy) changed the replicas from 2 to 3; advised then: {advised}"
    assert seen["message"] == message
    after = status_of(operator.cluster)["decision"]["message"]
    assert after.endswith(f"; kube-controller-manager (HPA legacy) set 3 at {seen['time']}")
    assert operator.condition("ConflictingScaler")[1] == "SoleWriter"


async def test_a_restart_knows_who_set_the_size() -> None:
    """The list of changes is in status."""
    operator = await advising()
    set_size(operator, 3, KUBECTL)
    await operator.turn()
    time = change_of(operator)["time"]
    operator.restart()
    await operator.turn(after=11.0)
    await operator.turn(after=11.0)

    assert f"kubectl set 3 at {time}" in status_of(operator.cluster)["decision"]["message"]


async def test_in_mode_paused_changes_are_listed_without_advice() -> None:
    """There is none."""
    operator = await advising("Paused")
    set_size(operator, 5, KUBECTL)
    await operator.turn()

    assert change_of(operator)["message"] == "kubectl changed the replicas from 2 to 5"
    assert "set 5" not in status_of(operator.cluster)["decision"]["message"]


async def test_who_was_free_to_scale_is_no_rival_when_sizes_are_written_again() -> None:
    """Three changes in mode Advisory and a restart later, the first decision is carried out."""
    operator = OperatorUnderTest()
    operator.apply({**LEAST, "scaling": {"mode": "Advisory"}})
    await operator.turn()
    operator.start_pods(1)
    await operator.settle()
    for replicas in (4, 5, 6):
        live = operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "chat"))
        operator.cluster.have(DEPLOYMENTS, scaled(live, replicas, KUBECTL))
        await operator.turn(after=11.0)
    assert [each["by"] for each in status_of(operator.cluster)["changes"][:3]] == ["kubectl"] * 3

    operator.restart()
    operator.apply({**LEAST, "replicas": 2}, generation=2)
    await operator.turn()
    assert operator.sizes() == [2]
    assert operator.condition("ConflictingScaler")[1] != "Yielded"


async def test_advice_that_stands_is_written_once() -> None:
    """The note does not change while nothing does: no time that runs is in it."""
    operator = await advising()
    operator.pods.says["127.0.0.1"] = {}
    for _ in range(80):
        await operator.turn(after=11.0)

    assert [await operator.turn(after=11.0) for _ in range(20)] == [[]] * 20
