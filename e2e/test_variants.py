"""Services that are run in several ways: who serves, who leaves, who steps in, and what it costs."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from custom_resources import Document

from cluster_clients import Clients
from helm_release import Release
from pod_lifetimes import lives_of_pods
from variant_services import (
    BUDGET_PER_HOUR,
    CPU_PER_HOUR,
    FALLBACK_SECONDS,
    SHARE_PER_HOUR,
    STAND_IN_PER_HOUR,
    WHOLE_PER_HOUR,
    accelerators_on,
)
from variant_stories import Story, Teller, tell_asleep, tell_mixed, tell_short

pytestmark = pytest.mark.timeout(600)  # The first test waits for all that the others look at.

PRICES = {
    "mixed": {"default": SHARE_PER_HOUR, "cpu": CPU_PER_HOUR},
    "short": {"default": WHOLE_PER_HOUR, "cpu": STAND_IN_PER_HOUR},
    "asleep": {"default": SHARE_PER_HOUR, "cpu": CPU_PER_HOUR},
}
LATE_SECONDS = 3.0
"""A second each: what Kubernetes' times leave out, a turn of the operator's, and a busy machine."""


@pytest.fixture(scope="module")
def teller(clients: Clients, shared_release: Release) -> Iterator[Teller]:
    """Hardware, and somebody who writes down what becomes of all pods."""
    with accelerators_on(clients.here.cluster), lives_of_pods(clients.here) as lives:
        yield Teller(clients, lives, shared_release)


@pytest.fixture(scope="module")
def stories(teller: Teller) -> Iterator[dict[str, Future[Story]]]:
    """All of them, at the same time: most of it is waiting."""
    telling = {"mixed": tell_mixed, "short": tell_short, "asleep": tell_asleep}
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(tell, teller) for name, tell in telling.items()}


@pytest.fixture
def mixed_story(stories: dict[str, Future[Story]]) -> Story:
    """Of the service with a GPU's quarter and a CPU."""
    return stories["mixed"].result()


@pytest.fixture
def short_story(stories: dict[str, Future[Story]]) -> Story:
    """Of the service that has lost its GPU."""
    return stories["short"].result()


def variants(status: Document) -> dict[str, Document]:
    """What a status says of each variant."""
    return {each["name"]: each for each in status["variants"]}


def test_pods_of_both_are_given_what_their_weights_say(mixed_story: Story) -> None:
    """Of more than forty streams at once; each gateway shares out its own half."""
    weights = {name: each["weight"] for name, each in variants(mixed_story.notes["limited"]).items()}
    running = mixed_story.notes["running"]
    print(f"\nrunning {running}, weights {weights}")  # noqa: T201 - published
    share = weights["cpu"] / sum(weights.values())
    assert running["cpu"] / sum(running.values()) == pytest.approx(share, abs=0.08)


def test_the_dearest_leaves_on_the_way_down(mixed_story: Story) -> None:
    """For what it does: the share of a GPU, although it came first."""
    calm = variants(mixed_story.notes["calm"])
    assert {name: each["desiredReplicas"] for name, each in calm.items()} == {"default": 0, "cpu": 1}


def test_a_budget_bounds_all_of_them_together(mixed_story: Story) -> None:
    """And says what was wanted, what that would cost, and what may be spent."""
    status = mixed_story.notes["limited"]
    assert {name: each["desiredReplicas"] for name, each in variants(status).items()} == {"default": 1, "cpu": 1}
    (message,) = (each["message"] for each in status["conditions"] if each["type"] == "ScalingLimited")
    print(f"\n{message}")  # noqa: T201 - published
    assert "an hour; scaling.budget.maxCostPerHour is" in message
    assert f"{BUDGET_PER_HOUR:g}" in message


def test_a_removed_variant_leaves_when_others_do_its_work(teller: Teller, mixed_story: Story) -> None:
    """Its pod goes on until another is ready, and then its Deployment goes."""
    last, left = teller.lives.of("mixed", "default")[-1], teller.lives.of("mixed", "cpu")[-1]
    print(f"\n{last}\n{left}")  # noqa: T201 - published
    assert last.ready_at is not None
    assert left.gone_at is not None
    assert last.ready_at < left.gone_at
    assert "variants" not in mixed_story.notes["end"]


def test_another_variant_steps_in(teller: Teller, short_story: Story) -> None:
    """As soon as it can after the time that the hardware is waited for; why is said in the scheduler's words."""
    lost, (stand_in,) = teller.lives.of("short", "default")[1], teller.lives.of("short", "cpu")
    assert stand_in.ready_at is not None
    lead = stand_in.ready_at - stand_in.seen_at
    took = stand_in.ready_at - lost.seen_at
    begun = min(line["at"] for line in short_story.asking[0].are("begun") if line["at"] > stand_in.ready_at)
    measured = f"serving after {took:.1f} s, answering after {begun - lost.seen_at:.1f} s"
    print(f"\n{measured}; may be {FALLBACK_SECONDS} + {lead:.1f}")  # noqa: T201 - published
    assert took <= FALLBACK_SECONDS + lead + LATE_SECONDS
    status = short_story.notes["fallback"]
    (message,) = (each["message"] for each in status["conditions"] if each["type"] == "AcceleratorAvailable")
    print(message)  # noqa: T201 - published
    assert "Insufficient nvidia.com/gpu" in message
    assert variants(status)["default"]["unavailableSince"]


def test_room_again_is_found_by_itself(teller: Teller, short_story: Story) -> None:
    """The pod that went on waiting is the one that serves then; nobody was asked to do anything."""
    assert len(teller.lives.of("short", "default")) == 2
    recovered = variants(short_story.notes["recovered"])
    assert {name: each["readyReplicas"] for name, each in recovered.items()} == {"default": 1, "cpu": 0}
    assert "unavailableSince" not in recovered["default"]


def test_the_cheapest_to_answer_is_woken_once(teller: Teller, stories: dict[str, Future[Story]]) -> None:
    """Not the first one listed, and no other beside it."""
    story = stories["asleep"].result()
    assert story.notes["sizes"] == {"asleep": 0, "asleep-cpu": 1}
    assert [life.variant for life in teller.lives.of("asleep")] == ["cpu"]
    assert [change["reason"] for change in story.notes["awake"]["changes"]] == ["Woken"]


@pytest.mark.parametrize("name", PRICES)
def test_no_request_fails(stories: dict[str, Future[Story]], name: str) -> None:
    """Through all of it."""
    for asking in stories[name].result().asking:
        asking.all_answered()


@pytest.mark.parametrize("name", PRICES)
def test_the_cost_is_that_of_the_pods(teller: Teller, stories: dict[str, Future[Story]], name: str) -> None:
    """Added up by somebody else over their lives, within a percent."""
    story, lives = stories[name].result(), teller.lives
    expected = lives.cost(name, PRICES[name])
    found = {"lastDay": float(story.notes["end"]["cost"]["lastDay"]), "counter": story.notes["counted"]["cost"]}
    print("", *map(str, lives.of(name)), f"{name}: {expected}, and told are {found}", sep="\n")  # noqa: T201 - published
    for told in found.values():
        assert 0.99 * expected.least <= told <= 1.01 * expected.most
