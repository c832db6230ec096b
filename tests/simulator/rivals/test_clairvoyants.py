"""The scalers that know the trace: what they think is needed, and when they order it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from observed_pods import alike, observed, page

from tidegate.simulator.models import MODELS, ReplicaModel
from tidegate.simulator.replay import SetUp, replay
from tidegate.simulator.rivals.clairvoyant import Clairvoyant, highest_within
from tidegate.simulator.rivals.fluid import needed_replicas, operating_point
from tidegate.simulator.rivals.static import Static
from tidegate.simulator.trace import TraceRequest

MODEL = ReplicaModel(
    alpha_milliseconds=10,
    beta_milliseconds=1,
    c_milliseconds=0.1,
    kv_tokens=11_000,
    token_budget=2048,
    max_sequences=64,
    context_tokens=8192,
    startup_seconds=60,
)


def steady(rate: float, seconds: float, start: float = 0.0) -> tuple[TraceRequest, ...]:
    """So many requests a second of 1,000 and 200 tokens."""
    return tuple(TraceRequest(start + n / rate, 1000, 200) for n in range(int(rate * seconds)))


def test_the_operating_point_is_bound_by_memory() -> None:
    """1,100 resident tokens each: 10 fit. A request is 100 ms of prompt and 200 x (1 + 10/10) ms of answer."""
    point = operating_point(MODEL, prompt_tokens=1000, output_tokens=200, inter_token_seconds=0.1)
    assert point.sequences == 10
    assert point.work_seconds(TraceRequest(0, 1000, 200)) == pytest.approx(0.5)
    assert point.inter_token_seconds == pytest.approx(0.020 / (1 - 0.1 / 0.5))


def test_the_operating_point_is_bound_by_the_promise() -> None:
    """With room for 64 but 22 ms between tokens promised, fewer may run: the promise is kept, one more breaks it."""
    roomy = replace(MODEL, kv_tokens=10**6)
    point = operating_point(roomy, prompt_tokens=1000, output_tokens=200, inter_token_seconds=0.022)
    assert point.inter_token_seconds <= 0.022
    more = operating_point(
        replace(roomy, max_sequences=point.sequences + 1), prompt_tokens=1000, output_tokens=200, inter_token_seconds=9
    )
    assert more.inter_token_seconds > 0.022


def test_one_sequence_is_the_least() -> None:
    """A promise that no batch keeps still leaves a size that is known."""
    assert operating_point(MODEL, prompt_tokens=1000, output_tokens=200, inter_token_seconds=1e-6).sequences == 1


@pytest.mark.parametrize(("load", "kept_up"), [(0.9, True), (1.8, False)])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_bound_is_what_a_replica_can_do(model: ReplicaModel, load: float, *, kept_up: bool) -> None:
    """Replayed on each shipped model: nine tenths of the bound are served without a queue, and twice that is not."""
    prompt, output = (50, 50) if model.max_sequences <= 4 else (400, 1) if model.beta_milliseconds == 0 else (800, 150)
    point = operating_point(model, prompt_tokens=prompt, output_tokens=output, inter_token_seconds=10.0)
    gap = point.work_seconds(TraceRequest(0, prompt, output)) / load
    requests = [TraceRequest(n * gap, prompt, output) for n in range(int(300 / gap))]
    outcome = replay(requests, Static(name="s", replicas=1), SetUp(model=model))
    assert (outcome.first_tokens[-1] < 5.0) == kept_up


def test_a_steady_load_needs_its_work() -> None:
    """8 requests/s of half a second each are 4 busy replicas, once the first answers are under way."""
    point = operating_point(MODEL, prompt_tokens=1000, output_tokens=200, inter_token_seconds=0.1)
    need = needed_replicas(steady(8, 60), point, first_token_seconds=2.0)
    assert need[20:50] == pytest.approx([4.0] * 30)


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 4000), st.integers(1, 400)), min_size=1, max_size=50))
def test_need_loses_no_work(rows: list[tuple[float, int, int]]) -> None:
    """What is spread over the seconds adds up to the work of all requests, but for what lies beyond the end."""
    requests = sorted(TraceRequest(*row) for row in rows)
    point = operating_point(MODEL, prompt_tokens=1000, output_tokens=200, inter_token_seconds=0.1)
    need = needed_replicas([*requests, TraceRequest(1000.0, 1, 1)], point, first_token_seconds=2.0)
    assert sum(need[:900]) == pytest.approx(sum(point.work_seconds(request) for request in requests))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40), st.integers(0, 10), st.integers(0, 10))
def test_highest_within(values: list[float], before: int, after: int) -> None:
    """The same as the maximum of each slice."""
    expected = [max(values[max(0, index - before) : index + after + 1]) for index in range(len(values))]
    assert highest_within(values, before, after) == expected


STEP = (*steady(2, 300), *steady(8, 100, start=300), *steady(2, 600, start=400))
"""1 replica busy, then 4 for 100 s, then 1 again."""


def clairvoyant(
    hold_seconds: float,
    *,
    load: float = 1.0,
    requests: tuple[TraceRequest, ...] = STEP,
    first: bool = False,
    initial_replicas: int = 1,
) -> Clairvoyant:
    """One that knows the step."""
    set_up = SetUp(model=MODEL, initial_replicas=initial_replicas)
    return Clairvoyant(
        name="clairvoyant",
        requests=requests,
        set_up=set_up,
        load=load,
        hold_seconds=hold_seconds,
        from_first_scrape=first,
    )


def sizes_of(policy: Clairvoyant) -> list[int]:
    """What it orders, from the first second on."""
    return [policy.decide(alike(1, float(now)), float(now)).replicas for now in range(1, 990)]


@pytest.mark.parametrize(("hold_seconds", "gone"), [(60, 464), (300, 704)])
def test_it_orders_a_cold_start_ahead_and_holds(hold_seconds: float, gone: float) -> None:
    """The fourth replica is ordered a minute and a decision before the load comes, and leaves after the hold."""
    sizes = sizes_of(clairvoyant(hold_seconds))
    four = [now for now, size in enumerate(sizes, start=1) if size >= 4]
    assert 300 - 60 - 1 <= four[0] <= 300 - 60 + 3
    assert abs(four[-1] - gone) <= 5
    assert sizes[100] == sizes[980] == 1


def test_less_load_takes_more_replicas() -> None:
    """Replicas that are to be busy half of their time are twice as many."""
    full, half = (max(sizes_of(clairvoyant(60, load=load))) for load in (1.0, 0.5))
    assert half == pytest.approx(2 * full, abs=1)


def test_replicas_that_drowned_are_replaced_until_they_are_done() -> None:
    """8 requests/s meet one replica for a minute: it has three more to work off, so 5 instead of 4 are ordered."""
    sizes = sizes_of(clairvoyant(0, requests=steady(8, 600)))
    assert sizes[0] == 5
    assert sizes.count(5) == pytest.approx(4 * 60, abs=10)
    assert sizes[300] == 4


def test_it_may_have_to_wait_for_the_first_sample_that_shows_work() -> None:
    """Nothing is ordered while pods were not read, or have had nothing to do."""
    policy = clairvoyant(60, requests=steady(8, 600), first=True)
    assert policy.decide(observed(1, None), 1.0).replicas == 1
    assert policy.decide(observed(1, page(0.0)), 2.0).replicas == 1
    assert policy.decide(observed(1, page(5.0, running=1)), 5.0).replicas == 5


def test_after_the_end_of_the_trace_its_last_size_holds() -> None:
    """A decision later than the last arrival is no error."""
    assert clairvoyant(60).decide(alike(1, 5000.0), 5000.0).replicas >= 1


def test_it_keeps_the_promise_for_less_than_any_static_size() -> None:
    """Replayed: on a load of two levels it is nearer to the promise, or cheaper, than each number of replicas."""
    model = replace(MODELS["rtx4090"], startup_seconds=60)
    requests = (*steady(4, 600), *steady(16, 300, start=600), *steady(4, 600, start=900))
    set_up = SetUp(model=model, initial_replicas=2, metrics_delay_seconds=15)
    knowing = replay(
        requests, Clairvoyant(name="c", requests=requests, set_up=set_up, load=1.0, hold_seconds=60), set_up
    )
    assert knowing.slo_attainment > 0.99
    for size in range(1, 8):
        fixed = replay(requests, Static(name="s", replicas=size), replace(set_up, initial_replicas=size))
        assert fixed.slo_attainment < knowing.slo_attainment or fixed.gpu_hours > knowing.gpu_hours


def test_static_is_there_from_the_first_second_and_never_changes() -> None:
    """Whatever it sees."""
    policy = Static(name="static=3", replicas=3)
    assert policy.period_seconds == 1.0
    assert {policy.decide(observed(n), float(n)).replicas for n in range(5)} == {3}
