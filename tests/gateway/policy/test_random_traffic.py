"""Whatever happens in whatever order: no request is lost, no count drifts, no pod gets more than it takes."""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from router_in_fake_time import (
    Stage,
    a_get,
    a_plan,
    a_pod,
    a_request,
    a_service,
    an_end,
    in_fake_time,
    sent,
    soon,
    trouble,
)

from tidegate.gateway.exchange import Forward, Reply
from tidegate.gateway.policy import WakeOutcome, WakeResult
from tidegate.gateway.routed_service import Key, PodEngine

KEYS: tuple[Key, ...] = (("ns", "a"), ("ns", "b"), ("ns", "c"))
PLACES = 3
PLACES_OF_CPU = 1
MIXED = KEYS[:2]
"""Have pods of two variants, and a bound for each; of the third the plan says how many a pod takes."""

ENGINES = {name: PodEngine(port=8000, health_path="/health") for name in ("default", "cpu")}
HOLD_SECONDS = 60.0

Step = tuple[str, int, int]
STEPS = (
    *["arrive"] * 6,
    *["end"] * 4,
    "cancel",
    "end twice",
    "again",
    "asked",
    "pods",
    "pods",
    "answered",
    "forbid",
    "edit",
    "forget",
    "time",
    "compare",
)


def _variant(number: int, weighed: int) -> dict[str, Any]:
    """Of a pod: every second one is a CPU, whose weight beside the others is now this and now that."""
    weight = (1.0, 4.0, 128.0)[(weighed + number) % 3]
    if number % 2 == 0:
        return {"variant": "cpu", "max_sequences": PLACES_OF_CPU, "weight": weight}
    return {"max_sequences": PLACES, "weight": weight}


def _places(address: str) -> int:
    """Of the pod there."""
    service, _, number = address.partition(":")[0].partition("-")
    mixed = service in {key[1] for key in MIXED}
    return PLACES_OF_CPU if mixed and int(number) % 2 == 0 else PLACES


