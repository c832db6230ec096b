"""The shared address: which service a request means, and what it is told otherwise."""

import json
from typing import Any

import pytest
from router_in_fake_time import Stage, a_get, a_pod, a_request, a_service, error_of, header_of, in_fake_time

from tidegate.gateway.exchange import Forward, Reply
from tidegate.gateway.routed_service import RoutedService

LLAMA = a_service(("one", "llama"), models=("llama-3.1-8b", "chat-small"), created=200.0)
RIVAL = a_service(("two", "rival"), models=("mistral", "chat-small"), created=100.0)
HIDDEN = a_service(("two", "hidden"), models=("secret",), shared=False)
GOING = a_service(("two", "going"), models=("leaving",), deleting=True)
ALL = (LLAMA, RIVAL, HIDDEN, GOING)


def _ask(*services: RoutedService, **request: Any) -> tuple[Forward | Reply, Stage]:
    answers: list[tuple[Forward | Reply, Stage]] = []

    async def story() -> None:
        stage = Stage()
        for service in services:
            stage.put(service, a_pod(service.key[1]))
        answers.append((await stage.router.route(a_request(None, **request)), stage))

    in_fake_time(story)
    return answers[0]


@pytest.mark.parametrize(
    ("model", "address"), [("llama-3.1-8b", "llama:8000"), ("mistral", "rival:8000"), ("chat-small", "rival:8000")]
)
def test_the_model_settles_the_service(model: str, address: str) -> None:
    """By its name or an alias; of two that claim one, the older has it."""
    for order in (ALL, tuple(reversed(ALL))):
        answer, _ = _ask(*order, model=model)
        assert isinstance(answer, Forward)
        assert answer.address == address


def test_of_two_services_of_an_age_the_first_by_name_has_the_model() -> None:
    """In every gateway alike, whatever order it learns of them in."""
    twins = (a_service(("b", "a"), models=("m",)), a_service(("a", "z"), models=("m",)))
    for order in (twins, twins[::-1]):
        answer, _ = _ask(*order, model="m")
        assert isinstance(answer, Forward)
        assert answer.address == "z:8000"


REFUSED = [
    ({"model": "secret"}, 404, "model_not_found", "model", "there are chat-small, llama-3.1-8b, mistral"),
    ({"model": "leaving"}, 404, "model_not_found", "model", "'leaving'"),
    ({"model": "x" * 5000}, 404, "model_not_found", "model", "xxx..."),
    ({"model": "a\r\nx: y\N{SNOWMAN}"}, 404, "model_not_found", "model", "'a\\r\\nx: y\\u2603'"),
    ({"model": None}, 400, "model_missing", "model", "status.url"),
    ({"model": ""}, 400, "model_missing", "model", "name the model"),
    ({"model_problem": "It is not JSON."}, 400, "body_invalid", None, "It is not JSON; there are chat-small"),
    ({"headers": {"content-type": "multipart/form-data; boundary=x"}}, 415, "not_json", None, "status.url"),
    ({"headers": {"content-type": "application/x-www-form-urlencoded"}}, 415, "not_json", None, "application/json"),
    ({"headers": {}}, 415, "not_json", None, "none was sent"),
    ({"method": "GET", "path": "/v1/models/secret"}, 404, "model_not_found", "model", "secret"),
    ({"method": "GET", "path": "/metrics"}, 404, "path_unknown", None, "/metrics"),
    ({"method": "DELETE", "path": "/v1/models/mistral"}, 404, "path_unknown", None, "DELETE"),
]


@pytest.mark.parametrize(("request_", "status", "code", "param", "told"), REFUSED)
def test_what_names_no_service_is_told_why_and_where_else_to_go(
    request_: dict[str, Any], status: int, code: str, param: str | None, told: str
) -> None:
    """In OpenAI's shape, and no SDK tries again what cannot succeed."""
    answer, stage = _ask(*ALL, **({"model": "mistral"} | request_))
    assert isinstance(answer, Reply)
    error = error_of(answer)
    assert (answer.status, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert told in error["message"]
    assert header_of(answer, "content-type") == "application/json"
    assert header_of(answer, "x-should-retry") == "false"
    assert len(answer.body) < 1000

    async def count() -> None:
        assert sum(stage.router.report().unrouted.values()) == 1

    in_fake_time(count)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/vnd.api+JSON"])
def test_json_by_any_name_is_read(kind: str) -> None:
    """Parameters and capitals do not matter."""
    answer, _ = _ask(*ALL, model="mistral", headers={"content-type": kind})
    assert isinstance(answer, Forward)


@pytest.mark.parametrize("path", ["org/small:1", "org%2Fsmall:1", "org%2fsmall%3A1/"])
def test_a_model_whose_name_has_a_slash_is_found(path: str) -> None:
    """SDKs write it as %2F."""
    service = a_service(models=("org/small:1",))
    answer, _ = _ask(service, method="GET", path=f"/v1/models/{path}")
    assert isinstance(answer, Reply)
    assert (answer.status, json.loads(answer.body)["id"]) == (200, "org/small:1")


def test_the_models_are_listed_without_waking_one() -> None:
    """Names and aliases, each once, as OpenAI lists them; what is opted out or leaves is not there."""

    async def story() -> None:
        stage = Stage()
        for service in ALL:
            stage.put(service)
        reply = await stage.router.route(a_get("/v1/models", None))
        assert isinstance(reply, Reply)
        document = json.loads(reply.body)
        assert (reply.status, document["object"]) == (200, "list")
        assert [(model["id"], model["root"], model["owned_by"]) for model in document["data"]] == [
            ("chat-small", "mistral", "two"),
            ("llama-3.1-8b", "llama-3.1-8b", "one"),
            ("mistral", "mistral", "two"),
        ]
        one = await stage.router.route(a_get("/v1/models/chat-small?x=1", None))
        assert isinstance(one, Reply)
        assert json.loads(one.body) == document["data"][0]
        stage.router.forget_service(RIVAL.key)
        after = await stage.router.route(a_get("/v1/models", None))
        assert isinstance(after, Reply)
        assert [model["id"] for model in json.loads(after.body)["data"]] == ["chat-small", "llama-3.1-8b"]
        assert stage.wakes == []
        assert all(counts.requests_total == 0 for counts in stage.router.report().services.values())

    in_fake_time(story)


def test_a_service_that_changes_its_names_is_found_by_the_new_ones_only() -> None:
    """A name that is said twice counts once, and opting out takes all of them away."""
    twice = a_service(("one", "llama"), models=("new", "new"))
    for services, found in (((LLAMA, twice), True), ((LLAMA, twice, a_service(("one", "llama"), shared=False)), False)):
        answer, _ = _ask(*services, model="new")
        assert isinstance(answer, Forward) is found
        assert isinstance(_ask(*services, model="llama-3.1-8b")[0], Reply)


def test_of_thousands_of_models_twenty_are_named_in_an_error() -> None:
    """And how many more there are, and where to read them."""
    answer, _ = _ask(*(a_service(("n", f"s{n:04}")) for n in range(300)), model="none")
    assert isinstance(answer, Reply)
    assert "s0019 and 280 more (GET /v1/models)" in error_of(answer)["message"]


def test_nothing_served_is_said_plainly() -> None:
    """On the first day there is no model at all."""
    answer, _ = _ask(model="none")
    assert isinstance(answer, Reply)
    assert "no model is served here" in error_of(answer)["message"]
