"""Services that cannot be woken: whoever asks is told so, and why, and does not wait for nothing."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from cluster_clients import Answer, Clients
from model_namespace import ModelNamespace, pod_that
from sizes_over_time import look
from sleepers import apply_asleep, put_to_sleep, sleeper

AT_ONCE_SECONDS = 2
"""For an answer without a wait, on a busy machine."""


class Hindrance(NamedTuple):
    """One row: a change of a spec that sleeps, and what is then said."""

    change: dict[str, Any]
    reason: str
    says: str


FORBIDDEN = {
    "pinned": Hindrance({"replicas": 0}, "PinnedAtZero", "switched off by hand"),
    "paused": Hindrance({"scaling": {"mode": "Paused"}}, "Paused", "Paused"),
}
"""Nobody tries to wake them."""

FAILING = {
    "missing": Hindrance({"engine": {"image": "nowhere.invalid/e:1"}}, "ImagePullFailing", "nowhere.invalid/e:1"),
    "crashing": Hindrance({"template": pod_that(command=["sh", "-c", "exit 3"])}, "Crashing", "3"),
    "large": Hindrance(
        {"template": pod_that(resources={"requests": {"memory": "100Ti"}})}, "Unschedulable", "Insufficient memory"
    ),
}
"""They are woken, in vain. For a node people wait a minute: another one may be on its way."""


def check_refusal(answer: Answer, reason: str, says: str) -> None:
    """A 503 in OpenAI's shape, with the reason, that asks nobody to come again."""
    headers, error = answer.headers, answer.body["error"]
    assert (answer.status, headers["x-tidegate-reason"], headers["x-should-retry"]) == (503, reason, "false")
    assert headers["content-type"] == "application/json"
    assert says in error["message"]
    assert (error["type"], error["code"].replace("_", "")) == ("server_error", reason.lower())


@pytest.fixture(scope="module")
def first_answers(clients: Clients) -> Iterator[dict[str, Future[Answer]]]:
    """All of them, asleep; each is changed, and then asked at the same time as the others."""
    here = clients.here

    def hinder_and_ask(name: str, hindrance: Hindrance) -> Answer:
        apply_asleep(clients, sleeper(here), name)
        here.kubectl("patch", f"infer/{name}", "--type=merge", f"--patch={json.dumps({'spec': hindrance.change})}")
        generation = here.read("inferenceservices", name)["metadata"]["generation"]
        here.wait(f"{name} is seen", lambda: here.status(name).get("observedGeneration") == generation)
        return clients.post(clients.url(name))

    hindrances = {**FORBIDDEN, **FAILING}
    with ThreadPoolExecutor(max_workers=len(hindrances)) as pool:
        yield {name: pool.submit(hinder_and_ask, name, hindrance) for name, hindrance in hindrances.items()}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_who_may_not_be_woken_is_not_waited_for(
    clients: Clients, first_answers: dict[str, Future[Answer]], name: str
) -> None:
    """Neither is a pod made."""
    answer = first_answers[name].result()
    check_refusal(answer, FORBIDDEN[name].reason, FORBIDDEN[name].says)
    assert answer.seconds < AT_ONCE_SECONDS
    assert look(clients.here, name).is_asleep


@pytest.mark.parametrize("name", FAILING)
def test_who_cannot_start_is_not_waited_for_any_longer(
    clients: Clients, first_answers: dict[str, Future[Answer]], name: str
) -> None:
    """Who woke it is told as soon as it is known, and whoever comes next at once."""
    hindrance = FAILING[name]
    check_refusal(first_answers[name].result(), hindrance.reason, hindrance.says)
    assert clients.here.size(name) == 1
    answer = clients.post(clients.url(name))
    check_refusal(answer, hindrance.reason, hindrance.says)
    assert answer.seconds < AT_ONCE_SECONDS


def test_pods_over_quota_are_not_waited_for(clients: Clients, there: ModelNamespace) -> None:
    """The namespace's own words are told; once there is room the next request wakes it."""
    apply_asleep(clients, sleeper(there), "chat", there)
    there.create("/api/v1", "resourcequotas", {"metadata": {"name": "bound"}, "spec": {"hard": {"pods": "0"}}})
    url = clients.url("chat", there.namespace)
    for _ in range(2):
        check_refusal(clients.post(url), "PodsRefused", "exceeded quota")
    there.delete("resourcequotas", "bound")
    put_to_sleep(there, "chat")
    clients.ask(url=url).all_answered()
