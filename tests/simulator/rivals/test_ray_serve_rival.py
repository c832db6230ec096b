"""Ray Serve's policy as a rival: requests in flight over half a minute, and two delays."""

import pytest
from observed_pods import alike, observed, page

from tidegate.simulator.rivals.ray_serve import Delay, RayServe


def run(load: dict[range, float], seconds: int, size: int) -> dict[int, int]:
    """Decide every second; the load is the requests in flight of the whole service. Sizes by second."""
    policy, sizes = RayServe(name="ray-serve", target=2), {}
    for now in range(1, seconds + 1):
        in_flight = next(value for span, value in load.items() if now in span)
        service = alike(size, float(now), running=in_flight / size)
        sizes[now] = size = policy.decide(service, float(now)).replicas
    return sizes


def test_up_after_thirty_seconds_of_wanting_it() -> None:
    """10 in flight for a target of 2: 5 replicas, from the first moment on wanted, after 30 s ordered."""
    sizes = run({range(1000): 10}, 40, size=1)
    assert min(now for now, size in sizes.items() if size == 5) == 31


def test_down_after_ten_minutes_of_wanting_it() -> None:
    """A load of 2 needs one replica of four."""
    sizes = run({range(1000): 2}, 700, size=4)
    assert min(now for now, size in sizes.items() if size < 4) == 601
    assert sizes[601] == 1


def test_a_moment_of_wanting_as_much_starts_the_delay_anew() -> None:
    """Consecutive means consecutive: a spike at 300 s that is over at once costs the way down five minutes."""
    sizes = run({range(300, 302): 120, range(2000): 2}, 1000, size=4)
    assert {sizes[now] for now in range(1, 930)} == {4}
    assert sizes[930] == 1


def test_a_change_resets_the_delay() -> None:
    """After an order the next one takes another delay, however much is wanted."""
    delay = Delay(up_seconds=30, down_seconds=600)
    sizes = [delay.size(1, 5, float(now)) for now in range(62)]
    assert [now for now, size in enumerate(sizes) if size == 5] == [30, 61]


@pytest.mark.parametrize(("in_flight", "expected"), [(9, 5), (8, 4), (0, 1)])
def test_the_wish_is_what_the_target_goes_into(in_flight: float, expected: int) -> None:
    """Rounded up, at least `min_replicas`, which is 1."""
    policy = RayServe(name="ray-serve", target=2, delay=Delay(up_seconds=0, down_seconds=0))
    assert policy.decide(alike(3, 1.0, running=in_flight / 3), 1.0).replicas == expected


def test_queued_requests_count() -> None:
    """Running and waiting are both in flight."""
    policy = RayServe(name="ray-serve", target=2, delay=Delay(up_seconds=0))
    assert policy.decide(observed(1, page(1.0, running=4, waiting=6)), 1.0).replicas == 5


def test_without_samples_nothing_changes() -> None:
    """Half a minute after the last sample there is nothing to average."""
    policy = RayServe(name="ray-serve", target=2, delay=Delay(up_seconds=0, down_seconds=0))
    assert policy.decide(observed(3, None, None, None), 1.0).replicas == 3
