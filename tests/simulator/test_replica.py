from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.stepwise_engine import Job, StepwiseEngine
from tidegate.simulator.models import MODELS, ReplicaModel
from tidegate.simulator.replica import Replica
from tidegate.simulator.request import Request, RequestState

TINY = ReplicaModel(
    alpha_milliseconds=10,
    beta_milliseconds=1,
    c_milliseconds=0.5,
    kv_tokens=96,
    token_budget=24,
    max_sequences=5,
    block_tokens=8,
    context_tokens=90,
)
RTX4090 = MODELS["rtx4090"]

Workload = list[tuple[float, tuple[int, int], float | None]]  # (gap, (prompt, output), patience)
sizes = st.tuples(st.integers(1, 60), st.integers(1, 30))
workloads = st.lists(
    st.tuples(st.floats(0, 0.2), sizes, st.none() | st.floats(0.001, 0.6)),
    min_size=1,
    max_size=25,
)


def serve(model: ReplicaModel, jobs: list[Job], looks: list[float]) -> tuple[Replica, list[Request]]:
    """Run the jobs on a replica that is also advanced at the times of ``looks``."""
    replica = Replica(model)
    requests = [Request(job.prompt, job.output) for job in jobs]
    events: list[tuple[float, int, int]] = [(time, 2, 0) for time in looks]
    for index, job in enumerate(jobs):
        events.append((job.arrived, 0, index))
        if job.abort_at is not None:
            events.append((job.abort_at, 1, index))
    for time, kind, index in sorted(events):
        if kind == 0:
            replica.submit(requests[index], time)
        elif kind == 1:
            replica.abort(requests[index], time)
        else:
            replica.advance(time)
    while replica.next_event_time() < float("inf"):
        replica.advance(replica.next_event_time())
    return replica, requests


def jobs_of(workload: Workload) -> list[Job]:
    """Turn gaps into times that never fall together, so that ties cannot decide a comparison."""
    jobs, time = [], 0.0
    for index, (gap, (prompt, output), patience) in enumerate(workload):
        time += gap + 0.000_137
        abort_at = None if patience is None else time + patience + 0.000_011 * (index + 1)
        jobs.append(Job(prompt, output, time, abort_at))
    return jobs


@settings(max_examples=300, deadline=None)
@given(workload=workloads, looks=st.lists(st.floats(0, 10), max_size=20))
def test_replica_does_what_the_stepwise_engine_does(workload: Workload, looks: list[float]) -> None:
    """Runs of steps, the block arithmetic and interruptions give the very result of one step after the other."""
    jobs = jobs_of(workload)
    replica, requests = serve(TINY, jobs, looks)
    oracle = StepwiseEngine(TINY, jobs)
    oracle.run()
    for job, request in zip(jobs, requests, strict=True):
        assert (request.state is RequestState.FINISHED) == job.finished
        assert request.ended == pytest.approx(job.ended, abs=1e-6)
        assert request.preemptions == job.preemptions
        assert replica.generated_tokens(request) == job.got
        if job.first_token is not None:
            assert request.first_token == pytest.approx(job.first_token, abs=1e-6)
    assert replica.measures.preemptions == oracle.preemptions
    assert (replica.running, replica.waiting, replica.kv_usage) == (0, 0, 0)


@settings(max_examples=100, deadline=None)
@given(workload=workloads)
def test_tokens_and_requests_are_conserved_and_bounds_hold(workload: Workload) -> None:
    """At every instant: received = held + ended, memory and batch within the model's bounds, counters never fall."""
    jobs = jobs_of(workload)
    replica = Replica(TINY)
    requests = [Request(job.prompt, job.output) for job in jobs]
    events = [(job.arrived, replica.submit, request) for job, request in zip(jobs, requests, strict=True)]
    events += [
        (job.abort_at, replica.abort, request)
        for job, request in zip(jobs, requests, strict=True)
        if job.abort_at is not None
    ]
    seen = []
    for time, act, request in sorted(events, key=lambda event: event[0]):
        while replica.next_event_time() <= time:
            replica.advance(replica.next_event_time())
        act(request, time)
        measures = replica.measures
        assert measures.received == measures.finished + measures.aborted + replica.running + replica.waiting
        assert measures.generated_tokens == sum(replica.generated_tokens(request) for request in requests)
        assert 0 <= replica.kv_usage <= 1
        assert replica.running <= TINY.max_sequences
        seen.append((measures.received, measures.finished, measures.aborted, measures.generated_tokens,
                     measures.prompt_tokens, measures.preemptions, measures.steps, measures.busy_seconds))  # fmt: skip
    assert all(all(a <= b for a, b in zip(before, after, strict=True)) for before, after in pairwise(seen))


