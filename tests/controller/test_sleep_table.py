"""The state table of docs/sleep-and-wake.md: five states, every event in each of them."""

from collections.abc import Awaitable, Callable

import pytest
from cluster_objects import KUBECTL, NAMESPACE, pod, scaled
from gateways_in_memory import WithGateways, asleep, awake, sleepy
from recording_cluster import status_of
from replica_sets_in_memory import CHAT

from tidegate.cluster.resources import DEPLOYMENTS, PODS

TURNS = 6
"""Half a minute: shorter than the time after which a service goes to sleep."""


def state_of(operator: WithGateways) -> str:
    """In which of the five states the service is, by what everybody can see."""
    status = status_of(operator.cluster)
    ready, reason, _ = operator.condition("Ready")
    if operator.size == 0:
        is_asleep = (ready, reason) == ("True", "ScaledToZero") and status["wakePlan"]["allowed"]
        return "asleep" if is_asleep else "blocked"
    if status.get("decision", {}).get("applied") and status["desiredReplicas"] == 0:
        return "draining"
    return "waking" if reason == "Waking" else "awake"


async def draining() -> WithGateways:
    """Nobody has used it, and its last pod has an answer to finish."""
    operator = await awake()
    while not operator.draining():
        await operator.turn()
    operator.runs(1, 1.0)
    await operator.turn()
    return operator


async def waking() -> WithGateways:
    """A request is held, a gateway has woken it, no pod is ready."""
    operator = await asleep()
    operator.use(held=1)
    operator.wake(1)
    operator.cluster.have(PODS, pod("chat", 2, ready=False))
    await operator.turn()
    return operator


async def blocked() -> WithGateways:
    """Asleep, and no gateway lives."""
    operator = await asleep()
    operator.gateways = []
    for _ in range(4):
        await operator.turn()
    return operator


STATES: dict[str, Callable[[], Awaitable[WithGateways]]] = {
    "awake": awake,
    "draining": draining,
    "asleep": asleep,
    "waking": waking,
    "blocked": blocked,
}

Event = Callable[[WithGateways], None]


def nothing(_: WithGateways) -> None:
    """Time passes."""


def a_request_is_held(operator: WithGateways) -> None:
    """One arrives, and no pod takes it."""
    operator.use(held=1)


def one_gateway_dies(operator: WithGateways) -> None:
    """Without a word."""
    operator.gateways = operator.gateways[:1]


def all_gateways_die(operator: WithGateways) -> None:
    """And nobody is left to ask."""
    operator.gateways = []


def gateways_come_back(operator: WithGateways) -> None:
    """Others, with nothing to tell."""
    operator.gateways = ["g-3", "g-4"]


def a_gateway_wakes_it(operator: WithGateways) -> None:
    """To two, where there are none; where there are, it leaves sizes alone."""
    if operator.size == 0:
        operator.use(held=20)
        operator.wake(2)


def somebody_scales_to_two(operator: WithGateways) -> None:
    """By `kubectl scale`, once."""
    found = operator.cluster.found(DEPLOYMENTS, CHAT)
    operator.cluster.have(DEPLOYMENTS, scaled(found, 2, KUBECTL))


def the_least_is_one(operator: WithGateways) -> None:
    """`minReplicas: 1`."""
    operator.apply(sleepy(scaling={"minReplicas": 1}), generation=7)


def pinned_at_zero(operator: WithGateways) -> None:
    """Switched off by hand."""
    operator.apply(sleepy(replicas=0), generation=7)


def pinned_at_two(operator: WithGateways) -> None:
    """Held by hand."""
    operator.apply(sleepy(replicas=2), generation=7)


def paused(operator: WithGateways) -> None:
    """`mode: Paused`."""
    operator.apply(sleepy(scaling={"mode": "Paused"}), generation=7)


def broken(operator: WithGateways) -> None:
    """A spec that cannot be carried out."""
    operator.apply(sleepy(scaling={"minReplicas": 9}), generation=7)


def without_gateways(operator: WithGateways) -> None:
    """`routing.mode: None`, by the operator's default, for the API server refuses it in the spec."""
    operator.apply(sleepy(mode=None), generation=7)


def the_operator_is_replaced(operator: WithGateways) -> None:
    """By one that knows what statuses say."""
    operator.restart()


def its_deployment_is_deleted(operator: WithGateways) -> None:
    """By mistake, with its pods."""
    operator.cluster.lose(DEPLOYMENTS, CHAT)
    for key in list(operator.store.pods):
        operator.cluster.lose(PODS, key)


def its_pod_is_ready(operator: WithGateways) -> None:
    """One that was starting."""
    for key in list(operator.store.pods):
        if not operator.store.pods[key].ready:
            operator.cluster.lose(PODS, (NAMESPACE, key[1]))
            operator.ordinary_pod("chat", int(key[1][-1]), ours=True)
            operator.use(in_flight=1)


