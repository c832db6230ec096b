"""Services that are run in several ways: who serves, who leaves, who steps in, and what it costs."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from custom_resources import Document
from operator_process import tidegate

from cluster_clients import Asking, Clients
from helm_release import Release
from model_namespace import ModelNamespace
from pod_lifetimes import Lives, lives_of_pods
from sleepers import apply_asleep
from tidegate.api.names import VARIANT_LABEL
from variant_services import (
    BUDGET_PER_HOUR,
    CPU_PER_HOUR,
    CPU_PORT,
    FALLBACK_SECONDS,
    SHARE_PER_HOUR,
    STAND_IN_PER_HOUR,
    WHOLE_PER_HOUR,
    accelerators_on,
    all_gpus_taken,
    asleep,
    mixed,
    short_of_gpus,
)

pytestmark = pytest.mark.timeout(600)  # The first test waits for all that the others look at.

PRICES = {
    "mixed": {"default": SHARE_PER_HOUR, "cpu": CPU_PER_HOUR},
    "short": {"default": WHOLE_PER_HOUR, "cpu": STAND_IN_PER_HOUR},
    "asleep": {"default": SHARE_PER_HOUR, "cpu": CPU_PER_HOUR},
}
RUNNING = {"default": "vllm:num_requests_running", "cpu": "llamacpp:requests_processing"}
TOKENS = 40
"""Of an answer; with its prompt, some 47."""

MOST = 1000
"""Requests; all of them end sooner."""

MUCH = 310
"""Tokens per second: more than one replica of either variant is given."""

STREAMS = 42
STREAM_TOKENS = 150
LATE_SECONDS = 3.0
"""A second each: what Kubernetes' times leave out, a turn of the operator's, and a busy machine."""


@dataclass(slots=True)
class Story:
    """What was seen of a service.

    Attributes:
        asking: All that was asked of it.
        notes: What was read at some moment, by a name for it.
    """

    asking: list[Asking] = field(default_factory=list)
    notes: dict[str, Document] = field(default_factory=dict)


@dataclass(slots=True)
class Teller:
    """What the stories share.

    Attributes:
        clients: Who asks.
        lives: Of all pods.
        release: The operator.
    """

    clients: Clients
    lives: Lives
    release: Release

    @property
    def here(self) -> ModelNamespace:
        """Their namespace."""
        return self.clients.here

    def ask(self, story: Story, name: str, *, seconds_between: float, until: str) -> Asking:
        """Have answers streamed, at an even pace, until there is a file."""
        asking = self.clients.ask(
            name,
            model=name,
            requests=MOST,
            tokens=TOKENS,
            seconds_between=seconds_between,
            until=f"/tmp/{name}-{until}",  # noqa: S108 - in its pod
        )
        story.asking.append(asking)
        return asking

    def enough(self, name: str, until: str) -> None:
        """Make that file."""
        self.clients.touch(f"/tmp/{name}-{until}")  # noqa: S108 - in its pod

    def ready(self, name: str) -> dict[str, int]:
        """Ready pods of each variant, as the status has them."""
        return {each["name"]: each["readyReplicas"] for each in self.here.status(name).get("variants", ())}

    def wait_ready(self, name: str, **pods: int) -> float:
        """Wait until there are so many ready pods of each variant, and no other; when."""
        self.here.wait(
            f"{name} has {pods}", lambda: self.ready(name) == pods and len(self.here.pods(name)) == sum(pods.values())
        )
        return time.time()

    def note(self, story: Story, name: str, word: str) -> Document:
        """Keep the status, and what `tidegate explain` says; both are printed, for people."""
        where = (f"--namespace={self.here.namespace}", f"--kubeconfig={self.here.cluster.kubeconfig}")
        story.notes[word] = self.here.status(name)
        print(f"\n--- {name}, {word}\n{self.here.kubectl('get', 'infer', name, '--output=yaml')}")  # noqa: T201 - for people
        print(tidegate("explain", name, *where).stdout)  # noqa: T201 - as above
        return story.notes[word]

    def running(self, name: str) -> dict[str, int]:
        """How many requests the pods of each variant work on, by their own metrics."""
        found = {}
        for pod in self.here.pod_documents(name):
            variant = pod["metadata"]["labels"][VARIANT_LABEL]
            port = CPU_PORT if variant == "cpu" else self.here.port
            path = f"{self.here.path('pods', pod['metadata']['name'])}:{port}/proxy/metrics"
            page = self.here.cluster.api.get(path).message
            lines = [line for line in page.splitlines() if line.startswith(RUNNING[variant])]
            found[variant] = found.get(variant, 0) + sum(round(float(line.rpartition(" ")[2])) for line in lines)
        return found

    def counted(self, name: str) -> float:
        """The operator's counter of what a service has cost."""
        leader = self.release.leader()
        path = f"/api/v1/namespaces/{self.release.namespace}/pods/{leader}:8080/proxy/metrics"
        labels = (f'namespace="{self.here.namespace}"', f'service="{name}"')
        lines = self.here.cluster.api.get(path).message.splitlines()
        found = [
            line for line in lines if line.startswith("tidegate_cost_total{") and all(each in line for each in labels)
        ]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def end(self, story: Story, name: str) -> None:
        """Wait until nobody asks, switch it off, and note what it has cost when its last pod is gone."""
        for asking in story.asking:
            asking.ended()
        self.here.kubectl("scale", f"infer/{name}", "--replicas=0")
        self.here.wait("its pods are gone", lambda: all(life.gone_at for life in self.lives.of(name)))
        self.here.wait("its cost is known", lambda: self.here.status(name).get("cost", {}).get("perHour") == "0")
        story.notes["end"] = self.here.status(name)
        story.notes["counted"] = {"cost": self.counted(name)}


