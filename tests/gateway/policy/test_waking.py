"""When a service is woken, to how many, how often, and what those that wait are told when it fails."""

import asyncio

import pytest
from router_in_fake_time import (
    CHAT,
    Stage,
    a_get,
    a_plan,
    a_pod,
    a_request,
    a_service,
    error_of,
    header_of,
    in_fake_time,
    now,
    refused,
    soon,
)

from tidegate.api.routing import WakePlan
from tidegate.gateway.exchange import Reply
from tidegate.gateway.policy import WakeOutcome, WakeResult
from tidegate.gateway.policy.wake import wake_size

SIZES = [
    (1, {}, 1),
    (20, {}, 1),
    (21, {}, 2),
    (200, {"max_replicas": 30}, 10),
    (200, {}, 8),
    (1, {"min_replicas": 3}, 3),
    (100, {"min_replicas": 3}, 5),
    (1, {"min_replicas": 5, "max_replicas": 2}, 5),
]


@pytest.mark.parametrize(("held", "plan", "size"), SIZES)
def test_the_size_is_the_least_that_drains_what_is_held_within_the_bounds(
    held: int, plan: dict[str, int], size: int
) -> None:
    """A floor of the plan wins over its maximum: it is what schedules ask for."""
    assert wake_size(held, a_plan(**plan)) == size


@pytest.mark.parametrize(
    ("arrivals", "plan", "woken_at", "size"),
    [
        ([0.0], a_plan(), 0.020, 1),
        ([0.0, 0.015, 0.030], a_plan(requests_per_replica=1), 0.050, 3),
        ([n * 0.011 for n in range(20)], a_plan(requests_per_replica=1, max_replicas=100), 0.060, 6),
        ([n * 0.010 for n in range(20)], a_plan(requests_per_replica=1, max_replicas=3), 0.020, 3),
        ([0.0], a_plan(max_replicas=1), 0.0, 1),
        ([0.0], a_plan(min_replicas=4, max_replicas=4), 0.0, 4),
    ],
)
def test_it_waits_a_moment_for_those_that_come_together(
    arrivals: list[float], plan: WakePlan, woken_at: float, size: int
) -> None:
    """20 ms of silence, 60 ms at most, and nothing at all where more requests would not change the size."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=plan))
        callers = []
        for at in arrivals:
            await asyncio.sleep(at - now())
            callers.append(stage.call())
        await asyncio.sleep(1)
        assert [(round(time, 3), woken) for time, _, woken in stage.wakes] == [(woken_at, size)]
        assert not any(caller.done() for caller in callers)

    in_fake_time(story)


def test_what_is_no_use_wakes_nobody() -> None:
    """Probes, lists of models, and a client that has left before the wake."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service())
        await stage.router.route(a_get("/v1/models"))
        await stage.router.route(a_get("/health"))
        await stage.router.route(a_request(headers={"user-agent": "kube-probe/1.34"}))
        caller = stage.call()
        await asyncio.sleep(0.005)
        caller.cancel()
        await asyncio.sleep(60)
        assert stage.wakes == []
        assert stage.router.report().services[CHAT].requests_total == 1

    in_fake_time(story)


def test_one_attempt_at_a_time_however_many_come() -> None:
    """A slow API server is asked once."""

    async def story() -> None:
        stage = Stage()
        stage.wake_seconds = 3.0
        stage.put(a_service())
        for _ in range(50):
            stage.call()
            await asyncio.sleep(0.05)
        assert len(stage.wakes) == 1

    in_fake_time(story)


