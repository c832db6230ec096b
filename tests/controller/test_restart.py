"""A new process adopts what it finds: no size moves, no pod restarts, nothing is written."""

from cluster_objects import (
    BODY,
    KUBECTL,
    LEAST,
    NAMESPACE,
    SCALER,
    inference_service,
    own_deployment,
    own_service,
    scaled,
)
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES, SERVICES

CHAT = (NAMESPACE, "chat")


async def at_four() -> OperatorUnderTest:
    """An operator whose service was busy with four pods and is idle now."""
    operator = OperatorUnderTest()
    operator.apply({**LEAST, "replicas": 4})
    await operator.turn()
    operator.start_pods(4)
    operator.apply(LEAST, generation=2)
    await operator.settle()
    return operator


async def test_it_writes_nothing() -> None:
    """The status in the store is the status it would write."""
    operator = await at_four()
    operator.restart()
    assert [await operator.turn() for _ in range(4)] == [[]] * 4


async def test_it_does_not_shrink_for_a_whole_window_and_then_does() -> None:
    """It has watched nothing yet; 300 s later it has."""
    operator = await at_four()
    operator.restart()
    sizes = []
    for _ in range(int(295 / operator.tick_seconds)):
        await operator.turn()
        sizes += operator.sizes()
    assert sizes == []
    for _ in range(8):  # Its pods are taken out of service first.
        await operator.turn()
        sizes += operator.sizes()
    assert sizes == [1]


async def test_it_remembers_the_changes_of_before() -> None:
    """The list in status goes on, and policies count the changes in it."""
    operator = OperatorUnderTest()
    one_pod_a_minute = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    operator.apply({**LEAST, "scaling": {"behavior": {"scaleUp": one_pod_a_minute}}})
    await operator.turn()
    operator.start_pods(1)
    operator.pods.says["127.0.0.1"] = {"waiting": 40.0, "running": 8.0}
    sizes = []
    for turn in range(6):
        await operator.turn()
        sizes += operator.sizes()
        if turn == 2:
            operator.restart()
    assert sizes == [2]
    assert [change["to"] for change in status_of(operator.cluster)["changes"]] == [2]


async def test_a_creation_that_was_cut_off_is_finished_at_the_live_size() -> None:
    """The body was applied with three, the process died, somebody else wrote nothing: three are claimed."""
    operator = OperatorUnderTest()
    service = inference_service(LEAST)
    operator.cluster.have(INFERENCE_SERVICES, service)
    operator.cluster.have(DEPLOYMENTS, own_deployment(service, 3, writers=(BODY,)))
    operator.start_pods(3)

    assert await operator.turn() == ["Scale", "Service", "Status"]
    assert operator.sizes() == [3]
    assert operator.told() == []


async def test_a_creation_that_was_cut_off_is_left_at_its_size_where_none_may_be_written() -> None:
    """In mode Advisory the body goes on carrying the live size, when it is applied for another reason."""
    operator = OperatorUnderTest()
    advisory = {**LEAST, "scaling": {"mode": "Advisory"}}
    service = inference_service(advisory)
    operator.cluster.have(DEPLOYMENTS, own_deployment(service, 3, writers=(BODY,)))
    operator.cluster.have(SERVICES, own_service(service))
    operator.apply({**advisory, "engine": {"type": "vLLM", "image": "e:2"}}, generation=2)

    assert await operator.turn() == ["Deployment", "Status"]
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 3


async def test_a_size_written_while_it_was_away_is_what_it_starts_from() -> None:
    """It cannot know who was right; the first decision holds it, whoever wrote it."""
    operator = await at_four()
    operator.cluster.have(DEPLOYMENTS, scaled(operator.cluster.found(DEPLOYMENTS, CHAT), 7, KUBECTL))
    operator.restart()
    await operator.turn()
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 7


async def test_changes_that_another_version_wrote_otherwise_are_no_obstacle() -> None:
    """What is remembered is a help, not a need; and no other service suffers for it."""
    operator = await at_four()
    document = operator.cluster.found(INFERENCE_SERVICES, CHAT)
    document["status"]["changes"] = [{"when": "yesterday"}]
    operator.cluster.have(INFERENCE_SERVICES, document)
    operator.apply(LEAST, name="other")
    operator.restart()
    await operator.turn()
    assert operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "other"))
    assert operator.condition("Ready")[:2] == ("True", "Serving")


async def test_a_size_that_somebody_wrote_meanwhile_is_told_and_overruled() -> None:
    """Nobody looked, and yet whoever did it must read why it did not last."""
    operator = await at_four()
    operator.cluster.have(DEPLOYMENTS, scaled(operator.cluster.found(DEPLOYMENTS, CHAT), 7, KUBECTL))
    operator.restart()
    await operator.turn()
    assert operator.told()[0] == "ForeignChange"
    assert operator.condition("ConflictingScaler")[:2] == ("False", "ForeignWriter")
    assert "kubectl changed the replicas from 4 to 7" in operator.condition("ConflictingScaler")[2]


async def test_a_size_that_the_operator_before_wrote_last_is_nobody_elses() -> None:
    """It ended before it could say so in status."""
    operator = await at_four()
    operator.cluster.have(DEPLOYMENTS, scaled(operator.cluster.found(DEPLOYMENTS, CHAT), 7, SCALER))
    operator.restart()
    await operator.turn()
    assert "ForeignChange" not in operator.told()


async def test_in_mode_advisory_others_are_free_to_scale_meanwhile() -> None:
    """Nothing was to be written."""
    operator = await at_four()
    operator.apply({**LEAST, "scaling": {"mode": "Advisory"}}, generation=3)
    await operator.settle()
    operator.cluster.have(DEPLOYMENTS, scaled(operator.cluster.found(DEPLOYMENTS, CHAT), 7, KUBECTL))
    operator.restart()
    await operator.turn()
    assert "ForeignChange" not in operator.told()
