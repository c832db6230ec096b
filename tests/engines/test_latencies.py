"""Histograms on a page become latencies, or nothing: a page is as good as its signals."""

from math import inf

import pytest

from tidegate.engines.page import MAXIMUM_BUCKETS, read_page
from tidegate.engines.vllm import VLLM
from tidegate.scaling.sample import Latencies, Sample

SIGNAL = "vllm:num_requests_running 3\n"
FIRST, BETWEEN = "vllm:time_to_first_token_seconds", "vllm:inter_token_latency_seconds"


def _buckets(name: str, counts: dict[str, str], **labels: str) -> str:
    own = "".join(f',{label}="{value}"' for label, value in labels.items())
    return "".join(f'{name}_bucket{{le="{bound}"{own}}} {count}\n' for bound, count in counts.items())


def _read(text: str, model_name: str | None = None) -> Sample:
    return read_page((SIGNAL + text).encode(), VLLM, time=1.0, model_name=model_name)


def test_both_histograms_are_read() -> None:
    """Bounds become numbers in rising order, whatever their order on the page."""
    sample = _read(
        _buckets(FIRST, {"+Inf": "9", "0.5": "7", "10.0": "8"}) + _buckets(BETWEEN, {"0.1": "0", "+Inf": "0"})
    )
    assert sample.first_token_seconds == ((0.5, 7), (10, 8), (inf, 9))
    assert sample.inter_token_seconds == ((0.1, 0), (inf, 0))
    assert sample.running == 3


def test_they_are_read_where_they_are_wanted() -> None:
    """Reading them takes as long as all signals together."""
    page = (SIGNAL + _buckets(FIRST, {"1": "5", "+Inf": "6"})).encode()
    assert read_page(page, VLLM, time=1.0, with_latencies=False) == Sample(time=1.0, running=3)


def test_label_sets_are_added_up() -> None:
    """Two ranks of one engine make one histogram."""
    ranks = [
        _buckets(FIRST, {"1": str(below), "+Inf": str(all_of_it)}, engine=str(below))
        for below, all_of_it in ((1, 4), (2, 5))
    ]
    assert _read("".join(ranks)).first_token_seconds == ((1, 3), (inf, 9))


def test_the_newest_name_counts() -> None:
    """A version that shows the deprecated histogram beside the new one is not counted twice; an older one is read."""
    old = _buckets("vllm:time_per_output_token_seconds", {"1": "5", "+Inf": "5"})
    new = _buckets(BETWEEN, {"1": "7", "+Inf": "7"})
    assert _read(old + new).inter_token_seconds == ((1, 7), (inf, 7))
    assert _read(old).inter_token_seconds == ((1, 5), (inf, 5))


def test_latencies_are_those_of_the_services_model() -> None:
    """On a page of several models, the histograms of the others do not count."""
    page = _buckets(FIRST, {"1": "5", "+Inf": "5"}, model_name="a") + _buckets(
        FIRST, {"1": "7", "+Inf": "7"}, model_name="b"
    )
    assert _read(page, model_name="b").first_token_seconds == ((1, 7), (inf, 7))


@pytest.mark.parametrize(
    "page",
    [
        "",
        _buckets(FIRST, {"1": "5"}),
        _buckets(FIRST, {"1": "5", "2": "4", "+Inf": "6"}),
        _buckets(FIRST, {"1": "5", "+Inf": "4"}),
        _buckets(FIRST, {"1": "NaN", "+Inf": "6"}),
        _buckets(FIRST, {"1": "5", "+Inf": "NaN"}),
        _buckets(FIRST, {"1": "5", "+Inf": "+Inf"}),
        _buckets(FIRST, {"1": "-1", "+Inf": "6"}),
        _buckets(FIRST, {"1": "five", "+Inf": "6"}),
        _buckets(FIRST, {"NaN": "5", "+Inf": "6"}),
        _buckets(FIRST, {"soon": "5", "+Inf": "6"}),
        _buckets(FIRST, {"1": "5", "1.0": "5", "+Inf": "6"}),
        f"{FIRST}_bucket 5\n",
        _buckets(FIRST, {"1": "5", "+Inf": "6"}, engine="0") + _buckets(FIRST, {"2": "5", "+Inf": "6"}, engine="1"),
        "".join(_buckets(FIRST, {"1": "5", "+Inf": "6"}, user=str(user)) for user in range(MAXIMUM_BUCKETS)),
    ],
    ids=[
        *("absent", "without +Inf", "falling", "falling at the end", "NaN", "NaN at the end", "infinite", "negative"),
        *(
            "no number",
            "bound NaN",
            "bound no number",
            "a bound twice",
            "no bound",
            "ranks that differ",
            "far too many",
        ),
    ],
)
def test_a_histogram_that_makes_no_sense_is_missing(page: str) -> None:
    """It costs the page nothing else: the other histogram and the signals are read, and none of them is amiss."""
    others = "" if page.count("\n") > MAXIMUM_BUCKETS else _buckets(BETWEEN, {"1": "5", "+Inf": "6"})
    expected: Latencies | None = ((1, 5), (inf, 6)) if others else None
    assert _read(page + others) == Sample(time=1.0, running=3, inter_token_seconds=expected)
