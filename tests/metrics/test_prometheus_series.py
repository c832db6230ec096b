"""Answers as a Prometheus gives them, without one: which scrape is read, and what is made of it."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.engines.infinity import INFINITY
from tidegate.engines.llama_cpp import LLAMA_CPP
from tidegate.engines.ollama import OLLAMA
from tidegate.engines.tei import TEI
from tidegate.engines.tgi import TGI
from tidegate.engines.vllm import VLLM
from tidegate.metrics.failure import ScrapeError, ScrapeReason
from tidegate.metrics.prometheus_series import StoredReading, read_series, series_by_pod
from tidegate.scaling.sample import Sample

POD = ("models", "pod-1")
WAITING, RUNNING = "vllm:num_requests_waiting", "vllm:num_requests_running"

RECORDED = {
    "metric": {
        "__name__": "vllm:num_requests_waiting",
        "engine": "0",
        "instance": "127.0.0.1:34567",
        "job": "pods",
        "model_name": "m",
        "namespace": "models",
        "pod": "pod-1",
    },
    "values": [[1795262652.67, "1"], [1795262653.672, "2"], [1795262654.67, "3"]],
}
"""One series as Prometheus 2.42 answered `vllm:num_requests_waiting[150s]`."""


def series(name: str, scrapes: dict[float, str], **labels: str) -> dict[str, Any]:
    """One series of the pod."""
    target = {"namespace": POD[0], "pod": POD[1], "job": "pods", "instance": "10.0.0.1:8000"}
    return {
        "metric": {"__name__": name, **target, **labels},
        "values": [[time, value] for time, value in scrapes.items()],
    }


def read(*answer: dict[str, Any], table: Any = VLLM, model_name: str = "m") -> StoredReading:
    """Read the pod from an answer."""
    return read_series(series_by_pod(list(answer)).get(POD, []), table, model_name)


def error(*answer: dict[str, Any], table: Any = VLLM, model_name: str = "m") -> ScrapeError:
    """Why the pod cannot be read."""
    with pytest.raises(ScrapeError) as raised:
        read(*answer, table=table, model_name=model_name)
    return raised.value


def test_a_recorded_series_is_read_at_its_last_scrape() -> None:
    """The sample has the time of the scrape; scrapes a second apart are so, though their times jitter."""
    assert read(RECORDED) == StoredReading(Sample(time=1795262654.67, waiting=3), scrape_interval_seconds=1.0)


def test_signals_of_one_sample_are_of_one_scrape() -> None:
    """A scrape that came between two queries is not mixed with the one before."""
    found = read(series(WAITING, {10: "1", 25: "2"}), series(RUNNING, {10: "7", 25: "8", 40: "9"}))
    assert found.sample == Sample(time=25, waiting=2, running=8)


def test_latencies_are_of_the_same_scrape() -> None:
    """Buckets that came with a later scrape than a signal are read at the scrape that both have."""
    name = "vllm:time_to_first_token_seconds_bucket"
    buckets = [series(name, {10: count, 25: "9"}, le=bound) for bound, count in (("0.5", "3"), ("+Inf", "4"))]
    found = read(series(RUNNING, {10: "7"}), *buckets)
    assert found.sample == Sample(time=10, running=7, first_token_seconds=((0.5, 3), (math.inf, 4)))


def test_buckets_alone_are_no_engine() -> None:
    """A page that lost all its signals is missed, whatever histograms it has."""
    bucket = series("vllm:time_to_first_token_seconds_bucket", {10: "3"}, le="+Inf")
    assert error(bucket).reason == ScrapeReason.NOT_IN_PROMETHEUS


def test_what_no_scrape_shows_any_more_is_missing() -> None:
    """A metric that is gone from the last three scrapes is not read from an older one."""
    found = read(series(WAITING, {10: "1"}), series(RUNNING, {10: "7", 25: "8", 40: "9", 55: "10"}))
    assert found.sample == Sample(time=55, running=10)


def test_a_metric_that_appears_is_read_at_once() -> None:
    """A scrape that shows more than the ones before is whole."""
    found = read(series(RUNNING, {10: "7", 25: "8"}), series("http_requests_total", {25: "5"}, **_WORK))
    assert found.sample == Sample(time=25, running=8, requests_ended=5)


_WORK = {"method": "POST", "handler": "/v1/completions", "status": "2xx"}


@pytest.mark.parametrize(
    ("times", "interval"),
    [([10.0], None), ([10.0, 40.0], 30.0), ([10.0, 40.002, 100.0], 30.0), ([1.0, 1.2], 1.0), ([0.0, 60.0], 60.0)],
)
def test_the_interval_is_the_shortest_gap(times: list[float], interval: float | None) -> None:
    """One scrape tells none; a missed one does not make it longer; it is whole seconds, at least one."""
    assert read(series(WAITING, dict.fromkeys(times, "1"))).scrape_interval_seconds == interval


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1"])
def test_what_is_no_number_is_not_a_number(value: str) -> None:
    """As on a page, a signal is NaN when any of its series is not a number that it could be."""
    found = read(series(WAITING, {10: "1"}, engine="0"), series(WAITING, {10: value}, engine="1"))
    assert found.sample.waiting is not None
    assert math.isnan(found.sample.waiting)


def test_series_of_a_signal_are_summed_and_shares_are_not() -> None:
    """Ranks add up; of the KV shares the fullest counts."""
    found = read(
        series(WAITING, {10: "1"}, engine="0"),
        series(WAITING, {10: "2"}, engine="1"),
        series("vllm:kv_cache_usage_perc", {10: "0.5"}, engine="0"),
        series("vllm:gpu_cache_usage_perc", {10: "0.9"}, engine="0"),
    )
    assert found.sample == Sample(time=10, waiting=3, kv_usage=0.5)


def test_series_that_do_not_count_are_left_out() -> None:
    """Of a metric whose series count only in part, the rest is another thing, whatever the store answers."""
    found = read(
        series(WAITING, {10: "0"}),
        series("http_requests_total", {10: "5"}, **_WORK),
        series("http_requests_total", {10: "99"}, **{**_WORK, "handler": "/metrics"}),
    )
    assert found.sample.requests_ended == 5


def test_a_page_scraped_twice_counts_once() -> None:
    """Of two jobs that scrape the same pod, the newer scrape is read."""
    found = read(series(WAITING, {10: "4"}), series(WAITING, {12: "5"}, job="other"))
    assert found.sample == Sample(time=12, waiting=5)


def test_replicas_of_a_prometheus_count_once() -> None:
    """Where a pair of them is asked through one address, each has its own times: the newer is read."""
    found = read(
        series(WAITING, {10: "4", 40: "5"}, prometheus_replica="a"),
        series(WAITING, {25: "4", 55: "6"}, prometheus_replica="b"),
    )
    assert found.sample == Sample(time=55, waiting=6)


def test_another_page_of_the_pod_is_not_the_engines() -> None:
    """A sidecar that counts HTTP requests, and is scraped more often, does not pass for the engine."""
    sidecar = series("http_requests_total", {10: "1", 11: "2", 12: "3"}, **_WORK, instance="10.0.0.1:15020")
    found = read(series(WAITING, {10.5: "1"}), series(RUNNING, {10.5: "2"}), sidecar)
    assert found.sample == Sample(time=10.5, waiting=1, running=2)
    assert error(sidecar).reason == ScrapeReason.NOT_IN_PROMETHEUS


def test_only_this_models_series_count() -> None:
    """As on a page; and series of other models alone are told, with their names."""
    ours, theirs = series(WAITING, {10: "1"}, model_name="m"), series(WAITING, {10: "7"}, model_name="n")
    assert read(ours, theirs).sample.waiting == 1
    told = error(theirs)
    assert told.reason == ScrapeReason.ANOTHER_MODEL
    assert "model_name='n' and none 'm'" in str(told)
    assert read(series("llamacpp:requests_deferred", {10: "2"}), table=LLAMA_CPP).sample.waiting == 2


def test_native_histograms_are_no_signals() -> None:
    """A series without plain values is passed over."""
    histogram = {"metric": {**RECORDED["metric"], "__name__": RUNNING}, "histograms": [[10, {"count": "1"}]]}
    assert read(series(WAITING, {10: "1"}), histogram).sample == Sample(time=10, waiting=1)


def _page(went_well: dict[float, str], lines: dict[float, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    return series("up", went_well), series("scrape_samples_scraped", lines)


def test_an_empty_page_of_an_engine_that_starts_empty_is_zero() -> None:
    """The page was read and nothing was on it: nothing was served yet. A scrape that failed says no such thing."""
    sample = read(*_page({10: "1", 25: "1"}, {10: "0", 25: "0"}), table=TEI).sample
    assert (sample.time, sample.waiting, sample.requests_received) == (25, 0, 0)
    for went_well, lines in (({10: "0"}, {10: "0"}), ({10: "1"}, {10: "5"}), ({10: "1"}, {})):
        assert error(*_page(went_well, lines), table=TEI).reason == ScrapeReason.NOT_IN_PROMETHEUS
    assert error(*_page({10: "1"}, {10: "0"}), table=VLLM).reason == ScrapeReason.NOT_IN_PROMETHEUS


def test_marks_show_an_engine_that_has_served_nothing() -> None:
    """A mark alone means zero where the engine starts so; elsewhere a counter whose series do not count is zero."""
    assert read(series("tgi_batch_max_total_tokens", {10: "4096"}), table=TGI).sample.waiting == 0
    other_requests = series("http_requests_total", {10: "9"}, method="GET", status="2xx")
    assert read(other_requests, table=INFINITY).sample.requests_finished == 0


def test_an_engine_without_metrics_says_so() -> None:
    """There is nothing to look for in any store."""
    assert error(table=OLLAMA).reason == ScrapeReason.NO_KNOWN_METRICS


@pytest.mark.parametrize(
    "answer",
    [None, 5, {}, [5], [{}], [{"metric": {}}], [{"metric": {"pod": "p"}, "values": [[1, "1"]]}]]
    + [[{**RECORDED, "values": values}] for values in (5, [5], [[1]], [["x", "1"]], [[1, "x"]], [[1, None]])],
)
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    """Whatever shape an answer has: it is read, or refused as a whole. An empty object has no series."""
    if answer == {}:
        assert series_by_pod(answer) == {}
        return
    with pytest.raises(ValueError, match="not a matrix"):
        series_by_pod(answer)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.sampled_from(["metric", "values", "pod"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(_JSON | st.lists(st.fixed_dictionaries({"metric": st.just(RECORDED["metric"]), "values": _JSON}), max_size=3))
def test_no_answer_breaks_the_reader(answer: Any) -> None:
    """Any JSON ends in series or in the one error that callers expect."""
    try:
        found = series_by_pod(answer).get(POD, [])
    except ValueError:
        return
    try:
        reading = read_series(found, VLLM, "m")
    except ScrapeError:
        return
    assert reading.sample.time in {time for one in found for time in one.scrapes}
