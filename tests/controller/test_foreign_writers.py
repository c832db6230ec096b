"""Somebody else writes the size: overruled, told, yielded to at the third time, and taken back when they stop."""

from cluster_objects import KUBECTL, LEAST, NAMESPACE, scaled
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.cluster.resources import DEPLOYMENTS

CHAT = (NAMESPACE, "chat")
AUTOSCALER = ("kube-controller-manager", "Update", "scale")


async def running(**scaling: object) -> OperatorUnderTest:
    """An operator with a service that has one idle pod and is at rest."""
    operator = OperatorUnderTest()
    operator.apply({**LEAST, "scaling": scaling})
    await operator.turn()
    operator.start_pods(1)
    await operator.settle()
    return operator


def interfere(operator: OperatorUnderTest, replicas: int, writer: tuple[str, str, str] = KUBECTL) -> None:
    """Somebody scales the Deployment."""
    operator.cluster.have(DEPLOYMENTS, scaled(operator.cluster.found(DEPLOYMENTS, CHAT), replicas, writer))


async def test_one_change_is_overruled_and_told_once() -> None:
    """By the next decision, with the writer's name in an Event, in the list of changes and in the condition."""
    operator = await running(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    interfere(operator, 4)

    await operator.turn()
    assert (operator.sizes(), operator.told()) == ([1], ["ForeignChange", "ScaledDown"])
    await operator.turn()
    assert operator.told() == []

    status, reason, message = operator.condition("ConflictingScaler")
    assert (status, reason) == ("False", "ForeignWriter")
    assert "kubectl changed the replicas from 1 to 4" in message
    changes = [(change["from"], change["to"], change["reason"]) for change in status_of(operator.cluster)["changes"]]
    assert changes == [(4, 1, "ScaledDown"), (1, 4, "ForeignChange")]


async def test_a_third_change_in_ten_minutes_is_yielded_to_and_released_after_ten_minutes_of_peace() -> None:
    """Meanwhile sizes are decided and explained, and not written."""
    operator = await running(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    written = []
    for replicas in (4, 5, 6):
        interfere(operator, replicas, AUTOSCALER)
        await operator.turn(after=60.0)
        written.append(operator.sizes())
        await operator.turn()
    assert written == [[1], [1], []]
    status, reason, message = operator.condition("ConflictingScaler")
    assert (status, reason) == ("True", "Yielded")
    assert "kube-controller-manager" in message
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 6
    assert status_of(operator.cluster)["decision"]["applied"] is False

    await operator.turn(after=580.0)
    assert operator.sizes() == []
    await operator.turn(after=20.0)
    assert operator.sizes() == [1]
    await operator.turn()
    assert operator.condition("ConflictingScaler")[:2] == ("False", "SoleWriter")


async def test_who_writes_on_while_yielded_to_is_not_told_each_time_as_overruled() -> None:
    """An autoscaler that was yielded to writes as it likes; each of its changes is listed, none is overruled."""
    operator = await running()
    told = []
    for replicas in (4, 5, 6, 7, 8, 7, 6):
        interfere(operator, replicas, AUTOSCALER)
        await operator.turn(after=30.0)
        told.append(operator.told().count("ForeignChange"))
    assert (operator.sizes(), told) == ([], [1, 1, 1, 0, 0, 0, 0])
    assert "yielded" in status_of(operator.cluster)["changes"][0]["message"]


async def test_our_own_writing_is_nobody_elses() -> None:
    """Also when the watch shows it late."""
    operator = await running()
    operator.pods.says["127.0.0.1"] = {"waiting": 40.0, "running": 8.0}
    before = operator.cluster.found(DEPLOYMENTS, CHAT)
    await operator.turn()
    assert operator.sizes()
    operator.store.put(DEPLOYMENTS, before)
    await operator.turn(after=0.5)
    assert (operator.sizes(), operator.told()) == ([], [])
    assert operator.condition("ConflictingScaler")[1] == "SoleWriter"


async def test_others_are_free_to_scale_what_is_only_advised() -> None:
    """In mode Advisory nobody is overruled, so nobody is reported."""
    operator = await running(mode="Advisory")
    for replicas in (4, 5, 6, 7):
        interfere(operator, replicas)
        await operator.turn(after=30.0)
    assert operator.condition("ConflictingScaler")[1] == "SoleWriter"


async def test_a_pin_wins_over_whoever_scales_the_deployment() -> None:
    """`kubectl scale infer` is the way to set a size by hand, `kubectl scale deployment` is not."""
    operator = await running()
    operator.apply({**LEAST, "replicas": 5}, generation=2)
    await operator.turn()
    assert operator.sizes() == [5]
    interfere(operator, 2)
    await operator.turn()
    assert operator.sizes() == [5]
    await operator.turn()
    assert operator.condition("ScalingLimited")[:2] == ("True", "Pinned")


async def test_whoever_was_yielded_to_still_is_after_a_restart() -> None:
    """A new leader has the changes of the last ten minutes from status, and writes no size either."""
    operator = await running(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    for replicas in (4, 5, 6):
        interfere(operator, replicas, AUTOSCALER)
        await operator.turn(after=60.0)
        await operator.turn()
    operator.sizes()

    operator.restart()
    for _ in range(20):
        await operator.turn()
    assert operator.sizes() == []
    assert operator.condition("ConflictingScaler")[:2] == ("True", "Yielded")

    await operator.turn(after=600.0)
    await operator.turn()
    assert operator.condition("ConflictingScaler")[:2] == ("False", "SoleWriter")


async def test_two_changes_before_a_restart_and_one_after_are_three() -> None:
    """Counting goes on where the last process left off."""
    operator = await running(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    for replicas in (4, 5):
        interfere(operator, replicas, AUTOSCALER)
        await operator.turn(after=60.0)
        await operator.turn()
    operator.restart()
    await operator.turn()
    interfere(operator, 6, AUTOSCALER)
    await operator.turn(after=60.0)
    await operator.turn()
    assert operator.condition("ConflictingScaler")[:2] == ("True", "Yielded")
