"""What a service's own port answers to questions while no pod does."""

import json

import pytest
from router_in_fake_time import (
    Stage,
    a_get,
    a_plan,
    a_pod,
    a_request,
    a_service,
    error_of,
    header_of,
    in_fake_time,
)

from tidegate.gateway.exchange import Forward, Reply, Request
from tidegate.gateway.routed_service import PodEngine, RoutedService


def _ask(request: Request, service: RoutedService, *, pod: bool = False, ready: bool = True) -> Forward | Reply:
    answers: list[Forward | Reply] = []

    async def story() -> None:
        stage = Stage()
        stage.put(service, *([a_pod(ready=ready)] if pod else []))
        answers.append(await stage.router.route(request))
        assert stage.wakes == []

    in_fake_time(story)
    return answers[0]


SERVICE = a_service(models=("llama", "chat-small"))


@pytest.mark.parametrize(
    "request_", [a_get("/v1/models"), a_get("/v1/models?x"), a_request(method="HEAD", path="/v1/models")]
)
def test_its_models_are_told_from_the_spec(request_: Request) -> None:
    """Name and aliases, though it is not shared: this is its own port."""
    reply = _ask(request_, a_service(models=("llama", "chat-small"), shared=False))
    assert isinstance(reply, Reply)
    assert [model["id"] for model in json.loads(reply.body)["data"]] == ["llama", "chat-small"]


@pytest.mark.parametrize("path", ["chat-small", "org/chat:small", "org%2Fchat%3Asmall"])
def test_one_of_its_models_is_told_from_the_spec(path: str) -> None:
    """As in the list; SDKs write the slash in a name as %2F."""
    reply = _ask(a_get(f"/v1/models/{path}"), a_service(models=("llama", "chat-small", "org/chat:small")))
    assert isinstance(reply, Reply)
    assert json.loads(reply.body)["root"] == "llama"


@pytest.mark.parametrize(
    ("service", "path"),
    [
        (SERVICE, "/health"),
        (a_service(engines={"default": PodEngine(port=8000, health_path="/v2/health/ready")}), "/v2/health/ready?x=1"),
        (a_service(engines={"default": PodEngine(port=8000, health_path=None)}), "/health"),
        (a_service(engines={"default": PodEngine(port=8000, health_path="/")}), "/"),
        (a_service(wake_plan=a_plan(allowed=False)), "/health"),
    ],
)
def test_its_health_path_is_well_for_load_balancers(service: RoutedService, path: str) -> None:
    """The address answers, awake or not, may it be woken or not."""
    reply = _ask(a_get(path), service)
    assert isinstance(reply, Reply)
    assert reply.status == 200


@pytest.mark.parametrize(
    "request_",
    [
        a_get("/v1/models/another"),
        a_get("/metrics"),
        a_get("/llama"),
        a_request(method="POST", path="/tokenize"),
        a_request(method="DELETE", path="/v1/models"),
        a_request(headers={"user-agent": "kube-probe/1.34"}),
    ],
)
def test_other_questions_are_told_that_they_wake_nobody(request_: Request) -> None:
    """503, what does wake it, and when a pod may be there."""
    reply = _ask(request_, SERVICE)
    assert isinstance(reply, Reply)
    assert (reply.status, error_of(reply)["code"], header_of(reply, "retry-after")) == (503, "asleep", "40")
    assert "a POST to an inference path" in error_of(reply)["message"]


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/metrics"])
def test_a_pod_that_is_there_answers_itself(path: str) -> None:
    """Once it takes requests; until then this page does."""
    assert isinstance(_ask(a_get(path), SERVICE, pod=True), Forward)
    assert isinstance(_ask(a_get(path), SERVICE, pod=True, ready=False), Reply)


def test_a_port_whose_service_is_gone_says_so() -> None:
    """404 to whatever is asked."""
    for request in (a_get("/v1/models", ("no", "such")), a_request(("no", "such"))):
        reply = _ask(request, SERVICE)
        assert isinstance(reply, Reply)
        assert (reply.status, error_of(reply)["message"]) == (404, "the InferenceService no/such does not exist")
