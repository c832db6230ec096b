"""KEDA as a rival: an HPA on the sum of a queue."""

import pytest
from observed_pods import observed, page

from tidegate.simulator.rivals.keda import Keda, desired_replicas
from tidegate.simulator.rivals.signals import Gauges


@pytest.mark.parametrize(
    ("total", "current", "expected"),
    [(10, 2, 2), (11, 2, 2), (11.1, 2, 3), (9, 2, 2), (8, 2, 2), (4, 2, 1), (0, 2, 0), (123, 4, 25)],
)
def test_desired_replicas(total: float, current: int, expected: int) -> None:
    """The sum over the target of 5, rounded up, unless it is within a tenth of what the present size should have."""
    assert desired_replicas(total, current=current, target=5) == expected


def keda() -> Keda:
    """As production-stack's tutorial has it."""
    return Keda(name="keda", signal=Gauges(("waiting",)), target=5)


def test_loading_pods_do_not_dilute_the_sum() -> None:
    """40 requests wait in two pods: 8 replicas, whatever loads already."""
    pages = [page(15.0, waiting=20), page(15.0, waiting=20)]
    assert keda().decide(observed(4, *pages, loading=2), 15.0).replicas == 8


def test_no_metrics_are_an_empty_queue() -> None:
    """`ignoreNullValues`: when Prometheus has nothing the service is idle, and after the window it goes to 1."""
    autoscaler, size = keda(), 6
    for now in range(15, 316, 15):
        size = autoscaler.decide(observed(size, *[None] * size), float(now)).replicas
        assert size == (6 if now < 315 else 1)


def test_a_queue_says_nothing_of_the_way_down() -> None:
    """Busy, but nobody waits: it goes to 1 all the same, which is why a queue alone swings."""
    autoscaler, size = keda(), 6
    for now in range(15, 316, 15):
        pages = [page(float(now), running=20)] * size
        size = autoscaler.decide(observed(size, *pages), float(now)).replicas
    assert size == 1


def test_a_size_of_0_is_left_alone() -> None:
    """There is no pod whose metrics could wake it."""
    assert keda().decide(observed(0), 15.0).replicas == 0
