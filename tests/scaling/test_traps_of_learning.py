"""Traps of learning, each as a story in a replay: what was learned of other pods, other requests, or at a bad time."""

from dataclasses import replace
from typing import Any

import pytest
from replayed import Story, Tamper, Watched, arrivals, replayed, slower

from tidegate.simulator.models import MODELS, ReplicaModel

RTX4090 = MODELS["rtx4090"]


def cost(model: ReplicaModel, batch: float, *, prompt_tokens: float = 1000, output_tokens: float = 200) -> float:
    """Seconds for which a request of this size really keeps a replica busy, with so many at once."""
    milliseconds = model.c_milliseconds * prompt_tokens + output_tokens * (
        model.beta_milliseconds + model.alpha_milliseconds / batch
    )
    return milliseconds / 1000


def learned_cost(story: Story, model: ReplicaModel, **sizes: float) -> tuple[float, float]:
    """What a request is thought to cost in the end, and what it really does with as many at once."""
    capacity = story.decisions()[-1].capacity
    assert capacity is not None
    assert capacity.batch is not None
    return capacity.busy_seconds_per_request, cost(model, capacity.batch, **sizes)


def of_template(name: str) -> Tamper:
    """Has pods be of another template."""
    return lambda observation, _: replace(
        observation, pods=tuple(replace(pod, template=name) for pod in observation.pods)
    )


def with_uids(suffix: str) -> Tamper:
    """Has pods be others than those of the story before."""
    return lambda observation, _: replace(
        observation, pods=tuple(replace(pod, uid=pod.uid + suffix) for pod in observation.pods)
    )


def seen_with(**facts: Any) -> Tamper:
    """Has the observation tell this too."""
    return lambda observation, _: replace(observation, **facts)


@pytest.mark.parametrize(
    ("model", "per_second", "sizes"),
    [
        pytest.param(RTX4090, 2.5, {}, id="a GPU"),
        pytest.param(MODELS["l4"], 0.8, {}, id="a third of it"),
        pytest.param(slower(RTX4090, 10), 0.25, {}, id="a tenth of it"),
        pytest.param(MODELS["cpu"], 0.3, {"prompt_tokens": 200, "output_tokens": 50}, id="a CPU"),
        pytest.param(slower(MODELS["cpu"], 10), 0.03, {"prompt_tokens": 200, "output_tokens": 50}, id="a slow one"),
    ],
)
def test_every_hardware_teaches_its_own_capacity(model: ReplicaModel, per_second: float, sizes: dict[str, Any]) -> None:
    """A hundred times as slow, or as fast: after 200 requests it is known, though no replica was ever full."""
    story = replayed(
        arrivals(per_second, 200 / per_second, **sizes),
        model=model,
        watched=Watched(tamper=seen_with(max_sequences=min(model.max_sequences, 32))),
    )
    seen, truth = learned_cost(story, model, **sizes)
    assert truth / 1.6 < seen < 1.3 * truth


@pytest.mark.parametrize("per_second", [0.05, 0.2, 1.0])
def test_a_service_that_never_fills_up_is_not_stuck_with_a_wrong_capacity(per_second: float) -> None:
    """A pod that is mostly idle looks neither many times as fast as it is, nor as slow: errors are to the safe side."""
    story = replayed(arrivals(per_second, 1800), size=1)
    assert max(each.traffic.waiting or 0 for each in story.decisions(60)) <= 1
    seen, truth = learned_cost(story, RTX4090)
    assert truth / 1.4 < seen < 3 * truth


def test_what_pods_do_while_they_warm_up_is_not_what_they_can() -> None:
    """They compile and their caches are cold: in the first half minute everything takes five times as long."""
    before = replayed(arrivals(3.0, 600), size=2)
    after = Watched(memory=before.watched.memory, begin=700.0, tamper=with_uids(" again"))
    story = replayed(arrivals(3.0, 300), size=1, faults=["slow-replica:5@0..25"], watched=after)
    assert story.busy_seconds(30) == pytest.approx(before.busy_seconds(590), rel=0.1)


