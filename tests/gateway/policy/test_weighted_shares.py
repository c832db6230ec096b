"""Pods of different variants: each is given what its weight says, and no more than it takes."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from router_in_fake_time import CHAT, Stage, a_plan, a_pod, a_request, a_service, an_end, in_fake_time, sent, soon

from tidegate.gateway.exchange import Forward
from tidegate.gateway.policy.pick import BOUND, by_affinity, least_loaded
from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.routed_service import PodEngine

ENGINES = {name: PodEngine(port=8000, health_path="/health") for name in ("default", "cpu")}
WEIGHTS = st.lists(st.integers(1, 1_000_000) | st.integers(1, 256), min_size=1, max_size=8)


def _loads(weights: list[int]) -> list[PodLoad]:
    return [PodLoad(a_pod(f"p{number}", weight=weight)) for number, weight in enumerate(weights)]


def _picked(pods: list[PodLoad], source: random.Random) -> PodLoad:
    pod = least_loaded(pods, places=lambda _: 1 << 62, source=source)
    assert pod is not None
    return pod


@given(weights=WEIGHTS, requests=st.integers(1, 2000), seed=st.integers(0, 99))
def test_what_pods_have_is_proportional_to_their_weights(weights: list[int], requests: int, seed: int) -> None:
    """Each pod has its share of the requests or more, rounded down; none above it by more than the others lack."""
    pods, source = _loads(weights), random.Random(seed)  # noqa: S311 - a test.
    for _ in range(requests):
        _picked(pods, source).in_flight += 1
    for pod in pods:
        share = requests * int(pod.pod.weight) // sum(weights)
        assert share <= pod.load < share + len(pods)


@pytest.mark.parametrize(
    ("weights", "concurrent"),
    [([4, 128], 528), ([1, 4], 100), ([4, 4, 128], 272), ([1, 1, 1], 30), ([3, 5, 7, 11], 260)],
    ids=str,
)
def test_in_the_long_run_shares_of_what_is_under_way_follow_the_weights(weights: list[int], concurrent: int) -> None:
    """Whichever requests end: those of a heavier pod are more, so they end more often."""
    pods, source = _loads(weights), random.Random(5)  # noqa: S311 - a test.
    under_way: list[PodLoad] = []
    total: Counter[str] = Counter()
    for step in range(6000):
        if len(under_way) >= concurrent:
            under_way.pop(source.randrange(len(under_way))).in_flight -= 1
        pod = _picked(pods, source)
        pod.in_flight += 1
        under_way.append(pod)
        if step >= 2000:
            total.update({pod.pod.name: pod.load for pod in pods})
    for pod in pods:
        assert total[pod.pod.name] / total.total() == pytest.approx(pod.pod.weight / sum(weights), rel=0.02)


@given(
    loads=st.lists(st.tuples(st.integers(0, 200), st.sampled_from([1, 4, 128])), min_size=1, max_size=6),
    value=st.text(min_size=1),
    places=st.dictionaries(st.sampled_from([1, 4, 128]), st.integers(1, 300), min_size=3, max_size=3),
)
def test_affinity_overloads_no_pod_of_whatever_weight(
    loads: list[tuple[int, int]], value: str, places: dict[int, int]
) -> None:
    """At most a quarter above its own share of all, and within its own places; one that it may have is found."""
    pods = _loads([weight for _, weight in loads])
    for pod, (in_flight, _) in zip(pods, loads, strict=True):
        pod.in_flight = in_flight
    work, weights = sum(pod.load for pod in pods) + 1, sum(pod.pod.weight for pod in pods)
    picked = by_affinity(value, pods, places=lambda pod: places[int(pod.pod.weight)])
    may = [
        pod
        for pod in pods
        if pod.load < min(places[int(pod.pod.weight)], math.ceil(BOUND * work * pod.pod.weight / weights))
    ]
    assert (picked is None) == (not may)
    assert picked is None or picked in may


def test_a_new_weight_takes_nothing_away_and_counts_from_the_next_request() -> None:
    """What is under way stays counted with its pod."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(engines=ENGINES), a_pod("gpu"), a_pod("cpu", variant="cpu"))
        for _ in range(10):
            await stage.router.route(a_request())
        stage.router.put_pods(CHAT, (a_pod("gpu", weight=4.0), a_pod("cpu", variant="cpu")))
        assert stage.router.report().services[CHAT].in_flight == 10
        went = Counter([(await stage.router.route(a_request())).address for _ in range(10)])  # type: ignore[union-attr]
        assert went == {"gpu:8000": 10}
        went.update([(await stage.router.route(a_request())).address for _ in range(30)])  # type: ignore[union-attr]
        assert (went["gpu:8000"] + 5, went["cpu:8000"] + 5) == (40, 10)

    in_fake_time(story)


