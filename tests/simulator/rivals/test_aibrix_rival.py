"""AIBrix's APA as a rival, held against the cases of its own `apa_test.go`."""

import pytest
from observed_pods import alike, observed, page

from tidegate.simulator.rivals.aibrix import Apa, desired_replicas
from tidegate.simulator.rivals.signals import Gauges

CASES = {
    # Present size, mean (the target is 30, both tolerances 0.1), rates up and down; and the size that is wanted.
    "up": (2, 45, 2, 2, 3),
    "up, rounded up": (2, 35, 2, 2, 3),
    "up, at most doubled": (2, 90, 2, 2, 4),
    "up, at most by the rate": (2, 90, 2.5, 2, 5),
    "down": (6, 20, 2, 2, 4),
    "down, rounded up": (6, 18, 2, 2, 4),
    "down, at most halved": (6, 10, 2, 2, 3),
    "down, at most by the rate": (6, 5, 2, 2.5, 2),
    "within the upper tolerance": (2, 33, 2, 2, 2),
    "within the lower tolerance": (2, 27, 2, 2, 2),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_desired_replicas(case: tuple[int, float, float, float, int]) -> None:
    """Each of AIBrix' own cases gives what AIBrix expects."""
    current, value, up, down, expected = case
    wanted = desired_replicas(
        value, current=current, target=30, max_scale_up_rate=up, max_scale_down_rate=down, down_tolerance=0.1
    )
    assert wanted == expected


def apa() -> Apa:
    """As in AIBrix' samples."""
    return Apa(name="aibrix-apa", signal=Gauges(("kv_usage",)), target=0.5)


def test_it_doubles_again_while_pods_load() -> None:
    """Pods that load count as 0, but the mean of half a minute still remembers: 4 are right, 8 are ordered."""
    autoscaler, size, sizes = apa(), 2, []
    for tick in range(1, 4):
        pages = [page(tick * 10.0, kv_usage=1.0)] * 2
        size = autoscaler.decide(observed(size, *pages, loading=size - 2), tick * 10.0).replicas
        sizes.append(size)
    assert sizes == [4, 6, 8]


def test_it_shrinks_by_half_after_the_cooldown() -> None:
    """The highest recommendation of 300 s holds, the size that it found among them."""
    autoscaler, sizes = apa(), {}
    for now in range(10, 321, 10):
        sizes[now] = autoscaler.decide(alike(8, float(now), kv_usage=0.01), float(now)).replicas
    assert {now for now, size in sizes.items() if size == 8} == set(range(10, 301, 10))
    assert sizes[310] == 4


def test_a_pod_that_cannot_be_read_counts_as_0() -> None:
    """As AIBrix has it: an outage of metrics looks like idleness."""
    autoscaler = apa()
    assert autoscaler.decide(observed(2, page(10.0, kv_usage=0.5), None), 10.0).because == "mean 0.25 of 0.5"


def test_no_pods_no_change() -> None:
    """At 0 it stays at 0."""
    assert apa().decide(observed(0), 10.0).replicas == 0
