"""Knative's KPA as a rival, held against the cases of its own `autoscaler_test.go` and `bucketing_test.go`."""

import pytest
from observed_pods import alike, observed, page

from tidegate.simulator.rivals.knative import Knative, Scaler, WindowAverage


def scaler(target: float, **settings: float) -> Scaler:
    """As Knative's tests set it up: at most ten times up or down at once."""
    return Scaler(**({"target": target, "max_scale_up_rate": 10, "max_scale_down_rate": 10} | settings))


CASES = {
    # The scaler, the mean over the stable window and over that of panic, ready pods; and the size that is wanted.
    "no traffic": (scaler(10), 0, 0, 1, 0),
    "one is enough": (scaler(181), 21, 26, 1, 1),
    "stable": (scaler(10), 50, 50, 1, 5),
    "already scaled": (scaler(10), 50, 50, 5, 5),
    "panic takes precedence": (scaler(10), 50, 100, 1, 10),
    "small rate up still adds one": (scaler(1, max_scale_up_rate=1.1), 3, 3.1, 2, 3),
    "small rate down": (scaler(10, max_scale_down_rate=1.1), 1, 1, 100, 90),
    "rate up": (scaler(10), 1000, 1001, 1, 10),
    "rate down": (scaler(10), 1, 1, 100, 10),
    "none ready counts as one": (scaler(10), 1000, 888, 0, 10),
    "in panic, stable is higher": (scaler(1, panic_since=-5, panic_replicas=5), 50, 30, 5, 50),
    "in panic, panic is higher": (scaler(1, panic_since=-5, panic_replicas=5), 20, 30, 5, 30),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_scale(case: tuple[Scaler, float, float, int, int]) -> None:
    """Each of Knative's own cases gives what Knative expects."""
    knative, stable, panic, ready, expected = case
    assert knative.scale(stable=stable, panic=panic, ready=ready, now=0.0) == expected


def test_panic_ends_a_stable_window_after_the_surge() -> None:
    """Knative's case of a slow increase: 10 pods, then 25 in panic, 41 half a window later, 50 when it is over."""
    knative = scaler(1)
    assert knative.scale(stable=11, panic=25, ready=10, now=0.0) == 25
    assert knative.scale(stable=30, panic=41, ready=40, now=30.0) == 41
    assert knative.panic_since == 0.0
    assert knative.scale(stable=50, panic=56, ready=55, now=62.0) == 50
    assert knative.panic_since is None


def test_a_surge_that_goes_on_extends_panic() -> None:
    """Knative's case: half a window later the load has doubled again."""
    knative = scaler(1)
    knative.scale(stable=11, panic=25, ready=10, now=0.0)
    assert knative.scale(stable=30, panic=80, ready=40, now=30.0) == 80
    assert knative.panic_since == 30.0


def test_it_never_scales_down_in_panic() -> None:
    """Knative's case: 100 replicas for the whole window though the traffic is gone after a moment, then 1."""
    knative = scaler(10)
    assert knative.scale(stable=100, panic=100, ready=1, now=0.0) == 10
    assert knative.scale(stable=100, panic=1000, ready=10, now=0.0) == 100
    assert knative.scale(stable=1, panic=1, ready=10, now=30.0) == 100
    assert knative.scale(stable=1, panic=1, ready=10, now=61.0) == 1


def test_a_window_is_averaged_over_what_there_is() -> None:
    """Younger than the window: over its age. Older: over the window. Nothing new: over what is left. Gaps are 0."""
    average = WindowAverage(6.0)
    assert average.mean(0.0) is None
    average.record(0.0, 3.0)
    assert average.mean(0.0) == 3.0
    average.record(2.0, 9.0)
    assert average.mean(2.0) == 6.0
    average.record(4.0, 3.0)
    average.record(6.0, 3.0)
    assert average.mean(6.0) == 5.0
    assert average.mean(8.0) == 3.0
    average.record(10.0, 3.0)
    assert average.mean(10.0) == 2.0
    assert average.mean(16.0) is None


def test_it_starts_in_panic_with_the_size_it_finds() -> None:
    """An autoscaler that has just been started keeps what is there for a stable window, without any traffic."""
    autoscaler, sizes = Knative(name="knative", target=10), {}
    for tick in range(1, 41):
        now = tick * 2.0
        sizes[now] = autoscaler.decide(alike(4, now), now).replicas
    assert {sizes[now] for now in sizes if now <= 62} == {4}
    assert sizes[64.0] == 2  # at most halved


def test_it_aims_at_seventy_percent_of_its_target() -> None:
    """A target of 10 is 7 in flight each, queued ones included: 42 are 6 replicas."""
    autoscaler = Knative(name="knative", target=10)
    assert autoscaler.decide(observed(1, page(2.0, running=20, waiting=22)), 2.0).replicas == 6


def test_pods_that_do_not_answer_are_like_those_that_do() -> None:
    """Half of four pods report 7 each: 28 in flight."""
    autoscaler = Knative(name="knative", target=10)
    service = observed(4, page(2.0, running=7), page(2.0, running=7), None, None)
    assert autoscaler.decide(service, 2.0).because.startswith("28 in flight")


def test_without_any_data_nothing_changes() -> None:
    """No window has a value: the present size."""
    assert Knative(name="knative", target=10).decide(observed(3, None, None, None), 2.0).replicas == 3
