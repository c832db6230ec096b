from tidegate.api.engine import Engine, EngineType
from tidegate.api.inference_service import InferenceServiceSpec, Model
from tidegate.api.scaling import Scaling, Schedule
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import Sample
from tidegate.simulator.dated import DatedPolicy
from tidegate.simulator.policy import Choice
from tidegate.simulator.tidegate_policy import TidegatePolicy

MONDAY_0755 = 1715586900.0
"""13 May 2024, 7:55 in UTC."""

OFFICE = Schedule(name="office", start="0 8 * * 1-5", end="0 18 * * 1-5", time_zone="UTC", min_replicas=5)


class Witness:
    """Notes what it is shown."""

    name = "witness"
    period_seconds = 15.0
    shown: tuple[Observation, float] | None = None

    def decide(self, observation: Observation, now: float) -> Choice:
        """Change nothing."""
        self.shown = (observation, now)
        return Choice(observation.replicas)


def observation(now: float) -> Observation:
    """One ready pod, read just now, that has nothing to do; one that was not read yet."""
    idle = Sample(time=now, waiting=0.0, running=0.0, kv_usage=0.0, requests_ended=0.0, steps=0.0)
    pod = PodObservation(uid="0", name="pod-0", ready=True, created=-60.0, reading=idle)
    return Observation(replicas=2, pods=(pod, PodObservation(uid="1", name="pod-1", ready=False)))


def test_every_time_is_moved_by_the_same() -> None:
    """Now, the age of pods, the age of samples: nothing looks older or younger than it is."""
    witness = Witness()
    policy = DatedPolicy(witness, MONDAY_0755)
    assert policy.decide(observation(40.0), 45.0) == Choice(2)
    assert (policy.name, policy.period_seconds, policy.victims_are_emptiest) == ("witness", 15.0, False)
    assert witness.shown is not None
    seen, now = witness.shown
    assert now == MONDAY_0755 + 45
    first, second = seen.pods
    assert first.created == MONDAY_0755 - 60
    assert first.reading is not None
    assert first.reading.time == MONDAY_0755 + 40
    assert (second.created, second.reading) == (None, None)


def test_a_schedule_holds_at_its_hour_of_the_trace() -> None:
    """A trace that begins at 7:55 on a Monday has office hours five minutes later."""
    spec = InferenceServiceSpec(
        model=Model(name="m"),
        engine=Engine(type=EngineType.VLLM, image="i"),
        scaling=Scaling(schedules=[OFFICE]),
    )
    policy = DatedPolicy(TidegatePolicy(spec), MONDAY_0755)
    assert policy.victims_are_emptiest
    sizes = {now: policy.decide(observation(now), now).replicas for now in (5.0, 305.0)}
    assert sizes == {5.0: 2, 305.0: 5}