@pytest.mark.parametrize(
    ("outcome", "times"),
    [
        (WakeOutcome(result=WakeResult.WOKEN), [0.0, 5.0, 10.0, 15.0]),
        (WakeOutcome(result=WakeResult.ALREADY_AWAKE), [0.0, 0.25, 0.75, 1.75, 3.75, 7.75, 12.75, 17.75]),
        (WakeOutcome(result=WakeResult.UNREACHABLE), [0.0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 11.3, 16.3]),
        (OSError("reset"), [0.0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 11.3, 16.3]),
    ],
)
def test_it_tries_again_while_somebody_waits_and_no_pod_is_there(
    outcome: WakeOutcome | Exception, times: list[float]
) -> None:
    """Slower and slower; also after a success, for somebody may have put the size back."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [outcome] * 100
        stage.put(a_service(wake_plan=a_plan(max_replicas=1)))
        stage.call()
        await asyncio.sleep(18)
        assert [time for time, _, _ in stage.wakes] == pytest.approx(times, abs=0.02)

    in_fake_time(story)


def test_a_conflict_is_tried_again_at_once() -> None:
    """Somebody wrote the Deployment in between; that is no reason to wait."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [WakeOutcome(result=WakeResult.CONFLICT)]
        stage.put(a_service(wake_plan=a_plan(max_replicas=1)))
        stage.call()
        await asyncio.sleep(1)
        assert [time for time, _, _ in stage.wakes] == pytest.approx([0.0, 0.02], abs=0.005)
        assert stage.router.report().services[CHAT].wakes == {"Conflict": 1, "Woken": 1}

    in_fake_time(story)


def test_pods_on_their_way_end_the_attempts_and_their_going_begins_them_anew() -> None:
    """A pod that starts is what was asked for; one that drains is not."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service())
        stage.call()
        await asyncio.sleep(1)
        assert len(stage.wakes) == 1
        stage.router.put_pods(CHAT, (a_pod(ready=False),))
        await asyncio.sleep(60)
        assert len(stage.wakes) == 1
        stage.router.put_pods(CHAT, (a_pod(ready=False, serving=False),))
        await asyncio.sleep(1)
        assert len(stage.wakes) == 2

    in_fake_time(story)


def test_when_the_last_pods_leave_it_is_woken_at_once() -> None:
    """A request that comes while they drain finds the service awake; it does not wait for the next attempt then."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [WakeOutcome(result=WakeResult.ALREADY_AWAKE)] * 6
        stage.put(a_service(wake_plan=a_plan(max_replicas=1)), a_pod(serving=False))
        stage.call()
        await asyncio.sleep(9)
        assert [time for time, _, _ in stage.wakes][-1] == pytest.approx(7.75, abs=0.05)
        stage.router.put_pods(CHAT, ())
        await asyncio.sleep(0.01)
        assert [time for time, _, _ in stage.wakes][-1] == pytest.approx(9.0, abs=0.01)

    in_fake_time(story)


def test_a_wake_that_hangs_is_given_up_and_tried_again() -> None:
    """After ten seconds the API server counts as unreachable."""

    async def story() -> None:
        stage = Stage()
        stage.wake_seconds = 1000.0
        stage.put(a_service(wake_plan=a_plan(max_replicas=1)))
        stage.call()
        await asyncio.sleep(25)
        assert [time for time, _, _ in stage.wakes] == pytest.approx([0.0, 10.1, 20.3], abs=0.05)
        assert stage.router.report().services[CHAT].wakes == {"Unreachable": 2}

    in_fake_time(story)


def test_a_wake_that_is_refused_is_told_to_all_at_once() -> None:
    """503 with the API server's words; those that come within five seconds cost no attempt, later ones do."""

    async def story() -> None:
        stage = Stage()
        no = WakeOutcome(result=WakeResult.REFUSED, reason="PodsRefused", message="exceeded quota: gpus")
        stage.outcomes = [no]
        stage.put(a_service())
        callers = [stage.call() for _ in range(3)]
        await asyncio.sleep(0.1)
        callers.append(stage.call())
        await soon()
        for caller in callers:
            reply = refused(caller)
            assert (reply.status, error_of(reply)["code"]) == (503, "pods_refused")
            assert "exceeded quota: gpus" in error_of(reply)["message"]
            assert header_of(reply, "x-should-retry") == "false"
        assert len(stage.wakes) == 1
        await asyncio.sleep(6)
        late = stage.call()
        await asyncio.sleep(1)
        assert len(stage.wakes) == 2
        assert not late.done()

    in_fake_time(story)


