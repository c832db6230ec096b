"""The HPA as a rival, held against cases of Kubernetes' `replica_calculator_test.go` and cases worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from observed_pods import alike, observed, page

from tidegate.simulator.rivals.horizontal_pod_autoscaler import HorizontalPodAutoscaler, desired_replicas
from tidegate.simulator.rivals.signals import Gauges

RUNNING = Gauges(("running",))

CASES = {
    # Values, present size, target, missing pods, pending pods; and the size that is wanted.
    "up: a mean of 20 for 15": ([20, 10, 30], 3, 15, 0, 0, 4),
    "up: pods that report count, ready or not": ([50, 10, 30], 3, 15, 0, 0, 6),
    "down: a mean of 12 for 20": ([12] * 5, 5, 20, 0, 0, 3),
    "within tolerance above": ([22, 22, 22], 3, 20, 0, 0, 3),
    "within tolerance below": ([18, 18, 18], 3, 20, 0, 0, 3),
    "just outside tolerance": ([22.1, 22.1, 22.1], 3, 20, 0, 0, 4),
    "idle": ([0, 0], 2, 20, 0, 0, 0),
    "up: missing pods count as 0": ([100, 20], 4, 15, 2, 0, 8),
    "up: missing pods eat the rise": ([30, 30], 4, 15, 2, 0, 4),
    "up: missing pods would turn it round": ([18], 2, 15, 1, 0, 2),
    "down: missing pods count as on target": ([5, 5], 4, 15, 2, 0, 3),
    "up: pending pods count as 0": ([30, 30], 4, 15, 0, 2, 4),
    "down: pending pods do not count": ([5, 5], 4, 15, 0, 2, 1),
    "on target with a missing pod": ([15, 15], 3, 15, 1, 0, 3),
    "up, but fewer than ordered already": ([40], 5, 15, 1, 0, 5),
    "no pod reports": ([], 4, 15, 4, 0, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_desired_replicas(case: tuple[list[float], int, float, int, int, int | None]) -> None:
    """The formula of the HPA controller, with what it makes of pods that do not report."""
    values, current, target, missing, pending, expected = case
    assert desired_replicas(values, current=current, target=target, missing=missing, pending=pending) == expected


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=20), st.integers(0, 20), st.floats(0.1, 1e3))
def test_loading_pods_never_make_it_want_more(values: list[float], missing: int, target: float) -> None:
    """With pods still loading it wants no more than what is there adds up to: no doubling again and again."""
    current = len(values) + missing
    wanted = desired_replicas(values, current=current, target=target, missing=missing)
    assert wanted is not None
    assert wanted <= max(current, sum(values) / target + 1)


def hpa(target: float) -> HorizontalPodAutoscaler:
    """An HPA on running requests."""
    return HorizontalPodAutoscaler(name="hpa-running", signal=RUNNING, target=target)


def test_it_doubles_or_adds_four_every_fifteen_seconds() -> None:
    """The default policies of `scaleUp`: from 2 by four pods, then by 100 %."""
    autoscaler, size, sizes = hpa(10), 2, []
    for tick in range(1, 5):
        size = autoscaler.decide(alike(size, tick * 15.0, running=1000), tick * 15.0).replicas
        sizes.append(size)
    assert sizes == [6, 12, 24, 48]


def test_it_keeps_the_size_it_finds_for_five_minutes() -> None:
    """The window of `scaleDown` starts full of the present size, so an idle start loses nothing at once."""
    autoscaler, sizes = hpa(10), {}
    for now in range(15, 331, 15):
        sizes[now] = autoscaler.decide(alike(7, float(now), running=1), float(now)).replicas
    assert {now for now, size in sizes.items() if size == 7} == set(range(15, 301, 15))
    assert sizes[315] == 1


def test_one_busy_moment_holds_the_size_for_five_minutes_more() -> None:
    """The highest recommendation of the window holds."""
    autoscaler, sizes = hpa(10), {}
    for now in range(15, 800, 15):
        load = 10 if now == 300 else 1
        sizes[now] = autoscaler.decide(alike(7, float(now), running=load), float(now)).replicas
    assert min(now for now, size in sizes.items() if size < 7) == 600


def test_it_does_nothing_without_metrics() -> None:
    """Nobody reports: the present size, and no step in its memory."""
    choice = hpa(10).decide(observed(4, None, None, loading=2), 15.0)
    assert choice.replicas == 4


def test_stale_pages_are_missing_ones() -> None:
    """In a gap of the metrics an idle service is not scaled down."""
    autoscaler = hpa(10)
    for now in range(15, 700, 15):
        assert autoscaler.decide(observed(4, *[page(0.0)] * 4), float(now)).replicas == 4


def test_a_pod_that_loads_is_missing_and_one_without_a_node_is_pending() -> None:
    """On the way down they differ: a missing pod counts as on target, a pending one not at all."""
    pages = [page(0.0, running=5), page(0.0, running=5)]
    down = {"loading": observed(4, *pages, loading=2), "stuck": observed(4, *pages, unschedulable=2)}
    wanted = {name: hpa(15).decide(service, 0.0).because for name, service in down.items()}
    assert wanted["loading"].endswith("3 wanted")
    assert wanted["stuck"].endswith("1 wanted")


def test_a_size_of_0_is_left_alone() -> None:
    """Somebody scaled to zero by hand: the HPA is off."""
    assert hpa(10).decide(observed(0), 15.0).replicas == 0
