"""Pods that do not start: the reason is told in Ready, whoever refuses them, and sizes do not run away."""

from collections.abc import Callable

import pytest
from custom_resources import Document
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import OperatorProcess

from tidegate.api.names import SERVICE_LABEL

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

ANY_NODE = {"nodeSelector": {"example.com/nowhere": "yes"}}
HUGE = {"containers": [{"name": "engine", "resources": {"requests": {"cpu": "4000"}}}]}
QUOTA = {"metadata": {"name": "few"}, "spec": {"hard": {"count/pods": "1"}}}
LIMITS = {
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}, "default": {"memory": "1Gi"}}]},
}


def with_quota(here: OperatedNamespace) -> None:
    """Room for one pod."""
    here.create("/api/v1", "resourcequotas", QUOTA)
    here.wait("the quota counts", lambda: "used" in here.read("resourcequotas", "few").get("status", {}))


def with_limits(here: OperatedNamespace) -> None:
    """Only small containers."""
    here.create("/api/v1", "limitranges", LIMITS)


def pods(here: OperatedNamespace) -> list[Document]:
    """The pods of the service."""
    selector = f"{SERVICE_LABEL}=chat"
    found: list[Document] = here.cluster.api.get(here.path("pods"), labelSelector=selector).document["items"]
    return found


def say(here: OperatedNamespace, pod: Document, state: Document, **more: Document) -> None:
    """Write what a kubelet would say of a pod's engine; the kubelet of this cluster does not run any."""
    engine = {"name": "engine", "image": "e:1", "imageID": "", "ready": False, "restartCount": 1, "state": state}
    conditions = [{"type": kind, "status": "False"} for kind in ("Ready", "ContainersReady")]
    conditions += [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Initialized")]
    status = {"conditions": conditions, "containerStatuses": [{**engine, **more}]}
    path = f"{here.path('pods', pod['metadata']['name'])}/status"
    answer = here.cluster.api.merge_patch(path, {"status": status}, manager="kubelet")
    assert answer.status == 200, answer.message


class TestRefused:
    """By somebody who is real here."""

    def test_a_quota_that_is_used_up(self, here: OperatedNamespace) -> None:
        """One pod answers, the others are told; more room mends it."""
        with_quota(here)
        here.apply(here.least(replicas=3))
        message = here.wait_condition("Ready", "True", "PodsRefused")
        assert message.startswith("1 of 3 pods ready; not starting: 2 pods PodsRefused (")
        assert "exceeded quota: few" in message
        assert here.condition("SpecValid")[:2] == ("True", "Accepted")
        here.wait("it is told as an Event", lambda: here.events("PodsRefused"))
        here.patch("resourcequotas", "few", {"spec": {"hard": {"count/pods": "3"}}})
        here.wait_condition("Ready", "True", "Serving")
        assert len(here.events("PodsRefused")) == 1

    def test_a_limit_range_that_no_pod_meets(self, here: OperatedNamespace) -> None:
        """No pod at all."""
        with_limits(here)
        engine = {"name": "engine", "resources": {"limits": {"memory": "2Gi"}}}
        here.apply(here.least(template={"spec": {"containers": [engine]}}))
        message = here.wait_condition("Ready", "False", "PodsRefused")
        assert "0 of 1 pod ready" in message
        assert "maximum memory usage per Container is 1Gi, but limit is 2Gi" in message

    @pytest.mark.parametrize(
        ("spec", "says"),
        [(ANY_NODE, "node(s) didn't match Pod's node affinity/selector"), (HUGE, "Insufficient cpu")],
    )
    def test_no_node(self, here: OperatedNamespace, spec: Document, says: str) -> None:
        """In the scheduler's words."""
        here.apply(here.least(template={"spec": spec}))
        message = here.wait_condition("Ready", "False", "Unschedulable")
        assert "1 pod Unschedulable (chat-" in message
        assert says in message


STATES: dict[str, tuple[str, Callable[[], tuple[Document, Document]], str]] = {
    "an image": (
        "ImagePullFailing",
        lambda: ({"waiting": {"reason": "ErrImagePull", "message": "not found"}}, {}),
        "container engine: not found",
    ),
    "a Secret": (
        "ContainerNotCreated",
        lambda: ({"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "key" not found'}}, {}),
        'container engine: secret "key" not found',
    ),
    "memory": (
        "Crashing",
        lambda: (
            {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
        ),
        "container engine ended with exit code 137 (OOMKilled)",
    ),
}


class TestKubelet:
    """What only a kubelet says is written by hand here; the end-to-end tests have real ones."""

    @pytest.mark.parametrize(("reason", "state", "says"), STATES.values(), ids=STATES)
    def test_what_it_says_is_told(
        self, here: OperatedNamespace, reason: str, state: Callable[[], tuple[Document, Document]], says: str
    ) -> None:
        """Of one pod of two."""
        here.apply(here.least(replicas=2))
        here.wait_serving(pods=2)
        first = min(pods(here), key=lambda pod: str(pod["metadata"]["name"]))
        now, more = state()
        say(here, first, now, **more)
        message = here.wait_condition("Ready", "True", reason)
        assert message == f"1 of 2 pods ready; not starting: 1 pod {reason} ({first['metadata']['name']}: {says})"
        here.wait("it is told as an Event", lambda: here.events(reason))


class TestSizes:
    """Pods that never come."""

    def test_nothing_runs_away_and_the_way_down_is_as_ever(
        self, here: OperatedNamespace, operator: OperatorProcess
    ) -> None:
        """A pin to five that the quota cuts to one is neither repeated nor given up; another pin is followed."""
        with_quota(here)
        here.apply(here.least(replicas=5, **AT_ONCE))
        here.wait_condition("Ready", "True", "PodsRefused")
        operator.wait_turns(3)
        generation, events = here.deployment()["metadata"]["generation"], len(here.events("PodsRefused"))
        operator.wait_turns(10)
        assert (here.size(), here.deployment()["metadata"]["generation"]) == (5, generation)
        assert len(here.events("PodsRefused")) == events == 1
        here.apply(here.least(**AT_ONCE))
        here.wait_size(1)
        here.wait_condition("Ready", "True", "Serving")
