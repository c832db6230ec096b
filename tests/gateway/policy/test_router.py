"""One request's way through the router, in fake time."""

import asyncio

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
    header_of,
    in_fake_time,
    now,
    refused,
    sent,
    soon,
)

from tidegate.gateway.exchange import Forward


def test_a_warm_service_takes_a_request_at_once_and_its_end_frees_the_place() -> None:
    """Nothing waits, and counts go up and down by one."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        forward = await stage.router.route(a_request())
        assert isinstance(forward, Forward)
        assert (forward.address, now()) == ("chat-0:8000", 0.0)
        assert stage.router.report().services[CHAT].in_flight == 1
        await asyncio.sleep(5)
        stage.router.ended(an_end(forward))
        counts = stage.router.report().services[CHAT]
        assert (counts.in_flight, counts.requests_total, counts.last_use) == (0, 1, EPOCH + 5)

    in_fake_time(story)


def test_an_engine_with_paths_of_its_own_is_counted_and_woken_by_what_is_posted_there() -> None:
    """Of others a path that nobody knows is no use: it is answered at once, and wakes nobody."""

    async def story() -> None:
        stage = Stage()
        for any_post, wakes in ((False, 0), (True, 1)):
            stage.put(a_service(any_post=any_post))
            caller = stage.call(a_request(path="/translate"))
            await asyncio.sleep(1)
            assert (caller.done(), len(stage.wakes)) == (not any_post, wakes)
            assert stage.router.report().services[CHAT].requests_total == wakes
            caller.cancel()

    in_fake_time(story)


def test_two_hundred_at_zero_wake_it_once_to_the_size_that_drains_them_and_all_are_let_go() -> None:
    """200 requests, 20 each: 10 would be right, 8 is the most; the pods get their share as they come."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_replicas=30, max_sequences=20)))
        callers = [stage.call() for _ in range(200)]
        await asyncio.sleep(0.1)
        assert [(key, size) for _, key, size in stage.wakes] == [(CHAT, 10)]
        assert stage.wakes[0][0] == pytest.approx(0.02, abs=0.002)
        stage.router.put_pods(CHAT, tuple(a_pod(f"chat-{n}") for n in range(4)))
        await soon()
        assert sum(caller.done() for caller in callers) == 80
        assert all(caller.done() for caller in callers[:80]), "the oldest go first"
        stage.router.put_pods(CHAT, tuple(a_pod(f"chat-{n}") for n in range(10)))
        await soon()
        assert {sent(caller).address for caller in callers} == {f"chat-{n}:8000" for n in range(10)}
        assert stage.router.report().held == 0

    in_fake_time(story)


def test_who_is_held_too_long_is_told_so_with_when_to_come_again() -> None:
    """504 at the bound, not before and not after, with what the last wake said."""

    async def story() -> None:
        stage = Stage()
        stage.outcomes = [OSError("no route to the API server")] * 1000
        stage.put(a_service(hold_timeout_seconds=30.0))
        caller = stage.call()
        await asyncio.wait([caller])
        assert now() == pytest.approx(30.0, abs=0.01)
        reply = refused(caller)
        assert (reply.status, header_of(reply, "retry-after")) == (504, "10")
        assert "no route to the API server" in error_of(reply)["message"]

    in_fake_time(story)
