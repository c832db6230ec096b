"""The table of states in `tidegate.gateway.policy.standing`, row by row: every event in every state.

Of each row: the state after, and what became of the one that was held before and of one that comes after.
"""

import asyncio
import re
from collections.abc import Callable

import pytest
from router_in_fake_time import (
    CHAT,
    EPOCH,
    Stage,
    a_plan,
    a_pod,
    a_request,
    a_service,
    an_end,
    error_of,
    in_fake_time,
    sent,
    soon,
    trouble,
)

from tidegate.gateway.exchange import Forward, Reply
from tidegate.gateway.policy import WakeOutcome, WakeResult, standing
from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.policy.standing import State
from tidegate.gateway.routed_service import ModelPod, PodEngine

FORBIDDEN = a_plan(allowed=False, reason="PinnedAtZero", message="replicas is 0")
STARTING = a_pod(ready=False)
FULL = a_plan(max_sequences=1)


async def _warm(stage: Stage) -> None:
    """One pod with one place, which is taken: so somebody can be held."""
    stage.put(a_service(wake_plan=FULL), a_pod())
    forward = await stage.router.route(a_request())
    assert isinstance(forward, Forward)
    stage.running.append(forward)


async def _waking(stage: Stage) -> None:
    stage.put(a_service(wake_plan=FULL), STARTING)


async def _asleep(stage: Stage) -> None:
    stage.put(a_service(wake_plan=FULL))


async def _blocked(stage: Stage) -> None:
    stage.put(a_service(wake_plan=FORBIDDEN))


async def _gone(stage: Stage) -> None:
    stage.router.forget_service(CHAT)


BEFORE = {
    State.WARM: _warm,
    State.WAKING: _waking,
    State.ASLEEP: _asleep,
    State.BLOCKED: _blocked,
    State.GONE: _gone,
}


def _the_pod_refuses(stage: Stage) -> None:
    for forward in stage.running:
        stage.router.ended(an_end(forward, status=503, flags=frozenset({"upstream_connection_failure"})))


EVENTS: dict[str, Callable[[Stage], None]] = {
    "a second pod appears": lambda stage: stage.router.put_pods(
        CHAT, (*stage.pods, a_pod("chat-1", ready=False, address=""))
    ),
    "a pod is ready": lambda stage: stage.router.put_pods(CHAT, (a_pod("chat-1"),)),
    "a pod answers our probe": lambda stage: stage.router.pod_answered(CHAT, "uid-chat-0"),
    "the pods drain": lambda stage: stage.router.put_pods(CHAT, (a_pod(serving=False),)),
    "the pods have left": lambda stage: stage.router.put_pods(CHAT, ()),
    "the pods are in trouble": lambda stage: stage.router.put_pods(
        CHAT, (a_pod(ready=False, trouble=trouble("Crashing")),)
    ),
    "a pod is unschedulable": lambda stage: stage.router.put_pods(
        CHAT, (a_pod(ready=False, trouble=trouble("Unschedulable")),)
    ),
    "a pod was unschedulable for long": lambda stage: stage.router.put_pods(
        CHAT, (a_pod(ready=False, trouble=trouble("Unschedulable", EPOCH - 81)),)
    ),
    "the pod refuses a connection": _the_pod_refuses,
    "waking is forbidden": lambda stage: stage.router.put_service(a_service(wake_plan=FORBIDDEN)),
    "waking is allowed": lambda stage: stage.router.put_service(a_service(wake_plan=FULL)),
    "no operator has said anything": lambda stage: stage.router.put_service(a_service(wake_plan=None)),
    "it is being deleted": lambda stage: stage.router.put_service(a_service(wake_plan=FULL, deleting=True)),
    "it is deleted": lambda stage: stage.router.forget_service(CHAT),
}