def test_first_come_first_served() -> None:
    """Requests of equal size get their first tokens in the order in which they came."""
    replica = Replica(TINY)
    requests = [Request(20, 10) for _ in range(12)]
    for index, request in enumerate(requests):
        replica.submit(request, index * 0.001)
    while replica.next_event_time() < float("inf"):
        replica.advance(replica.next_event_time())
    firsts = [request.first_token for request in requests]
    assert firsts == sorted(firsts)


def test_long_prompt_is_prefilled_in_chunks_of_the_budget() -> None:
    """A prompt of 60 tokens with a budget of 24 takes steps of 24, 24 and 12 tokens before its first token."""
    replica = Replica(TINY)
    request = Request(60, 1)
    replica.submit(request, 0.0)
    replica.advance(1.0)
    assert request.first_token == pytest.approx(3 * 0.010 + 60 * 0.0005)
    assert replica.measures.steps == 3


def test_decoding_sequences_are_served_before_prompts() -> None:
    """A long prompt slows the steps of a decoding sequence but never takes its place in them."""
    replica = Replica(RTX4090)
    first = Request(10, 50)
    replica.submit(first, 0.0)
    replica.advance(0.05)
    before = replica.generated_tokens(first)
    replica.submit(Request(20_000, 1), 0.05)
    steps = replica.measures.steps
    replica.advance(1.0)
    assert replica.generated_tokens(first) - before == replica.measures.steps - steps > 0


def test_youngest_is_preempted_and_recomputes() -> None:
    """When memory runs out the youngest goes back to the queue, keeps its tokens, and prefills all that was taken."""
    replica = Replica(TINY)
    old, young = Request(40, 30), Request(40, 30)
    replica.submit(old, 0.0)
    replica.submit(young, 0.001)
    while young.preemptions == 0:
        replica.advance(replica.next_event_time())
    assert old.state is RequestState.DECODING
    assert (young.state, replica.waiting) == (RequestState.WAITING, 1)
    kept = replica.generated_tokens(young)
    assert 0 < kept < 30
    while replica.next_event_time() < float("inf"):
        replica.advance(replica.next_event_time())
    assert young.ended > old.ended
    assert replica.measures.generated_tokens == 60
    assert replica.measures.prompt_tokens == 80
    # It lost 46 tokens, 5 blocks of 8 full; until the old one ends that takes 3: the part of a block, then 2 full ones.
    assert kept == 7
    assert replica.measures.prefilled_tokens == 80 + 40 + kept - 24
    assert replica.measures.time_to_first_token_seconds.count == 2


@pytest.mark.parametrize("tokens", [0, 10])
def test_abort_frees_memory_at_once(tokens: int) -> None:
    """A client that leaves gives its blocks back, whether its request was prefilling or decoding."""
    replica = Replica(RTX4090)
    request = Request(5000, 500)
    replica.submit(request, 0.0)
    time = 0.01
    while replica.generated_tokens(request) < tokens:
        time = replica.next_step_time()
        replica.advance(time)
    assert replica.kv_usage > 0.1
    replica.abort(request, time)
    assert (replica.kv_usage, replica.running, replica.measures.aborted) == (0, 0, 1)
    replica.advance(time + 60)
    assert replica.measures.generated_tokens == tokens
    assert replica.measures.finished == 0


def test_abort_of_a_waiting_request_lets_the_next_one_move_up() -> None:
    """The queue closes over a client that left, and an abort after the end changes nothing."""
    replica = Replica(TINY)
    running, leaving, next_one = Request(80, 10), Request(80, 10), Request(80, 10)
    for request in (running, leaving, next_one):
        replica.submit(request, 0.0)
    replica.abort(leaving, 0.01)
    replica.advance(5.0)
    replica.abort(running, 5.0)
    assert [request.state for request in (running, leaving, next_one)] == ["Finished", "Aborted", "Finished"]
    assert replica.measures.aborted == 1


def test_nothing_runs_before_the_replica_has_started() -> None:
    """Requests that come while a replica starts wait, and start together when it is ready."""
    model = ReplicaModel(
        alpha_milliseconds=10, beta_milliseconds=0, c_milliseconds=0, kv_tokens=1600, token_budget=512,
        max_sequences=8, context_tokens=100, startup_seconds=30,
    )  # fmt: skip
    replica = Replica(model, created=100.0)
    requests = [Request(10, 1), Request(10, 1)]
    replica.submit(requests[0], 101.0)
    replica.submit(requests[1], 129.0)
    assert replica.next_event_time() == 130.0
    assert (replica.waiting, replica.running) == (2, 0)
    replica.advance(130.0)
    assert (replica.waiting, replica.running) == (0, 2)
    assert replica.advance(131.0) == requests
    assert [request.first_token for request in requests] == pytest.approx([130.01, 130.01])