def its_pod_cannot_start(operator: WithGateways) -> None:
    """The image is not there."""
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    for key in list(operator.store.pods):
        if not operator.store.pods[key].ready:
            document = operator.cluster.found(PODS, key)
            container = {"name": "engine", "state": {"waiting": waiting}}
            fresh = pod("chat", int(key[1][-1]), ready=False)
            operator.cluster.have(PODS, {**fresh, "status": {**document["status"], "containerStatuses": [container]}})


TABLE: dict[Event, dict[str, tuple[str, int]]] = {
    # event: state before -> state and size half a minute later
    nothing: {
        "awake": ("awake", 1),
        "draining": ("draining", 1),
        "asleep": ("asleep", 0),
        "waking": ("waking", 1),
        "blocked": ("blocked", 0),
    },
    a_request_is_held: {
        "awake": ("awake", 1),
        "draining": ("awake", 1),
        "asleep": ("waking", 1),
        "waking": ("waking", 1),
        "blocked": ("blocked", 0),
    },
    one_gateway_dies: {
        "awake": ("awake", 1),
        "draining": ("draining", 1),
        "asleep": ("asleep", 0),
        "waking": ("waking", 1),
        "blocked": ("blocked", 0),
    },
    all_gateways_die: {
        "awake": ("awake", 1),
        "draining": ("awake", 1),
        "asleep": ("blocked", 0),
        "waking": ("waking", 1),
        "blocked": ("blocked", 0),
    },
    gateways_come_back: {
        "awake": ("awake", 1),
        "draining": ("draining", 1),
        "asleep": ("asleep", 0),
        "waking": ("waking", 1),
        "blocked": ("asleep", 0),
    },
    a_gateway_wakes_it: {
        "awake": ("awake", 1),
        "draining": ("draining", 1),
        "asleep": ("waking", 2),
        "waking": ("waking", 1),
        "blocked": ("awake", 2),
    },
    somebody_scales_to_two: {
        "awake": ("awake", 1),
        "draining": ("awake", 1),
        "asleep": ("waking", 2),
        "waking": ("waking", 2),
        "blocked": ("awake", 2),
    },
    the_least_is_one: {
        "awake": ("awake", 1),
        "draining": ("awake", 1),
        "asleep": ("waking", 1),
        "waking": ("waking", 1),
        "blocked": ("awake", 1),
    },
    pinned_at_zero: {
        "awake": ("blocked", 0),
        "draining": ("draining", 1),
        "asleep": ("blocked", 0),
        "waking": ("blocked", 0),
        "blocked": ("blocked", 0),
    },
    pinned_at_two: {
        "awake": ("awake", 2),
        "draining": ("awake", 2),
        "asleep": ("waking", 2),
        "waking": ("waking", 2),
        "blocked": ("awake", 2),
    },
    paused: {
        "awake": ("awake", 1),
        "draining": ("awake", 1),
        "asleep": ("blocked", 0),
        "waking": ("waking", 1),
        "blocked": ("blocked", 0),
    },
    broken: {
        "awake": ("awake", 1),
        "draining": ("awake", 1),
        "asleep": ("blocked", 0),
        "waking": ("awake", 1),
        "blocked": ("blocked", 0),
    },
    without_gateways: {
        "awake": ("awake", 1),
        "draining": ("awake", 1),
        "asleep": ("awake", 1),
        "waking": ("waking", 1),
        "blocked": ("awake", 1),
    },
    the_operator_is_replaced: {
        "awake": ("awake", 1),
        "draining": ("draining", 1),
        "asleep": ("asleep", 0),
        "waking": ("waking", 1),
        "blocked": ("blocked", 0),
    },
    its_deployment_is_deleted: {
        "awake": ("awake", 1),
        "draining": ("awake", 1),
        "asleep": ("asleep", 0),
        "waking": ("awake", 1),
        "blocked": ("blocked", 0),
    },
    its_pod_is_ready: {
        "awake": ("awake", 1),
        "draining": ("draining", 1),
        "asleep": ("asleep", 0),
        "waking": ("awake", 1),
        "blocked": ("blocked", 0),
    },
    its_pod_cannot_start: {
        "awake": ("awake", 1),
        "draining": ("draining", 1),
        "asleep": ("asleep", 0),
        "waking": ("awake", 1),
        "blocked": ("blocked", 0),
    },
}


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("event", TABLE, ids=lambda event: event.__name__)
async def test_the_table(event: Event, before: str) -> None:
    """What becomes of a service in each state, when each thing happens."""
    operator = await STATES[before]()
    assert state_of(operator) == before
    event(operator)
    for _ in range(TURNS):
        await operator.turn()
        operator.control()
    assert (state_of(operator), operator.size) == TABLE[event][before]


def test_the_table_is_whole() -> None:
    """Every event in every state."""
    assert all(set(row) == set(STATES) for row in TABLE.values())