# State before, event, state after, what became of the one that was held, what becomes of one that comes then.
# `-`: nobody could be held before. A number: the status. The address: where it was sent.
NO, HELD, P0, P1 = "-", "held", "chat-0:8000", "chat-1:8000"
ROWS = (
    ("Warm", "a second pod appears", "Warm", HELD, HELD),
    ("Warm", "a pod is ready", "Warm", P1, HELD),
    ("Warm", "a pod answers our probe", "Warm", HELD, HELD),
    ("Warm", "the pods drain", "Asleep", HELD, HELD),
    ("Warm", "the pods have left", "Asleep", HELD, HELD),
    ("Warm", "the pods are in trouble", "Blocked", "503 crashing", "503 crashing"),
    ("Warm", "a pod is unschedulable", "Waking", HELD, HELD),
    ("Warm", "a pod was unschedulable for long", "Blocked", "503 unschedulable", "503 unschedulable"),
    ("Warm", "the pod refuses a connection", "Warm", HELD, HELD),
    ("Warm", "waking is forbidden", "Warm", P0, P0),
    ("Warm", "waking is allowed", "Warm", HELD, HELD),
    ("Warm", "no operator has said anything", "Warm", P0, P0),
    ("Warm", "it is being deleted", "Gone", "404 service_gone", "404 service_gone"),
    ("Warm", "it is deleted", "Gone", "404 service_gone", "404 service_gone"),
    ("Waking", "a second pod appears", "Waking", HELD, HELD),
    ("Waking", "a pod is ready", "Warm", P1, HELD),
    ("Waking", "a pod answers our probe", "Warm", P0, HELD),
    ("Waking", "the pods drain", "Asleep", HELD, HELD),
    ("Waking", "the pods have left", "Asleep", HELD, HELD),
    ("Waking", "the pods are in trouble", "Blocked", "503 crashing", "503 crashing"),
    ("Waking", "a pod is unschedulable", "Waking", HELD, HELD),
    ("Waking", "a pod was unschedulable for long", "Blocked", "503 unschedulable", "503 unschedulable"),
    ("Waking", "the pod refuses a connection", "Waking", HELD, HELD),
    ("Waking", "waking is forbidden", "Waking", HELD, HELD),
    ("Waking", "waking is allowed", "Waking", HELD, HELD),
    ("Waking", "no operator has said anything", "Waking", HELD, HELD),
    ("Waking", "it is being deleted", "Gone", "404 service_gone", "404 service_gone"),
    ("Waking", "it is deleted", "Gone", "404 service_gone", "404 service_gone"),
    ("Asleep", "a second pod appears", "Waking", HELD, HELD),
    ("Asleep", "a pod is ready", "Warm", P1, HELD),
    ("Asleep", "a pod answers our probe", "Asleep", HELD, HELD),
    ("Asleep", "the pods drain", "Asleep", HELD, HELD),
    ("Asleep", "the pods have left", "Asleep", HELD, HELD),
    ("Asleep", "the pods are in trouble", "Blocked", "503 crashing", "503 crashing"),
    ("Asleep", "a pod is unschedulable", "Waking", HELD, HELD),
    ("Asleep", "a pod was unschedulable for long", "Blocked", "503 unschedulable", "503 unschedulable"),
    ("Asleep", "the pod refuses a connection", "Asleep", HELD, HELD),
    ("Asleep", "waking is forbidden", "Blocked", "503 pinned_at_zero", "503 pinned_at_zero"),
    ("Asleep", "waking is allowed", "Asleep", HELD, HELD),
    ("Asleep", "no operator has said anything", "Asleep", HELD, HELD),
    ("Asleep", "it is being deleted", "Gone", "404 service_gone", "404 service_gone"),
    ("Asleep", "it is deleted", "Gone", "404 service_gone", "404 service_gone"),
    ("Blocked", "a second pod appears", "Waking", NO, HELD),
    ("Blocked", "a pod is ready", "Warm", NO, P1),
    ("Blocked", "a pod answers our probe", "Blocked", NO, "503 pinned_at_zero"),
    ("Blocked", "the pods drain", "Blocked", NO, "503 pinned_at_zero"),
    ("Blocked", "the pods have left", "Blocked", NO, "503 pinned_at_zero"),
    ("Blocked", "the pods are in trouble", "Blocked", NO, "503 crashing"),
    ("Blocked", "a pod is unschedulable", "Waking", NO, HELD),
    ("Blocked", "a pod was unschedulable for long", "Blocked", NO, "503 unschedulable"),
    ("Blocked", "the pod refuses a connection", "Blocked", NO, "503 pinned_at_zero"),
    ("Blocked", "waking is forbidden", "Blocked", NO, "503 pinned_at_zero"),
    ("Blocked", "waking is allowed", "Asleep", NO, HELD),
    ("Blocked", "no operator has said anything", "Asleep", NO, HELD),
    ("Blocked", "it is being deleted", "Gone", NO, "404 service_gone"),
    ("Blocked", "it is deleted", "Gone", NO, "404 service_gone"),
    ("Gone", "a second pod appears", "Gone", NO, "404 service_gone"),
    ("Gone", "a pod is ready", "Gone", NO, "404 service_gone"),
    ("Gone", "a pod answers our probe", "Gone", NO, "404 service_gone"),
    ("Gone", "the pods drain", "Gone", NO, "404 service_gone"),
    ("Gone", "the pods have left", "Gone", NO, "404 service_gone"),
    ("Gone", "the pods are in trouble", "Gone", NO, "404 service_gone"),
    ("Gone", "a pod is unschedulable", "Gone", NO, "404 service_gone"),
    ("Gone", "a pod was unschedulable for long", "Gone", NO, "404 service_gone"),
    ("Gone", "the pod refuses a connection", "Gone", NO, "404 service_gone"),
    ("Gone", "waking is forbidden", "Blocked", NO, "503 pinned_at_zero"),
    ("Gone", "waking is allowed", "Asleep", NO, HELD),
    ("Gone", "no operator has said anything", "Asleep", NO, HELD),
    ("Gone", "it is being deleted", "Gone", NO, "404 service_gone"),
    ("Gone", "it is deleted", "Gone", NO, "404 service_gone"),
)


