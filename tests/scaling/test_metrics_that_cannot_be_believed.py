import math

import pytest
from metric_faults import Fault, only, showing, unread, unreadable, without
from timeline import TICK_SECONDS, Timeline, given, service

from tidegate.scaling.health import MetricsState


def four_pods() -> Timeline:
    """A load for four pods, for ten minutes."""
    return Timeline(service(tokenThroughput=given(1600)), size=4).arrive(6).advance(600)


@pytest.mark.parametrize(
    ("fault", "state", "message"),
    [
        pytest.param(
            unreadable,
            MetricsState.MISSING,
            "4 of 4 ready pods cannot be believed; pod-0: Timeout: no answer within 2 s",
            id="no page",
        ),
        pytest.param(
            without("waiting", "running"),
            MetricsState.MISSING,
            "4 of 4 ready pods cannot be believed; pod-0: the page does not give waiting, running",
            id="signals missing",
        ),
        pytest.param(
            unread,
            MetricsState.STALE,
            "4 of 4 ready pods cannot be believed; pod-0: not read for more than 15 s",
            id="stale",
        ),
        pytest.param(
            showing(math.nan, "waiting"),
            MetricsState.NOT_A_NUMBER,
            "4 of 4 ready pods cannot be believed; pod-0: the page gives nan for waiting",
            id="NaN",
        ),
        pytest.param(
            showing(math.inf, "running"),
            MetricsState.NOT_A_NUMBER,
            "4 of 4 ready pods cannot be believed; pod-0: the page gives inf for running",
            id="infinite",
        ),
        pytest.param(
            showing(-1.0, "requests_finished"),
            MetricsState.NOT_A_NUMBER,
            "4 of 4 ready pods cannot be believed; pod-0: the page gives -1.0 for requests_finished",
            id="below zero",
        ),
    ],
)
def test_a_service_that_cannot_be_seen_keeps_its_size(fault: Fault, state: MetricsState, message: str) -> None:
    """Each fault is called by its name, and for as long as it lasts nothing is made smaller."""
    timeline = four_pods().break_metrics(fault).arrive(0).advance(900)
    assert {decision.to_replicas for decision in timeline.decisions} == {4}
    assert timeline.decision.health.state == state
    assert timeline.decision.health.message == message
    assert message in timeline.decision.message


def test_zero_is_a_number() -> None:
    """Pods that answer with zeros are idle: the size goes down, after the window."""
    timeline = four_pods().arrive(0).advance(30)
    assert timeline.decision.traffic.waiting == 0
    assert timeline.decision.traffic.arriving_per_second == 0
    assert timeline.decision.health.state == MetricsState.FRESH
    timeline.advance(300)
    assert timeline.size == 1


@pytest.mark.parametrize("fault", [unreadable, unread, without("waiting"), showing(math.nan, "waiting")])
def test_a_gap_begins_the_window_anew(fault: Fault) -> None:
    """A load that ends in a gap is not known to have ended: after the gap a whole window passes before it shrinks."""
    timeline = four_pods().break_metrics(fault).arrive(0).advance(600).break_metrics(None).advance(290)
    assert timeline.size == 4
    timeline.advance(30)
    assert timeline.size == 1


def test_a_sample_stays_good_until_it_is_stale() -> None:
    """One missed scrape is no news."""
    timeline = four_pods().break_metrics(unread).advance(10)
    assert timeline.decision.health.state == MetricsState.FRESH
    timeline.advance(10)
    assert timeline.decision.health.state == MetricsState.STALE


@pytest.mark.parametrize("fault", [unreadable, unread, without("running"), showing(math.nan, "running")])
def test_with_some_metrics_the_way_up_is_open(fault: Fault) -> None:
    """Three of four pods are enough to see that there are too few."""
    timeline = four_pods().break_metrics(only("pod-1", fault)).advance(30)
    assert timeline.decision.health.state == MetricsState.PARTIAL
    timeline.arrive(20).advance(30)
    assert timeline.size > 4


