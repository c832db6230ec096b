import math
from dataclasses import replace

import pytest
from histories import AT_ONCE, START, History, Work, histories, observations, scalings, spec_of, specs, targets
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from serving_pod import Load
from timeline import Timeline, service
from timeline import given as target

from tidegate.api.behavior import Behavior
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.scaling import MAXIMUM_REPLICAS, Mode, Scaling, TokenThroughput
from tidegate.scaling.decide import decide
from tidegate.scaling.decision import Decision
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import ArrivalMethod, Sample, ScrapeFailure

EXACT = (ArrivalMethod.REQUEST_COUNTER, ArrivalMethod.ENDED_AND_GAUGES)
moments = st.lists(st.tuples(st.sampled_from([0.0, 0.0, 1.0, 5.0, 400.0]), observations), min_size=1, max_size=8)


def decisions(spec: InferenceServiceSpec, seen: list[tuple[float, Observation]]) -> list[tuple[Decision, Memory]]:
    """Decide at each time, one after the other."""
    memory, found = Memory(), []
    for now, observation in seen:
        decision, memory = decide(spec, observation, memory, now)
        found.append((decision, memory))
    return found


def timed(moments: list[tuple[float, Observation]]) -> list[tuple[float, Observation]]:
    """Observations, each some seconds after the one before."""
    now, found = START, []
    for seconds, observation in moments:
        now += seconds
        found.append((now, observation))
    return found


def wanted(decision: Decision) -> int:
    """The largest proposal."""
    return max(proposal.replicas for proposal in decision.proposals)


@settings(max_examples=300, deadline=None)
@given(spec=specs, moments=moments)
def test_whatever_is_seen_the_bounds_hold(spec: InferenceServiceSpec, moments: list[tuple[float, Observation]]) -> None:
    """No number, missing, infinite or negative, no time that stands still or runs back, breaks them or the code."""
    scaling = spec.scaling
    for (decision, _), (_, observation) in zip(decisions(spec, timed(moments)), timed(moments), strict=True):
        if scaling.mode is Mode.PAUSED:
            assert decision.to_replicas == observation.replicas
        elif spec.replicas is not None:
            assert decision.to_replicas == spec.replicas
        else:
            assert scaling.min_replicas <= decision.to_replicas <= scaling.max_replicas
        assert all(0 <= proposal.replicas <= MAXIMUM_REPLICAS for proposal in decision.proposals)
        assert len(decision.message) < 1024


@settings(max_examples=300, deadline=None)
@given(spec=specs, moments=moments)
def test_what_is_not_believed_never_makes_a_service_smaller(
    spec: InferenceServiceSpec, moments: list[tuple[float, Observation]]
) -> None:
    """Unless the maximum or a hand says so."""
    assume(spec.replicas is None)
    for (decision, _), (_, observation) in zip(decisions(spec, timed(moments)), timed(moments), strict=True):
        if not decision.health.complete:
            assert decision.to_replicas >= min(observation.replicas, spec.scaling.max_replicas)


BROKEN = {
    "failed": lambda sample: ScrapeFailure(time=sample.time, reason="Timeout", message=""),
    "stale": lambda sample: replace(sample, time=sample.time - 60),
    "missing": lambda sample: replace(sample, waiting=None),
    "not a number": lambda sample: replace(sample, running=math.nan),
}


@settings(deadline=None)
@given(scaling=scalings, history=histories(), broken=st.sampled_from(sorted(BROKEN)), data=st.data())
def test_one_pod_that_is_not_believed_closes_the_way_down(
    scaling: Scaling, history: History, broken: str, data: st.DataObject
) -> None:
    """After any sensible past, whichever pod it is, whatever is wrong with it."""
    *past, (now, last) = history.observations()
    chosen = data.draw(st.integers(0, len(last.pods) - 1))
    pods = [
        replace(pod, reading=BROKEN[broken](pod.reading)) if index == chosen else pod
        for index, pod in enumerate(last.pods)
    ]
    seen = [*past, (now, replace(last, pods=tuple(pods)))]
    spec = spec_of(scaling.model_copy(update={"behavior": Behavior(scale_up=AT_ONCE, scale_down=AT_ONCE)}))
    decision, _ = decisions(spec, seen)[-1]
    assert decision.to_replicas >= min(last.replicas, scaling.max_replicas)


@settings(deadline=None)
@given(spec=specs, moments=moments)
def test_equal_inputs_give_equal_outputs(spec: InferenceServiceSpec, moments: list[tuple[float, Observation]]) -> None:
    """A recording of what was seen tells what was decided."""
    assert repr(decisions(spec, timed(moments))) == repr(decisions(spec, timed(moments)))