class Traffic:
    """Random events, and a plain count of what ought to be."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.stage.outcomes = [WakeOutcome(result=result) for result in WakeResult] * 100
        self.waiting: list[asyncio.Task[Forward | Reply]] = []
        self.first_of: dict[asyncio.Task[Forward | Reply], Forward] = {}
        """Second questions that are open, to the answer to the first."""

        self.flying: dict[str, Forward] = {}
        self.fates: Counter[str] = Counter()
        self.asked = 0
        for key in KEYS:
            self._put(key)

    def _put(self, key: Key, *, allowed: bool = True, most: int = 5) -> None:
        plan = a_plan(max_sequences=PLACES, allowed=allowed, reason="Paused", requests_per_replica=2)
        self.stage.router.put_service(
            a_service(
                key,
                wake_plan=plan,
                hold_timeout_seconds=HOLD_SECONDS,
                max_held_requests=most,
                **({"engines": ENGINES} if key in MIXED else {}),
            )
        )

    def arrive(self, a: int, b: int) -> None:
        """A caller comes, mostly with a use."""
        request = a_get("/metrics", KEYS[a % 3]) if b == 0 else a_request(KEYS[a % 3])
        self._call(self.stage.call(request))

    def _call(self, task: asyncio.Task[Forward | Reply], first: Forward | None = None) -> None:
        self.asked += 1
        if first is not None:
            self.first_of[task] = first
        self.waiting.append(task)
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[Forward | Reply]) -> None:
        self.waiting.remove(task)
        first = self.first_of.pop(task, None)
        if task.cancelled() and first is not None:
            # The log tells of it, and that is all that is heard where the second question was never put.
            self.stage.router.ended(an_end(first, status=0, client_left=True))
        if task.cancelled():
            self.fates["cancelled"] += 1
            return
        answer = task.result()
        self.fates[type(answer).__name__] += 1
        if isinstance(answer, Forward):
            assert answer.pick_id not in self.flying
            self.flying[answer.pick_id] = answer

    def cancel(self, a: int, _: int) -> None:
        """A client leaves."""
        if self.waiting:
            self.waiting[a % len(self.waiting)].cancel()

    def _one(self, a: int) -> Forward | None:
        return list(self.flying.values())[a % len(self.flying)] if self.flying else None

    def end(self, a: int, b: int) -> None:
        """A request is over, well or not."""
        forward = self._one(a)
        if forward is not None:
            del self.flying[forward.pick_id]
            flags = frozenset({"upstream_connection_failure"}) if b == 0 else frozenset()
            self.stage.router.ended(an_end(forward, status=503 if b == 0 else 200, flags=flags, client_left=b == 1))

    def end_twice(self, a: int, b: int) -> None:
        """Two log entries for one request."""
        forward = self._one(a)
        self.end(a, b)
        if forward is not None:
            self.stage.router.ended(an_end(forward))

    def again(self, a: int, b: int) -> None:
        """A pod did not take a request, or Envoy had nobody to try yet."""
        forward = self._one(a)
        if forward is not None:
            del self.flying[forward.pick_id]
            self._call(self.stage.call(a_request(KEYS[b % 3], attempt=2, pick_id=forward.pick_id)), forward)

    def asked_twice(self, a: int, _: int) -> None:
        """Envoy had nobody to try yet."""
        forward = self._one(a)
        if forward is not None:
            del self.flying[forward.pick_id]
            self._call(self.stage.call(a_request(attempt=1, pick_id=forward.pick_id)), forward)

    def pods(self, a: int, b: int) -> None:
        """A service's pods are others now."""
        states = (
            {},
            {"ready": False},
            {"serving": False},
            {"ready": False, "address": ""},
            {"ready": False, "trouble": trouble("Crashing")},
        )
        key = KEYS[a % 3]
        pods = [
            a_pod(f"{key[1]}-{n}", **states[(b // 5**n) % 5], **_variant(n, a) if key in MIXED else {})
            for n in range(b % 4)
        ]
        self.stage.router.put_pods(key, tuple(pods))

    def answered(self, a: int, b: int) -> None:
        """A pod answers our probe."""
        self.stage.router.pod_answered(KEYS[a % 3], f"uid-{KEYS[a % 3][1]}-{b % 4}")

    def forbid(self, a: int, b: int) -> None:
        """Waking is forbidden, or allowed."""
        self._put(KEYS[a % 3], allowed=b % 2 == 0)

    def edit(self, a: int, b: int) -> None:
        """The bound of those that are held changes."""
        self._put(KEYS[a % 3], most=1 + b % 7)

    def forget(self, a: int, b: int) -> None:
        """A service is deleted, and perhaps created anew."""
        self.stage.router.forget_service(KEYS[a % 3])
        if b % 2:
            self._put(KEYS[a % 3])

    def compare(self, _: int, __: int) -> None:
        """Envoy is asked, and knows what is true."""
        self.stage.router.resync(Counter(forward.address for forward in self.flying.values()))

    def check(self) -> None:
        """What has to hold at every instant."""
        uses = Counter(forward.address for forward in self._uses())
        assert all(count <= _places(address) for address, count in uses.items()), uses
        assert self.fates.total() + len(self.waiting) == self.asked

    def _uses(self) -> list[Forward]:
        counted = self.stage.router._desk.flights._by_id  # noqa: SLF001 - which of them are uses is told nowhere else.
        assert set(counted) == set(self.flying)
        return [forward for pick_id, forward in self.flying.items() if counted[pick_id].use]


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 30), st.integers(0, 624)), max_size=80))
def test_every_request_ends_in_exactly_one_way_and_all_counts_return_to_zero(steps: list[Step]) -> None:
    """A pod, an answer, or a client that left; afterwards nothing is held, nothing in flight, no byte."""

    async def story() -> None:
        traffic = Traffic()
        events = {
            name: getattr(traffic, {"end twice": "end_twice", "asked": "asked_twice"}.get(name, name))
            for name in STEPS
            if name != "time"
        }
        for name, a, b in steps:
            if name == "time":
                await asyncio.sleep(a / 4)
            else:
                events[name](a, b)
            if b % 3:
                await soon()
                traffic.check()
        await soon()
        traffic.check()
        held = traffic.stage.router.report().held
        assert held == len(traffic.waiting)
        await asyncio.sleep(HOLD_SECONDS + 1)
        assert traffic.waiting == [], "whoever waits too long is told so"
        while traffic.flying:
            traffic.end(0, 2)
        await soon()
        traffic.check()
        for key in KEYS:
            traffic._put(key)  # noqa: SLF001 - so that all are in the report.
        report = traffic.stage.router.report()
        assert (report.held, report.held_bytes) == (0, 0)
        for counts in report.services.values():
            assert (counts.in_flight, counts.held, counts.held_bytes) == (0, 0, 0)

    in_fake_time(story)


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 200), min_size=2, max_size=6))
def test_no_service_gets_ahead_of_another_by_more_than_one(sizes: list[int]) -> None:
    """While both have requests that could go, each goes once before the other goes twice."""

    async def story() -> None:
        stage, order = Stage(), []
        keys = [("ns", f"s{number}") for number in range(len(sizes))]
        for key, size in zip(keys, sizes, strict=True):
            stage.put(a_service(key))
            for _ in range(size):
                stage.call(a_request(key)).add_done_callback(
                    lambda task: order.append(sent(task).address.partition(":")[0])
                )
        await asyncio.sleep(0.01)
        for key in keys:
            stage.router.put_pods(key, (a_pod(key[1]),))
        await soon()
        assert len(order) == sum(sizes)
        left = Counter(dict(zip((key[1] for key in keys), sizes, strict=True)))
        gone: Counter[str] = Counter()
        for name in order:
            gone[name] += 1
            still = [other for other in left if gone[other] < left[other]]
            assert all(abs(gone[other] - gone[name]) <= 1 for other in still)

    in_fake_time(story)
