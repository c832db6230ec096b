import math
from typing import Any

import pytest

from tidegate.scaling.observation import Observation
from tidegate.scaling.pod_step import PodStep, pod_step
from tidegate.scaling.sample import ArrivalMethod, Sample

ENDED, FINISHED = ArrivalMethod.ENDED_AND_GAUGES, ArrivalMethod.FINISHED_AND_GAUGES
RECEIVED, TOKENS = ArrivalMethod.REQUEST_COUNTER, ArrivalMethod.TOKENS_ONLY


def step(method: ArrivalMethod, unit: str = "tokens", **signals: tuple[float | None, float | None]) -> PodStep | None:
    """The step between two samples ten seconds apart; each signal is given as (before, after)."""
    before, after = ({name: pair[end] for name, pair in signals.items()} for end in (0, 1))
    observation = Observation(replicas=1, arrival_method=method, work_unit=unit)
    return pod_step(Sample(time=100.0, **before), Sample(time=110.0, **after), observation)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "signals", "expected"),
    [
        pytest.param(
            ENDED,
            {
                "requests_ended": (5, 25),
                "requests_finished": (5, 15),
                "waiting": (0, 6),
                "running": (2, 6),
                "generated_tokens": (0, 900),
            },
            {"arrived": 30, "exact": True, "ended": 20, "finished": 10, "abandoned": 10, "started": 14, "answers": 12},
            id="ended + gauges; what ended and did not finish was given up",
        ),
        pytest.param(
            ENDED,
            {"requests_finished": (5, 15), "waiting": (0, 6), "running": (2, 6)},
            {"arrived": 20, "exact": False, "ended": 10, "finished": 10, "abandoned": 0},
            id="a page without the counter of ended requests: finished + gauges",
        ),
        pytest.param(
            FINISHED,
            {"requests_finished": (5, 7), "waiting": (9, 0), "running": (4, 4)},
            {"arrived": 0, "exact": False, "abandoned": 7, "started": 2},
            id="nine left the queue and two finished: seven at least were given up, and none arrived backwards",
        ),
        pytest.param(
            FINISHED,
            {"requests_finished": (5, 7), "waiting": (1, 2)},
            {"arrived": 3, "started": 2},
            id="one gauge is better than none",
        ),
        pytest.param(
            RECEIVED,
            {"requests_received": (10, 40), "waiting": (0, 12), "running": (4, 8)},
            {"arrived": 30, "exact": True, "finished": 14, "started": 18, "ended": 14},
            id="received; what did not stay has finished",
        ),
        pytest.param(
            RECEIVED,
            {"requests_received": (10, 40), "requests_finished": (5, 20), "first_tokens": (6, 22)},
            {"arrived": 30, "finished": 15, "started": 16},
            id="what is counted is not inferred",
        ),
        pytest.param(
            TOKENS,
            {"prompt_tokens": (0, 800), "generated_tokens": (0, 200), "waiting": (0, 5), "running": (0, 4)},
            {"arrived": None, "started": None, "served": 1000, "answers": 0, "abandoned": 0},
            id="tokens only: no request can be told from another",
        ),
        pytest.param(
            FINISHED,
            {"requests_finished": (5, 15), "prompt_tokens": (None, 800), "generated_tokens": (100, None)},
            {"served": None, "answers": 0},
            id="a counter that is not there at both ends counts nothing",
        ),
        pytest.param(
            FINISHED,
            {"requests_finished": (5, math.nan), "waiting": (0, 3)},
            {"arrived": None, "finished": 0},
            id="NaN is not known",
        ),
    ],
)
def test_what_two_samples_show(
    method: ArrivalMethod, signals: dict[str, tuple[float | None, float | None]], expected: dict[str, Any]
) -> None:
    """Each way of seeing arrivals, with what its engines show."""
    found = step(method, **signals)
    assert found is not None
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("unit", "signals", "served"),
    [
        pytest.param("tokens", {"prompt_tokens": (0, 800), "generated_tokens": (0, 200)}, 1000, id="two counters"),
        pytest.param("tokens", {"generated_tokens": (0, 200)}, 200, id="one of them"),
        pytest.param("tokens", {"work_done": (0, 9)}, None, id="tokens are not work_done"),
        pytest.param("images", {"work_done": (3, 9)}, 6, id="a unit of its own"),
        pytest.param("images", {"prompt_tokens": (0, 800)}, None, id="which is not tokens"),
        pytest.param("requests", {"requests_finished": (0, 4)}, 4, id="requests that finished"),
        pytest.param("requests", {"requests_finished": (4, 4)}, 0, id="none of them, which is known"),
        pytest.param("requests", {"waiting": (0, 4)}, None, id="which nobody counts"),
    ],
)
def test_work_done_is_a_number_or_not_known(
    unit: str, signals: dict[str, tuple[float | None, float | None]], served: float | None
) -> None:
    """Never zero for want of a counter."""
    found = step(TOKENS, unit, **signals)
    assert found is not None
    assert found.served == served


