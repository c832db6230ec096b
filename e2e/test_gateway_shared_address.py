"""One address for all models; and services that go while somebody waits for them."""

import json
import time

import pytest

from cluster_clients import Clients
from helm_release import Release
from running_gateways import Gateways
from sizes_over_time import look
from sleepers import apply_asleep, sleeper


@pytest.fixture
def shared(release: Release) -> str:
    """The shared address."""
    return Gateways(release).shared_url


def models(clients: Clients, shared: str) -> list[str]:
    """What it lists."""
    answer = clients.curl(f"{shared}/v1/models")
    assert answer.status == 200
    return [model["id"] for model in answer.body["data"]]


def test_requests_go_by_model_and_wake_no_other(clients: Clients, shared: str) -> None:
    """By name and by alias; the list, and what does not exist, wake nobody; who opted out is not there."""
    here = clients.here
    for name in ("red", "blue"):
        names = {"name": f"{name}-model", "aliases": [f"{name}-alias"]}
        engine = {"args": ["--served-model-name", f"{name}-model", f"{name}-alias"]}
        apply_asleep(clients, sleeper(here, model=names, engine=engine), name)
    apply_asleep(clients, sleeper(here, model={"name": "hidden-model"}, routing={"shared": False}), "hidden")
    named = {"red-model", "red-alias", "blue-model", "blue-alias"}
    listed = models(clients, shared)
    assert named <= set(listed)
    assert "hidden-model" not in listed
    for unknown in ("nothing-like-it", "hidden-model"):
        answer = clients.post(shared, unknown)
        error = answer.body["error"]
        assert (answer.status, answer.headers["x-tidegate-reason"]) == (404, "ModelUnknown")
        assert (error["code"], error["param"]) == ("model_not_found", "model")
        assert all(name in error["message"] for name in (unknown, *named))
    assert all(look(here, name).is_asleep for name in ("red", "blue", "hidden"))
    for model in ("red-model", "red-alias"):
        clients.ask(url=shared, model=model, tokens=20).all_answered()
    assert here.size("red") == 1
    assert [look(here, name).is_asleep for name in ("blue", "hidden")] == [True, True]
    clients.ask("hidden", model="hidden-model").all_answered()


def test_of_two_services_with_a_name_the_older_answers_to_it(clients: Clients, shared: str) -> None:
    """And both say so; each answers at its own address; the name goes on to the other one when the older is gone."""
    here = clients.here
    for name in ("older", "newer"):
        apply_asleep(clients, sleeper(here, model={"name": "one-name"}), name)
        time.sleep(1)  # Kubernetes tells ages in whole seconds.
    for name in ("older", "newer"):
        other = f"{here.namespace}/{'newer' if name == 'older' else 'older'}"
        here.wait(f"{name} says so", lambda name=name: here.condition("Routed", name)[1] == "ModelNameTaken")
        assert other in here.condition("Routed", name)[2]
    assert models(clients, shared).count("one-name") == 1
    clients.ask(url=shared, model="one-name").all_answered()
    assert here.size("older") == 1
    assert look(here, "newer").is_asleep
    here.kubectl("delete", "infer/older")
    here.wait("newer has the name", lambda: here.condition("Routed", "newer")[1] == "RoutedByGateway")
    clients.ask(url=shared, model="one-name").all_answered()
    assert here.size("newer") == 1


def test_who_waits_for_a_service_that_is_deleted_is_told(clients: Clients, release: Release) -> None:
    """With 404 in OpenAI's shape, at once: it would never be answered."""
    here, gateways = clients.here, Gateways(release)
    apply_asleep(clients, sleeper(here, startup_seconds=120), "going")
    asking = clients.ask("going", requests=3)
    held = {"namespace": here.namespace, "service": "going"}
    here.wait("three are held", lambda: gateways.total("tidegate_gateway_held", **held) == 3)
    here.kubectl("delete", "infer/going")
    asking.ended()
    refused = asking.are("refused")
    assert len(refused) == 3
    for each in refused:
        assert (each["status"], each["headers"]["x-tidegate-reason"]) == (404, "ServiceGone")
        assert json.loads(each["body"])["error"]["code"] == "service_gone"
