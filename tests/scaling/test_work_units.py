from dataclasses import replace

import pytest
from serving_pod import Load
from timeline import COUNTS_FINISHED, COUNTS_TOKENS, Engine, Timeline, counts_work, given, service

from tidegate.scaling.sample import ArrivalMethod


@pytest.mark.parametrize(
    ("unit", "work", "target", "replicas"),
    [
        pytest.param("images", 4.0, 6, 4, id="4 images a request, 6 images/s a replica"),
        pytest.param("seconds", 30.0, "45", 4, id="30 seconds of speech a request"),
        pytest.param("pages", 0.5, "0.75", 4, id="parts of a unit"),
        pytest.param("images", 4.0, "0.5", 20, id="a target below one, bounded by maxReplicas"),
    ],
)
def test_work_is_counted_in_the_unit_of_the_engine(unit: str, work: float, target: int | str, replicas: int) -> None:
    """6 requests/s times the work of each, over what a replica is given."""
    spec = service(tokenThroughput=given(target))
    timeline = Timeline(spec, engine=counts_work(unit), load=Load(work=work), size=6).arrive(6).advance(900)
    assert timeline.decision.traffic.work_per_request == pytest.approx(work, rel=0.02)
    assert timeline.decision.traffic.arriving_per_second == pytest.approx(6 * work, rel=0.03)
    assert timeline.size == replicas
    assert f"{unit}/s are arriving" in timeline.decision.message


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(
            Engine(
                signals=("waiting", "running", "requests_received"),
                arrivals=ArrivalMethod.REQUEST_COUNTER,
                work_unit="requests",
            ),
            id="counted when they arrive",
        ),
        pytest.param(replace(COUNTS_FINISHED, work_unit="requests"), id="counted when they finish"),
        pytest.param(
            Engine(signals=("requests_received",), arrivals=ArrivalMethod.REQUEST_COUNTER, work_unit="requests"),
            id="no gauges at all",
        ),
    ],
)
def test_where_requests_are_the_unit_each_counts_one(engine: Engine) -> None:
    """Their size is known before any has finished."""
    spec, load = service(tokenThroughput=given("1.8")), Load(slots=16)
    timeline = Timeline(spec, engine=engine, load=load, size=6).arrive(7).advance(600)
    assert timeline.decision.traffic.work_per_request == 1
    assert timeline.size == 4


def test_an_engine_that_shows_only_tokens_is_scaled_on_those_it_serves() -> None:
    """Served tokens cannot exceed what pods can do; the queue says the rest."""
    timeline = Timeline(service(tokenThroughput=given(1600)), engine=COUNTS_TOKENS, size=2).arrive(2).advance(120)
    assert timeline.arriving is None
    assert timeline.decision.traffic.work_per_request is None
    assert timeline.decision.traffic.arriving_per_second == pytest.approx(2000, rel=0.05)
    timeline.arrive(7).advance(900)
    assert timeline.decision.traffic.arriving_per_second == pytest.approx(7000, rel=0.05)
    assert timeline.size == 5


def test_served_tokens_that_fall_while_requests_wait_are_no_fall_of_demand() -> None:
    """An engine that drowns serves less: what it served before holds, as long as the queue does."""
    spec = service(tokenThroughput=given(1600), mode="Advisory")
    timeline = Timeline(spec, engine=COUNTS_TOKENS, size=2).arrive(4).advance(120).arrive(10).advance(60)
    timeline.load = replace(timeline.load, seconds=12.0)
    timeline.advance(30)
    assert timeline.decision.traffic.served_per_second < 3000
    assert timeline.decision.traffic.arriving_per_second == pytest.approx(4000, rel=0.1)


@pytest.mark.parametrize(("target", "tolerated"), [("0.5", "2"), (4, "16"), ("250m", "1")])
def test_a_queue_target_may_be_a_part_of_a_request(target: int | str, tolerated: str) -> None:
    """Half a request per replica is one for two of them."""
    timeline = Timeline(service(queueDepth=given(target), mode="Advisory"), size=4).arrive(6).advance(60).burst(80)
    timeline.advance(5)
    assert f" waiting, {tolerated} allowed" in timeline.decision.message


def test_the_smallest_and_the_largest_targets_are_borne() -> None:
    """A size is never beyond what the API allows, however small the target."""
    for target in ("0.001", "1m", 1_000_000_000, "999999k"):
        spec = service(tokenThroughput=given(target), queueDepth=given(target), maxReplicas=1000)
        timeline = Timeline(spec, size=2, cold_start_seconds=0).arrive(2).advance(60)
        assert all(proposal.replicas <= 1000 for proposal in timeline.decision.proposals)
        assert 1 <= timeline.size <= 1000
