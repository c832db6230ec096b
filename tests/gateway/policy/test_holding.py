"""How requests are held: bounds of count, bytes and time, order, and what changes while they wait."""

import asyncio

import pytest
from router_in_fake_time import (
    CHAT,
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

from tidegate.gateway.exchange import Forward, Reply
from tidegate.gateway.policy.hold import READ_AHEAD_BYTES


def test_who_comes_when_the_queue_is_full_is_told_when_to_come_again() -> None:
    """429, and what is left of the lead time since the service began to wake."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(max_held_requests=3))
        callers = [stage.call() for _ in range(3)]
        await asyncio.sleep(15)
        reply = await stage.router.route(a_request())
        assert isinstance(reply, Reply)
        assert (reply.status, header_of(reply, "retry-after")) == (429, "25")
        assert error_of(reply)["code"] == "rate_limit_exceeded"
        assert "routing.maxHeldRequests is 3" in error_of(reply)["message"]
        callers[1].cancel()
        await soon()
        callers.append(stage.call())
        await soon()
        assert not callers[-1].done(), "a place that is left is free"
        await asyncio.sleep(100)
        late = await stage.router.route(a_request())
        assert isinstance(late, Reply)
        assert header_of(late, "retry-after") == "1"
        counts = stage.router.report().services[CHAT]
        assert (counts.rejected, counts.held, counts.abandoned_total) == ({"QueueFull": 2}, 3, 1)

    in_fake_time(story)


def test_nobody_is_told_to_wait_longer_than_sdks_do() -> None:
    """A model that takes ten minutes to start is asked for again every minute: told more, SDKs would give up."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(max_held_requests=1, wake_plan=a_plan(lead_time_seconds=600)))
        caller = stage.call()
        await soon()
        reply = await stage.router.route(a_request())
        assert isinstance(reply, Reply)
        assert (reply.status, header_of(reply, "retry-after")) == (429, "60")
        caller.cancel()

    in_fake_time(story)


@pytest.mark.parametrize(
    ("shared", "length", "held_bytes"),
    [
        (False, 2048, 2048),
        (False, 5_000_000, READ_AHEAD_BYTES),
        (False, None, READ_AHEAD_BYTES),
        (True, 5_000_000, 5_000_000),
        (True, None, READ_AHEAD_BYTES),
    ],
)
def test_bytes_are_what_is_kept(*, shared: bool, length: int | None, held_bytes: int) -> None:
    """At the shared address the whole body, at a service's own what is read ahead; headers, too; all is given back."""
    headers = {"content-type": "application/json", "cookie": "c" * 30_000}
    held_bytes += len("content-typeapplication/jsoncookie") + 30_000

    async def story() -> None:
        stage = Stage(held_bytes_limit=held_bytes * 2)
        stage.put(a_service())
        request = a_request(None if shared else CHAT, model="chat", content_length=length, headers=headers)
        callers = [stage.call(request) for _ in range(2)]
        await soon()
        assert stage.router.report().held_bytes == held_bytes * 2
        reply = await stage.router.route(request)
        assert isinstance(reply, Reply)
        assert (reply.status, error_of(reply)["code"]) == (503, "memory_full")
        assert header_of(reply, "retry-after") == "40"
        for caller in callers:
            caller.cancel()
        await soon()
        assert stage.router.report().held_bytes == 0

    in_fake_time(story)


def test_bytes_are_bounded_over_all_services() -> None:
    """They share one gateway's memory."""

    async def story() -> None:
        stage = Stage(held_bytes_limit=3000)
        for name in "ab":
            stage.put(a_service(("ns", name)))
        first = stage.call(a_request(("ns", "a")))
        await soon()
        assert isinstance(await stage.router.route(a_request(("ns", "b"))), Reply)
        first.cancel()
        await soon()
        second = stage.call(a_request(("ns", "b")))
        await soon()
        assert not second.done()

    in_fake_time(story)


def test_the_oldest_goes_first_and_who_left_is_skipped() -> None:
    """One place gets free at a time; nobody who comes then overtakes those that wait."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_sequences=1)), a_pod())
        running = await stage.router.route(a_request())
        callers = []
        for _ in range(5):
            callers.append(stage.call())
            await asyncio.sleep(1)
        callers[0].cancel()
        callers[2].cancel()
        order = []
        for _ in range(3):
            assert isinstance(running, Forward)
            stage.router.ended(an_end(running))
            late = stage.call()
            await soon()
            done = [number for number, caller in enumerate(callers) if caller.done() and not caller.cancelled()]
            order.append(max(done))
            running = sent(callers[max(done)])
            assert not late.done()
            late.cancel()
        assert order == [1, 3, 4]
        assert dict(running.headers_to_add)["x-tidegate-cold-start"] == "false"

    in_fake_time(story)


def test_a_place_that_gets_free_is_not_for_who_comes_at_that_instant() -> None:
    """It is for the one that waits, though that one has yet to be told."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_sequences=1)), a_pod())
        running = await stage.router.route(a_request())
        waiting = stage.call()
        await soon()
        assert isinstance(running, Forward)
        stage.router.ended(an_end(running))
        late = stage.router.route(a_request())
        late.send(None)  # It waits: else it would be over here.
        await soon()
        assert sent(waiting).address == "chat-0:8000"
        late.close()
        assert stage.router.report().held == 0

    in_fake_time(story)


def test_a_place_is_not_lost_on_a_client_that_leaves_as_it_gets_free() -> None:
    """The next in the queue has it."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_sequences=1)), a_pod())
        running = await stage.router.route(a_request())
        first, second = stage.call(), stage.call()
        await soon()
        assert isinstance(running, Forward)
        stage.router.ended(an_end(running))
        first.cancel()
        await soon()
        assert first.cancelled()
        assert sent(second).address == "chat-0:8000"
        counts = stage.router.report().services[CHAT]
        assert (counts.in_flight, counts.held, counts.abandoned_total) == (1, 0, 1)

    in_fake_time(story)


def test_a_client_that_leaves_at_the_instant_of_its_release_gives_its_place_back() -> None:
    """The place goes to the next, and nothing is counted twice."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_sequences=1)))
        first, second = stage.call(), stage.call()
        await asyncio.sleep(1)
        stage.router.put_pods(CHAT, (a_pod(),))
        await asyncio.sleep(0)  # Its turn has come, and it has yet to hear of it.
        assert not first.done()
        first.cancel()
        await soon()
        assert first.cancelled()
        assert sent(second).address == "chat-0:8000"
        counts = stage.router.report().services[CHAT]
        assert (counts.in_flight, counts.held, counts.abandoned_total) == (1, 0, 1)

    in_fake_time(story)


def test_each_is_held_for_its_own_time() -> None:
    """Whoever came later is answered later."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(hold_timeout_seconds=10.0))
        ends = []
        for _ in range(3):
            stage.call().add_done_callback(lambda task: ends.append((round(now(), 2), refused(task).status)))
            await asyncio.sleep(2)
        await asyncio.sleep(30)
        assert ends == [(10.0, 504), (12.0, 504), (14.0, 504)]
        assert stage.router.report().services[CHAT].rejected == {"HeldTooLong": 3}

    in_fake_time(story)


@pytest.mark.parametrize(("seconds", "at"), [(5.0, 6.0), (20.0, 21.0), (1.5, 3.0)])
def test_a_bound_of_time_that_is_edited_holds_for_those_that_wait(seconds: float, at: float) -> None:
    """Longer or shorter: what is past is past at once."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(hold_timeout_seconds=10.0))
        await asyncio.sleep(1)
        early = stage.call()
        await asyncio.sleep(2)
        stage.router.put_service(a_service(hold_timeout_seconds=seconds))
        await asyncio.wait([early])
        assert now() == pytest.approx(at, abs=0.01)

    in_fake_time(story)


def test_a_bound_of_count_that_is_lowered_turns_nobody_away_that_waits() -> None:
    """They were let in; new ones are not."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(max_held_requests=5))
        callers = [stage.call() for _ in range(5)]
        await soon()
        stage.router.put_service(a_service(max_held_requests=2))
        callers.pop().cancel()
        await soon()
        assert isinstance(await stage.router.route(a_request()), Reply)
        assert not any(caller.done() for caller in callers)

    in_fake_time(story)


def test_those_of_a_deleted_service_hear_of_it_at_once_and_those_that_run_go_on() -> None:
    """404 in OpenAI's shape; the end of what ran is no surprise later."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(max_sequences=1)), a_pod())
        running = await stage.router.route(a_request())
        callers = [stage.call() for _ in range(3)]
        await soon()
        stage.router.forget_service(CHAT)
        await soon()
        assert [refused(caller).status for caller in callers] == [404] * 3
        assert stage.router.report().services == {}
        assert isinstance(running, Forward)
        stage.router.ended(an_end(running))
        stage.router.put_pods(CHAT, ())
        stage.put(a_service(), a_pod())
        assert isinstance(await stage.router.route(a_request()), Forward)
        assert stage.router.report().services[CHAT].in_flight == 1

    in_fake_time(story)


def test_a_service_that_wakes_while_forbidden_to_still_serves_who_waits_for_its_pods() -> None:
    """Forbidding to wake is about zero; pods that come are pods."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(wake_plan=a_plan(allowed=False, reason="Paused")), a_pod(ready=False))
        caller = stage.call()
        await soon()
        assert not caller.done()
        stage.router.put_pods(CHAT, (a_pod(),))
        await soon()
        assert sent(caller).address == "chat-0:8000"

    in_fake_time(story)


def test_a_probe_of_ours_beats_the_kubelet() -> None:
    """Pods are probed while somebody waits for them, and get what waits the moment they answer."""

    async def story() -> None:
        stage = Stage()
        pods = (
            a_pod("up", ready=False),
            a_pod("no-address", ready=False, address=""),
            a_pod("drains", serving=False),
        )
        stage.put(a_service(), *pods)
        assert list(stage.router.to_probe()) == []
        caller = stage.call()
        await asyncio.sleep(7)
        assert list(stage.router.to_probe()) == [(CHAT, pods[0], "/health")]
        assert (stage.router.holds(CHAT), stage.router.holds(("no", "such"))) == (True, False)
        stage.router.pod_answered(CHAT, "uid-up")
        await soon()
        forward = sent(caller)
        assert (forward.address, now()) == ("up:8000", 7.0)
        assert dict(forward.headers_to_add) == {
            "x-tidegate-cold-start": "true",
            "x-tidegate-held-milliseconds": "7000",
        }
        assert list(stage.router.to_probe()) == []
        assert not stage.router.holds(CHAT)
        durations = stage.router.report().services[CHAT].cold_start
        assert durations is not None
        assert (durations.count, durations.total_seconds) == (1, 7.0)

    in_fake_time(story)


def test_a_pod_that_gets_unwell_has_to_answer_anew() -> None:
    """What our probe found holds until the kubelet has seen it ready and then not."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod(ready=False))
        stage.router.pod_answered(CHAT, "uid-chat-0")
        for ready, takes in ((False, True), (True, True), (False, False)):
            stage.router.put_pods(CHAT, (a_pod(ready=ready),))
            caller = stage.call()
            await soon()
            assert caller.done() is takes
            caller.cancel()
        stage.router.pod_answered(("no", "such"), "uid")
        stage.router.pod_answered(CHAT, "no-such-pod")

    in_fake_time(story)


def test_who_leaves_the_gateway_holds_until_its_deadline() -> None:
    """After SIGTERM requests are taken and held as before; at the deadline they are sent elsewhere, cleanly."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service())
        stage.put(a_service(("models", "warm")), a_pod("warm"))
        early = stage.call()
        await asyncio.sleep(3)
        stage.router.leave(within_seconds=10)
        late = stage.call()
        await asyncio.sleep(9)
        assert not early.done()
        assert not late.done()
        assert stage.router.report().leaving
        await asyncio.wait([early, late])
        assert now() == pytest.approx(13.0, abs=0.01)
        for caller in (early, late):
            reply = refused(caller)
            assert (reply.status, header_of(reply, "retry-after")) == (503, "1")
            assert error_of(reply)["code"] == "gateway_leaving"
        after = await stage.router.route(a_request())
        assert isinstance(after, Reply)
        assert isinstance(await stage.router.route(a_request(("models", "warm"))), Forward)

    in_fake_time(story)


def test_services_are_let_go_in_turn() -> None:
    """Of two with many and one with few, the few do not wait for the many."""

    async def story() -> None:
        stage = Stage()
        order: list[str] = []
        sizes = {"a": 500, "b": 500, "c": 5}
        for name, size in sizes.items():
            stage.put(a_service(("ns", name)))
            for _ in range(size):
                stage.call(a_request(("ns", name))).add_done_callback(
                    lambda task: order.append(sent(task).address.partition("-")[0])
                )
        await asyncio.sleep(1)
        for name in sizes:
            stage.router.put_pods(("ns", name), tuple(a_pod(f"{name}-{n}") for n in range(3)))
        await soon()
        assert len(order) == 1005
        assert sorted(order[:15]) == ["a"] * 5 + ["b"] * 5 + ["c"] * 5

    in_fake_time(story)


def test_pods_share_their_places_among_the_gateways() -> None:
    """Two gateways: half each, rounded up; when one goes its places are given to who waits here."""

    async def story() -> None:
        stage = Stage()
        stage.router.set_gateways(2)
        stage.put(a_service(wake_plan=a_plan(max_sequences=5)), a_pod("a"), a_pod("b"))
        callers = [stage.call() for _ in range(20)]
        await soon()
        assert sum(caller.done() for caller in callers) == 6
        assert stage.router.report().services[CHAT].slots == 6
        stage.router.set_gateways(0)
        await soon()
        assert sum(caller.done() for caller in callers) == 10
        addresses = [sent(caller).address for caller in callers[:10]]
        assert (addresses.count("a:8000"), addresses.count("b:8000")) == (5, 5)

    in_fake_time(story)