@pytest.mark.parametrize("fault", [unreadable, unread, without("running"), showing(math.nan, "running")])
def test_with_some_metrics_the_way_down_is_closed(fault: Fault) -> None:
    """The pod that is not seen may be the one that is busy."""
    timeline = four_pods().break_metrics(only("pod-1", fault)).arrive(0).advance(900)
    assert timeline.size == 4
    assert timeline.limits[-1] == "metrics"
    assert timeline.decision.reason == "MetricsHeld"
    assert "not down while 1 of 4 ready pods cannot be believed; pod-1: " in timeline.decision.message


def test_a_signal_that_the_engine_does_not_offer_is_no_news() -> None:
    """Only what an engine is known to give is missed."""
    timeline = four_pods().observe_with(expected_signals=("waiting", "running"))
    timeline.break_metrics(without("kv_usage")).advance(TICK_SECONDS)
    assert timeline.decision.health.complete
    assert timeline.decision.traffic.kv_usage is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -5.0, 1e300])
@pytest.mark.parametrize("name", ["waiting", "running", "requests_ended", "prompt_tokens"])
def test_an_impossible_value_of_an_unexpected_signal_is_as_good_as_none(name: str, value: float) -> None:
    """Nothing is computed from it, in either direction."""
    timeline = four_pods().observe_with(expected_signals=("requests_finished",))
    timeline.break_metrics(showing(value, name)).advance(200)
    assert timeline.size <= 4 + 1
    assert all(decision.to_replicas >= 3 for decision in timeline.decisions)


@pytest.mark.parametrize("fault", [unreadable, unread, showing(math.nan, "running")])
def test_the_record_says_that_a_size_is_held_though_no_limit_had_to_bite(fault: Fault) -> None:
    """Terms that see nothing propose the present size; Steady would sound as if all was well."""
    timeline = four_pods().break_metrics(fault).advance(300)
    assert timeline.size == 4
    assert timeline.decision.reason == "MetricsHeld"


def test_no_pod_is_ready() -> None:
    """There is nothing to read, and nothing is decided."""
    timeline = Timeline(service(tokenThroughput=given(1600)), size=3, cold_start_seconds=300)
    timeline.resize(0).resize(3).advance(200)
    assert timeline.decision.health.state == MetricsState.NO_PODS
    assert timeline.decision.message == "3: how many tokens/s arrive is not known yet; no pod is ready"
    assert timeline.size == 3


def test_pods_that_were_not_asked_yet_are_not_at_fault() -> None:
    """Ready since the last round of scrapes: nothing is wrong with their metrics, and nothing shrinks on the rest."""
    timeline = Timeline(service(tokenThroughput=given(1600)), size=3).arrive(1)
    timeline.decide()
    assert timeline.decision.health.state == MetricsState.NO_PODS
    assert timeline.decision.message.endswith("; none of 3 ready pods has been read yet")
    timeline.advance(20).resize(4, cold_start_seconds=0)
    timeline.decide()
    assert timeline.decision.health.state == MetricsState.FRESH
    assert timeline.decision.health.message == "1 of 4 ready pods is not read yet; the metrics of the rest are fresh"
    assert not timeline.decision.health.complete


def test_a_bound_is_obeyed_without_metrics_too() -> None:
    """What a person sets does not need to be measured."""
    timeline = four_pods().break_metrics(unreadable).advance(60)
    timeline.apply(service(tokenThroughput=given(1600), maxReplicas=2)).advance(TICK_SECONDS)
    assert timeline.size == 2
    timeline.apply(service(tokenThroughput=given(1600), minReplicas=7)).advance(TICK_SECONDS)
    assert timeline.size == 7


def test_a_sample_from_the_future_says_nothing_of_now() -> None:
    """A clock was set back: a pod that stopped answering must not look fresh until the clock has caught up."""
    timeline = four_pods().break_metrics(unread)
    timeline.now -= 600
    for pod in timeline.pods:
        pod.ready_at = timeline.now
    timeline.advance(TICK_SECONDS)
    assert timeline.decision.health.state == MetricsState.STALE
