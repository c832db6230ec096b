"""The condition AcceleratorAvailable, and what becomes of services whose pods find no place."""

from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE, pod, profile, version
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of
from variants_in_memory import WithVariants, with_variants

from tidegate.api.conditions import Reason
from tidegate.cluster.resources import ACCELERATOR_PROFILES, DEPLOYMENTS, PODS
from tidegate.controller.placement_status import accelerator_row
from tidegate.controller.variant_place import VariantPlace
from tidegate.workloads.placement import Kept, Placement
from tidegate.workloads.pod_place import Cause

Document = dict[str, Any]
ON_L4 = {**LEAST, "accelerator": {"profile": "l4"}, "replicas": 2}
SINCE = "1970-01-12T13:45:00Z"
"""300 s before the operators of these tests begin."""

WORDS = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
QUOTA = 'pods "x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1'
STUCK = Placement(wanted=3, waiting=frozenset({"a", "b"}), without=(Kept(Cause.FULL, 2, 999_900.0, WORDS),))
REFUSED = Placement(wanted=1, refused=1, without=(Kept(Cause.QUOTA, 1, 999_900.0, QUOTA),))


def place(variant: str, given: Placement | None = None, **more: Any) -> VariantPlace:
    """Of a variant that asks for an accelerator, unless told otherwise."""
    return VariantPlace(**{"variant": variant, "accelerated": True, "place": given or Placement(wanted=1), **more})


CPU = place("cpu", accelerated=False)
ROWS: dict[str, tuple[list[VariantPlace], tuple[str, Reason] | None, tuple[str, ...]]] = {
    "nothing is looked at": ([], None, ()),
    "on CPU": ([CPU], None, ()),
    "on CPU, without room for it": ([place("default", STUCK, accelerated=False)], None, ()),
    "all have a place": ([place("default"), CPU], ("True", Reason.AVAILABLE), ("no pod waits",)),
    "alone": ([place("default", STUCK)], ("False", Reason.NO_ROOM), ("2 of 3 pods without a node, since", WORDS[:-1])),
    "another steps in": (
        [place("a100", STUCK), place("l4", ready=1)],
        ("False", Reason.NO_ROOM),
        ("variant a100: 2 of 3 pods without a node", "; l4 steps in 180 s after that"),
    ),
    "another has stepped in": (
        [place("a100", STUCK, given_up=True), place("l4", ready=1), place("h100")],
        ("False", Reason.NO_ROOM),
        ("variant a100: ", "; instead, l4 serves"),
    ),
    "others do": (
        [place("a100", STUCK, given_up=True), place("l4", ready=1), place("cpu", ready=2, accelerated=False)],
        ("False", Reason.NO_ROOM),
        ("; instead, l4 and cpu serve",),
    ),
    "another will": (
        [place("a100", STUCK, given_up=True), CPU],
        ("False", Reason.NO_ROOM),
        ("; instead, cpu gets ready",),
    ),
    "none has room": (
        [place("a100", REFUSED), place("l4", STUCK)],
        ("False", Reason.QUOTA_EXCEEDED),
        (
            "variant a100: 1 of 1 pod not allowed to be created",
            "variant l4: 2 of 3",
            "no other variant has room either",
        ),
    ),
}


@pytest.mark.parametrize(("places", "told", "says"), ROWS.values(), ids=ROWS)
def test_what_the_condition_says(
    places: list[VariantPlace], told: tuple[str, Reason] | None, says: tuple[str, ...]
) -> None:
    """Which variant, how many, since when, why, and who does its work."""
    row = accelerator_row(places, {}, 180)
    assert (row and row[:2]) == told
    for part in says:
        assert row is not None
        assert part in row[2]


def no_node(number: int, words: str = WORDS, deployment: str = "chat") -> Document:
    """A pod that waits for a node."""
    document = pod(deployment, number, ready=False)
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": SINCE}
    return {**document, "status": {"phase": "Pending", "conditions": [{**condition, "message": words}]}}


async def ordered(spec: Document = ON_L4) -> OperatorUnderTest:
    """An operator with a service of two pods, of which the first runs."""
    operator = OperatorUnderTest()
    operator.cluster.have(ACCELERATOR_PROFILES, profile())
    operator.apply(spec)
    await operator.turn()
    operator.start_pods(1)
    return operator