def test_without_a_plan_it_is_held_and_woken_when_one_comes() -> None:
    """The operator may be late; a request is no reason to guess."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=None))
        stage.call()
        await asyncio.sleep(30)
        assert stage.wakes == []
        stage.router.put_service(a_service())
        await asyncio.sleep(0.1)
        assert [size for _, _, size in stage.wakes] == [1]

    in_fake_time(story)


def test_why_it_may_not_be_woken_is_told_at_once() -> None:
    """503 with reason and message of the plan, and SDKs do not try again."""

    async def story() -> None:
        stage = Stage()
        plan = a_plan(allowed=False, reason="OverBudget", message="an hour of l4 costs more than budget allows")
        stage.put(a_service(wake_plan=plan))
        reply = await stage.router.route(a_request())
        assert isinstance(reply, Reply)
        assert (reply.status, now()) == (503, 0.0)
        assert error_of(reply)["code"] == "over_budget"
        assert "an hour of l4" in error_of(reply)["message"]
        assert header_of(reply, "x-tidegate-reason") == "OverBudget"
        assert header_of(reply, "retry-after") is None
        assert stage.router.report().services[CHAT].rejected == {"CannotWake": 1}

    in_fake_time(story)


def test_who_sleeps_again_soon_is_woken_at_once() -> None:
    """That it was woken two seconds ago is no reason to wait, and clients are told the whole lead time."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(max_held_requests=1, wake_plan=a_plan(max_replicas=1)))
        for start in (0.0, 2.0):
            await asyncio.sleep(start - now())
            caller = stage.call()
            await soon()
            full = await stage.router.route(a_request())
            assert isinstance(full, Reply)
            assert header_of(full, "retry-after") == "40"
            await asyncio.sleep(1)
            stage.router.put_pods(CHAT, (a_pod(),))
            await soon()
            assert caller.done()
            stage.router.put_pods(CHAT, ())
        assert [time for time, _, _ in stage.wakes] == pytest.approx([0.0, 2.0], abs=0.01)

    in_fake_time(story)


def test_when_all_have_left_those_that_come_later_are_counted_anew() -> None:
    """The size is for those that wait then, all of them."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service())
        early = stage.call()
        await asyncio.sleep(1)
        early.cancel()
        await asyncio.sleep(100)
        for _ in range(41):
            stage.call()
        await asyncio.sleep(1)
        assert [size for _, _, size in stage.wakes] == [1, 3]

    in_fake_time(story)


def test_a_second_sleep_is_woken_from_like_the_first() -> None:
    """Nothing of the first time is left: it settles, and asks at once."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service())
        for start in (0.0, 100.0):
            await asyncio.sleep(start - now())
            callers = [stage.call() for _ in range(41)]
            await asyncio.sleep(1)
            stage.router.put_pods(CHAT, (a_pod(),))
            await asyncio.sleep(1)
            assert all(caller.done() for caller in callers)
            stage.router.put_pods(CHAT, ())
        assert [(round(time, 2), size) for time, _, size in stage.wakes] == [(0.02, 3), (100.02, 3)]

    in_fake_time(story)


def test_clients_that_come_and_go_do_not_make_it_ask_without_end() -> None:
    """The pace of attempts holds across those that leave."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [WakeOutcome(result=WakeResult.UNREACHABLE)] * 1000
        stage.put(a_service(wake_plan=a_plan(max_replicas=1)))
        for _ in range(200):
            caller = stage.call()
            await asyncio.sleep(0.1)
            caller.cancel()
            await soon()
        assert 5 <= len(stage.wakes) <= 12

    in_fake_time(story)
