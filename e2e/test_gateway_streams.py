"""What becomes of running answers, and of requests that are held, while gateways and pods come and go: nothing."""

import json

import pytest
from custom_resources import changed

from cluster_clients import Asking, Clients
from helm_release import Release
from model_namespace import pod_that
from running_gateways import PICKER, Gateways
from sizes_over_time import gateways_in_slice, look
from sleepers import apply_asleep, put_to_sleep, sleeper

STREAMS = 12
ANSWER_TOKENS = 900
"""At some 60 tokens a second: a quarter of a minute."""

STARTUP_SECONDS = 20
PATIENT = changed(pod_that(), {"spec": {"terminationGracePeriodSeconds": 120}})
"""Pods drain for no longer than they may take to end."""


@pytest.fixture(scope="module")
def gateways(clients: Clients, shared_release: Release) -> Gateways:
    """Gateways that wait for answers as long as these take."""
    shared_release.install(gateway={"drainSeconds": 60})
    found = Gateways(shared_release)
    clients.here.wait("the gateways have settled", found.are_settled)
    return found


@pytest.fixture(scope="module")
def services(clients: Clients, gateways: Gateways) -> None:  # noqa: ARG001 - they are not to come and go meanwhile
    """One that serves with three pods, and one that sleeps and takes its time to start."""
    here = clients.here
    here.apply(here.least(replicas=3, template=PATIENT, routing={"mode": "Gateway"}))
    apply_asleep(clients, sleeper(here, startup_seconds=STARTUP_SECONDS), "slow")
    here.wait_serving(pods=3)


def begun(clients: Clients, tokens: int = ANSWER_TOKENS) -> Asking:
    """Answers that have begun and take their time."""
    streams = clients.ask(requests=STREAMS, tokens=tokens)
    clients.here.wait("all answers have begun", lambda: len(streams.are("begun")) == STREAMS)
    return streams


def held(clients: Clients, gateways: Gateways, requests: int = 4) -> Asking:
    """Requests that wait for a service that starts."""
    here = clients.here
    if not look(here, "slow").is_asleep:
        put_to_sleep(here, "slow")
    asking = clients.ask("slow", requests=requests, tokens=8)
    of = {"namespace": here.namespace, "service": "slow"}
    here.wait("they are held", lambda: gateways.total("tidegate_gateway_held", **of) == requests)
    return asking


@pytest.mark.usefixtures("services")
def test_a_rollout_of_the_gateways_loses_nothing(clients: Clients, gateways: Gateways) -> None:
    """`helm upgrade` while answers run, requests are held, and new ones come all the time."""
    here, old = clients.here, gateways.names()
    coming = clients.ask(requests=150, tokens=4, seconds_between=0.2)
    waiting, streams = held(clients, gateways), begun(clients)
    gateways.release.install(gateway={"podAnnotations": {"rolled": "out"}, "drainSeconds": 60})
    here.wait("only new ones are left", lambda: len(gateways.names()) == 2 and not old & gateways.names())
    here.wait("slices lead there", lambda: gateways_in_slice(here, "chat") == gateways.ready_addresses())
    for asking in (streams, waiting, coming):
        asking.all_answered()


@pytest.mark.usefixtures("services")
def test_a_killed_picker_cuts_no_answer(clients: Clients, gateways: Gateways) -> None:
    """Both at once: answers go on, who is held is told to come again, and soon may."""
    here = clients.here
    waiting, streams = held(clients, gateways), begun(clients)
    before = gateways.restarts(PICKER)
    gateways.kill_pickers()
    waiting.ended()
    refused = waiting.are("refused")
    assert len(refused) == len(waiting.are("sent"))
    for each in refused:
        assert (each["status"], each["headers"]["retry-after"]) == (503, "2")
        assert json.loads(each["body"])["error"]["code"] == "gateway_restarting"
    here.wait("pickers are back", lambda: gateways.restarts(PICKER) == [each + 1 for each in before])
    here.wait("the gateways have settled", gateways.are_settled)
    clients.ask(requests=10).all_answered()
    streams.all_answered()


@pytest.mark.usefixtures("services")
def test_shrinking_cuts_no_answer(clients: Clients) -> None:
    """From three pods to one, while each has long answers to give; new requests go to the one that stays."""
    here = clients.here
    streams = begun(clients)
    coming = clients.ask(requests=100, tokens=4, seconds_between=0.2)
    here.kubectl("scale", "infer/chat", "--replicas=1")
    here.wait("two drain", lambda: look(here, "chat").serving == 1)
    assert not streams.are("answered")
    for asking in (streams, coming):
        asking.all_answered()
    here.wait("one is left", lambda: (now := look(here, "chat")).size == now.pods == now.ready == 1)
