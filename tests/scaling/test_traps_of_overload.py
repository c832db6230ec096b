"""Traps of too much load, each as a story in a replay: what looks like less demand and is more, or the reverse."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from replayed import EVERY_DAY, Story, Watched, arrivals, replayed
from timeline import service

from tidegate.scaling.decision import Decision
from tidegate.simulator.models import MODELS

FULL_CACHE = 0.9


def changes(story: Story) -> list[int]:
    """By how much the size changed each time."""
    return [change.to_replicas - change.from_replicas for change in story.outcome.changes]


def mean_arriving(decisions: Sequence[Decision]) -> float:
    """Requests per second that were seen to arrive, on average."""
    seen = [each.traffic.requests_per_second or 0.0 for each in decisions]
    return sum(seen) / len(seen)


def test_served_tokens_that_fall_while_the_engine_drowns_are_not_less_demand() -> None:
    """Long answers fill the cache, sequences are thrown out and done again, tokens/s fall: demand is what it was."""
    story = replayed(arrivals(4.0, 240, prompt_tokens=300, output_tokens=900), cold_start_seconds=240)
    drowning = story.decisions(60, 240)
    served = [each.traffic.served_per_second or 0.0 for each in drowning]
    assert min(served) < 0.75 * max(served)  # Or else there was no trap.
    assert mean_arriving(drowning) == pytest.approx(4, rel=0.2)
    assert min(changes(story)) > 0
    assert story.largest() >= 4


def test_prompts_alone_overload_a_service_that_runs_and_caches_little() -> None:
    """5 requests/s with prompts of 8,000 tokens and one token of answer: 3.5 replicas are busy with it all the time."""
    story = replayed(arrivals(5.0, 600, prompt_tokens=8000, output_tokens=1))
    at_first = story.decisions(0, 30)
    assert all((each.traffic.running or 0) <= 3 * each.from_replicas for each in at_first)
    assert story.largest(0, 30) >= 4
    late = [wait for at, wait in zip(story.outcome.arrivals, story.outcome.first_tokens, strict=True) if at > 300]
    assert sum(wait <= 2 for wait in late) >= 0.98 * len(late)


def test_an_empty_queue_does_not_say_how_far_to_shrink() -> None:
    """Nothing waits in twelve replicas, nor would in four: with as many as demand needs nobody notices."""
    story = replayed(arrivals(12.0, 900), size=12)
    assert story.smallest() in {4, 5}
    assert story.kept > 0.99


def test_no_queue_means_no_load_only_where_none_is() -> None:
    """The load that keeps eight replicas busy for two thirds of their time never has them shrink."""
    assert replayed(arrivals(22.0, 900), size=8).smallest() >= 6


def test_metrics_that_are_half_a_minute_old_do_not_have_replicas_ordered_twice() -> None:
    """Load that quadruples, seen late: no more are ordered than by who sees it at once, give or take one."""
    load = arrivals(3.0, 300) + arrivals(12.0, 600, begin=300)
    prompt = replayed(load, size=2)
    late = replayed(load, size=2, scrape_interval_seconds=15.0, metrics_delay_seconds=15.0)
    assert late.largest() <= prompt.largest() + 1
    assert late.largest() > 3


def test_a_cold_start_of_minutes_does_not_wind_the_size_up() -> None:
    """The queue grows until pods come, and those that were ordered for it are on their way."""
    load = arrivals(1.0, 120) + arrivals(8.0, 480, begin=120)
    quick, slow = (replayed(load, cold_start_seconds=seconds) for seconds in (20, 240))
    assert quick.largest() <= slow.largest() <= 2 * quick.largest() + 1


def test_at_the_maximum_nothing_winds_up() -> None:
    """A quarter of an hour with half of the replicas that it takes; after it, only the window is waited for."""
    end = 900.0
    spec = service(maxReplicas=2, behavior={"scaleDown": {"stabilizationWindowSeconds": 300}})
    story = replayed(
        arrivals(14.0, end) + arrivals(0.5, 900, begin=end),
        size=2,
        watched=Watched(spec),
        faults=["clients-give-up:20"],
    )
    assert {each.reason for each in story.decisions(60, end)} == {"MaximumReplicas"}
    [shrunk] = story.outcome.changes
    assert (shrunk.from_replicas, shrunk.to_replicas) == (2, 1)
    assert end + 300 <= shrunk.seconds <= end + 300 + 60


def test_pods_that_find_no_node_are_not_ordered_again_and_again() -> None:
    """Three nodes for a load of six replicas: once pods are seen to wait for a node, no more are ordered."""
    story = replayed(arrivals(20.0, 300), size=2, faults=["unschedulable:3", "clients-give-up:10"])
    first = story.outcome.changes[-1]
    assert first.seconds < 60
    stuck = story.decisions(first.seconds + 5)
    assert {each.to_replicas for each in stuck} == {first.to_replicas}
    assert "InsufficientCapacity" in {each.reason for each in stuck}


def test_a_node_that_is_found_has_the_rest_ordered() -> None:
    """Held for want of nodes is not held for ever."""
    story = replayed(
        arrivals(20.0, 600), size=2, faults=["unschedulable:3@0..300", "clients-give-up:10"], cold_start_seconds=30
    )
    assert story.largest(0, 295) < story.largest(300) >= 5


def test_clients_that_give_up_make_demand_neither_smaller_nor_larger() -> None:
    """8 requests/s at one replica, and whoever waits ten seconds leaves: 8 requests/s are seen to arrive."""
    patient, impatient = (replayed(arrivals(8.0, 600), faults=faults) for faults in ([], ["clients-give-up:10"]))
    assert impatient.outcome.unfinished > 50
    assert mean_arriving(impatient.decisions(20, 120)) == pytest.approx(8, rel=0.15)
    assert patient.largest() - 1 <= impatient.largest() <= patient.largest() + 2


def test_clients_that_try_again_are_demand_while_they_do_and_no_longer() -> None:
    """Whoever gives up comes back, twice: the size follows what comes, and nothing false is learned of replicas."""
    calm = arrivals(6.0, 1500)
    storm = [
        request._replace(time_seconds=request.time_seconds + again * 10.0)
        for request in calm
        if request.time_seconds < 120
        for again in (1, 2)
    ]
    story, without = replayed(calm + storm, faults=["clients-give-up:10"]), replayed(calm)
    cost = without.busy_seconds(600)
    assert [story.busy_seconds(at) for at in (60, 90, 120, 600)] == pytest.approx([cost] * 4, rel=0.2)
    assert story.largest() <= 3 * without.largest()
    assert story.decisions()[-1].to_replicas <= without.decisions()[-1].to_replicas + 1


def test_after_the_first_order_sizes_do_not_go_to_and_fro() -> None:
    """An overload that lasts: after the way up, at most a correction downwards, and no second way up."""
    story = replayed(arrivals(10.0, 1500), watched=Watched(EVERY_DAY))
    signs = [change > 0 for change in changes(story)]
    assert sum(earlier and not later for earlier, later in pairwise(signs)) <= 1
    assert sum(later and not earlier for earlier, later in pairwise(signs)) == 0


def test_a_full_cache_orders_no_pods_for_those_who_wait() -> None:
    """The memory term sees what is resident: the same for a queue of ten and of a thousand."""
    model = replace(MODELS["rtx4090"], kv_tokens=8192, context_tokens=8192)
    story = replayed(arrivals(6.0, 60, prompt_tokens=500, output_tokens=300), model=model, cold_start_seconds=300)
    full = [each for each in story.decisions() if (each.traffic.kv_usage or 0) > FULL_CACHE]
    assert max(each.traffic.waiting or 0 for each in full) > 100
    assert {each.replicas for decision in full for each in decision.proposals if each.term == "memory"} <= {1, 2}
