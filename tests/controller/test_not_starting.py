"""Pods that do not start: what their status says, and what becomes of it."""

from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE, inference_service, own_deployment, pod
from operator_under_test import OperatorUnderTest

from tidegate.api.conditions import Reason
from tidegate.cluster.resources import DEPLOYMENTS, PODS
from tidegate.controller.announcements import NOT_STARTING
from tidegate.controller.records import pod_record
from tidegate.workloads.live import live_deployment
from tidegate.workloads.not_starting import LONGEST_MESSAGE, NotStarting, Trouble, not_starting, pod_trouble

Document = dict[str, Any]
PINNED = {**LEAST, "replicas": 3}
QUOTA = 'pods "chat-abc-x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2'
NO_NODE = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
PULL = "failed to pull and unpack image: not found"


def unscheduled(message: str = NO_NODE, reason: str = "Unschedulable") -> Document:
    """The status of a pod that no node takes."""
    conditions = [{"type": "PodScheduled", "status": "False", "reason": reason, "message": message}]
    return {"phase": "Pending", "conditions": conditions}


def container(**state: Any) -> Document:
    """The status of a pod whose engine is in this state, and not ready."""
    engine = {"name": "engine", "ready": False, **state}
    return {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [engine]}


def waiting(reason: str, message: str = "", **more: Any) -> Document:
    """The same, waiting."""
    return container(state={"waiting": {"reason": reason, "message": message}}, **more)


def ended(code: int, reason: str = "Error", message: str = "") -> Document:
    """How a container ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


OK = {"name": "engine", "ready": True, "state": {"running": {}}}
READY = [{"type": "Ready", "status": "True"}]

TROUBLES: dict[str, tuple[Document, Trouble | None]] = {
    "nothing yet": ({}, None),
    "on its way": (waiting("ContainerCreating"), None),
    "loading": (container(state={"running": {}}), None),
    "ready": ({"conditions": READY, "containerStatuses": [OK]}, None),
    "ready after a crash": ({"conditions": READY, "containerStatuses": [{**OK, "lastState": ended(1)}]}, None),
    "no node": (unscheduled(), Trouble(Reason.UNSCHEDULABLE, NO_NODE)),
    "gated": (unscheduled("", "SchedulingGated"), Trouble(Reason.UNSCHEDULABLE, "SchedulingGated")),
    "an image": (
        waiting("ErrImagePull", PULL),
        Trouble(Reason.IMAGE_PULL_FAILING, f"container engine: {PULL}"),
    ),
    "an image, while it waits": (
        waiting("ImagePullBackOff", f'Back-off pulling image "e:1": ErrImagePull: {PULL}'),
        Trouble(Reason.IMAGE_PULL_FAILING, f"container engine: {PULL}"),
    ),
    "an image, an older kubelet": (
        waiting("ImagePullBackOff", 'Back-off pulling image "e:1"'),
        Trouble(Reason.IMAGE_PULL_FAILING, 'container engine: Back-off pulling image "e:1"'),
    ),
    "no message": (
        waiting("InvalidImageName"),
        Trouble(Reason.IMAGE_PULL_FAILING, "container engine: InvalidImageName"),
    ),
    "a Secret": (
        waiting("CreateContainerConfigError", 'secret "key" not found'),
        Trouble(Reason.CONTAINER_NOT_CREATED, 'container engine: secret "key" not found'),
    ),
    "a crash, while it waits": (
        waiting("CrashLoopBackOff", "back-off 5m0s", lastState=ended(137, "OOMKilled")),
        Trouble(Reason.CRASHING, "container engine ended with exit code 137 (OOMKilled)"),
    ),
    "a crash just now": (
        container(state=ended(1, message="CUDA out of memory")),
        Trouble(Reason.CRASHING, "container engine ended with exit code 1: CUDA out of memory"),
    ),
    "a crash, started again": (
        container(state={"running": {}}, lastState=ended(2)),
        Trouble(Reason.CRASHING, "container engine ended with exit code 2"),
    ),
    "a crash of which nothing is known": (
        waiting("CrashLoopBackOff"),
        Trouble(Reason.CRASHING, "container engine ended"),
    ),
    "an image that fails after a crash": (
        waiting("ImagePullBackOff", PULL, lastState=ended(1)),
        Trouble(Reason.IMAGE_PULL_FAILING, f"container engine: {PULL}"),
    ),
    "an init container": (
        {"initContainerStatuses": [{"name": "fetch", "ready": False, "state": ended(3)}]},
        Trouble(Reason.CRASHING, "container fetch ended with exit code 3"),
    ),
    "an init container that is done": (
        {"initContainerStatuses": [{"name": "fetch", "ready": False, "state": ended(0, "Completed")}]},
        None,
    ),
}


@pytest.mark.parametrize(("status", "trouble"), TROUBLES.values(), ids=TROUBLES)
def test_what_a_pods_status_says(status: Document, trouble: Trouble | None) -> None:
    """One word, and the words of whoever could not start it."""
    assert pod_trouble(status) == trouble
    document = pod()
    record = pod_record({**document, "status": status})
    assert record is not None
    assert record.trouble == trouble


def test_messages_are_of_one_line_and_bounded() -> None:
    """The store holds thousands of pods, and a condition is read by people."""
    trouble = pod_trouble(waiting("ErrImagePull", "no\n  such image " + "x" * 5000))
    assert trouble is not None
    assert trouble.message.startswith("container engine: no such image xxx")
    assert len(trouble.message) == LONGEST_MESSAGE


def refused(replicas: int, message: str = QUOTA) -> Document:
    """A Deployment some of whose pods are refused."""
    document = own_deployment(inference_service(PINNED), replicas)
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    return {**document, "status": {**document["status"], "conditions": [condition]}}


def test_the_reason_of_most_pods_is_told_first() -> None:
    """With one example each; pods that are refused have no name."""
    crash, no_node = Trouble(Reason.CRASHING, "crash"), Trouble(Reason.UNSCHEDULABLE, NO_NODE)
    pods = [("e", None), ("d", no_node), ("c", crash), ("b", crash), ("a", None)]
    assert not_starting(pods, live_deployment(refused(8))) == (
        NotStarting(reason=Reason.PODS_REFUSED, pods=3, example=QUOTA),
        NotStarting(reason=Reason.CRASHING, pods=2, example="b: crash"),
        NotStarting(reason=Reason.UNSCHEDULABLE, pods=1, example=f"d: {NO_NODE}"),
    )


def test_a_refusal_while_a_rollout_surges_is_one_pod() -> None:
    """As many as wanted may be there."""
    (found,) = not_starting([("a", None), ("b", None)], live_deployment(refused(2)))
    assert (found.reason, found.pods) == (Reason.PODS_REFUSED, 1)


def test_every_reason_is_told_as_bad_news() -> None:
    """The tables agree."""
    reasons = {trouble.reason for _, trouble in TROUBLES.values() if trouble} | {Reason.PODS_REFUSED}
    assert reasons == NOT_STARTING


async def three_wanted() -> OperatorUnderTest:
    """An operator with a service of three pods, of which one is ready and two are on their way."""
    operator = OperatorUnderTest()
    operator.apply(PINNED)
    await operator.turn()
    operator.start_pods(1)
    for number in (2, 3):
        put(operator, number, waiting("ContainerCreating"))
    await operator.settle()
    assert operator.condition("Ready")[:2] == ("True", "ScalingUp")
    return operator


def put(operator: OperatorUnderTest, number: int, status: Document) -> None:
    """A pod's status becomes another one."""
    operator.cluster.have(PODS, {**pod("chat", number), "status": status})


