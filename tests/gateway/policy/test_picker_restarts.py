"""Counts that outlive a picker, and log entries that get lost."""

import asyncio

from router_in_fake_time import (
    CHAT,
    EPOCH,
    Stage,
    a_get,
    a_plan,
    a_pod,
    a_request,
    a_service,
    an_end,
    in_fake_time,
    soon,
)

from tidegate.gateway.exchange import Ended, Forward


async def _sent(stage: Stage) -> Forward:
    answer = await stage.router.route(a_request())
    assert isinstance(answer, Forward)
    return answer


def _end_of_another(address: str | None) -> Ended:
    return Ended(pick_id="another-picker.9", address=address, status=200)


def test_what_a_picker_before_sent_off_counts_until_it_ends() -> None:
    """For idleness, for the pods' places, and once each; whether the pods are known by then or not."""

    async def story() -> None:
        stage = Stage()
        stage.router.resync({"a:8000": 2, "b:8000": 1, "elsewhere:1": 3})
        stage.put(a_service(wake_plan=a_plan(max_sequences=3)), a_pod("a"), a_pod("b"))
        assert stage.router.report().services[CHAT].in_flight == 3
        assert [(await _sent(stage)).address for _ in range(3)].count("b:8000") == 2
        waiting = stage.call()
        await asyncio.sleep(4)
        assert not waiting.done()
        stage.router.ended(_end_of_another("a:8000"))
        await soon()
        assert waiting.done()
        counts = stage.router.report().services[CHAT]
        assert (counts.in_flight, counts.last_use) == (6, EPOCH + 4)
        for address in ("a:8000", "a:8000", "b:8000", "b:8000", "elsewhere:1", "unknown:1", None):
            stage.router.ended(_end_of_another(address))
        stage.router.ended(Ended(pick_id=None, address="a:8000", status=413))
        assert stage.router.report().services[CHAT].in_flight == 4

    in_fake_time(story)


def test_comparing_with_envoy_counts_nothing_twice() -> None:
    """What this picker sent is among what Envoy has; what is no more is inherited no more."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        own = [await _sent(stage) for _ in range(3)]
        for active, in_flight in ((5, 5), (4, 4), (3, 3), (0, 3), (7, 7)):
            stage.router.resync({"chat-0:8000": active})
            assert stage.router.report().services[CHAT].in_flight == in_flight
        stage.router.resync({})
        for forward in own:
            stage.router.ended(an_end(forward))
        assert stage.router.report().services[CHAT].in_flight == 0

    in_fake_time(story)


def test_a_lost_log_entry_is_mended_when_the_request_has_had_time_to_show() -> None:
    """Not before ten seconds, the oldest first, and its late entry is no surprise."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_sequences=2)), a_pod())
        lost, running = await _sent(stage), await _sent(stage)
        waiting = stage.call()
        await asyncio.sleep(9)
        stage.router.resync({"chat-0:8000": 1})
        assert stage.router.report().services[CHAT].in_flight == 2
        await asyncio.sleep(2)
        stage.router.resync({"chat-0:8000": 1})
        await soon()
        assert waiting.done()
        report = stage.router.report()
        assert (report.services[CHAT].in_flight, report.mended) == (2, 1)
        stage.router.ended(an_end(lost))
        assert stage.router.report().services[CHAT].in_flight == 2
        stage.router.ended(an_end(running))
        assert stage.router.report().services[CHAT].in_flight == 1

    in_fake_time(story)


def test_an_address_that_is_given_to_another_pod_counts_for_that_one() -> None:
    """The pod that had it may be forgotten later."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod("old", address="10.0.0.1:8000"))
        other = ("models", "other")
        stage.put(a_service(other), a_pod("new", address="10.0.0.1:8000"))
        stage.router.put_pods(CHAT, ())
        stage.router.resync({"10.0.0.1:8000": 2})
        stage.router.ended(_end_of_another("10.0.0.1:8000"))
        services = stage.router.report().services
        assert (services[CHAT].in_flight, services[other].in_flight) == (0, 1)

    in_fake_time(story)


def test_questions_that_are_no_use_leave_no_trace_in_the_counts() -> None:
    """Neither while they run nor after, and idleness goes on."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_sequences=1)), a_pod())
        await _sent(stage)
        await asyncio.sleep(5)
        answer = await stage.router.route(a_get("/v1/models"))
        assert isinstance(answer, Forward), "also while all places are taken"
        for _ in range(2):
            counts = stage.router.report().services[CHAT]
            assert (counts.in_flight, counts.requests_total, counts.last_use) == (1, 1, EPOCH)
            stage.router.ended(an_end(answer))

    in_fake_time(story)


def test_a_client_that_leaves_in_the_middle_of_an_answer_is_counted_as_gone() -> None:
    """Its end is told with what it had by then."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        stage.router.ended(an_end(await _sent(stage), status=200, client_left=True))
        stage.router.ended(an_end(await _sent(stage), status=0, client_left=True))
        counts = stage.router.report().services[CHAT]
        assert (counts.abandoned_total, counts.responses) == (2, {200: 1, 0: 1})

    in_fake_time(story)
