"""llm-d's Workload Variant Autoscaler as a rival, held against the cases of its own tests."""

import math

import pytest
from observed_pods import alike, observed, page

from tidegate.simulator.models import MODELS
from tidegate.simulator.rivals.wva_saturation import Load, WvaSaturation, step
from tidegate.simulator.rivals.wva_tokens import Analyzer, Capacity, ReplicaTokens, WvaTokens, resized

STEPS = {
    "little spare cache": ([Load(0.75, 2), Load(0.76, 2)], 1),
    "little spare queue": ([Load(0.50, 3), Load(0.50, 3)], 1),
    "healthy": ([Load(0.50, 1), Load(0.50, 1)], 0),
    "room for one less": ([Load(0.20, 1), Load(0.30, 1), Load(0.25, 1)], -1),
    "one alone is never taken": ([Load(0.50, 2)], 0),
    "all saturated": ([Load(0.85, 2), Load(0.50, 6), Load(0.90, 7)], 1),
    "saturated ones are left out of the mean": ([Load(0.85, 2), Load(0.50, 6), Load(0.60, 1)], 0),
    "nobody reports": ([], 0),
}


@pytest.mark.parametrize(("loads", "expected"), STEPS.values(), ids=STEPS)
def test_saturation_step(loads: list[Load], expected: int) -> None:
    """Cases of `internal/saturation/analyzer_test.go`."""
    assert step(loads) == expected


def test_saturation_adds_one_a_minute_and_none_while_one_loads() -> None:
    """Its guard against a cascade: every replica has to report before the next decision."""
    autoscaler = WvaSaturation(name="wva-saturation")
    assert autoscaler.decide(alike(2, 5.0, kv_usage=0.9), 5.0).replicas == 3
    loading = observed(3, page(65.0, kv_usage=0.9), page(65.0, kv_usage=0.9), loading=1)
    assert autoscaler.decide(loading, 65.0).replicas == 3
    assert autoscaler.decide(alike(3, 70.0, kv_usage=0.9), 70.0).replicas == 3
    assert autoscaler.decide(alike(3, 125.0, kv_usage=0.9), 125.0).replicas == 4


def test_saturation_sees_the_highest_of_the_last_minute() -> None:
    """A queue that is gone again still counts, for as long as `max_over_time` remembers it, and no longer."""
    autoscaler, size = WvaSaturation(name="wva-saturation"), 2
    sizes = {}
    for tick in range(1, 40):
        now = tick * 5.0
        waiting = 9 if tick == 5 else 0
        sizes[now] = size = autoscaler.decide(alike(size, now, kv_usage=0.4, waiting=waiting), now).replicas
    assert sizes[60.0] == 2
    assert sizes[65.0] == 3
    assert sizes[125.0] == 2


def replica(in_use: float, waiting: int, mean_input: float, mean_output: float) -> ReplicaTokens:
    """One replica of WVA's tests; its cache holds 16,000 tokens."""
    return ReplicaTokens(in_use, waiting, mean_input, mean_output)


CAPACITIES = {
    "bound by memory": ([replica(5000, 0, 100, 50)], 12800),
    "bound by compute while requests queue": ([replica(8000, 6, 100, 50)], 8000),
    "bound by compute with a cache nearly empty": ([replica(4000, 10, 100, 50)], 4000),
    "no sizes known yet": ([replica(5000, 0, 0, 0)], 12800),
    "the median of three": ([replica(8000, 6, 100, 50), replica(4000, 6, 100, 50), replica(6000, 6, 100, 50)], 6000),
}


@pytest.mark.parametrize(("replicas", "expected"), CAPACITIES.values(), ids=CAPACITIES)
def test_token_capacity(replicas: list[ReplicaTokens], expected: float) -> None:
    """Cases of `saturation_v2/analyzer_test.go`: the smaller of four fifths of the cache and what compute allows."""
    capacity = Analyzer(kv_tokens=16000).analyze(replicas, ready=len(replicas), pending=0)
    assert capacity.per_replica == expected