def test_slow_down_stretches_steps() -> None:
    """A replica three times slower takes three times as long for the tokens that follow."""
    ends = []
    for factor in (1.0, 3.0):
        replica = Replica(RTX4090)
        replica.slow_down(factor, 0.0)
        request = Request(100, 100)
        replica.submit(request, 0.0)
        replica.advance(60.0)
        ends.append(request.ended)
    assert ends[1] == pytest.approx(3 * ends[0])


def test_saturated_throughput_is_the_closed_form() -> None:
    """With more short requests than slots a step lasts alpha + beta * slots, plus c for each prompt token it shares."""
    model = ReplicaModel(
        alpha_milliseconds=10, beta_milliseconds=0.5, c_milliseconds=0.1, kv_tokens=160_000, token_budget=2048,
        max_sequences=32, context_tokens=4096,
    )  # fmt: skip
    replica = Replica(model)
    prompt, output = 100, 101  # the first token comes with the prompt, so 100 are decoded
    for index in range(3000):
        replica.submit(Request(prompt, output - 50 + index * 37 % 101), 0.0)
    replica.advance(40.0)
    measures = replica.measures
    steps, generated, prefilled = measures.steps, measures.generated_tokens, measures.prefilled_tokens
    replica.advance(100.0)
    # Each of 32 slots spends one step in 101 on its prompt; the rest decode.
    decoding = 32 * (output - 1) / output
    step_seconds = (10 + 0.5 * decoding + 0.1 * 32 * prompt / output) / 1000
    assert measures.steps - steps == pytest.approx(60 / step_seconds, rel=0.01)
    assert measures.generated_tokens - generated == pytest.approx(60 / step_seconds * 32, rel=0.01)
    assert measures.prefilled_tokens - prefilled == pytest.approx(60 / step_seconds * 32 * prompt / output, rel=0.02)


@pytest.mark.parametrize(("prompt", "output"), [(0, 1), (1, 0), (-5, 5), (80, 11)])
def test_impossible_sizes_are_refused(prompt: int, output: int) -> None:
    """A request that could never be served is an error that names the numbers, not a request that waits for ever."""
    with pytest.raises(ValueError, match=f"prompt_tokens={prompt}"):
        Replica(TINY).submit(Request(prompt, output), 0.0)


def test_time_must_not_run_backwards() -> None:
    """A caller whose clock jumps back is told so."""
    replica = Replica(TINY)
    replica.advance(5.0)
    with pytest.raises(ValueError, match="backwards"):
        replica.advance(4.0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alpha_milliseconds": 0}, "alpha_milliseconds is 0"),
        ({"kv_tokens": -1}, "kv_tokens is -1"),
        ({"beta_milliseconds": -0.1}, "beta_milliseconds is -0.1"),
        ({"token_budget": 5}, "token_budget is 5"),
        ({"context_tokens": 97}, "context_tokens is 97"),
    ],
)
def test_impossible_models_are_refused(changed: dict[str, float], message: str) -> None:
    """Numbers no engine can have are refused by name."""
    fields = {name: getattr(TINY, name) for name in TINY.__dataclass_fields__} | changed
    with pytest.raises(ValueError, match=message):
        ReplicaModel(**fields)


@pytest.mark.parametrize("name", MODELS)
def test_shipped_models_serve(name: str) -> None:
    """Every shipped model serves a request of its full context alone."""
    model = MODELS[name]
    replica = Replica(model)
    request = Request(model.context_tokens - 10, 10)
    replica.submit(request, model.startup_seconds)
    replica.advance(10_000.0)
    assert request.state is RequestState.FINISHED


def test_steps_too_short_for_the_clock_end_all_the_same() -> None:
    """What a step takes may be lost in the rounding of its times; the request is not."""
    model = replace(MODELS["rtx4090"], alpha_milliseconds=1e-300, beta_milliseconds=0.0, c_milliseconds=0.0)
    replica = Replica(model)
    request = Request(100, 50)
    replica.submit(request, 1_000_000.0)
    while (time := replica.next_event_time()) < float("inf"):
        replica.advance(time)
    assert request.state is RequestState.FINISHED
