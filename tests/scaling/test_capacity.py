"""What one replica can do, reckoned by hand."""

from dataclasses import replace
from typing import Any

import pytest
from pod_work import pod_did

from tidegate.api.scaling import Scaling
from tidegate.scaling.arrivals import ArrivalMemory
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.capacity_estimate import DEFAULT_BATCH, Occupancy, capacity_of, given_capacity
from tidegate.scaling.evaluation import capacity_now
from tidegate.scaling.learned import Learned
from tidegate.scaling.observation import Observation
from tidegate.scaling.sizes import Sums
from tidegate.scaling.step_time import StepTime

EVERY_STEP = StepTime(seconds=(0.02, 0.0005, 0.0001), samples=100)
"""20 ms a step, half a millisecond for each sequence in it, a tenth for each prompt token."""

REQUESTS = Sums(finished=10.0, prompts=10.0, prompt_work=10_000.0, answers=5.0, other_work=1_000.0)
"""Of 1,000 prompt tokens and 200 tokens of answer."""


def capacity(
    *,
    steps: StepTime = EVERY_STEP,
    sums: Sums = REQUESTS,
    occupancy: Occupancy | None = None,
    **bounds: Any,
) -> Capacity | None:
    """Of these requests, unless it is said otherwise."""
    facts = {"kv_target": 0.85, "max_sequences": None, "inter_token_seconds": None} | bounds
    return capacity_of(steps, sums, occupancy or Occupancy(), **facts)


def seen(*, pods: int = 2, is_full: bool = False, kv_share: float | None = None, running: float = 10.0) -> Occupancy:
    """What pods held, all of them together, at one look."""
    return Occupancy().see(kv_share=kv_share, running=running, is_full=is_full, pods=pods, now=0.0)


def test_a_request_costs_its_prompt_and_its_share_of_the_steps_of_its_answer() -> None:
    """0.1 s for 1,000 prompt tokens; 200 steps of 0.5 ms and a tenth of 20 ms: 0.6 s in all."""
    known = capacity(max_sequences=10)
    assert known is not None
    assert known.batch == 10
    assert known.busy_seconds_per_request == pytest.approx(0.1 + 200 * (0.0005 + 0.02 / 10))
    assert known.requests_per_second == pytest.approx(1 / 0.6)
    assert known.units_per_second == pytest.approx(1200 / 0.6)


@pytest.mark.parametrize(
    ("occupancy", "bounds", "batch"),
    [
        pytest.param(seen(running=60.0), {}, DEFAULT_BATCH, id="nothing says it: what many engines are started with"),
        pytest.param(seen(running=6.0), {}, 6, id="a pod was never seen with more than three: twice that"),
        pytest.param(Occupancy(), {}, 1, id="nothing was ever seen: one at a time"),
        pytest.param(Occupancy(), {"max_sequences": 64}, 64, id="the engine's own bound"),
        pytest.param(seen(is_full=True, running=24.0), {}, 12, id="what a pod held while others waited"),
        pytest.param(seen(kv_share=0.2), {}, 42.5, id="each takes 2 % of the KV cache, and 85 % may be used"),
        pytest.param(seen(kv_share=0.2), {"kv_target": 0.5}, 25, id="half of it may be"),
        pytest.param(seen(kv_share=0.2), {"max_sequences": 8}, 8, id="the lower bound counts"),
        pytest.param(seen(kv_share=0.2, is_full=True), {}, 42.5, id="KV cache per request tells more than one batch"),
        pytest.param(seen(kv_share=18.0), {}, 1, id="one request needs more than may be used: one at a time"),
        pytest.param(
            seen(running=60.0), {"inter_token_seconds": 0.03}, 10, id="20 ms, and 1 for each that is answered"
        ),
        pytest.param(seen(running=60.0), {"inter_token_seconds": 0.01}, 1, id="a promise that no batch keeps"),
        pytest.param(
            seen(running=60.0), {"inter_token_seconds": 1.0}, DEFAULT_BATCH, id="a promise that any batch keeps"
        ),
    ],
)
def test_what_limits_a_batch(occupancy: Occupancy, bounds: dict[str, Any], batch: float) -> None:
    """A sequence brings 5 prompt tokens along for each token of answer: a millisecond of a step in all."""
    known = capacity(occupancy=occupancy, **bounds)
    assert known is not None
    assert known.batch == pytest.approx(batch)


