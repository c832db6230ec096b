"""Who leaves, as Kubernetes itself decides it: the real operator, the real ReplicaSet controller."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from busy_pods import BusyPods, busy_pods
from operated_namespace import OperatedNamespace
from operator_process import Engines, OperatorProcess, running_operator

from tidegate.api.names import DELETION_COST_ANNOTATION, DRAINING_SINCE_ANNOTATION, ROUTING_LABEL

pytestmark = [pytest.mark.cluster]

LOADS = {0: 3, 1: 1, 2: 4, 3: 2}
"""Streams of each pod, by its place in the order of their creation: the newest are not the emptiest."""

Pods = dict[str, dict[str, Any]]


@pytest.fixture
def busy(engines: Engines) -> Iterator[BusyPods]:
    """Streams to pods."""
    with busy_pods(engines.port) as made:
        yield made


@contextmanager
def operated(here: OperatedNamespace, directory: Path) -> Iterator[OperatorProcess]:
    """An operator for this namespace alone."""
    log = directory / f"log-{secrets.token_hex(4)}"
    with running_operator(here.cluster.kubeconfig, log, f"--namespace={here.namespace}") as operator:
        yield operator


def pods(here: OperatedNamespace) -> Pods:
    """The metadata of the pods that are there to stay, by name."""
    items = here.cluster.api.get(here.path("pods")).document["items"]
    return {item["metadata"]["name"]: item["metadata"] for item in items if "deletionTimestamp" not in item["metadata"]}


def addresses(here: OperatedNamespace) -> dict[str, str]:
    """Of the pods, by name."""
    items = here.cluster.api.get(here.path("pods")).document["items"]
    return {item["metadata"]["name"]: item["status"]["podIP"] for item in items}


def draining(here: OperatedNamespace) -> set[str]:
    """Pods that are out of service."""
    return {name for name, pod in pods(here).items() if pod["labels"].get(ROUTING_LABEL) == "draining"}


def behind_the_service(here: OperatedNamespace) -> set[str]:
    """Pods that the Service's selector finds."""
    selector = ",".join(f"{key}={value}" for key, value in here.read("services")["spec"]["selector"].items())
    found = here.cluster.api.get(here.path("pods"), labelSelector=selector).document["items"]
    return {item["metadata"]["name"] for item in found}


def untouched(pod: dict[str, Any]) -> bool:
    """Whether nothing of the way down is on a pod."""
    annotations = pod.get("annotations", {})
    return not {DELETION_COST_ANNOTATION, DRAINING_SINCE_ANNOTATION} & annotations.keys()


def load(here: OperatedNamespace, busy: BusyPods) -> list[str]:
    """Give four pods their streams, and wait until that is seen; their names, the emptiest first."""
    places = sorted(addresses(here).items())
    for place, streams in LOADS.items():
        busy.begin(places[place][1], streams)
    name = next(iter(here.cluster.api.get(here.path("inferenceservices")).document["items"]))["metadata"]["name"]
    total = sum(LOADS.values())
    here.wait("the streams are seen", lambda: here.status(name).get("signals", {}).get("running") == total)
    return [places[place][0] for place in sorted(LOADS, key=lambda place: LOADS[place])]


def serve_four(here: OperatedNamespace, busy: BusyPods) -> list[str]:
    """A service of four busy pods; their names, the emptiest first."""
    here.apply(here.least(replicas=4))
    here.wait_serving(pods=4)
    return load(here, busy)


