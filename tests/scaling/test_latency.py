"""Percentiles of the last minute's latencies."""

from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.scaling.latency import WINDOW_SECONDS, RecentLatencies
from tidegate.scaling.sample import Latencies, Sample

BOUNDS = (0.1, 0.5, 1.0, 2.5, inf)
SIGNAL = "first_token_seconds"


def page(*counts: float, time: float = 0.0) -> Sample:
    """A page whose buckets have so many values each, not added up."""
    return Sample(time=time, first_token_seconds=cumulative(counts))


def cumulative(counts: tuple[float, ...]) -> Latencies:
    """As pages give them."""
    return tuple((bound, sum(counts[: index + 1])) for index, bound in enumerate(BOUNDS))


def after(*counts: float) -> RecentLatencies:
    """What one pod has shown that counted so many more in each bucket."""
    return RecentLatencies().see(SIGNAL, {"a": page(0, 0, 0, 0, 0)}, {"a": page(*counts)}, now=0.0)


def histogram_quantile(quantile: float, buckets: Latencies) -> float:
    """As Prometheus 3 has it for classic histograms (promql/quantile.go, `bucketQuantile`)."""
    rank = quantile * buckets[-1][1]
    index = next(i for i, (_, count) in enumerate(buckets) if count >= rank)
    if index == len(buckets) - 1:
        return buckets[-2][0]
    start, end = (0.0 if index == 0 else buckets[index - 1][0]), buckets[index][0]
    below = 0.0 if index == 0 else buckets[index - 1][1]
    return start + (end - start) * (rank - below) / (buckets[index][1] - below)


@given(counts=st.tuples(*[st.integers(0, 1000)] * len(BOUNDS)), percent=st.integers(50, 99))
def test_percentiles_are_those_of_prometheus(counts: tuple[int, ...], percent: int) -> None:
    """Whoever draws `histogram_quantile` in a dashboard sees the same number."""
    assume(sum(counts))
    expected = histogram_quantile(percent / 100, cumulative(counts))
    assert after(*counts).percentile(percent) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("counts", "percent", "seconds"),
    [
        ((10, 0, 0, 0, 0), 50, 0.05),
        ((0, 10, 0, 0, 0), 50, 0.3),
        ((5, 5, 0, 0, 0), 75, 0.3),
        ((0, 0, 0, 0, 10), 95, 2.5),
    ],
    ids=["half of the first bucket", "half of the second", "of two buckets", "beyond the last bound: that bound"],
)
def test_percentiles_by_hand(counts: tuple[int, ...], percent: int, seconds: float) -> None:
    """Values are taken to be spread evenly within a bucket."""
    assert after(*counts).percentile(percent) == pytest.approx(seconds)


def test_of_nothing_there_is_no_percentile() -> None:
    """None, which is not zero: nothing would be quicker than no request."""
    assert RecentLatencies().percentile(95) is None
    assert after(0, 0, 0, 0, 0).percentile(95) is None


def test_all_pods_count_and_each_by_what_it_has_grown() -> None:
    """A pod that has served for days weighs no more than one that came today."""
    before = {"old": page(1_000_000, 0, 0, 0, 0), "new": page(0, 0, 0, 0, 0)}
    now = {"old": page(1_000_010, 0, 0, 0, 0), "new": page(0, 0, 0, 10, 0)}
    seen = RecentLatencies().see(SIGNAL, before, now, now=0.0)
    assert seen.count == 20
    assert seen.percentile(75) == pytest.approx(1.75)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param({}, {"a": page(5, 5, 5, 5, 5)}, id="a pod's first page says nothing of the last minute"),
        pytest.param({"a": page(9, 0, 0, 0, 0)}, {"a": page(5, 0, 0, 0, 0)}, id="it restarted"),
        pytest.param({"a": page(9, 0, 0, 0, 0)}, {"a": page(0, 0, 9, 0, 0)}, id="one bucket fell"),
        pytest.param({"a": page(1, 1, 1, 1, 1)}, {"a": Sample(time=0.0)}, id="the page has no histogram any more"),
        pytest.param({"a": page(1, 1, 1, 1, 1)}, {}, id="it is gone"),
        pytest.param(
            {"a": Sample(time=0.0, first_token_seconds=((1.0, 3.0), (inf, 3.0)))},
            {"a": page(9, 9, 9, 9, 9)},
            id="it has other buckets now",
        ),
    ],
)
def test_what_is_no_growth_does_not_count(before: dict[str, Sample], now: dict[str, Sample]) -> None:
    """Neither as values, nor as negative ones."""
    assert RecentLatencies().see(SIGNAL, before, now, now=0.0).count == 0


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    """A minute of slow answers is over a minute after it is over."""
    seen = after(0, 0, 0, 30, 0)
    still = seen.see(SIGNAL, {"a": page(0, 0, 0, 0, 0)}, {"a": page(1, 0, 0, 0, 0)}, now=WINDOW_SECONDS - 1)
    assert still.count == 31
    gone = still.see(SIGNAL, {"a": page(0, 0, 0, 0, 0)}, {"a": page(1, 0, 0, 0, 0)}, now=WINDOW_SECONDS)
    assert gone.count == 2
