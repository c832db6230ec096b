"""Which pods are fit to be learned from, and which are far slower than others."""

from dataclasses import replace

import pytest
from pod_work import LOOK_SECONDS, busy_pod, pod_did

from tidegate.scaling.pod_pace import FORGOTTEN_SECONDS, WARM_UP_SECONDS, PodPaces
from tidegate.scaling.pod_step import PodStep
from tidegate.scaling.step_time import StepTime
from tidegate.simulator.models import MODELS

MODEL = MODELS["rtx4090"]
KNOWN = StepTime(
    template="a", seconds=(MODEL.alpha_milliseconds / 1000, MODEL.beta_milliseconds / 1000, MODEL.c_milliseconds / 1000)
)


def slowed(times: float, running: float = 12, *, start: float = 0.0) -> PodStep:
    """What a pod does that takes so many times as long for everything."""
    step = busy_pod(MODEL, running, 0.3, start=start)
    return replace(
        step,
        served=(step.served or 0.0) / times,
        prompt_work=step.prompt_work / times,
        steps=(step.steps or 0.0) / times,
    )


def paces_of(*times: float, seconds: float = 60.0, running: float = 12) -> PodPaces:
    """After so long, of pods that are so many times as slow as the model, by number."""
    paces = PodPaces()
    for look in range(round(seconds / LOOK_SECONDS)):
        start = look * LOOK_SECONDS
        did = {str(uid): slowed(slow, running, start=start) for uid, slow in enumerate(times)}
        paces = paces.see(did, KNOWN, start + LOOK_SECONDS)
    return paces


def test_a_pod_three_times_slower_than_the_others_is_found() -> None:
    """And by how much: three times."""
    assert paces_of(1, 1, 3).slowness() == {"2": pytest.approx(3)}


@pytest.mark.parametrize(
    "times",
    [
        pytest.param((1,), id="alone, nobody is slower than the others"),
        pytest.param((3,), id="nor is one that is slower than what was learned"),
        pytest.param((1, 1, 1.9), id="a little slower is not slow"),
        pytest.param((3, 3, 3), id="all alike: then that is how fast they are"),
    ],
)
def test_pods_that_are_not_slow_are_not_called_so(times: tuple[float, ...]) -> None:
    """Slow is what takes more than twice as long as the median of all."""
    assert paces_of(*times).slowness() == {}


def test_of_two_the_slower_one_is_the_slow_one() -> None:
    """There is no majority; the faster one shows what can be done."""
    assert paces_of(1, 4).slowness() == {"1": pytest.approx(4)}


def test_a_pod_that_may_have_idled_is_not_judged() -> None:
    """With one request at a time it does little because it is asked little."""
    assert paces_of(1, 1, 9, running=1).slowness() == {}


def test_a_pod_is_judged_after_ten_seconds_of_work() -> None:
    """Not after five."""
    assert paces_of(1, 1, 3, seconds=5).slowness() == {}
    assert paces_of(1, 1, 3, seconds=15).slowness() != {}


def test_a_pod_that_recovers_is_taken_back() -> None:
    """What it did minutes ago fades."""
    paces = paces_of(1, 1, 3)
    for look in range(36):
        start = 60 + look * LOOK_SECONDS
        paces = paces.see({str(uid): slowed(1, start=start) for uid in range(3)}, KNOWN, start + LOOK_SECONDS)
    assert paces.slowness() == {}


def test_slow_and_cold_pods_do_not_teach() -> None:
    """Nor does one that does not show if it is at work, nor one whose clients leave before their prompts are done."""
    paces, start = paces_of(1, 1, 3), 60.0
    did = {
        "0": slowed(1, start=start),
        "2": slowed(3, start=start),
        "new": slowed(1, start=start),
        "blind": pod_did(start=start, end=start + LOOK_SECONDS, served=100.0),
        "1": replace(slowed(1, start=start), ended=10.0, abandoned=3.0),
    }
    assert paces.fit_to_teach(did) == [did["0"]]


def test_a_pod_teaches_from_half_a_minute_after_it_was_first_read() -> None:
    """Before that kernels are compiled and caches are cold."""
    paces, teaching_since = PodPaces(), None
    for look in range(12):
        step = slowed(1, start=look * LOOK_SECONDS)
        if paces.fit_to_teach({"0": step}) and teaching_since is None:
            teaching_since = step.start
        paces = paces.see({"0": step}, KNOWN, step.end)
    assert teaching_since == WARM_UP_SECONDS


def test_pods_that_are_gone_are_forgotten() -> None:
    """Their uids never come back."""
    paces = paces_of(1, 1, 3).see({"new": slowed(1, start=1000.0)}, KNOWN, 1005.0 + FORGOTTEN_SECONDS)
    assert set(paces.paces) == {"new"}
