"""Random services: policies, engines, and pods whose counters and gauges move at will."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from tidegate.api.behavior import Behavior, PolicyType, ScalingPolicy, ScalingRules, SelectPolicy
from tidegate.api.inference_service import InferenceServiceSpec, Model
from tidegate.api.scaling import Mode, QueueDepth, Scaling, TokenThroughput
from tidegate.scaling.observation import Observation, PodObservation
from tidegate.scaling.sample import COUNTER_NAMES, SIGNAL_NAMES, ArrivalMethod, Sample, ScrapeFailure

START = 1_700_000_000.0
AT_ONCE = ScalingRules(
    stabilization_window_seconds=0,
    policies=[ScalingPolicy(type=PolicyType.PODS, value=1000, period_seconds=1)],
)
"""Rules that let every size be taken at once."""

targets = st.sampled_from(["0.5", "250m", 1, 4, 100, 1600, "12k"])
rules = st.builds(
    ScalingRules,
    stabilizationWindowSeconds=st.sampled_from([None, 0, 30, 600]),
    selectPolicy=st.sampled_from(SelectPolicy),
    policies=st.none()
    | st.lists(
        st.builds(
            ScalingPolicy,
            type=st.sampled_from(PolicyType),
            value=st.integers(1, 200),
            periodSeconds=st.sampled_from([1, 15, 60, 1800]),
        ),
        min_size=1,
        max_size=2,
    ),
)
scalings = st.builds(
    Scaling,
    mode=st.sampled_from(Mode),
    minReplicas=st.integers(1, 5),
    maxReplicas=st.integers(5, 40),
    tokenThroughput=st.none() | st.builds(TokenThroughput, targetPerReplica=targets),
    queueDepth=st.builds(QueueDepth, targetPerReplica=targets, drainSeconds=st.sampled_from([1, 30, 3600])),
    behavior=st.builds(Behavior, scaleUp=rules, scaleDown=rules),
)


def spec_of(scaling: Scaling, replicas: int | None = None) -> InferenceServiceSpec:
    """A service with this policy."""
    return InferenceServiceSpec(model=Model(name="m"), scaling=scaling, replicas=replicas)


specs = st.builds(spec_of, scalings, st.none() | st.none() | st.integers(0, 50))

weird = st.sampled_from([None, 0.0, -0.0, -1.0, 1e-300, 1e17, 1e18, 1e300, float("inf"), float("-inf"), float("nan")])
values = st.none() | st.floats(0, 1e6) | weird
samples = st.builds(
    Sample,
    time=st.floats(START - 100, START + 100) | st.just(START),
    **dict.fromkeys(SIGNAL_NAMES, values),
)
readings = (
    st.none() | samples | st.builds(ScrapeFailure, time=st.just(START), reason=st.just("X"), message=st.just("x"))
)
pods = st.builds(
    PodObservation, uid=st.sampled_from("abcd"), name=st.sampled_from("abcd"), ready=st.booleans(), reading=readings
)
observations = st.builds(
    Observation,
    replicas=st.integers(0, 50),
    pods=st.lists(pods, max_size=4, unique_by=lambda pod: pod.uid).map(tuple),
    arrival_method=st.sampled_from(ArrivalMethod),
    expected_signals=st.lists(st.sampled_from(SIGNAL_NAMES), unique=True).map(tuple),
    work_unit=st.sampled_from(["tokens", "requests", "images"]),
    rollout_in_progress=st.booleans(),
    yielded_to=st.none() | st.just("somebody"),
)
"""Anything at all, sensible or not."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one pod did in one interval, and what it holds at its end."""

    finished: int
    started: int
    given_up: int
    waiting: int
    running: int


works = st.builds(
    Work,
    finished=st.integers(0, 50),
    started=st.integers(0, 50),
    given_up=st.just(0),
    waiting=st.integers(0, 100),
    running=st.integers(0, 50),
)


@dataclass(frozen=True, slots=True)
class History:
    """A few pods over some intervals, all of them read at every one."""

    intervals: tuple[tuple[Work, ...], ...]
    arrival_method: ArrivalMethod
    seconds: float = 5.0
    factor: float = 1.0
    """Every count is so many times what `intervals` say."""

    replicas: int | None = None
    facts: dict[str, object] = field(default_factory=dict)

    def observations(self) -> Iterator[tuple[float, Observation]]:
        """The service after each interval, with the time."""
        amount = len(self.intervals[0])
        counters = [dict.fromkeys(COUNTER_NAMES, 0.0) for _ in range(amount)]
        held = [0.0] * amount
        for index, works_of_pods in enumerate(self.intervals, start=1):
            now = START + index * self.seconds
            seen = []
            for pod, work in enumerate(works_of_pods):
                arrived = max(0, work.finished + work.given_up + work.waiting + work.running - held[pod])
                held[pod] = work.waiting + work.running
                steps = {
                    "requests_received": arrived,
                    "requests_ended": work.finished + work.given_up,
                    "requests_finished": work.finished,
                    "first_tokens": work.started,
                    "prompt_tokens": 800 * work.started,
                    "generated_tokens": 200 * work.finished,
                    "work_done": work.finished,
                }
                for name, step in steps.items():
                    counters[pod][name] += self.factor * step
                sample = Sample(
                    time=now, waiting=self.factor * work.waiting, running=self.factor * work.running, **counters[pod]
                )
                seen.append(PodObservation(uid=str(pod), name=str(pod), ready=True, reading=sample))
            observation = Observation(
                replicas=amount if self.replicas is None else self.replicas,
                pods=tuple(seen),
                arrival_method=self.arrival_method,
                expected_signals=("waiting", "running"),
                stale_after_seconds=3 * self.seconds,
            )
            yield now, replace(observation, **self.facts)  # type: ignore[arg-type]


def histories(methods: tuple[ArrivalMethod, ...] = tuple(ArrivalMethod)) -> st.SearchStrategy[History]:
    """Sensible services that are seen in one of these ways."""
    return st.integers(1, 4).flatmap(
        lambda amount: st.builds(
            History,
            intervals=st.lists(st.tuples(*[works] * amount), min_size=2, max_size=12).map(tuple),
            arrival_method=st.sampled_from(methods),
        )
    )
