from dataclasses import replace

import pytest
from metric_faults import only, unread, unreadable
from serving_pod import ServingPod
from timeline import COUNTS_ENDED, COUNTS_FINISHED, TICK_SECONDS, Engine, Timeline, counts_work, given, service

from tidegate.scaling.sample import Sample

EVERY_ENGINE = pytest.mark.parametrize(
    "engine", [COUNTS_ENDED, COUNTS_FINISHED, counts_work("tokens")], ids=["ended", "finished", "received"]
)


def four_pods(engine: Engine = COUNTS_ENDED) -> Timeline:
    """6 requests/s on four pods, for five minutes; nobody may change the size."""
    spec = service(tokenThroughput=given(1600), mode="Advisory")
    return Timeline(spec, engine=engine, size=4).arrive(6).advance(300)


def estimates(timeline: Timeline, seconds: float) -> list[float]:
    """The arrival rates that were seen over the next so many seconds."""
    timeline.advance(seconds)
    return [decision.traffic.requests_per_second for decision in timeline.last(seconds)]  # type: ignore[misc]


@EVERY_ENGINE
def test_a_pod_that_leaves_takes_nothing_back(engine: Engine) -> None:
    """Its counters leave the sum with it: arrivals never become negative, and what it did in the window stays."""
    timeline = four_pods(engine)
    timeline.lose_pod()
    for estimate in estimates(timeline, 60):
        assert 0.7 * 6 <= estimate <= 1.1 * 6


@EVERY_ENGINE
def test_a_pod_that_joins_with_full_counters_is_no_spike(engine: Engine) -> None:
    """A pod that served others before it was seen brings no arrivals along."""
    timeline = four_pods(engine)
    stranger = ServingPod(uid="stranger", ready_at=timeline.now)
    stranger.counters = dict.fromkeys(stranger.counters, 1e6)
    timeline.pods.append(stranger)
    for estimate in estimates(timeline, 60):
        assert 0.5 * 6 <= estimate <= 1.1 * 6


@EVERY_ENGINE
def test_pods_that_join_share_the_load_and_do_not_add_to_it(engine: Engine) -> None:
    """When one pod becomes four, the requests of the last seconds are not counted again on the new ones."""
    timeline = Timeline(service(tokenThroughput=given(1600), mode="Advisory"), engine=engine).arrive(1.5).advance(300)
    timeline.resize(4, cold_start_seconds=10)
    for estimate in estimates(timeline, 60):
        assert estimate <= 1.1 * 1.5
    assert timeline.arriving == pytest.approx(1.5, rel=0.05)


@EVERY_ENGINE
@pytest.mark.parametrize("seconds", [0, 30])
def test_a_container_that_restarts_is_neither_negative_nor_a_spike(engine: Engine, seconds: float) -> None:
    """Its counters fall to zero: it counts anew."""
    timeline = four_pods(engine)
    timeline.restart_pod(seconds)
    for estimate in estimates(timeline, 90):
        assert 0.4 * 6 <= estimate <= 1.1 * 6
    assert timeline.arriving == pytest.approx(6, rel=0.05)
    assert all((decision.traffic.served_per_second or 0) >= 0 for decision in timeline.decisions)


@EVERY_ENGINE
def test_a_counter_that_falls_without_a_restart_is_no_spike(engine: Engine) -> None:
    """A label set that vanishes from the page takes its part of the sum along: the rest is not what just arrived."""
    timeline = four_pods(engine)
    for pod in timeline.pods:
        pod.counters = {name: value + 1e6 for name, value in pod.counters.items()}
    timeline.advance(60)
    timeline.pods[0].counters = {name: value / 2 for name, value in timeline.pods[0].counters.items()}
    for estimate in estimates(timeline, 60):
        assert estimate <= 1.1 * 6


def test_the_only_pod_is_replaced() -> None:
    """Nothing is known for a while, and nothing is decided; then the new pod's own counters speak."""
    timeline = Timeline(service(tokenThroughput=given(1600)), size=1).arrive(1.4).advance(300).lose_pod()
    timeline.advance(55)
    assert timeline.decision.health.state == "NoPods"
    timeline.advance(300)
    assert {decision.to_replicas for decision in timeline.decisions} == {1}
    assert timeline.arriving == pytest.approx(1.4, rel=0.1)


def test_an_old_rate_is_not_kept_for_a_pod_that_comes_back() -> None:
    """A service that was busy, was switched off for an hour and is switched on again starts from nothing."""
    spec = service(tokenThroughput=given(1600))
    timeline = Timeline(spec, size=6).arrive(9).advance(120).apply(service(replicas=0)).advance(10)
    timeline.arrive(0).advance(3600).apply(spec).advance(90)
    assert timeline.ready
    assert timeline.largest(80) == 1


@pytest.mark.parametrize("ticks", [1, 2])
def test_one_pod_that_is_read_late_is_not_missing_from_the_sum(ticks: int) -> None:
    """A scrape that fails leaves the last sample in place: the pod's rate is taken to go on, not to be zero."""
    timeline = four_pods()
    timeline.break_metrics(only("pod-2", unread))
    for estimate in estimates(timeline, ticks * TICK_SECONDS):
        assert estimate == pytest.approx(6, rel=0.05)
    timeline.break_metrics(None)
    for estimate in estimates(timeline, 30):
        assert estimate == pytest.approx(6, rel=0.05)


def test_one_scrape_in_twenty_that_fails_does_not_lower_the_estimate() -> None:
    """Failures here and there cost nothing: the next sample of that pod covers both intervals."""
    timeline = four_pods()
    scrapes = 0

    def sometimes(_: ServingPod, sample: Sample) -> Sample | None:
        nonlocal scrapes
        scrapes += 1
        return None if scrapes % 20 == 0 else sample

    timeline.break_metrics(sometimes)
    for estimate in estimates(timeline, 300):
        assert estimate == pytest.approx(6, rel=0.05)


def test_a_gap_in_the_metrics_is_averaged_over() -> None:
    """What arrived during a minute without metrics arrived during a minute."""
    timeline = four_pods().break_metrics(unreadable)
    timeline.advance(60).break_metrics(None)
    for estimate in estimates(timeline, 60):
        assert estimate == pytest.approx(6, rel=0.05)


def test_a_quiet_service_that_is_read_once_a_minute_keeps_its_rate_in_between() -> None:
    """Between two samples the last known rate holds, and each sample counts once."""
    spec = service(tokenThroughput=given(1600), minReplicas=1)
    timeline = Timeline(spec, size=2, scrape_seconds=60).arrive(2.4).advance(600)
    for estimate in estimates(timeline, 600):
        assert estimate == pytest.approx(2.4, rel=0.05)
    assert {decision.to_replicas for decision in timeline.decisions} == {2}


def test_a_quiet_service_that_is_read_once_a_minute_still_grows_and_shrinks() -> None:
    """Late by a scrape, but right."""
    timeline = Timeline(service(tokenThroughput=given(1600)), size=2, scrape_seconds=60).arrive(2.4).advance(600)
    timeline.arrive(8).advance(120)
    assert timeline.size >= 5
    timeline.arrive(0).advance(900)
    assert timeline.size == 1


def test_a_pod_of_the_same_name_is_another_pod() -> None:
    """Counters of two pods are never subtracted: the uid tells them apart."""
    timeline = four_pods()
    timeline.pods[0] = replace(timeline.pods[0], uid="successor")
    for estimate in estimates(timeline, 60):
        assert 0.7 * 6 <= estimate <= 1.1 * 6