async def test_it_is_told_once_and_again_when_it_is_over() -> None:
    """In Ready, as an Event, and as a series."""
    operator = await three_wanted()
    put(operator, 2, unscheduled())
    put(operator, 3, unscheduled())
    assert await operator.turn() == ["Status", "Event"]
    assert operator.told() == ["Unschedulable"]
    status, reason, message = operator.condition("Ready")
    assert (status, reason) == ("True", "Unschedulable")
    assert message == f"1 of 3 pods ready; not starting: 2 pods Unschedulable (chat-abc-2: {NO_NODE})"
    assert await operator.series("tidegate_pods_not_starting") == [
        ({"namespace": NAMESPACE, "service": "chat", "reason": "Unschedulable"}, 2)
    ]
    assert [await operator.turn(after=11.0) for _ in range(3)] == [[], [], []]
    operator.start_pods(3)
    await operator.turn()
    assert operator.told() == ["Ready"]
    assert operator.condition("Ready")[:2] == ("True", "Serving")
    assert await operator.series("tidegate_pods_not_starting") == []


async def test_pods_that_are_refused_are_told_though_they_do_not_exist() -> None:
    """By the Deployment's controller."""
    operator = await three_wanted()
    operator.cluster.have(DEPLOYMENTS, refused(3))
    for number in (2, 3):
        operator.cluster.lose(PODS, (NAMESPACE, f"chat-abc-{number}"))
    await operator.turn()
    status, reason, message = operator.condition("Ready")
    assert (status, reason) == ("True", "PodsRefused")
    assert f"2 pods PodsRefused ({QUOTA})" in message


async def test_without_any_ready_pod_it_is_why_there_is_none() -> None:
    """A service that cannot start says so instead of Starting, from the first look on."""
    operator = OperatorUnderTest()
    operator.apply(LEAST)
    await operator.turn()
    put(operator, 1, waiting("ErrImagePull", PULL))
    await operator.turn()
    assert operator.condition("Ready")[:2] == ("False", "ImagePullFailing")
    assert PULL in operator.condition("Ready")[2]
    assert operator.told() == ["ImagePullFailing"]


async def test_other_numbers_in_the_same_words_are_not_written() -> None:
    """A scheduler counts the nodes anew at each try, and a fleet must be at rest."""
    operator = await three_wanted()
    put(operator, 2, unscheduled())
    await operator.settle()
    put(operator, 2, unscheduled(NO_NODE.replace("3", "4")))
    assert await operator.turn(after=11.0) == []
    put(operator, 2, unscheduled("0/4 nodes are available: 4 node(s) had untolerated taint."))
    assert await operator.turn(after=11.0) == ["Status"]
    assert "untolerated taint" in operator.condition("Ready")[2]


async def test_a_rollout_whose_new_pods_fail_says_why() -> None:
    """As many pods as wanted answer, and yet it does not get on."""
    operator = await three_wanted()
    operator.start_pods(3)
    document = operator.cluster.found(DEPLOYMENTS, (NAMESPACE, "chat"))
    counts = {**document["status"], "replicas": 4, "updatedReplicas": 1}
    operator.cluster.have(DEPLOYMENTS, {**document, "status": counts})
    put(operator, 4, waiting("ImagePullBackOff", PULL))
    await operator.turn()
    assert operator.condition("Ready")[:2] == ("True", "ImagePullFailing")


async def test_a_pod_that_ends_is_no_trouble() -> None:
    """Ending containers have exit codes, too."""
    operator = await three_wanted()
    operator.start_pods(3)
    leaving = pod("chat", 4, deletionTimestamp="2026-01-01T00:00:00Z")
    operator.cluster.have(PODS, {**leaving, "status": container(state=ended(143))})
    await operator.turn()
    assert operator.condition("Ready")[:2] == ("True", "Serving")