async def test_it_is_told_and_when_it_is_over() -> None:
    """In the condition, and as Events, once each."""
    operator = await ordered()
    operator.cluster.have(PODS, no_node(2))
    await operator.turn()
    status, reason, message = operator.condition("AcceleratorAvailable")
    assert (status, reason) == ("False", "NoRoom")
    assert message.startswith(f"1 of 2 pods without a node, since {SINCE}: {WORDS[:-1]}; ")
    assert "NoRoom" in operator.told()
    await operator.settle()
    operator.start_pods(2)
    await operator.turn()
    assert operator.condition("AcceleratorAvailable")[:2] == ("True", "Available")
    assert "AcceleratorAvailable" in operator.told()


async def test_numbers_in_the_words_of_schedulers_write_nothing() -> None:
    """They count the nodes at each try; how many of ours wait is news."""
    operator = await ordered({**ON_L4, "replicas": 3})
    operator.cluster.have(PODS, no_node(2))
    await operator.settle()
    operator.cluster.have(PODS, no_node(2, WORDS.replace("3", "4")))
    assert await operator.turn(after=11.0) == []
    operator.cluster.have(PODS, no_node(3))
    assert "Status" in await operator.turn(after=11.0)
    assert operator.condition("AcceleratorAvailable")[2].startswith("2 of 3 pods")


async def test_services_without_accelerators_have_no_such_condition() -> None:
    """Ready says that a pod finds no node."""
    operator = await ordered({**LEAST, "replicas": 2})
    operator.cluster.have(PODS, no_node(2))
    await operator.turn()
    assert operator.condition("Ready")[1] == "Unschedulable"
    conditions = {each["type"] for each in status_of(operator.cluster)["conditions"]}
    assert "AcceleratorAvailable" not in conditions


async def test_pods_that_their_node_turns_away_are_told_though_they_are_over() -> None:
    """A Deployment makes new ones for ever; Ready and the condition say why none stays, and sizes are left alone."""
    operator = await ordered({**ON_L4, "replicas": 1})
    operator.cluster.lose(PODS, (NAMESPACE, "chat-abc-1"))
    said = "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu"
    for number in (2, 3, 4):
        over = {"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": said}
        created = f"1970-01-12T13:46:3{number}Z"
        operator.cluster.have(PODS, {**pod("chat", number, creationTimestamp=created), "status": over})
    await operator.turn()
    assert operator.condition("Ready")[:2] == ("False", "PodsRefused")
    status, reason, message = operator.condition("AcceleratorAvailable")
    assert (status, reason) == ("False", "NoDevicePlugin")
    assert f"UnexpectedAdmissionError: {said}" in message
    assert "since 1970-01-12T13:46:32Z" in message


async def test_a_quota_is_told_with_its_numbers() -> None:
    """In the words of the API server, which the Deployment passes on."""
    operator = await ordered()
    found = operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "chat"))
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA}
    conditions = [{**failure, "lastTransitionTime": SINCE}]
    metadata = {**found["metadata"], "resourceVersion": version()}
    document = {**found, "metadata": metadata, "status": {**found["status"], "conditions": conditions}}
    operator.cluster.have(DEPLOYMENTS, document)
    await operator.turn()
    status, reason, message = operator.condition("AcceleratorAvailable")
    assert (status, reason) == ("False", "QuotaExceeded")
    assert message.startswith(f"1 of 2 pods not allowed to be created, since {SINCE}: {QUOTA}")


class Crowded(WithVariants):
    """Pods of the variant `gpu` without a node."""

    def _make_pod(self, deployment: str) -> None:
        if deployment != "chat-gpu":
            return super()._make_pod(deployment)
        self._number += 1
        self.cluster.have(PODS, no_node(self._number, deployment=deployment))
        return None


async def test_a_variant_without_room_is_named_and_who_steps_in() -> None:
    """Beside the variant in status: since when, and why."""
    operator = Crowded()
    operator.cluster.have(ACCELERATOR_PROFILES, profile())
    gpu = {"name": "gpu", "accelerator": {"profile": "l4"}, "minReplicas": 1}
    operator.apply(with_variants(gpu, scaling={"minReplicas": 1, "fallbackAfterSeconds": 3600}))
    operator.use(in_flight=1)
    await operator.run(4)
    status, reason, message = operator.condition("AcceleratorAvailable")
    assert (status, reason) == ("False", "NoRoom")
    assert message.startswith(f"variant gpu: 1 of 1 pod without a node, since {SINCE}: {WORDS[:-1]}")
    assert message.endswith("; default steps in 3600 s after that")
    told = operator.variant("gpu")
    assert told["unavailableSince"] == SINCE
    assert WORDS[:-1] in told["message"]
    assert "unavailableSince" not in operator.variant("default")