def test_what_was_observed_under_a_queue_is_remembered_for_answers_as_long() -> None:
    """WVA's cases of history and of its buckets: short answers know 8,000, long ones nothing."""
    analyzer = Analyzer(kv_tokens=16000)
    analyzer.analyze([replica(8000, 6, 100, 50)], ready=1, pending=0)
    assert analyzer.analyze([replica(6000, 2, 100, 50)], ready=1, pending=0).per_replica == 8000
    assert analyzer.analyze([replica(6000, 2, 100, 600)], ready=1, pending=0).per_replica == 12800


def test_capacity_is_derived_from_the_arguments_where_nothing_was_observed() -> None:
    """WVA's case: a budget of 2,048 and 256 sequences, 500 + 100 tokens each, are 140,800 tokens."""
    analyzer = Analyzer(kv_tokens=10**6, token_budget=2048, max_sequences=256)
    assert analyzer.analyze([replica(5000, 2, 500, 100)], ready=1, pending=0).per_replica == 140_800


@pytest.mark.parametrize(
    ("replicas", "ready", "pending", "required", "spare"),
    [
        ([replica(12800, 0, 100, 50)], 1, 0, 12800 / 0.85 - 12800, 0),
        ([replica(12800, 0, 100, 50)], 1, 1, 0, 0),
        ([replica(12800, 40, 100, 50)], 1, 0, None, 0),
        ([replica(1000, 0, 100, 50)] * 2, 2, 1, 0, 2 * 12800 - 2000 / 0.7),
    ],
    ids=["required", "pending is supply", "a queue is demand", "pending is not spare"],
)
def test_token_demand(
    replicas: list[ReplicaTokens], ready: int, pending: int, required: float | None, spare: float
) -> None:
    """Demand over 0.85 beyond all that is ordered; what is ready beyond demand over 0.7."""
    capacity = Analyzer(kv_tokens=16000).analyze(replicas, ready=ready, pending=pending)
    if required is None:  # 12,800 in use and 4,000 waiting, under a queue: the 12,800 are its capacity
        required = 16_800 / 0.85 - 12_800
    assert capacity.required == pytest.approx(required)
    assert capacity.spare == pytest.approx(spare)


@pytest.mark.parametrize(
    ("current", "capacity", "expected"),
    [
        (2, Capacity(10000, 5000, 0), 3),
        (1, Capacity(10000, 25000, 0), 4),
        (3, Capacity(10000, 0, 19999), 2),
        (3, Capacity(10000, 0, 90000), 1),
        (3, Capacity(10000, 0, 0), 3),
        (3, Capacity(0, 5000, 0), 3),
    ],
)
def test_whole_replicas(current: int, capacity: Capacity, expected: int) -> None:
    """Cases of `pipeline/cost_aware_optimizer_test.go`, for one variant: whole replicas, never 0."""
    assert resized(current, capacity) == expected


def test_tokens_reads_sizes_from_counters() -> None:
    """Two requests of 1,000 and 100 tokens, 10 waiting, an empty cache: 10,000 tokens of demand for one replica."""
    autoscaler = WvaTokens(name="wva-tokens", model=MODELS["rtx4090"])
    autoscaler.decide(alike(1, 5.0), 5.0)
    counters = {"prompt_tokens": 2000, "first_tokens": 2, "generated_tokens": 200, "requests_finished": 2}
    choice = autoscaler.decide(alike(1, 65.0, waiting=10, **counters), 65.0)
    sequences = min(2048 * 100 / 1100, 256)
    per_replica = min(0.8 * 41_408, sequences * 1050)
    spare = max(0.0, per_replica - 10_000 / 0.7)
    assert choice.because == f"0 tokens required, {spare:.0f} spare, {per_replica:.0f} each"
    assert choice.replicas == 1


def test_tokens_orders_what_a_full_cache_and_a_queue_take() -> None:
    """41,408 tokens resident in each of two, 30 waiting: at once as many as that takes, not one."""
    autoscaler = WvaTokens(name="wva-tokens", model=MODELS["rtx4090"])
    counters = {"prompt_tokens": 2000, "first_tokens": 2, "generated_tokens": 200, "requests_finished": 2}
    autoscaler.decide(alike(2, 5.0), 5.0)
    choice = autoscaler.decide(alike(2, 65.0, kv_usage=1.0, waiting=30, **counters), 65.0)
    demand = 2 * (41_408 + 30 * 1000)
    capacity = 0.8 * 41_408
    assert choice.replicas == 2 + math.ceil((demand / 0.85 - 2 * capacity) / capacity)
