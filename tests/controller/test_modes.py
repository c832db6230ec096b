"""What is written in which mode: automatic sizes, advice, nothing; of pods of our own and of somebody else's."""

from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE, TARGETING, foreign_deployment
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.cluster.resources import DEPLOYMENTS, INFERENCE_SERVICES, SERVICES

CHAT = (NAMESPACE, "chat")
CREATION = ["Deployment", "Scale", "Service"]
MODES = ("Automatic", "Advisory", "Paused")

each_mode = pytest.mark.parametrize("mode", MODES)


def in_mode(spec: dict[str, Any], mode: str, **more: Any) -> dict[str, Any]:
    """A spec with a mode."""
    return {**spec, **more, "scaling": {"mode": mode, **more.get("scaling", {})}}


@each_mode
@pytest.mark.parametrize(
    ("more", "size"),
    [({}, 1), ({"scaling": {"minReplicas": 3}}, 3), ({"replicas": 5}, 5), ({"replicas": 0}, 0)],
)
async def test_a_new_service_is_created_at_its_least_or_pinned_size(mode: str, more: dict[str, Any], size: int) -> None:
    """In every mode: the body with the size, the claim of it, the Service, the status."""
    operator = OperatorUnderTest()
    operator.apply(in_mode(LEAST, mode, **more))

    assert await operator.turn() == [*CREATION, "Status"]

    deployment = operator.cluster.found(DEPLOYMENTS, CHAT)
    assert (deployment["spec"]["replicas"], operator.sizes()) == (size, [size])


@each_mode
async def test_nothing_is_written_of_a_target_but_its_size_in_mode_automatic(mode: str) -> None:
    """Status is ours; the Deployment and whatever belongs to it is somebody else's."""
    operator = OperatorUnderTest()
    operator.cluster.have(DEPLOYMENTS, foreign_deployment("legacy", replicas=2))
    operator.apply(in_mode(TARGETING, mode, replicas=4))
    operator.start_pods(2, "legacy")

    written = [kind for _ in range(4) for kind in await operator.turn()]

    allowed = {"Status", "Event"} | ({"Scale"} if mode == "Automatic" else set())
    assert set(written) <= allowed
    assert operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "legacy"))["spec"]["replicas"] == (
        4 if mode == "Automatic" else 2
    )


@each_mode
async def test_the_size_of_a_service_that_runs_follows_in_mode_automatic_only(mode: str) -> None:
    """Advice is told in status and not carried out; in mode Paused there is none."""
    operator = OperatorUnderTest()
    operator.apply(in_mode(LEAST, mode))
    await operator.turn()
    operator.start_pods(1)
    operator.pods.says["127.0.0.1"] = {"waiting": 40.0, "running": 8.0}

    sizes = []
    for _ in range(3):
        await operator.turn()
        sizes += operator.sizes()

    status = status_of(operator.cluster)
    desired, applied = status["desiredReplicas"], status["decision"]["applied"]
    assert {
        "Automatic": (len(sizes) > 0, applied, desired > 1),
        "Advisory": (len(sizes) == 0, not applied, desired > 1),
        "Paused": (len(sizes) == 0, not applied, desired == 1),
    }[mode] == (True, True, True)


@each_mode
async def test_a_deleted_child_comes_back_in_every_mode(mode: str) -> None:
    """At the size it had: whoever deletes a Deployment by mistake must not meet his load with one pod."""
    operator = OperatorUnderTest()
    operator.apply(in_mode(LEAST, mode, replicas=6))
    await operator.settle()
    operator.apply(in_mode(LEAST, mode), generation=2)
    await operator.settle()

    operator.cluster.lose(DEPLOYMENTS, CHAT)
    operator.cluster.lose(SERVICES, CHAT)
    assert await operator.turn() == [*CREATION, "Status"]
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 6


async def test_a_deleted_child_comes_back_within_the_bounds_of_now() -> None:
    """The size it had may be one that is no longer allowed."""
    operator = OperatorUnderTest()
    operator.apply({**LEAST, "replicas": 6})
    await operator.settle()
    operator.cluster.lose(DEPLOYMENTS, CHAT)
    operator.apply({**LEAST, "scaling": {"maxReplicas": 4}}, generation=2)
    await operator.turn()
    assert operator.cluster.found(DEPLOYMENTS, CHAT)["spec"]["replicas"] == 4


async def test_children_of_a_service_that_is_being_deleted_are_not_made_anew() -> None:
    """Deletion in the foreground takes the children first and waits for them: each new one would delay it for ever."""
    operator = OperatorUnderTest()
    operator.apply(LEAST)
    await operator.settle()
    operator.apply(LEAST, generation=2, deletionTimestamp="2026-01-02T00:00:00Z")
    operator.cluster.lose(DEPLOYMENTS, CHAT)
    operator.cluster.lose(SERVICES, CHAT)
    assert await operator.turn() == []
    operator.cluster.lose(INFERENCE_SERVICES, CHAT)
    assert await operator.turn() == []


@each_mode
async def test_a_fleet_at_rest_is_written_nothing(mode: str) -> None:
    """Whatever the mode: nothing changes, nothing is written."""
    operator = OperatorUnderTest()
    for name in ("a", "b", "c"):
        operator.apply(in_mode(LEAST, mode), name=name)
    operator.cluster.have(DEPLOYMENTS, foreign_deployment("legacy"))
    operator.apply(in_mode(TARGETING, mode), name="old")
    await operator.turn()
    for name in ("a", "b", "c"):
        operator.start_pods(1, name)
    operator.start_pods(2, "legacy")
    # One pod more than needed, of the target: it goes when the window is over.
    for _ in range(100):
        await operator.turn()
    assert [await operator.turn() for _ in range(20)] == [[]] * 20
