"""Asleep when nobody asks, awake in one request: services followed from their first pod to their second sleep."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from custom_resources import Document, changed

from cluster_clients import Answer, Asking, Clients
from sizes_over_time import Look, Timeline, timeline
from sleepers import SLEEPY, sleeper, wait_asleep
from test_llama import llama

pytestmark = pytest.mark.timeout(600)  # The first test waits for all that the others look at.

STORIES = ("gateway", "direct", "llama")
ANSWER_TOKENS = 40
KEEPING = ("httpx", "openai")
"""Clients that keep the connection over which they asked a pod, and ask again when that pod is gone."""


@dataclass(slots=True)
class Story:
    """What was seen of a service.

    Attributes:
        seen: Its timeline.
        asleep_at: When it slept, in seconds since the epoch; the second time it did not go on until then.
        curled: What was asked of it asleep by GET, and the answer.
        slept_on: Whether it slept all the same.
        asking: The request that woke it.
        kept: What clients with kept connections got, before it slept and after it.
    """

    seen: Timeline
    asleep_at: float = 0.0
    curled: dict[str, Answer] = field(default_factory=dict)
    slept_on: bool = False
    asking: Asking | None = None
    kept: dict[str, Document] = field(default_factory=dict)


def follow(clients: Clients, name: str) -> Story:
    """Have a service serve, sleep, be woken, and sleep again."""
    here = clients.here
    here.wait_serving(name, pods=1)
    with timeline(here, name) as seen:
        story = Story(seen)
        common = {"url": clients.url(name), "model": "m", "tokens": 4, "connections": 1, "again": f"/tmp/{name}"}  # noqa: S108 - in its pod
        keeping = {
            client: clients.start("keep_asking.py", client=client, seconds=240, seconds_between=1, **common)
            for client in KEEPING
        }
        here.wait("all have asked", lambda: all(asking.lines and asking.lines[-1] for asking in keeping.values()))
        wait_asleep(here, name)
        story.asleep_at = time.time()
        for path in ("/v1/models", "/health", "/nothing"):
            story.curled[path] = clients.curl(f"{clients.url(name)}{path}")
        story.slept_on = here.size(name) == 0
        story.asking = asking = clients.ask(name, tokens=ANSWER_TOKENS)
        here.wait("it is asked", lambda: asking.are("sent"))
        clients.touch(common["again"])
        story.asking.ended()
        story.kept = {client: asking.ended().lines[-1] for client, asking in keeping.items()}
        here.wait_serving(name, pods=1)
        wait_asleep(here, name)
    print(f"\n{name}:\n{seen}")  # noqa: T201 - the timeline, for people
    return story


@pytest.fixture(scope="module")
def following(clients: Clients, llama_image: str) -> Iterator[dict[str, Future[Story]]]:
    """All three, at the same time: most of it is waiting."""
    here = clients.here
    here.apply(sleeper(here), "gateway")
    here.apply(sleeper(here, mode="Direct"), "direct")
    here.apply(changed(llama(here, llama_image), {"scaling": SLEEPY}), "llama")
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(follow, clients, name) for name in STORIES}


@pytest.fixture(params=STORIES)
def name(request: pytest.FixtureRequest) -> str:
    """Of a service."""
    found: str = request.param
    return found


@pytest.fixture
def story(following: dict[str, Future[Story]], name: str) -> Story:
    """Its story."""
    return following[name].result()


def test_it_goes_to_zero_and_its_address_still_answers(story: Story) -> None:
    """Models and health with 200, anything else with what would wake it; none of it does."""
    assert {path: answer.status for path, answer in story.curled.items()} == {
        "/v1/models": 200,
        "/health": 200,
        "/nothing": 503,
    }
    assert [model["id"] for model in story.curled["/v1/models"].body["data"]] == ["m"]
    error = story.curled["/nothing"].body["error"]
    assert error["code"] == "asleep"
    assert "a POST to an inference path" in error["message"]
    assert story.slept_on


def test_the_first_request_is_held_and_answered(clients: Clients, story: Story, name: str) -> None:
    """Streamed, to its last token; it wakes the service, and an Event and a change say so."""
    assert story.asking is not None
    story.asking.all_answered()
    (sent,), (begun,) = story.asking.are("sent"), story.asking.are("begun")
    woken = story.seen.when(lambda look: look.size == 1, after=story.asleep_at)
    assert story.asleep_at < sent["at"] <= woken <= begun["at"] + 0.5  # It is looked at every 0.2 s.
    assert clients.here.events("Woken", name) == ["0 → 1: a gateway holds requests, and has woken it"]
    reasons = [change["reason"] for change in clients.here.status(name)["changes"]]
    assert reasons == ["ScaledToZero", "Woken", "ScaledToZero"]


def test_it_sleeps_again(story: Story) -> None:
    """And in this order: asked to leave by its label, asleep, woken, served, asleep."""
    seen, at = story.seen, 0.0
    for so in _ORDER:
        at = seen.when(so, after=at)


_ORDER = (
    lambda look: look.size == 1 and look.ready == 1 and look.reason == "Serving",
    lambda look: look.size == 1 and look.serving == 0 and look.pods == 1,
    lambda look: look.is_asleep and look.reason == "ScaledToZero",
    lambda look: look.size == 1 and look.ready == 0,
    lambda look: look.size == 1 and look.ready == 1 and look.reason == "Serving",
    lambda look: look.size == 1 and look.serving == 0 and look.pods == 1,
    lambda look: look.is_asleep and look.reason == "ScaledToZero",
)


def test_kept_connections_break_nothing(story: Story) -> None:
    """Over a connection that led to a pod that is gone, clients get their answer all the same."""
    assert story.kept == {client: {"200": 2} for client in KEEPING}


@pytest.mark.parametrize("name", ["gateway", "llama"], indirect=True)
def test_the_gateways_stand_there_all_the_time(story: Story) -> None:
    """In mode Gateway nothing is flipped."""
    assert {len(look.gateways) for _, look in story.seen.changes} == {2}


@pytest.mark.parametrize("name", ["direct"], indirect=True)
def test_the_gateways_stand_in_before_the_last_pod_leaves(story: Story) -> None:
    """Five seconds at least, and until pods have been ready for as long: nobody finds an address that leads nowhere."""
    seen = story.seen

    def stands_in(look: Look) -> bool:
        return len(look.gateways) == 2

    stood_aside = seen.when(lambda look: look.ready == 1 and not look.gateways)
    appeared = seen.when(stands_in, after=stood_aside)
    leaves = seen.when(lambda look: not look.serving)
    assert leaves - appeared >= 4.5  # Both are seen up to 0.2 s late, and slices' ages are whole seconds.
    ready = seen.when(lambda look: look.ready == 1, after=story.asleep_at)
    gone = seen.when(lambda look: not look.gateways, after=story.asleep_at)
    assert gone - ready >= 4.5
    assert all(stands_in(look) for at, look in seen.changes if appeared <= at < gone)
