"""Which pod: least loaded by weight, ties by chance, and who knows the caller."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from router_in_fake_time import CHAT, Stage, a_pod, a_request, a_service, an_end, in_fake_time

from tidegate.gateway.exchange import Forward
from tidegate.gateway.policy.pick import BOUND, by_affinity, least_loaded
from tidegate.gateway.policy.pod_load import PodLoad


def _load(name: str, in_flight: int = 0, weight: float = 1.0) -> PodLoad:
    load = PodLoad(a_pod(name, weight=weight))
    load.in_flight = in_flight
    return load


SOURCE = random.Random(1)  # noqa: S311 - a test.

TABLE = [
    ([("a", 3, 1.0), ("b", 2, 1.0), ("c", 4, 1.0)], 256, "b"),
    ([("a", 3, 2.0), ("b", 2, 1.0)], 256, "a"),
    ([("a", 0, 0.6), ("b", 1, 1.0)], 256, "a"),
    ([("a", 0, 1.0), ("b", 0, 4.0)], 256, "b"),
    ([("a", 0, 1.0), ("b", 2, 4.0)], 256, "b"),
    ([("a", 0, 1.0), ("b", 4, 4.0)], 256, "a"),
    ([("a", 0, 4.0), ("b", 30, 128.0)], 256, "b"),
    ([("a", 3, 4.0), ("b", 2, 1.0)], 3, "b"),
    ([("a", 3, 1.0), ("b", 4, 1.0)], 3, None),
    ([], 256, None),
]


@pytest.mark.parametrize(("pods", "slots", "picked"), TABLE)
def test_the_least_loaded_for_its_weight_that_has_a_place(
    pods: list[tuple[str, int, float]], slots: int, picked: str | None
) -> None:
    """Places bound what a weight allows."""
    pod = least_loaded([_load(*each) for each in pods], places=lambda _: slots, source=SOURCE)
    assert (pod.pod.name if pod is not None else None) == picked


def test_what_a_picker_before_sent_there_counts_too() -> None:
    """A pod is as loaded as Envoy says."""
    busy, free = _load("busy", 1), _load("free", 2)
    busy.inherited = 5
    assert least_loaded([busy, free], places=lambda _: 256, source=SOURCE) is free


def test_equals_are_picked_by_chance() -> None:
    """Else all gateways would send their first request to the same pod."""
    pods = [_load(name) for name in "abcd"]
    picked = Counter(
        pod.pod.name for _ in range(4000) if (pod := least_loaded(pods, places=lambda _: 9, source=SOURCE))
    )
    assert set(picked) == set("abcd")
    assert min(picked.values()) > 800


def test_the_same_value_goes_to_the_same_pod_and_values_spread_by_weight() -> None:
    """A pod of twice the weight gets twice the values."""
    pods = [_load("a"), _load("b"), _load("c", weight=2.0)]
    first = {str(n): by_affinity(str(n), pods, places=lambda _: 256) for n in range(4000)}
    assert all(by_affinity(value, pods[::-1], places=lambda _: 256) is pod for value, pod in first.items())
    shares = Counter(pod.pod.name for pod in first.values() if pod)
    assert shares["c"] / 4000 == pytest.approx(0.5, abs=0.04)
    assert shares["a"] / 4000 == pytest.approx(0.25, abs=0.04)


def test_a_pod_that_comes_moves_its_own_share_only() -> None:
    """Of 4000 values a fifth pod takes a fifth; nobody else changes."""
    pods = [_load(name) for name in "abcd"]
    more = [*pods, _load("e")]
    moved = [
        (before, after)
        for n in range(4000)
        if (before := by_affinity(str(n), pods, places=lambda _: 256))
        is not (after := by_affinity(str(n), more, places=lambda _: 256))
    ]
    assert {after.pod.name for _, after in moved if after} == {"e"}
    assert len(moved) / 4000 == pytest.approx(0.2, abs=0.04)


@given(
    loads=st.lists(st.tuples(st.integers(0, 50), st.sampled_from([0.5, 1.0, 3.0])), min_size=1, max_size=8),
    value=st.text(min_size=1),
    slots=st.integers(1, 60),
)
def test_affinity_never_overloads_a_pod(loads: list[tuple[int, float]], value: str, slots: int) -> None:
    """With one more, the pod is at most a quarter above its share of all, and within its places."""
    pods = [_load(f"p{n}", in_flight, weight) for n, (in_flight, weight) in enumerate(loads)]
    pod = by_affinity(value, pods, places=lambda _: slots)
    if pod is None:
        # All that are below their share are full: then the least loaded is asked.
        assert least_loaded(pods, places=lambda _: slots, source=SOURCE) is None or any(
            each.load >= slots for each in pods
        )
        return
    share = BOUND * (sum(each.load for each in pods) + 1) * pod.pod.weight / sum(each.pod.weight for each in pods)
    assert pod.load < slots
    assert pod.load + 1 < share + 1


def test_callers_with_the_header_of_the_service_come_back_to_their_pod() -> None:
    """Others go to the least loaded, and so does one without the header."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(affinity_header="x-session-id"), *(a_pod(f"chat-{n}") for n in range(8)))

        async def go(**headers: str) -> str:
            answer = await stage.router.route(a_request(headers={k.replace("_", "-"): v for k, v in headers.items()}))
            assert isinstance(answer, Forward)
            stage.router.ended(an_end(answer))
            return answer.address

        assert len({await go(x_session_id="alice") for _ in range(20)}) == 1
        assert len({await go(x_session_id=str(n)) for n in range(50)}) == 8
        assert len({await go() for _ in range(50)}) > 3
        assert len({await go(x_session_id="") for _ in range(50)}) > 3
        stage.router.put_service(a_service())
        assert len({await go(x_session_id="alice") for _ in range(50)}) > 3
        assert stage.router.report().services[CHAT].in_flight == 0

    in_fake_time(story)


def test_headers_for_the_pod_are_ours_and_an_id_is_made_where_none_came() -> None:
    """What a client claims about them is written over; where it is sent is not a header's to say."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(), a_pod())
        claims = {
            "x-tidegate-cold-start": "true",
            "x-gateway-destination-endpoint": "evil:1",
            "x-pick-id": "mine",
        }
        answers = [await stage.router.route(a_request(headers=claims)) for _ in range(2)]
        ids = set()
        for answer in answers:
            assert isinstance(answer, Forward)
            headers = dict(answer.headers_to_add)
            ids.add(headers.pop("x-request-id"))
            assert headers == {"x-tidegate-cold-start": "false", "x-tidegate-held-milliseconds": "0"}
            assert answer.address == "chat-0:8000"
        assert len(ids) == 2

    in_fake_time(story)


def test_an_engine_that_breaks_its_promise_is_asked_to_close_connections() -> None:
    """Then it says that it does, and nothing is sent on one that it is closing."""

    async def story() -> None:
        stage = Stage()
        for keeps in (True, False):
            stage.put(a_service(), a_pod(keeps_connections=keeps))
            answer = await stage.router.route(a_request())
            assert isinstance(answer, Forward)
            assert dict(answer.headers_to_add).get("connection") == (None if keeps else "close")

    in_fake_time(story)
