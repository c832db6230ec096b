"""Engines count work at different moments; the requests that it is divided by are those that it is of."""

from typing import Any

import pytest

from tidegate.scaling.observation import Observation
from tidegate.scaling.pod_step import PodStep, pod_step
from tidegate.scaling.sample import ArrivalMethod, CountedAt, Sample

BEFORE = Sample(
    time=0.0,
    waiting=0,
    running=0,
    requests_received=0,
    requests_finished=0,
    requests_failed=0,
    first_tokens=0,
    prompt_tokens=0,
    generated_tokens=0,
)
# Of ten requests that arrived three wait, four run, of which all have a first token, two finished and one was given up.
AFTER: dict[str, Any] = {
    "time": 5.0,
    "waiting": 3,
    "running": 4,
    "requests_received": 10,
    "requests_finished": 2,
    "requests_failed": 1,
    "first_tokens": 6,
    "prompt_tokens": 600,
    "generated_tokens": 60,
}


def step(arrivals: ArrivalMethod, *, without: tuple[str, ...] = (), **counted_at: CountedAt) -> PodStep:
    """What the pod did, as an engine shows it that counts so and lacks some signals."""
    after = Sample(**{name: value for name, value in AFTER.items() if name not in without})
    taken = pod_step(BEFORE, after, Observation(replicas=1, arrival_method=arrivals, **counted_at))
    assert taken is not None
    return taken


@pytest.mark.parametrize(
    ("moment", "prompts", "answers"),
    [
        pytest.param(CountedAt.ARRIVAL, 10, 10, id="of those that arrived"),
        pytest.param(CountedAt.DONE, 6, 4, id="of those that have a first token, and half of those that run"),
        pytest.param(CountedAt.END, 2, 2, id="of those that finished"),
    ],
)
def test_work_is_of_the_requests_that_it_was_counted_for(moment: CountedAt, prompts: float, answers: float) -> None:
    """Prompts and answers each by themselves."""
    taken = step(ArrivalMethod.REQUEST_COUNTER, prompts_counted_at=moment)
    assert (taken.prompts, taken.answers) == (prompts, 4)
    taken = step(ArrivalMethod.REQUEST_COUNTER, answers_counted_at=moment)
    assert (taken.prompts, taken.answers) == (6, answers)


@pytest.mark.parametrize(
    ("without", "arrived", "exact"),
    [
        pytest.param((), 10, True, id="requests that arrived"),
        pytest.param(("requests_received",), 10, True, id="finished, failed and held"),
        pytest.param(("requests_received", "requests_failed"), 9, False, id="finished and held"),
        pytest.param(("requests_received", "requests_finished"), None, False, id="nothing that is counted"),
    ],
)
def test_a_page_without_the_best_counter_is_read_by_the_next(
    without: tuple[str, ...], arrived: float | None, *, exact: bool
) -> None:
    """Older versions lack some; what is left decides whether requests that were given up are seen."""
    taken = step(ArrivalMethod.REQUEST_COUNTER, without=without)
    assert (taken.arrived, taken.exact) == (arrived, exact)


def test_failed_requests_ended_and_were_abandoned() -> None:
    """They are no finished ones."""
    taken = step(ArrivalMethod.ENDED_AND_GAUGES)
    assert (taken.ended, taken.finished, taken.abandoned) == (3, 2, 1)