@pytest.mark.parametrize(
    ("steps", "sums"),
    [
        pytest.param(StepTime(), REQUESTS, id="how fast steps are is not known"),
        pytest.param(EVERY_STEP, Sums(), id="how large requests are is not known"),
        pytest.param(replace(EVERY_STEP, seconds=(0.0, 0.0, 0.0)), REQUESTS, id="steps that take no time"),
    ],
)
def test_an_unknown_capacity_is_none_and_not_infinite(steps: StepTime, sums: Sums) -> None:
    """A demand divided by it would be no replica at all."""
    assert capacity(steps=steps, sums=sums) is None


def test_answers_twice_as_long_halve_what_is_left_for_them() -> None:
    """The same hardware: 0.1 s for the prompt, and now 1 s for the answer."""
    longer = capacity(sums=replace(REQUESTS, other_work=2 * REQUESTS.other_work), max_sequences=10)
    assert longer is not None
    assert longer.busy_seconds_per_request == pytest.approx(0.1 + 2 * 0.5)


@pytest.mark.parametrize(("deviation", "word"), [(0.0, "High"), (0.1, "High"), (0.3, "Medium"), (0.6, "Low")], ids=str)
def test_how_sure_it_is(deviation: float, word: str) -> None:
    """By the relative standard deviation of all three together: within 15 percent, within 40, or more."""
    theta = EVERY_STEP.seconds or (0.0, 0.0, 0.0)
    a, b, c = ((scale * theta[0], scale * theta[1], scale * theta[2]) for scale in (deviation**2 * x for x in theta))
    covariance = (a, b, c)
    known = capacity(steps=replace(EVERY_STEP, covariance=covariance))
    assert known is not None
    assert known.doubt == pytest.approx(deviation)
    assert known.confidence == word


def test_a_given_capacity_is_what_was_given() -> None:
    """2,400 tokens/s are two requests of 1,200 tokens."""
    known = given_capacity(2400.0, REQUESTS, unit_is_request=False)
    assert known is not None
    assert known.requests_per_second == pytest.approx(2)
    assert known.confidence == "Given"


def test_a_capacity_given_in_requests_needs_no_sizes() -> None:
    """And one given in tokens does."""
    known = given_capacity(3.0, Sums(), unit_is_request=True)
    assert known is not None
    assert known.requests_per_second == 3
    assert given_capacity(3.0, Sums(), unit_is_request=False) is None


def test_the_share_of_the_cache_that_a_request_takes_is_of_the_last_minutes() -> None:
    """Prompts that are ten times as long show within two half-lives, where nothing ran nothing is said."""
    occupancy = seen(kv_share=0.2, running=10.0)
    assert occupancy.kv_share_per_request == pytest.approx(0.02)
    for minute in range(1, 11):
        occupancy = occupancy.see(kv_share=2.0, running=10.0, is_full=False, pods=2, now=60.0 * minute)
    assert occupancy.kv_share_per_request == pytest.approx(0.2, rel=0.1)
    idle = occupancy.see(kv_share=0.0, running=0.0, is_full=False, pods=2, now=660.0)
    assert idle.kv_share_per_request == pytest.approx(occupancy.kv_share_per_request)
    assert Occupancy().kv_share_per_request is None


def test_a_weekend_at_rest_changes_nothing() -> None:
    """Sums that only fade lose their digits one after the other, and with them what they are a quotient of."""
    sums, occupancy = replace(REQUESTS, time=0.0), seen(kv_share=0.5)
    before = capacity(sums=sums, occupancy=occupancy)
    for look in range(1, 50_000):
        sums = sums.take([pod_did()], look * 5.0, sizes_are_biased=False)
        occupancy = occupancy.see(kv_share=0.0, running=0.0, is_full=False, pods=2, now=look * 5.0)
    assert capacity(sums=sums, occupancy=occupancy) == before


def test_an_engine_that_counts_no_requests_is_reckoned_by_the_sizes_that_other_variants_saw() -> None:
    """As llama.cpp beside vLLM: how fast it steps is its own, how large requests are is the service's."""
    learned, silent = Learned(step_time=EVERY_STEP), ArrivalMemory()
    alone = Observation(replicas=1, max_sequences=10)
    assert capacity_now(Scaling(), alone, learned, silent) is None
    beside = replace(alone, work_per_request=1200.0, prompt_work_per_request=1000.0)
    known = capacity_now(Scaling(), beside, learned, silent)
    assert known == capacity(max_sequences=10)
    own = ArrivalMemory(sums=replace(REQUESTS, prompt_work=20_000.0))
    assert capacity_now(Scaling(), beside, learned, own) == capacity(max_sequences=10, sums=own.sums)