def _fate(task: asyncio.Task[Forward | Reply]) -> str:
    if not task.done():
        return HELD
    answer = task.result()
    return answer.address if isinstance(answer, Forward) else f"{answer.status} {error_of(answer)['code']}"


@pytest.mark.parametrize(("before", "event", "after", "held_fate", "new_fate"), ROWS)
def test_each_event_in_each_state(before: str, event: str, after: str, held_fate: str, new_fate: str) -> None:
    """The state after is the table's, and nobody who waits or comes is left in the dark."""

    async def story() -> None:
        stage = Stage(wake=_never_ends)
        await BEFORE[State(before)](stage)
        held = stage.call() if held_fate != NO else None
        await soon()
        if held is not None:
            assert not held.done()
        EVENTS[event](stage)
        await soon()
        counts = stage.router.report().services.get(CHAT)
        assert (counts.state if counts is not None else "Gone") == after
        assert (_fate(held) if held is not None else NO) == held_fate
        new = stage.call()
        await soon()
        assert _fate(new) == new_fate
        for task in (held, new):
            if task is not None:
                task.cancel()
        await soon()
        assert stage.router.report().held == 0

    in_fake_time(story)


async def _never_ends(_service: object, _replicas: int) -> WakeOutcome:
    await asyncio.sleep(1_000_000)
    return WakeOutcome(result=WakeResult.WOKEN)


def test_the_rows_are_all_pairs_of_states_and_events() -> None:
    """No pair is forgotten, and none is there twice."""
    assert sorted((row[0], row[1]) for row in ROWS) == sorted((state, event) for state in State for event in EVENTS)


def test_the_table_for_people_names_the_states_of_the_code() -> None:
    """The docstring's first table has a row for each state."""
    rows = re.findall(r"^(Warm|Waking|Asleep|Blocked|Gone)\s", standing.__doc__ or "", re.MULTILINE)
    assert rows == [state.value for state in State]


def test_one_pod_on_its_way_is_worth_waiting_for_though_others_are_in_trouble() -> None:
    """Blocked is only who has no pod left that may make it."""

    async def story() -> None:
        stage = Stage()
        crashing = a_pod(ready=False, trouble=trouble("Crashing"))
        stage.put(a_service(), crashing, a_pod("chat-1", ready=False))
        caller = stage.call()
        await asyncio.sleep(100)
        assert not caller.done()
        stage.router.put_pods(CHAT, (crashing, a_pod("chat-1")))
        await soon()
        assert sent(caller).address == "chat-1:8000"

    in_fake_time(story)