def test_pods_of_another_template_are_not_taken_for_as_fast_as_those_before() -> None:
    """A model three times as slow is rolled out: a minute later its own cost is known, and more replicas come."""
    fast = replayed(arrivals(6.0, 600), size=2)
    rolled = Watched(memory=fast.watched.memory, begin=700.0, tamper=of_template("other"))
    story = replayed(arrivals(6.0, 600), model=MODELS["l4"], size=2, watched=rolled)
    seen, truth = learned_cost(story, MODELS["l4"])
    assert seen == pytest.approx(truth, rel=0.5)
    assert story.largest() >= 5
    assert story.watched.memory.learned.step_time.template == "other"


def test_pods_of_another_template_are_not_taken_for_as_slow_as_those_before() -> None:
    """And the way back: a model three times as fast gives replicas back."""
    slow = replayed(arrivals(6.0, 600), model=MODELS["l4"], size=6)
    rolled = Watched(memory=slow.watched.memory, begin=700.0, tamper=of_template("other"))
    story = replayed(arrivals(6.0, 900), size=6, watched=rolled)
    seen, truth = learned_cost(story, RTX4090)
    assert seen == pytest.approx(truth, rel=0.5)
    assert story.decisions()[-1].to_replicas <= 3


def test_answers_that_become_twice_as_long_are_noticed_at_the_same_rate_of_requests() -> None:
    """Nothing else changes: within three minutes a request is known to cost more, and a replica is added in time."""
    story = replayed(arrivals(6.0, 1200), size=3, faults=["output-doubles:2@600"])
    more = cost(RTX4090, 20, output_tokens=400) / cost(RTX4090, 20)
    assert story.busy_seconds(780) / story.busy_seconds(590) == pytest.approx(more, rel=0.25)
    assert story.largest(600, 900) > story.largest(500, 600)
    assert story.kept > 0.98


def test_prompts_that_are_found_in_the_cache_cost_less_and_cost_again_when_they_are_not() -> None:
    """Counters show the whole prompt both times: only the time that it takes tells."""
    load = arrivals(6.0, 1800, prompt_tokens=3000)
    story = replayed(load, size=5, faults=["prefix-cache:0.8@600..1200"])
    without, cached, again = (story.busy_seconds(at) for at in (590, 1190, 1500))
    assert cached < 0.8 * without
    assert again == pytest.approx(without, rel=0.25)
    assert story.kept > replayed(load, size=5).kept - 0.02


def test_one_slow_pod_does_not_make_all_look_slow() -> None:
    """Of four, one becomes three times as slow: the cost of a request stays, and what it leaves undone is made up."""
    load = arrivals(12.0, 1200)
    story, without = replayed(load, size=4, faults=["slow-replica:3@500"]), replayed(load, size=4)
    assert story.busy_seconds(1000) == pytest.approx(without.busy_seconds(1000), rel=0.15)
    assert any("1 of them far less" in each.message for each in story.decisions(560, 700))
    assert story.largest(500) > without.largest(500)
    assert story.kept > without.kept - 0.02


def test_streams_that_last_for_minutes_are_neither_shrunk_away_nor_multiplied() -> None:
    """One in ten seconds, of 9,000 tokens: three replicas hold them, and no leaving pod cuts one off."""
    story = replayed(arrivals(0.1, 1500, prompt_tokens=300, output_tokens=9000), size=3)
    assert story.largest() <= 5
    assert story.smallest() >= 2
    assert story.outcome.unfinished == 0
    assert story.kept > 0.95


def test_streams_block_no_pod_that_leaves_for_others() -> None:
    """While pods that leave finish their streams they are not counted as able to take more."""
    story = replayed(arrivals(0.15, 300, prompt_tokens=300, output_tokens=6000) + arrivals(8.0, 900, begin=300), size=6)
    assert story.outcome.unfinished == 0
    assert story.kept > 0.97


def test_requests_that_come_one_a_minute_are_served_by_one_replica() -> None:
    """Fifteen seconds with one of them are no burst."""
    story = replayed(
        arrivals(1 / 60, 3600, prompt_tokens=500, output_tokens=150),
        model=MODELS["l4"],
        size=3,
    )
    assert story.decisions()[-1].to_replicas == 1
    assert story.largest(600) == 1
    assert story.kept == 1