@settings(deadline=None)
@given(scaling=scalings, history=histories())
def test_looking_again_without_new_samples_changes_no_mind(scaling: Scaling, history: History) -> None:
    """The same observation a little later: the same proposals."""
    spec, seen = spec_of(scaling), list(history.observations())
    now, observation = seen[-1]
    found = decisions(spec, [*seen, (now, observation), (now + 5, observation)])
    assert found[-2][0].proposals == found[-3][0].proposals
    assert found[-1][0].proposals == found[-3][0].proposals


@settings(max_examples=1000, deadline=None)
@given(scaling=scalings, history=histories())
def test_a_size_that_was_taken_is_not_regretted(scaling: Scaling, history: History) -> None:
    """Once a decision is carried out, the same samples ask for nothing more and nothing less."""
    free = Behavior(scale_up=AT_ONCE, scale_down=AT_ONCE)
    spec = spec_of(scaling.model_copy(update={"behavior": free, "mode": Mode.AUTOMATIC}))
    seen = list(history.observations())
    decision, memory = decisions(spec, seen)[-1]
    now, observation = seen[-1]
    kept = observation.pods[: decision.to_replicas]
    assume(len(kept) == len(observation.pods))
    again, _ = decide(spec, replace(observation, replicas=decision.to_replicas), memory, now)
    assert again.to_replicas == decision.to_replicas


targeted = st.builds(
    lambda scaling, each: scaling.model_copy(update={"token_throughput": TokenThroughput(target_per_replica=each)}),
    scalings,
    targets,
)


@settings(deadline=None)
@given(scaling=targeted, history=histories(EXACT), factor=st.sampled_from([1.0, 1.1, 2.0, 3.7, 10.0]))
def test_more_of_everything_never_asks_for_less(scaling: Scaling, history: History, factor: float) -> None:
    """Demand times a factor, what a replica does being given: were it learned, more served would be more it can."""
    spec = spec_of(scaling)
    base = decisions(spec, list(history.observations()))
    more = decisions(spec, list(replace(history, factor=factor).observations()))
    for (decision, _), (larger, _) in zip(base, more, strict=True):
        assert wanted(larger) >= wanted(decision)


@settings(max_examples=300, deadline=None)
@given(scaling=scalings, history=histories(EXACT), more=st.lists(st.integers(0, 200), min_size=4, max_size=4))
def test_more_that_arrives_never_asks_for_less(scaling: Scaling, history: History, more: list[int]) -> None:
    """Of two services that did the same work, the one in whose queues more requests came last; learned or given.

    Bursts are left out: they stand out less where more comes at other times.
    """
    spec = spec_of(scaling.model_copy(update={"mode": Mode.AUTOMATIC}))
    limited = replace(history, facts={"max_sequences": 16})
    *earlier, last = history.intervals
    fuller = tuple(replace(work, waiting=work.waiting + extra) for work, extra in zip(last, more, strict=False))
    base, _ = decisions(spec, list(limited.observations()))[-1]
    larger, _ = decisions(spec, list(replace(limited, intervals=(*earlier, fuller)).observations()))[-1]
    most = [
        max(proposal.replicas for proposal in decision.proposals if proposal.term != "bursts")
        for decision in (base, larger)
    ]
    assert most == sorted(most)


@settings(deadline=None)
@given(
    per_interval=st.integers(1, 60),
    pods=st.integers(1, 4),
    arrival_method=st.sampled_from(ArrivalMethod),
    intervals=st.integers(4, 12),
)
def test_a_load_in_twice_the_time_needs_half_the_replicas(
    per_interval: int, pods: int, arrival_method: ArrivalMethod, intervals: int
) -> None:
    """The same requests, read at twice the interval: half the rate, so half the size."""
    work = Work(finished=per_interval, started=per_interval, given_up=0, waiting=0, running=4)
    steady = History(intervals=((work,) * pods,) * intervals, arrival_method=arrival_method)
    scaling = Scaling(token_throughput=TokenThroughput(target_per_replica=50), max_replicas=1000)
    fast, _ = decisions(spec_of(scaling), list(steady.observations()))[-1]
    slow, _ = decisions(spec_of(scaling), list(replace(steady, seconds=10.0).observations()))[-1]
    assert fast.traffic.arriving_per_second == pytest.approx(2 * slow.traffic.arriving_per_second)
    assert math.ceil(wanted(fast) / 2) - 1 <= wanted(slow) <= math.ceil(wanted(fast) / 2) + 1