def test_who_waits_for_a_pod_without_a_node_waits_two_lead_times_and_no_longer() -> None:
    """Two of 40 s are more than a minute; nothing else happens in between."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod(ready=False, trouble=trouble("Unschedulable")))
        caller = stage.call()
        await asyncio.wait([caller], timeout=79)
        assert not caller.done()
        await asyncio.wait([caller], timeout=1.1)
        assert _fate(caller) == "503 unschedulable"

    in_fake_time(story)


def test_the_last_pod_without_a_node_settles_when_nobody_waits_any_more() -> None:
    """And the report says so though nobody asked for the service meanwhile."""

    async def story() -> None:
        stage = Stage()
        pods = [a_pod(str(n), ready=False, trouble=trouble("Unschedulable", EPOCH + 30 * n)) for n in (1, 0)]
        stage.put(a_service(), *pods)
        caller = stage.call()
        await asyncio.wait([caller], timeout=109)
        assert not caller.done()
        await asyncio.wait([caller], timeout=1.1)
        assert _fate(caller) == "503 unschedulable"
        stage.put(a_service(("models", "other")), pods[1])
        assert stage.router.report().services["models", "other"].state == "Blocked"
        stage.put(a_service(("models", "later")), a_pod(ready=False, trouble=trouble("Unschedulable", EPOCH + 100)))
        assert stage.router.report().services["models", "later"].state == "Waking"
        await asyncio.sleep(100)
        assert stage.router.report().services["models", "later"].state == "Blocked"

    in_fake_time(story)


@pytest.mark.parametrize("pods_first", [True, False])
def test_of_a_service_that_is_gone_with_its_pods_nothing_is_kept(*, pods_first: bool) -> None:
    """One of its name begins at nothing, whichever was heard of first."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        await stage.router.route(a_request())
        steps = [lambda: stage.router.put_pods(CHAT, ()), lambda: stage.router.forget_service(CHAT)]
        for step in steps if pods_first else reversed(steps):
            step()
        stage.put(a_service(), a_pod())
        counts = stage.router.report().services[CHAT]
        assert (counts.requests_total, counts.in_flight) == (0, 0)

    in_fake_time(story)


ENGINES = {name: PodEngine(port=8000, health_path="/health") for name in ("default", "cpu")}


def _stuck(variant: str, reason: str = "Unschedulable", since: float = EPOCH) -> ModelPod:
    return a_pod(f"chat-{variant}", variant=variant, ready=False, trouble=trouble(reason, since))


@pytest.mark.parametrize(
    ("pods", "waits_seconds"),
    [
        ((_stuck("default"),), 210),
        ((_stuck("cpu"),), 210),
        ((_stuck("default"), _stuck("cpu")), 80),
        ((_stuck("default"), _stuck("cpu", since=EPOCH + 50)), 130),
        ((_stuck("default", "Crashing"),), 0),
        ((_stuck("default"), _stuck("cpu", "Crashing")), 80),
        ((_stuck("default"), a_pod("chat-cpu", variant="cpu", ready=False)), None),
        ((_stuck("default"), a_pod("chat-cpu", variant="cpu", ready=False, serving=False)), 210),
        ((_stuck("removed"),), 210),
    ],
    ids=[
        "the other variant may step in",
        "whichever it is",
        "none has a place",
        "the later one counts",
        "no other steps in for one that crashes",
        "the other has stepped in and crashes",
        "the other is on its way",
        "one that drains steps in for nobody",
        "a variant that was removed",
    ],
)
def test_with_variants_it_is_waited_for_those_that_may_step_in(
    pods: tuple[ModelPod, ...], waits_seconds: float | None
) -> None:
    """Until another variant should have stepped in: 180 s and 30 more; where none may, two lead times as ever."""
    service = a_service(engines=ENGINES, fallback_after_seconds=180.0)
    now = standing.standing(service, [PodLoad(pod) for pod in pods], EPOCH)
    assert now.state is (State.BLOCKED if waits_seconds == 0 else State.WAKING)
    assert now.changes_at == (EPOCH + waits_seconds if waits_seconds else None)


def test_who_is_held_while_another_variant_steps_in_is_answered_by_it() -> None:
    """Nobody wakes a second time, and the hold goes on until the pod of the other answers."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(engines=ENGINES, fallback_after_seconds=180.0), _stuck("default"))
        caller = stage.call()
        await asyncio.sleep(185)
        stage.router.put_pods(CHAT, (_stuck("default"), a_pod("chat-cpu", variant="cpu", ready=False, address="")))
        await asyncio.sleep(60)
        assert not caller.done()
        stage.router.put_pods(CHAT, (_stuck("default"), a_pod("chat-cpu", variant="cpu", address="chat-cpu:8080")))
        await soon()
        assert sent(caller).address == "chat-cpu:8080"
        assert stage.wakes == []

    in_fake_time(story)