def test_each_pod_takes_as_many_as_its_own_variant_does() -> None:
    """Four and two are six places; one that gets free lets one go to the pod that has it."""

    async def story() -> None:
        stage = Stage()
        # The plan speaks of the variant that it would wake, and of no other.
        service = a_service(engines=ENGINES, wake_plan=a_plan(max_sequences=1))
        gpu, cpu = a_pod("gpu", weight=128.0, max_sequences=4), a_pod("cpu", variant="cpu", weight=4.0, max_sequences=2)
        stage.put(service, gpu, cpu)
        assert stage.router.report().services[CHAT].slots == 6
        forwards = [await stage.router.route(a_request()) for _ in range(6)]
        went = Counter(each.address for each in forwards if isinstance(each, Forward))
        assert went == {"gpu:8000": 4, "cpu:8000": 2}
        held = stage.call()
        await soon()
        assert not held.done()
        of_cpu = next(each for each in forwards if isinstance(each, Forward) and each.address == "cpu:8000")
        stage.router.ended(an_end(of_cpu))
        await soon()
        assert sent(held).address == "cpu:8000"
        stage.router.set_gateways(2)
        assert stage.router.report().services[CHAT].slots == 3

    in_fake_time(story)


def test_a_pod_whose_variant_says_no_bound_takes_the_usual_many() -> None:
    """Of one variant the plan says it, of several each says its own."""

    async def story() -> None:
        stage = Stage()
        plan = a_plan(max_sequences=7)
        stage.put(a_service(wake_plan=plan), a_pod())
        assert stage.router.report().services[CHAT].slots == 7
        stage.put(a_service(wake_plan=plan, engines=ENGINES), a_pod(), a_pod("cpu", variant="cpu", max_sequences=2))
        assert stage.router.report().services[CHAT].slots == 256 + 2

    in_fake_time(story)


def test_a_larger_bound_lets_those_go_who_wait_for_it() -> None:
    """They need not wait until something ends."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(engines=ENGINES), a_pod("cpu", variant="cpu", max_sequences=1))
        callers = [stage.call() for _ in range(3)]
        await soon()
        assert [caller.done() for caller in callers] == [True, False, False]
        stage.router.put_pods(CHAT, (a_pod("cpu", variant="cpu", max_sequences=2),))
        await soon()
        assert [caller.done() for caller in callers] == [True, True, False]

    in_fake_time(story)


def test_what_a_picker_before_sent_to_pods_of_either_variant_counts_by_weight() -> None:
    """Envoy says what is where, the weights say what that means."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(engines=ENGINES), a_pod("gpu", weight=4.0), a_pod("cpu", variant="cpu"))
        stage.router.resync({"gpu:8000": 12, "cpu:8000": 8})
        went = Counter([(await stage.router.route(a_request())).address for _ in range(20)])  # type: ignore[union-attr]
        assert went == {"gpu:8000": 20}
        assert stage.router.report().services[CHAT].in_flight == 40

    in_fake_time(story)


def test_a_second_attempt_may_go_to_a_pod_of_another_variant() -> None:
    """A GPU that takes no connection is made up for by a CPU."""

    async def story() -> None:
        stage = Stage()
        stage.put(a_service(engines=ENGINES), a_pod("gpu", weight=128.0), a_pod("cpu", variant="cpu", weight=4.0))
        first = await stage.router.route(a_request())
        assert isinstance(first, Forward)
        again = await stage.router.route(a_request(attempt=2, pick_id=first.pick_id))
        assert isinstance(again, Forward)
        assert (first.address, again.address) == ("gpu:8000", "cpu:8000")

    in_fake_time(story)


def test_while_pods_of_one_variant_start_nobody_wakes_another() -> None:
    """Though the plan names another by now."""

    async def story() -> None:
        stage = Stage()
        starting = a_pod("cpu", variant="cpu", ready=False, address="")
        stage.put(a_service(engines=ENGINES, wake_plan=a_plan(deployment="chat")), starting)
        held = stage.call()
        await soon()
        assert (held.done(), stage.wakes) == (False, [])
        stage.router.put_pods(CHAT, (a_pod("cpu", variant="cpu"),))
        await soon()
        assert sent(held).address == "cpu:8000"
        assert stage.wakes == []

    in_fake_time(story)
