from dataclasses import replace

import pytest
from serving_pod import Load
from timeline import COUNTS_ENDED, COUNTS_FINISHED, Engine, Timeline, counts_work, given, service

IMPATIENT = Load(patience_seconds=10.0)
"""Clients leave the queue after 10 seconds, as they do when an overload lasts."""


def overloaded(engine: Engine, *, per_second: float = 12.0) -> Timeline:
    """Two pods that serve 4 requests/s, of which 2 arrive for five minutes and then 12; nobody may change the size."""
    spec = service(tokenThroughput=given(1600), mode="Advisory")
    return Timeline(spec, engine=engine, load=IMPATIENT, size=2).arrive(2).advance(300).arrive(per_second)


@pytest.mark.parametrize("engine", [COUNTS_ENDED, counts_work("tokens")], ids=["ended", "received"])
def test_arrivals_are_exact_where_ended_requests_are_counted(engine: Engine) -> None:
    """However many clients give up, what arrives is what is seen to arrive."""
    timeline = overloaded(engine).advance(20)
    for _ in range(60):
        timeline.advance(5)
        assert timeline.arriving == pytest.approx(12, rel=0.02)


def test_those_who_gave_up_are_counted() -> None:
    """8 of 12 requests/s are given up."""
    timeline = overloaded(COUNTS_ENDED).advance(120)
    assert timeline.decision.traffic.abandoned_per_second == pytest.approx(8, rel=0.1)


def test_requests_that_give_up_do_not_lower_demand() -> None:
    """The overload is known for as long as it lasts, and over when it is over."""
    timeline = overloaded(COUNTS_ENDED).advance(30)
    for _ in range(80):
        timeline.advance(5)
        assert timeline.wants["throughput"] == 8
    timeline.arrive(2).advance(30)
    assert timeline.wants["throughput"] == 2


def test_without_a_count_of_those_who_end_the_estimate_is_held() -> None:
    """Finished + gauges shows a third of what arrives; what was seen before clients gave up holds while they wait."""
    timeline = overloaded(COUNTS_FINISHED).advance(30)
    for _ in range(60):
        timeline.advance(5)
        assert timeline.arriving is not None
        assert timeline.arriving >= 0.8 * 12


def test_what_is_held_is_let_go_with_the_queue() -> None:
    """An overload without an exact count is over when nothing waits any more."""
    timeline = overloaded(COUNTS_FINISHED).advance(120).arrive(2).advance(60)
    assert timeline.waiting == 0
    assert timeline.arriving == pytest.approx(2, rel=0.1)


def test_a_few_requests_that_wait_now_and_then_hold_nothing() -> None:
    """A peak must not be held for ever by a queue that is all but gone."""
    timeline = overloaded(COUNTS_FINISHED).advance(60)
    timeline.load = Load()
    timeline.arrive(0)
    while timeline.waiting > 20:
        timeline.advance(5)
    timeline.arrive(4).advance(60)
    assert timeline.waiting > 0
    assert timeline.arriving == pytest.approx(4, rel=0.1)


def test_without_giving_up_finished_and_gauges_are_exact_too() -> None:
    """A queue alone distorts nothing: what waits has arrived."""
    spec = service(tokenThroughput=given(1600), mode="Advisory")
    timeline = Timeline(spec, engine=COUNTS_FINISHED, size=2).arrive(2).advance(300).arrive(12).advance(15)
    for _ in range(30):
        timeline.advance(5)
        assert timeline.arriving == pytest.approx(12, rel=0.02)


@pytest.mark.parametrize("engine", [COUNTS_ENDED, COUNTS_FINISHED, counts_work("images")])
def test_the_size_of_requests_does_not_change_because_they_wait(engine: Engine) -> None:
    """A queue makes requests late, not small: work per request stays what it was."""
    spec = service(tokenThroughput=given(1600), mode="Advisory")
    timeline = Timeline(spec, engine=engine, load=Load(work=1000.0), size=2).arrive(2).advance(300)
    before = timeline.decision.traffic.work_per_request
    assert before is not None
    timeline.arrive(12).advance(300)
    assert timeline.decision.traffic.work_per_request == pytest.approx(before, rel=0.05)


def test_sizes_are_not_learned_from_the_few_that_still_finish() -> None:
    """While most clients give up, those that finish are the small ones."""
    timeline = overloaded(COUNTS_ENDED).advance(60)
    before = timeline.decision.traffic.work_per_request
    timeline.load = replace(IMPATIENT, prompt_tokens=80.0, output_tokens=20.0)
    timeline.advance(120)
    assert timeline.decision.traffic.work_per_request == before


def test_arrivals_are_never_negative_when_all_clients_leave_at_once() -> None:
    """A load generator that is stopped empties all queues: nothing arrived, and nothing less than that."""
    for engine in (COUNTS_ENDED, COUNTS_FINISHED):
        timeline = overloaded(engine).advance(60)
        for pod in timeline.pods:
            pod.counters["requests_ended"] += len(pod.waiting) + len(pod.running)
            pod.waiting, pod.running = [], []
        timeline.arrive(0)
        for _ in range(10):
            timeline.advance(5)
            assert timeline.arriving is not None
            assert timeline.arriving >= 0
        assert timeline.arriving == 0
