import pytest

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.decide import decide
from tidegate.scaling.decision import Decision
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import ArrivalMethod, Sample

SPEC = InferenceServiceSpec.model_validate(
    {
        "model": {"name": "m"},
        "engine": {"type": "vLLM", "image": "vllm"},
        "scaling": {"tokenThroughput": {"targetPerReplica": 1000}},
    }
)


def pod(uid: str, *, time: float | None, ended: float = 0.0, ready: bool = True) -> PodObservation:
    """A pod whose requests end at once, each with 100 tokens; not read yet without a time."""
    if time is None:
        return PodObservation(uid=uid, name=uid, ready=ready)
    counts = {"requests_ended": ended, "requests_finished": ended, "first_tokens": ended}
    sample = Sample(time=time, waiting=0, running=0, prompt_tokens=60 * ended, generated_tokens=40 * ended, **counts)
    return PodObservation(uid=uid, name=uid, ready=ready, reading=sample)


def look(memory: Memory, now: float, *pods: PodObservation) -> tuple[Decision, Memory]:
    """Decide once."""
    observation = Observation(replicas=2, pods=pods, arrival_method=ArrivalMethod.ENDED_AND_GAUGES)
    return decide(SPEC, observation, memory, now)


def after_first_look() -> Memory:
    """Twenty seconds of 3 requests/s at pod `a`, while pod `b` starts."""
    memory = Memory()
    for now in range(0, 25, 5):
        starting = (pod("b", time=None, ready=False),) if now else ()
        _, memory = look(memory, now, pod("a", time=now, ended=1000 + 3.0 * now), *starting)
    return memory


def test_a_pod_that_joins_counts_from_its_first_request() -> None:
    """All traffic that moves to a new pod is seen at that pod's first sample, and none of it is lost."""
    memory = after_first_look()

    _, memory = look(memory, 21, pod("a", time=20, ended=1060), pod("b", time=None))
    decision, memory = look(memory, 25, pod("a", time=25, ended=1060), pod("b", time=25, ended=15))

    assert decision.traffic.requests_per_second == pytest.approx(3.0, rel=0.05)


def test_a_pod_that_ran_before_the_first_look_counts_from_its_second_sample() -> None:
    """An operator that starts does not take what a pod has done in its life for what arrives now."""
    _, memory = look(Memory(), 0, pod("a", time=None))
    decision, memory = look(memory, 5, pod("a", time=5, ended=100_000))
    assert decision.traffic.requests_per_second is None

    decision, _ = look(memory, 10, pod("a", time=10, ended=100_015))

    assert decision.traffic.requests_per_second == pytest.approx(3.0)


def test_a_pod_that_is_not_ready_for_a_while_does_not_count_its_life_again() -> None:
    """A pod that was read before, and comes back, goes on from its last sample."""
    memory = after_first_look()
    _, memory = look(memory, 25, pod("a", time=None, ready=False), pod("b", time=25, ended=15))

    decision, _ = look(memory, 30, pod("a", time=30, ended=1060), pod("b", time=30, ended=30))

    assert decision.traffic.requests_per_second is not None
    assert decision.traffic.requests_per_second < 4.0
