"""Who leaves first."""

import math
from typing import Any

import pytest

from tidegate.scaling.observation import PodObservation
from tidegate.scaling.sample import Sample, ScrapeFailure
from tidegate.scaling.victims import emptiness, is_idle


def pod(name: str, created: float | None = None, **signals: float | None) -> PodObservation:
    """A ready pod that gave these signals."""
    return PodObservation(
        uid=name, name=name, ready=True, created=created, reading=Sample(time=0.0, **signals) if signals else None
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pod("b", running=1.0, waiting=0.0), pod("a", running=2.0, waiting=0.0)),
        (pod("b", running=2.0, waiting=0.0), pod("a", running=1.0, waiting=2.0)),
        (pod("b", running=1.0, waiting=0.0, kv_usage=0.1), pod("a", running=1.0, waiting=0.0, kv_usage=0.2)),
        (pod("b", created=9.0, running=1.0), pod("a", created=5.0, running=1.0)),
        (pod("b", created=9.0, running=1.0), pod("a", running=1.0)),
        (pod("a", running=1.0), pod("b", running=1.0)),
        (pod("b", running=90.0), pod("a")),
        (pod("b", running=90.0), pod("a", running=math.nan)),
        (pod("b", waiting=3.0), pod("a", running=4.0)),
    ],
    ids=[
        "fewer requests run",
        "what waits counts as much as what runs",
        "less of the KV cache is in use",
        "it is newer",
        "its age is known",
        "its name comes first",
        "the other was not read",
        "the other says nonsense",
        "only what waits is known of it",
    ],
)
def test_the_emptier_of_two_leaves(first: PodObservation, second: PodObservation) -> None:
    """Each row by one difference; what decides later says the opposite where it can."""
    assert sorted([second, first], key=emptiness) == [first, second]


def test_a_pod_whose_page_failed_is_taken_for_the_fullest() -> None:
    """It may be so busy that it does not answer."""
    failed = PodObservation(
        uid="a", name="a", ready=True, reading=ScrapeFailure(time=0.0, reason="Timeout", message="")
    )
    full = pod("b", running=256.0, waiting=1000.0)
    assert sorted([failed, full], key=emptiness) == [full, failed]


@pytest.mark.parametrize(
    ("signals", "idle"),
    [
        ({"running": 0.0, "waiting": 0.0}, True),
        ({"running": 0.0}, True),
        ({"running": 1.0, "waiting": 0.0}, False),
        ({"running": 0.0, "waiting": 1.0}, False),
        ({"waiting": 0.0}, False),
        ({"running": math.nan, "waiting": 0.0}, False),
        ({"running": 0.0, "waiting": math.nan}, False),
        ({}, False),
    ],
)
def test_nothing_is_left_to_finish_only_where_that_is_said(signals: dict[str, Any], *, idle: bool) -> None:
    """Missing, NaN and zero are three different things."""
    assert is_idle(Sample(time=0.0, **signals)) is idle