@pytest.mark.parametrize(
    "counter", ["requests_ended", "requests_finished", "first_tokens", "prompt_tokens", "generated_tokens"]
)
def test_a_counter_that_falls_ends_the_count(counter: str) -> None:
    """Whichever it is: the container restarted, and what it says now did not happen in these ten seconds."""
    rising = {"requests_finished": (100, 110), "prompt_tokens": (1e6, 2e6)}
    assert step(ENDED, **{**rising, counter: (1e9, 5.0)}) is None


def test_gauges_may_fall() -> None:
    """A queue that gets shorter is no restart."""
    found = step(ENDED, requests_ended=(5, 15), requests_finished=(5, 15), waiting=(9, 2))
    assert found is not None
    assert found.waiting_change == -7
    assert found.arrived == 3


@pytest.mark.parametrize("seconds", [0.0, -10.0])
def test_a_sample_that_is_not_later_shows_nothing(seconds: float) -> None:
    """The same page twice, or a clock that was set back."""
    before = Sample(time=100.0, requests_finished=1.0)
    after = Sample(time=100.0 + seconds, requests_finished=2.0)
    assert pod_step(before, after, Observation(replicas=1)) is None


@pytest.mark.parametrize(("before", "after", "waited"), [(2, 3, True), (0, 3, False), (2, 0, False), (None, 3, False)])
def test_a_pod_was_busy_if_requests_waited_at_both_ends(before: float | None, after: float, *, waited: bool) -> None:
    """Only then is what it started all that it could."""
    found = step(ENDED, requests_ended=(0, 5), waiting=(before, after))
    assert found is not None
    assert found.waited is waited


@pytest.mark.parametrize(
    ("signals", "running", "busy_share"),
    [
        pytest.param({"running": (2, 6)}, 4, 1, id="a gauge"),
        pytest.param({"running": (0, 6)}, 3, 0.5, id="a gauge, at rest at first"),
        pytest.param({"running": (2, 6), "seconds_worked": (0, 90)}, 4, 1, id="a gauge is asked first"),
        pytest.param({"seconds_worked": (5, 8)}, 0.3, 0.3, id="three seconds of ten"),
        pytest.param({"seconds_worked": (5, 45)}, 4, 1, id="four at once"),
        pytest.param({"seconds_worked": (5, 5), "waiting": (0, 0)}, 0, 0, id="at rest"),
        pytest.param(
            {"seconds_worked": (None, 5), "waiting": (3, 3)}, 0, None, id="not known: who waits is not at work"
        ),
    ],
)
def test_how_busy_a_pod_was(
    signals: dict[str, tuple[float | None, float]], running: float, busy_share: float | None
) -> None:
    """From the gauge of running requests; without one, from how long those took that were done meanwhile."""
    found = step(ENDED, **signals)
    assert found is not None
    assert found.running == pytest.approx(running)
    assert found.busy_share == (None if busy_share is None else pytest.approx(busy_share))
