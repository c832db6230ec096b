"""Who leaves when a service shrinks, and what becomes of the answers that it is giving."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from custom_resources import Document, changed
from openai import OpenAI
from operator_process import tidegate

from model_namespace import ModelNamespace, pod_that
from streamed_answer import check_streamed_answer
from tidegate.api.names import ROUTING_LABEL

pytestmark = pytest.mark.usefixtures("release")

ANSWER_TOKENS = 2500
"""At some 60 tokens a second: forty seconds in which the size is to go down."""

ANSWER_SECONDS = 180
SCALING = {
    "tokenThroughput": {"targetPerReplica": 100_000},
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}
PATIENT = changed(pod_that(), {"spec": {"terminationGracePeriodSeconds": ANSWER_SECONDS}})
"""Pods drain for no longer than they may take to end."""


def busy_service(here: ModelNamespace, replicas: int) -> Document:
    """A spec with so many replicas, of which one would do."""
    return here.least(replicas=replicas, scaling=SCALING, template=PATIENT)


def draining(here: ModelNamespace) -> list[str]:
    """Pods that are out of service."""
    pods = here.pod_documents()
    return [pod["metadata"]["name"] for pod in pods if pod["metadata"]["labels"][ROUTING_LABEL] == "draining"]


@pytest.fixture
def asking() -> Iterator[ThreadPoolExecutor]:
    """Where clients wait for their answers."""
    with ThreadPoolExecutor() as pool:
        yield pool


def test_the_emptiest_pod_leaves_and_no_answer_is_cut(here: ModelNamespace, asking: ThreadPoolExecutor) -> None:
    """The older of two, which Kubernetes would have kept; it finishes first. `tidegate explain` says why it leaves."""
    here.apply(busy_service(here, 1))
    here.wait_serving(pods=1)
    (older,) = here.pods()
    here.apply(busy_service(here, 2))
    here.wait_serving(pods=2)
    (newer,) = here.pods().keys() - {older}
    with ExitStack() as stack:
        clients = {
            pod: stack.enter_context(
                OpenAI(
                    base_url=f"{stack.enter_context(here.forwarded(f'pod/{pod}'))}/v1", api_key="none", max_retries=0
                )
            )
            for pod in (older, newer)
        }
        answers = [
            asking.submit(check_streamed_answer, clients[pod], "m", tokens=ANSWER_TOKENS)
            for pod in (older, newer, newer)
        ]
        here.wait("all are seen", lambda: here.status()["signals"].get("running") == len(answers))
        here.kubectl("patch", "infer/chat", "--type=merge", '--patch={"spec":{"replicas":null}}')
        here.wait("the emptiest drains", lambda: draining(here) == [older])
        here.wait("it is told", lambda: "1 pod drains before it leaves" in here.status()["decision"]["message"])
        assert [answer.done() for answer in answers] == [False] * len(answers)
        assert (here.size(), here.pods().keys()) == (2, {older, newer})
        where = (f"--namespace={here.namespace}", f"--kubeconfig={here.cluster.kubeconfig}")
        text = " ".join(tidegate("explain", "chat", *where).stdout.split())
        assert "1 pod drains before it leaves Steady, since" in text
        change = here.status()["changes"][0]
        assert f"2 → 1 Tidegate: {change['message'].removeprefix('2 → 1: ')}" in text
        for answer in answers:
            answer.result(ANSWER_SECONDS)
    here.wait_size(1)
    here.wait("the other one has stayed", lambda: here.pods() == {newer: 0})
    assert here.sizes() == [(1, 2), (2, 1)]