@settings(max_examples=30, deadline=None)
@given(
    loads=st.lists(st.floats(0, 20), min_size=1, max_size=6),
    cold_start_seconds=st.sampled_from([10, 60, 180]),
    drain_seconds=st.sampled_from([10, 30, 120]),
    throughput=st.sampled_from([None, 1000, 1600]),
)
def test_while_pods_are_coming_no_more_are_ordered_than_arrivals_and_backlog_justify(
    loads: list[float], cold_start_seconds: float, drain_seconds: int, throughput: int | None
) -> None:
    """The truth is known here: with a cache of which 85 % may be full a pod does 1.7 requests/s of 1,000 tokens each.

    More than arrivals need, as much again at most is for what waits beyond what may. Bursts are not waited for.
    """
    given = {} if throughput is None else {"tokenThroughput": target(throughput)}
    window = {"scaleDown": {"stabilizationWindowSeconds": 300}}
    spec = service(
        queueDepth={"targetPerReplica": 4, "drainSeconds": drain_seconds}, maxReplicas=200, behavior=window, **given
    )
    timeline = Timeline(spec, load=Load(), cold_start_seconds=cold_start_seconds)
    arrived, rates = [0] * 4, [0.0] * 12
    for load in loads:
        timeline.arrive(load)
        for _ in range(24):
            timeline.advance(5)
            arrived = [*arrived[1:], timeline.arrived]
            rates = [*rates[1:], (arrived[-1] - arrived[0]) / 15]
            decision, lately = timeline.decision, max(rates)
            awaited = timeline.cold_start_seconds and decision.from_replicas > len(decision.health.fresh)
            if decision.to_replicas > decision.from_replicas and awaited:
                waits_too_much = (decision.traffic.waiting or 0) > 4 * decision.from_replicas
                replica_does = min(1.7, (throughput or math.inf) / 1000)
                needs = 1.25 * lately / replica_does + 1.5 * math.sqrt(lately / replica_does / 6.8)
                assert decision.to_replicas <= math.ceil(needs * (2 if waits_too_much else 1)) + 1


def test_memory_stays_small_for_ever() -> None:
    """10,000 ticks of pods that come and go, and of a size that never rests."""
    spec = service(tokenThroughput=target(1600), behavior={"scaleDown": {"stabilizationWindowSeconds": 3600}})
    memory = Memory()
    for tick in range(10_000):
        now = START + 5.0 * tick
        names = [f"{(tick + index) // 3}-{index}" for index in range(4)]
        reading = {"waiting": tick % 7, "running": tick % 5, "requests_ended": 3.0 * tick, "requests_finished": tick}
        pods = tuple(
            PodObservation(uid=name, name=name, ready=True, reading=Sample(time=now, **reading)) for name in names
        )
        observation = Observation(
            replicas=1 + tick % 9, pods=pods, arrival_method=ArrivalMethod.ENDED_AND_GAUGES, stale_after_seconds=15
        )
        _, memory = decide(spec, observation, memory, now)
        assert len(memory.recommendations) <= 20
        assert len(memory.changes) <= 1800 / 5
        assert len(memory.arrivals.samples) <= 4
        assert sum(len(steps) for steps in memory.arrivals.steps.values()) <= 4 * (15 / 5 + 1) * 2


def test_a_steady_load_never_drifts() -> None:
    """Three hours of the same load: the size is found within a minute, and stays."""
    timeline = Timeline(service(tokenThroughput=target(1600)), size=4).arrive(6.2).advance(60)
    found = timeline.size
    timeline.advance(3 * 3600)
    assert {decision.to_replicas for decision in timeline.last(3 * 3600)} == {found}


@pytest.mark.parametrize("jump_seconds", [-3600.0, -60.0, 3600.0])
def test_a_clock_that_is_set_does_no_lasting_harm(jump_seconds: float) -> None:
    """What is remembered from the future is forgotten; a window later all is as it was."""
    timeline = Timeline(service(tokenThroughput=target(1600)), size=4).arrive(6).advance(300)
    timeline.now += jump_seconds
    for pod in timeline.pods:
        pod.ready_at = timeline.now
    for pod in timeline.pods:
        for request in (*pod.running, *pod.waiting):
            request.arrived = timeline.now
            request.started = timeline.now if request.started is not None else None
    timeline.read_at = -math.inf
    timeline.advance(60)
    assert timeline.size == 4
    timeline.arrive(1.4).advance(400)
    assert timeline.size == 1
