"""When a pod takes no connection: another pod, within a budget, and some peace for the one that refused."""

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
    an_end,
    error_of,
    header_of,
    in_fake_time,
    now,
    sent,
    soon,
)

from tidegate.gateway.exchange import Forward, Reply, Request
from tidegate.gateway.policy.retry_budget import RetryBudget

REFUSED = frozenset({"upstream_connection_failure"})


async def _sent(stage: Stage, request: Request | None = None) -> Forward:
    answer = await asyncio.wait_for(stage.router.route(request or a_request()), 0.01)
    assert isinstance(answer, Forward), answer
    return answer


async def _sent_to_a(stage: Stage) -> Forward:
    for _ in range(50):
        forward = await _sent(stage)
        if forward.address == "a:8000":
            return forward
    raise AssertionError("50 requests went past the least loaded pod")


def _again(forward: Forward, attempt: int = 2) -> Request:
    return a_request(attempt=attempt, pick_id=forward.pick_id)


def test_the_second_attempt_goes_to_another_pod_and_is_the_same_request() -> None:
    """One arrival, one in flight, one end, though two log entries tell of it."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod("a"), a_pod("b"))
        first = await _sent(stage)
        second = await _sent(stage, _again(first))
        assert {first.address, second.address} == {"a:8000", "b:8000"}
        counts = stage.router.report().services[CHAT]
        assert (counts.requests_total, counts.in_flight, counts.retries_total) == (1, 1, 1)
        stage.router.ended(an_end(first))
        assert stage.router.report().services[CHAT].in_flight == 0, "the outer log entry may be all that arrives"
        for _ in range(2):
            stage.router.ended(an_end(second))
        counts = stage.router.report().services[CHAT]
        assert (counts.in_flight, counts.responses) == (0, {200: 1})

    in_fake_time(story)


def test_a_pod_that_refused_gets_nothing_for_a_second() -> None:
    """Then it is tried again; each further refusal doubles that."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod("a"), a_pod("b"))
        first = await _sent(stage)
        bad = first.address
        await _sent(stage, _again(first))
        for _ in range(20):
            assert (await _sent(stage)).address != bad
        await asyncio.sleep(1.01)
        after = [await _sent(stage) for _ in range(10)]
        again = next(forward for forward in after if forward.address == bad)
        stage.router.ended(an_end(again, status=503, flags=REFUSED))
        await asyncio.sleep(1.01)
        assert (await _sent(stage)).address != bad
        await asyncio.sleep(1.01)
        assert bad in {(await _sent(stage)).address for _ in range(10)}

    in_fake_time(story)


def test_refusals_of_one_moment_are_one_and_an_old_answer_says_nothing() -> None:
    """Many may be on their way to a pod that goes; one that still finishes does not mean that it takes more."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod("a"), a_pod("b"))
        of_a = [forward for _ in range(20) if (forward := await _sent(stage)).address == "a:8000"]
        for forward in of_a[:4]:
            await _sent(stage, _again(forward))
        stage.router.ended(an_end(of_a[5]))
        for _ in range(20):
            assert (await _sent(stage)).address == "b:8000"
        await asyncio.sleep(1.01)
        assert (await _sent(stage)).address == "a:8000", "it has the least by now"

    in_fake_time(story)


def test_a_pod_that_answers_again_is_trusted_as_before() -> None:
    """After an answer the next refusal costs it a second again, not two."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod("a"), a_pod("b"))
        for _ in range(3):
            stage.router.ended(an_end(await _sent_to_a(stage), status=503, flags=REFUSED))
            await asyncio.sleep(1.01)
            stage.router.ended(an_end(await _sent_to_a(stage)))

    in_fake_time(story)


def test_another_pod_is_preferred_also_when_the_first_is_well_again() -> None:
    """There is no third attempt: of two with a place, the one that has not refused this request."""

    async def story() -> None:
        for _ in range(8):
            stage = Stage()
            stage.put(a_service(wake_plan=a_plan(max_sequences=1)), a_pod("a"), a_pod("b"))
            first, other = await _sent(stage), await _sent(stage)
            second = stage.call(_again(first))
            await soon()
            assert not second.done()
            stage.router.pod_answered(CHAT, f"uid-{first.address.partition(':')[0]}")
            stage.router.ended(an_end(other))
            await soon()
            assert sent(second).address == other.address

    in_fake_time(story)


def test_who_waits_for_the_only_pod_gets_it_when_its_second_is_over() -> None:
    """Though it refused another request, and nothing else happens."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_sequences=1)), a_pod())
        running = await _sent(stage)
        waiting = stage.call()
        await soon()
        stage.router.ended(an_end(running, status=503, flags=REFUSED))
        await asyncio.wait([waiting])
        assert now() == pytest.approx(1.0, abs=0.01)

    in_fake_time(story)


def test_the_only_pod_that_refused_is_waited_for_until_it_answers() -> None:
    """An engine that restarts, or an old connection that was closed: our own probe says when it is well."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        first = await _sent(stage)
        caller = stage.call(_again(first))
        await asyncio.sleep(0.2)
        assert not caller.done()
        assert [pod.name for _, pod, _ in stage.router.to_probe()] == ["chat-0"]
        stage.router.pod_answered(CHAT, "uid-chat-0")
        await soon()
        assert (sent(caller).address, now()) == ("chat-0:8000", pytest.approx(0.2))
        assert stage.wakes == []

    in_fake_time(story)