def tell_mixed(teller: Teller) -> Story:
    """Little to do, much, more than the budget allows, little again, and then the variant is removed."""
    story, here, name = Story(), teller.here, "mixed"
    here.apply(mixed(here), name)
    here.wait_serving(name)
    teller.ask(story, name, seconds_between=1.0, until="end")
    teller.wait_ready(name, default=0, cpu=1)
    teller.ask(story, name, seconds_between=0.16, until="calm")
    here.wait("it is much", lambda: float(here.status(name)["signals"]["arrivingPerSecond"]) > MUCH)
    teller.wait_ready(name, default=1, cpu=1)
    streams = teller.clients.ask(name, model=name, requests=STREAMS, tokens=STREAM_TOKENS)
    story.asking.append(streams)
    here.wait("all stream", lambda: len(streams.are("begun")) == STREAMS)
    story.notes["running"] = teller.running(name)
    here.wait_condition("ScalingLimited", "True", "BudgetExhausted", name)
    teller.note(story, name, "limited")
    streams.ended()
    story.notes["much"] = here.status(name)
    teller.enough(name, "calm")
    teller.wait_ready(name, default=0, cpu=1)
    story.notes["calm"] = here.status(name)
    here.patch("inferenceservices", name, {"spec": {"variants": None}})
    here.wait("its Deployment is gone", lambda: here.find("deployments", f"{name}-cpu") is None)
    here.wait_serving(name, pods=1)
    here.wait("nothing is said of variants", lambda: "variants" not in here.status(name))
    teller.enough(name, "end")
    teller.end(story, name)
    return story


def tell_short(teller: Teller) -> Story:
    """Its GPU is taken from it while it works, and given back."""
    story, here, name = Story(), teller.here, "short"
    here.apply(short_of_gpus(here), name)
    here.wait_serving(name)
    teller.ask(story, name, seconds_between=0.5, until="end")
    here.wait("it has answered", lambda: len(story.asking[0].are("answered")) > TOKENS)
    teller.wait_ready(name, default=1, cpu=0)
    with all_gpus_taken(here):
        here.wait("another steps in", lambda: teller.ready(name) == {"default": 0, "cpu": 1})
        here.wait_condition("AcceleratorAvailable", "False", "NoRoom", name)
        teller.note(story, name, "fallback")
        answered = len(story.asking[0].are("answered"))
        here.wait("it answers", lambda: len(story.asking[0].are("answered")) > answered)
    here.wait_condition("AcceleratorAvailable", "True", "Available", name)
    teller.wait_ready(name, default=1, cpu=0)
    teller.note(story, name, "recovered")
    teller.enough(name, "end")
    teller.end(story, name)
    return story


def tell_asleep(teller: Teller) -> Story:
    """Some requests, all at once, wake it."""
    story, here, name = Story(), teller.here, "asleep"
    apply_asleep(teller.clients, asleep(here), name)
    story.asking.append(teller.clients.ask(name, model=name, requests=4, tokens=TOKENS // 4))
    story.asking[0].ended()
    here.wait_serving(name, pods=1)
    story.notes["awake"] = here.status(name)
    story.notes["sizes"] = {each: here.size(each) for each in (name, f"{name}-cpu")}
    teller.end(story, name)
    return story


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
    assert [change["reason"] for change in story.notes["awake"]["changes"]][:1] == ["Woken"]


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
    deleted = lives.cost(name, PRICES[name], until_deleted=True)
    found = {"lastDay": float(story.notes["end"]["cost"]["lastDay"]), "counter": story.notes["counted"]["cost"]}
    told = "\n".join(map(str, lives.of(name)))
    print(f"\n{told}\n{name} has cost {expected:.5f}, {deleted:.5f} until all were deleted; told are {found}")  # noqa: T201 - published
    assert found["lastDay"] == pytest.approx(expected, rel=0.01)
    assert found["counter"] == pytest.approx(expected, rel=0.01)
