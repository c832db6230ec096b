"""What rivals look at, read from samples."""

import math

import pytest
from observed_pods import observed, page

from tidegate.scaling.sample import Sample
from tidegate.simulator.rivals.signals import IN_FLIGHT, Gauges, TokensServed, fresh_samples


def test_a_sample_counts_until_it_is_stale() -> None:
    """As with Prometheus: what was not scraped lately is not there; 15 s is the age that the observation names."""
    service = observed(3, page(100.0), page(84.9), None, loading=1)
    assert list(fresh_samples(service, 100.0)) == ["ready-0"]


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (page(0.0, running=3, waiting=4), {"pod": 7.0}),
        (page(0.0, running=math.nan), {}),
        (Sample(time=0.0, running=3.0), {}),
        (page(0.0), {"pod": 0.0}),
    ],
    ids=["sum", "NaN", "missing", "zero"],
)
def test_a_pod_without_a_believable_gauge_has_no_value(sample: Sample, expected: dict[str, float]) -> None:
    """Missing and NaN are no zeros."""
    assert IN_FLIGHT.read({"pod": sample}) == expected


def test_kv_usage_is_a_share() -> None:
    """One gauge is itself."""
    assert Gauges(("kv_usage",)).read({"pod": page(0.0, kv_usage=0.25)}) == {"pod": 0.25}


def test_tokens_are_a_rate_from_the_second_sample_on() -> None:
    """3,000 prompt and 1,500 generated tokens in 15 s are 300 tokens/s."""
    signal = TokensServed()
    assert signal.read({"pod": page(0.0)}) == {}
    assert signal.read({"pod": page(15.0, prompt_tokens=3000, generated_tokens=1500)}) == {"pod": 300.0}


def test_the_rate_is_of_the_last_fifteen_seconds_only() -> None:
    """An engine that went quiet 15 s ago serves nothing."""
    signal = TokensServed()
    rates = [signal.read({"pod": page(5.0 * tick, prompt_tokens=min(tick, 3) * 500)}) for tick in range(7)]
    assert [rate.get("pod") for rate in rates] == [
        None,
        100.0,
        100.0,
        100.0,
        pytest.approx(1000 / 15),
        pytest.approx(500 / 15),
        0.0,
    ]


def test_samples_far_apart_still_give_a_rate() -> None:
    """With a scrape a minute there is one rate a minute, and reading the same page again changes nothing."""
    signal = TokensServed()
    for time in (0.0, 60.0, 120.0):
        rate = signal.read({"pod": page(time, prompt_tokens=time * 100)})
    assert rate == signal.read({"pod": page(120.0, prompt_tokens=12000)}) == {"pod": 100.0}


def test_a_restart_is_no_negative_rate() -> None:
    """Counters that fall begin anew."""
    signal = TokensServed()
    for time, tokens in ((0.0, 0), (5.0, 1000), (10.0, 10)):
        rate = signal.read({"pod": page(time, prompt_tokens=tokens)})
    assert rate == {}
    assert signal.read({"pod": page(15.0, prompt_tokens=510)}) == {"pod": 100.0}