def test_where_nothing_can_be_probed_the_only_pod_is_tried_again_after_its_second() -> None:
    """Nobody waits for ever for a probe that does not come."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        first = await _sent(stage)
        caller = stage.call(_again(first))
        await asyncio.wait([caller])
        assert (sent(caller).address, now()) == ("chat-0:8000", pytest.approx(1.0, abs=0.01))

    in_fake_time(story)


def test_when_the_pod_turns_out_to_be_gone_the_second_attempt_wakes_the_service() -> None:
    """It is held before all that came later, from when it came first, and is no arrival."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(max_held_requests=1, wake_plan=a_plan(max_sequences=1)), a_pod())
        first = await _sent(stage)
        other = stage.call()
        await asyncio.sleep(0.5)
        second = stage.call(_again(first))
        await soon()
        stage.router.put_pods(CHAT, ())
        await asyncio.sleep(1)
        assert len(stage.wakes) == 1
        assert stage.router.report().services[CHAT].oldest_held_seconds == pytest.approx(1.5)
        stage.router.put_pods(CHAT, (a_pod("chat-1"),))
        await soon()
        assert sent(second).address == "chat-1:8000"
        assert not other.done()

    in_fake_time(story)


def test_beyond_the_budget_it_is_answered_503() -> None:
    """A tenth of the requests, and ten more; the floor comes back, one a second."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), *(a_pod(f"chat-{n}") for n in range(60)))
        first = [await _sent(stage) for _ in range(50)]
        answers = [await stage.router.route(_again(forward)) for forward in first[:15]]
        assert all(isinstance(answer, Forward) for answer in answers)
        refused = await stage.router.route(_again(first[15]))
        assert isinstance(refused, Reply)
        assert (refused.status, header_of(refused, "retry-after")) == (503, "1")
        assert error_of(refused)["code"] == "retry_budget_spent"
        await asyncio.sleep(2)
        later = [await stage.router.route(_again(forward)) for forward in first[16:20]]
        assert [isinstance(answer, Forward) for answer in later] == [True, True, False, False]
        counts = stage.router.report().services[CHAT]
        assert (counts.in_flight, counts.rejected) == (47, {"RetryBudgetSpent": 3})

    in_fake_time(story)


def test_envoy_asks_twice_about_its_very_first_request_and_gets_the_same_answer() -> None:
    """No pod was tried: nobody refused, nothing was retried."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod("a"), a_pod("b"))
        first = await _sent(stage)
        same = await _sent(stage, _again(first, attempt=1))
        assert (same.address, same.pick_id) == (first.address, first.pick_id)
        counts = stage.router.report().services[CHAT]
        assert (counts.requests_total, counts.in_flight, counts.retries_total) == (1, 1, 0)
        stage.router.ended(an_end(same))
        assert stage.router.report().services[CHAT].in_flight == 0

    in_fake_time(story)


def test_a_client_that_leaves_while_its_second_attempt_waits_is_forgotten() -> None:
    """Cancelled, and told as ended by the first attempt's log entry too."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        first = await _sent(stage)
        caller = stage.call(_again(first))
        await soon()
        caller.cancel()
        await soon()
        stage.router.ended(an_end(first, status=0, client_left=True))
        counts = stage.router.report().services[CHAT]
        assert (counts.in_flight, counts.held, counts.abandoned_total) == (0, 0, 1)

    in_fake_time(story)


def test_a_question_that_is_no_use_is_tried_elsewhere_too_and_spends_nothing() -> None:
    """Also on the only pod there is: it is not held."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod("a"), a_pod("b"))
        first = await _sent(stage, a_get("/version"))
        second = await _sent(stage, a_request(method="GET", attempt=2, pick_id=first.pick_id))
        assert first.address != second.address
        stage.router.put_pods(CHAT, (a_pod("a"),))
        await _sent(stage, a_request(method="GET", attempt=2, pick_id=second.pick_id))
        counts = stage.router.report().services[CHAT]
        assert (counts.in_flight, counts.requests_total, counts.retries_total) == (0, 0, 0)

    in_fake_time(story)


def test_a_second_attempt_of_a_picker_that_has_died_is_picked_anew() -> None:
    """Its id means nothing here; it is sent on all the same, and counted until it ends."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        forward = await _sent(stage, a_request(attempt=2, pick_id="another-picker.7"))
        assert forward.pick_id != "another-picker.7"
        counts = stage.router.report().services[CHAT]
        assert (counts.requests_total, counts.in_flight) == (0, 1)
        stage.router.ended(an_end(forward))
        assert stage.router.report().services[CHAT].in_flight == 0

    in_fake_time(story)


@pytest.mark.parametrize(("requests", "retries"), [(0, 10), (95, 19), (900, 100), (10_000, 100)])
def test_a_busy_day_saves_up_a_hundred_retries_at_most(requests: int, retries: int) -> None:
    """A tenth of what came, above the ten that are always there."""
    budget = RetryBudget(0.0)
    for _ in range(requests):
        budget.earn()
    spent = 0
    while budget.spend(0.0):
        spent += 1
    assert spent == retries
