"""The keeper of slices where writes fail or wait, in fake time; the rest is tried at a real API server."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from gateway_objects import CHAT, Told, in_fake_time, inference_service, lease, member, now, pod, routed, routing_status

from tidegate.cluster.error import ClusterError
from tidegate.cluster.follow import Change, Gone, Listed, Selection
from tidegate.cluster.resources import INFERENCE_SERVICES, PODS, Document, Key, Resource
from tidegate.cluster.write_budget import Urgency
from tidegate.gateway.members import Members
from tidegate.gateway.slice_keeper import CLOSED_SECONDS, HOLD_SECONDS, WRITERS, SliceKeeper
from tidegate.gateway.slices import bodies
from tidegate.gateway.store import Store


class Scripted:
    """An API server that refuses what a test says, and may take its time."""

    def __init__(self) -> None:
        self.writes: list[tuple[float, str]] = []
        self.refuses: set[str] = set()
        self.faults: set[str] = set()
        self.takes_seconds = 0.0
        self.news: asyncio.Queue[Change] = asyncio.Queue()
        self.listed = asyncio.Event()
        self.listed.set()

    async def follow(self, selection: Selection) -> AsyncGenerator[Change, None]:
        """No slices are there at first."""
        del selection
        await self.listed.wait()
        yield Listed(())
        while True:
            yield await self.news.get()

    async def apply_as(self, manager: str, resource: Resource, body: Document, *, urgency: Urgency) -> Document:
        """Apply."""
        del manager, resource, urgency
        name = body["metadata"]["name"]
        self.writes.append((round(now(), 1), name))
        await asyncio.sleep(self.takes_seconds)
        if name in self.refuses:
            raise ClusterError(422, "Invalid", "no")
        if name in self.faults:
            raise ZeroDivisionError
        return {**body, "metadata": {**body["metadata"], "uid": "u", "resourceVersion": "1"}}


class Kept:
    """A keeper that leads, and its services."""

    def __init__(self) -> None:
        self.server = Scripted()
        self.urgent: set[Key] = set()
        self.closed: set[Key] = set()
        self.store = Store(Told(), changed=lambda key: self.keeper.touch(key), clock=now)  # noqa: PLW0108 - made below
        self.members = Members("gateway-1", clock=now, changed=lambda: self.keeper.touch_all())  # noqa: PLW0108 - as above
        self.keeper = SliceKeeper(
            self.server,  # type: ignore[arg-type] # the part of a client that it uses
            store=self.store,
            members=self.members,
            is_urgent=lambda key: key in self.urgent,
            listens=lambda service: service.key not in self.closed,
            clock=now,
            namespaces=(),
            lease_namespace="models",
        )
        self.members.replace([lease(member(), "0")])

    def put(self, *names: str, **status: Any) -> None:
        """Have services."""
        for name in names:
            self.store.put(INFERENCE_SERVICES, inference_service(name, status=routing_status(**status)))

    def start(self) -> "asyncio.Task[None]":
        """Lead."""
        return asyncio.create_task(self.keeper.run())

    def written(self) -> list[str]:
        """The slices that were written, in their order."""
        return [name for _, name in self.server.writes]


def test_a_write_that_fails_is_tried_again_ever_more_slowly_and_others_go_on() -> None:
    """Refused by the API server, or for a fault of ours: no other service waits for it."""
    for kind in ("refuses", "faults"):

        async def story(kind: str = kind) -> None:
            kept = Kept()
            kept.put("chat", "swap")
            getattr(kept.server, kind).add("chat-gateway")
            task = kept.start()
            await asyncio.sleep(sum(HOLD_SECONDS[:3]) + 0.5)
            times = [at for at, name in kept.server.writes if name == "chat-gateway"]
            assert times == [0.0, 1.0, 3.0, 8.0]
            assert kept.written().count("swap-gateway") == 1
            assert set(kept.keeper.since()) == {("models", "swap")}
            getattr(kept.server, kind).clear()
            await asyncio.sleep(HOLD_SECONDS[3])
            assert CHAT in kept.keeper.since()
            task.cancel()

        in_fake_time(story)


def test_services_that_somebody_waits_for_go_first() -> None:
    """Of a fleet that has to be written anew."""

    async def story() -> None:
        kept = Kept()
        kept.server.takes_seconds = 0.1
        kept.server.listed.clear()
        warm = [f"a-{number}" for number in range(WRITERS)]
        kept.put(*warm, "x-held", "y-asleep")
        for name in (*warm, "x-held"):
            kept.store.put(PODS, pod(f"{name}-1", service=name))
        kept.urgent = {("models", "x-held")}
        task = kept.start()
        await asyncio.sleep(0.1)
        kept.server.listed.set()
        await asyncio.sleep(1)
        assert kept.written()[:2] == ["x-held-gateway", "y-asleep-gateway"]
        assert len(kept.written()) == len(warm) + 2
        task.cancel()

    in_fake_time(story)


def test_beside_pods_that_answer_nobody_is_led_to_a_port_that_is_not_open_yet() -> None:
    """As where services that run get a gateway; without pods a slice does no harm, and may be needed at once."""

    async def story() -> None:
        kept = Kept()
        kept.put("chat", "asleep")
        kept.store.put(PODS, pod())
        kept.closed = {CHAT, ("models", "asleep")}
        task = kept.start()
        await asyncio.sleep(5)
        assert (kept.written(), set(kept.keeper.since())) == (["asleep-gateway"], {("models", "asleep")})
        kept.closed.clear()
        await asyncio.sleep(CLOSED_SECONDS)
        assert (kept.written(), set(kept.keeper.since())) == (
            ["asleep-gateway", "chat-gateway"],
            {("models", "asleep"), CHAT},
        )
        task.cancel()

    in_fake_time(story)


def test_nothing_is_kept_of_slices_that_are_gone() -> None:
    """As of services that were deleted: theirs are taken by the garbage collector, one after another."""

    async def story() -> None:
        kept = Kept()
        kept.put("chat")
        task = kept.start()
        await asyncio.sleep(1)
        kept.store.forget(INFERENCE_SERVICES, CHAT)
        (found,) = bodies(routed(), (member(),))
        found["metadata"] |= {"uid": "u", "resourceVersion": "2"}
        for _ in range(2):  # The second is one that it has never seen.
            kept.server.news.put_nowait(Gone(found))
            await asyncio.sleep(1)
        assert not kept.keeper._slices  # noqa: SLF001 - what is kept is the question
        task.cancel()

    in_fake_time(story)


def test_a_change_during_a_write_is_written_after_it() -> None:
    """And never beside it: two writes of one slice could arrive in either order."""

    async def story() -> None:
        kept = Kept()
        kept.server.takes_seconds = 1.0
        kept.put("chat")
        task = kept.start()
        await asyncio.sleep(0.5)
        kept.put("chat", port=12_001)
        await asyncio.sleep(3)
        assert kept.server.writes == [(0.0, "chat-gateway"), (1.0, "chat-gateway")]
        task.cancel()

    in_fake_time(story)


def test_nothing_is_written_before_slices_and_gateways_are_known() -> None:
    """On half a picture it would take other gateways out."""

    async def story() -> None:
        kept = Kept()
        kept.members.synced = False
        kept.put("chat")
        task = kept.start()
        await asyncio.sleep(5)
        assert kept.written() == []
        kept.members.replace([lease(member(), "0"), lease(member("gateway-2", "10.7.0.2"), "0")])
        await asyncio.sleep(1)
        assert kept.written() == ["chat-gateway"]
        task.cancel()

    in_fake_time(story)


def test_after_a_term_it_is_silent_and_a_new_one_begins_with_nothing_of_the_old_one() -> None:
    """Another gateway has written meanwhile."""

    async def story() -> None:
        kept = Kept()
        kept.put("chat")
        task = kept.start()
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait({task})
        kept.put("chat", port=12_001)
        await asyncio.sleep(1)
        assert (kept.written(), dict(kept.keeper.since())) == (["chat-gateway"], {})
        task = kept.start()
        await asyncio.sleep(1)
        assert kept.written() == ["chat-gateway"] * 2
        task.cancel()

    in_fake_time(story)