class TestOurPods:
    """Pods that Tidegate runs."""

    def test_exactly_the_emptiest_leave_when_their_streams_have_ended(
        self, here: OperatedNamespace, operator: OperatorProcess, busy: BusyPods
    ) -> None:
        """First out of the Service, and as long as they stream no size is written; the others are not touched."""
        order = serve_four(here, busy)
        where = addresses(here)
        here.apply(here.least(replicas=2))
        here.wait("two drain", lambda: draining(here) == set(order[:2]))
        here.wait(
            "the status says so", lambda: "2 pods drain before they leave" in here.status()["decision"]["message"]
        )
        operator.wait_turns(10)
        assert (here.size(), draining(here), len(pods(here))) == (4, set(order[:2]), 4)
        assert behind_the_service(here) == set(order[2:])
        busy.end(where[order[1]])
        here.wait_size(3)
        here.wait("it has gone", lambda: pods(here).keys() == {order[0], *order[2:]})
        busy.end(where[order[0]])
        here.wait_size(2)
        here.wait("both have gone", lambda: pods(here).keys() == set(order[2:]))
        assert all(untouched(pod) and pod["labels"][ROUTING_LABEL] == "serving" for pod in pods(here).values())
        changes = [(change["from"], change["to"]) for change in here.status()["changes"]]
        assert changes[0] == (4, 2)

    @pytest.mark.usefixtures("operator")
    def test_they_serve_again_when_they_are_wanted(self, here: OperatedNamespace, busy: BusyPods) -> None:
        """The same pods, and none beside them."""
        order = serve_four(here, busy)
        here.apply(here.least(replicas=2))
        here.wait("two drain", lambda: draining(here) == set(order[:2]))
        here.apply(here.least(replicas=4))
        here.wait("none drains", lambda: not draining(here))
        here.wait_serving(pods=4)
        assert pods(here).keys() == set(order)
        assert all(untouched(pod) for pod in pods(here).values())
        assert here.deployment()["metadata"]["generation"] == 1

    def test_another_operator_goes_on_with_the_same_pods(
        self, here: OperatedNamespace, busy: BusyPods, tmp_path: Path
    ) -> None:
        """The first one was killed half-way; nobody remembers but the pods."""
        with operated(here, tmp_path) as first:
            order = serve_four(here, busy)
            here.apply(here.least(replicas=3))
            here.wait("one drains", lambda: draining(here) == {order[0]})
            first.kill()
        busy.begin(addresses(here)[order[0]], 7)  # By now another one is the emptiest.
        with operated(here, tmp_path) as second:
            second.wait_turns(5)
            assert (draining(here), here.size()) == ({order[0]}, 4)
            busy.end(addresses(here)[order[0]])
            here.wait_size(3)
            here.wait("it has gone", lambda: pods(here).keys() == set(order[1:]))

    @pytest.mark.usefixtures("operator")
    def test_the_word_of_somebody_else_is_obeyed(self, here: OperatedNamespace, busy: BusyPods) -> None:
        """The fullest pod is the one that they want gone, and the emptiest the one that they want to keep."""
        order = serve_four(here, busy)
        for name, cost in ((order[0], 10), (order[3], -10)):
            here.kubectl("annotate", "pod", name, f"{DELETION_COST_ANNOTATION}={cost}")
        here.apply(here.least(replicas=2))
        leaving = {order[3], order[1]}
        here.wait("two drain", lambda: draining(here) == leaving)
        for name in leaving:
            busy.end(addresses(here)[name])
        here.wait("they have gone", lambda: pods(here).keys() == {order[0], order[2]})
        assert pods(here)[order[0]]["annotations"][DELETION_COST_ANNOTATION] == "10"


class TestPodsOfOthers:
    """`targetRef`."""

    @pytest.mark.usefixtures("operator")
    def test_the_emptiest_go_and_no_label_is_touched(self, here: OperatedNamespace, busy: BusyPods) -> None:
        """They are told to Kubernetes by their deletion cost alone."""
        here.make_deployment("legacy", replicas=4)
        here.wait("they are ready", lambda: here.deployment("legacy")["status"].get("readyReplicas") == 4)
        here.apply(here.targeting("legacy", replicas=4))
        here.wait_serving(pods=4)
        order = load(here, busy)
        labels = {name: pod["labels"] for name, pod in pods(here).items()}
        here.apply(here.targeting("legacy", replicas=2))
        here.wait_size(2, "legacy")
        here.wait("two have gone", lambda: pods(here).keys() == set(order[2:]))
        assert all(pod["labels"] == labels[name] and untouched(pod) for name, pod in pods(here).items())
