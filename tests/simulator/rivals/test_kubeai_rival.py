"""KubeAI's autoscaler as a rival: a mean over ten minutes."""

from observed_pods import alike, observed

from tidegate.simulator.rivals.kubeai import KubeAI


def run(loads: list[float], size: int) -> list[int]:
    """One decision every 10 s; loads are requests in flight of the whole service, the target is 10."""
    policy, sizes = KubeAI(name="kubeai", target=10), []
    for tick, load in enumerate(loads, start=1):
        size = policy.decide(alike(size, tick * 10.0, running=load / size), tick * 10.0).replicas
        sizes.append(size)
    return sizes


def test_a_step_takes_ten_minutes_to_show_in_full() -> None:
    """From 10 to 70 in flight: one replica more for every tenth of the window, the seventh at its end."""
    sizes = run([10.0] + [70.0] * 60, size=1)
    assert sizes[:2] == [1, 2]
    assert [sizes.index(size) for size in (3, 4, 5, 6, 7)] == [11, 21, 31, 41, 51]


def test_down_on_the_fourth_tick_of_wanting_less() -> None:
    """`scaleDownDelaySeconds` of 30 are three ticks let pass."""
    assert run([10.0] * 5, size=4) == [4, 4, 4, 1, 1]


def test_ticks_of_wanting_less_have_to_be_consecutive() -> None:
    """One tick of wanting as much begins the count anew."""
    policy = KubeAI(name="kubeai", target=10)
    sizes = [
        policy.decide(alike(size, tick * 10.0, running=10 / size), tick * 10.0).replicas
        for tick, size in enumerate([2, 2, 2, 1, 2, 2, 2, 2], start=1)
    ]
    assert sizes == [2, 2, 2, 1, 2, 2, 2, 1]


def test_it_starts_with_what_it_sees() -> None:
    """The mean starts full, as after a restart: 40 in flight are 4 replicas at once."""
    assert run([40.0], size=1) == [4]


def test_a_tick_without_metrics_is_skipped() -> None:
    """Neither the mean nor the count moves."""
    policy = KubeAI(name="kubeai", target=10)
    for tick in range(1, 30):
        assert policy.decide(observed(4, *[None] * 4), tick * 10.0).replicas == 4
