"""`scaling.behavior` and the limits that use it against the HPA controller (`hpa_controller`).

Differences, on purpose: changes of size count whoever made them, and survive a restart (the HPA knows its own, and
forgets them); at 0 replicas the HPA stops, while here `minReplicas` holds, since a pin at 0 is how one switches off.
"""

from dataclasses import dataclass, field

import pytest
from hpa_controller import GO_DEFAULT_DOWN, GO_DEFAULT_UP, Autoscaler, defaulted
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.api.behavior import Behavior, PolicyType, ScalingPolicy, ScalingRules, SelectPolicy
from tidegate.api.inference_service import InferenceServiceSpec, Model
from tidegate.api.scaling import Scaling
from tidegate.scaling import behavior
from tidegate.scaling.behavior import Recommendation, SizeChange
from tidegate.scaling.health import MetricsHealth, MetricsState
from tidegate.scaling.limits import LIMITS, LimitInput
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation

ALL_IS_WELL = MetricsHealth(MetricsState.FRESH, "", (), complete=True)


@dataclass
class Limited:
    """The same by our own limits, one size after the other."""

    spec: InferenceServiceSpec
    memory: Memory = field(default_factory=Memory)

    def normalize(self, current: int, desired: int, now: float) -> int:
        """As `decide` does it, for a desired size that is given."""
        recommendations = self.memory.recommendations or (Recommendation(now, current),)
        changes = self.memory.changes
        memory = Memory(recommendations=recommendations, changes=changes)
        given = LimitInput(
            spec=self.spec, observation=Observation(replicas=current), memory=memory, health=ALL_IS_WELL, now=now
        )
        size = desired
        for _, step in LIMITS:
            size, _ = step(size, given)
        rules = self.spec.scaling.behavior
        window = max(behavior.up_window_seconds(rules.scale_up), behavior.down_window_seconds(rules.scale_down))
        self.memory = Memory(
            recommendations=behavior.remember(recommendations, desired, window_seconds=window, now=now),
            changes=changes if size == current else (*changes, SizeChange(now, current, size)),
        )
        return size


policies = st.builds(
    ScalingPolicy,
    type=st.sampled_from(PolicyType),
    value=st.integers(1, 500),
    periodSeconds=st.integers(1, 1800),
)
rules = st.builds(
    ScalingRules,
    stabilizationWindowSeconds=st.none() | st.integers(0, 3600),
    selectPolicy=st.sampled_from(SelectPolicy),
    policies=st.none() | st.lists(policies, min_size=1, max_size=4),
)
steps = st.lists(st.tuples(st.sampled_from([0, 1, 5, 15, 15, 60, 300, 1800]), st.integers(0, 1200)), max_size=60)


@settings(max_examples=500, deadline=None)
@given(up=rules, down=rules, bounds=st.tuples(st.integers(1, 20), st.integers(20, 1000)), steps=steps)
def test_every_size_is_the_one_that_the_hpa_would_take(
    up: ScalingRules, down: ScalingRules, bounds: tuple[int, int], steps: list[tuple[int, int]]
) -> None:
    """Over any sequence of desired sizes, under any rules, both take the same sizes."""
    minimum, maximum = bounds
    theirs = Autoscaler(defaulted(up, GO_DEFAULT_UP), defaulted(down, GO_DEFAULT_DOWN), minimum, maximum)
    scaling = Scaling(min_replicas=minimum, max_replicas=maximum, behavior=Behavior(scale_up=up, scale_down=down))
    ours = Limited(InferenceServiceSpec(model=Model(name="m"), scaling=scaling))
    now, size = 1_700_000_000.0, 20
    for seconds, desired in steps:
        now += seconds
        expected = theirs.normalize(size, desired, now)
        assert ours.normalize(size, desired, now) == expected
        size = expected


def pods(value: int, period_seconds: int) -> ScalingPolicy:
    """So many pods a period."""
    return ScalingPolicy(type=PolicyType.PODS, value=value, period_seconds=period_seconds)


def percent(value: int, period_seconds: int) -> ScalingPolicy:
    """So many percent a period."""
    return ScalingPolicy(type=PolicyType.PERCENT, value=value, period_seconds=period_seconds)


@pytest.mark.parametrize(
    ("rules", "current", "changes", "limit"),
    [
        pytest.param(ScalingRules(), 1, [], 5, id="default: 4 pods are more than 100 percent of 1"),
        pytest.param(ScalingRules(), 10, [], 20, id="default: 100 percent of 10 are more than 4 pods"),
        pytest.param(ScalingRules(), 0, [], 4, id="default: from nothing, 4 pods"),
        pytest.param(
            ScalingRules(policies=[percent(10, 60)]), 1, [], 2, id="percent round up, so that they move at all"
        ),
        pytest.param(ScalingRules(policies=[percent(10, 60)]), 100, [], 111, id="as Go rounds 100 x 1.1"),
        pytest.param(ScalingRules(policies=[pods(4, 60)]), 6, [(30, 4, 6)], 8, id="what the period has seen counts"),
        pytest.param(ScalingRules(policies=[pods(4, 60)]), 6, [(60, 4, 6)], 10, id="what is a period old does not"),
        pytest.param(ScalingRules(policies=[pods(4, 60)]), 6, [(30, 10, 6)], 14, id="what went down may come back"),
        pytest.param(ScalingRules(policies=[pods(2, 60)]), 10, [(30, 2, 10)], 10, id="never below what there is"),
        pytest.param(ScalingRules(policies=[pods(1, 60), percent(50, 60)]), 10, [], 15, id="the most of several"),
        pytest.param(
            ScalingRules(policies=[pods(1, 60), percent(50, 60)], select_policy=SelectPolicy.MIN), 10, [], 11, id="Min"
        ),
        pytest.param(ScalingRules(select_policy=SelectPolicy.DISABLED), 10, [], 10, id="Disabled"),
        pytest.param(
            ScalingRules(policies=[pods(4, 60), pods(6, 300)]), 10, [(100, 6, 10)], 14, id="each policy its period"
        ),
    ],
)
def test_the_limit_on_the_way_up(
    rules: ScalingRules, current: int, changes: list[tuple[float, int, int]], limit: int
) -> None:
    """`calculateScaleUpLimitWithScalingRules`, clamped as its caller does; changes are (seconds ago, from, to)."""
    past = tuple(SizeChange(1000.0 - ago, before, after) for ago, before, after in changes)
    assert behavior.up_limit(rules, current=current, changes=past, now=1000.0) == limit


@pytest.mark.parametrize(
    ("rules", "current", "changes", "limit"),
    [
        pytest.param(ScalingRules(), 10, [], 0, id="default: all of it"),
        pytest.param(ScalingRules(policies=[percent(10, 60)]), 9, [], 8, id="what is left is rounded down"),
        pytest.param(ScalingRules(policies=[percent(90, 60)]), 10, [], 0, id="as Go rounds 10 x 0.1"),
        pytest.param(ScalingRules(policies=[percent(300, 60)]), 10, [], 0, id="more than all is all"),
        pytest.param(ScalingRules(policies=[pods(20, 60)]), 10, [], 0, id="never below nothing"),
        pytest.param(ScalingRules(policies=[pods(4, 60)]), 8, [(30, 10, 8)], 6, id="what the period has seen counts"),
        pytest.param(ScalingRules(policies=[pods(4, 60)]), 8, [(60, 10, 8)], 4, id="what is a period old does not"),
        pytest.param(ScalingRules(policies=[pods(4, 60)]), 8, [(30, 2, 8)], 0, id="what came up may go again"),
        pytest.param(ScalingRules(policies=[pods(1, 60)]), 5, [(30, 10, 5)], 5, id="never above what there is"),
        pytest.param(ScalingRules(policies=[pods(1, 60), percent(50, 60)]), 10, [], 5, id="the most of several"),
        pytest.param(
            ScalingRules(policies=[pods(1, 60), percent(50, 60)], select_policy=SelectPolicy.MIN), 10, [], 9, id="Min"
        ),
        pytest.param(ScalingRules(select_policy=SelectPolicy.DISABLED), 10, [], 10, id="Disabled"),
    ],
)
def test_the_limit_on_the_way_down(
    rules: ScalingRules, current: int, changes: list[tuple[float, int, int]], limit: int
) -> None:
    """`calculateScaleDownLimitWithBehaviors`, clamped as its caller does; changes are (seconds ago, from, to)."""
    past = tuple(SizeChange(1000.0 - ago, before, after) for ago, before, after in changes)
    assert behavior.down_limit(rules, current=current, changes=past, now=1000.0) == limit


@pytest.mark.parametrize(
    ("current", "wanted", "past", "size"),
    [
        pytest.param(5, 2, [], 2, id="nothing is remembered"),
        pytest.param(5, 2, [(100, 4)], 4, id="down: to the highest of the window"),
        pytest.param(5, 2, [(100, 9)], 5, id="down: not up, however high it was"),
        pytest.param(5, 2, [(300, 4)], 2, id="down: what is as old as the window is out of it"),
        pytest.param(5, 9, [(30, 7)], 7, id="up: to the lowest of the window"),
        pytest.param(5, 9, [(30, 3)], 5, id="up: not down, however low it was"),
        pytest.param(5, 9, [(60, 3)], 9, id="up: what is as old as the window is out of it"),
        pytest.param(5, 9, [(100, 3)], 9, id="each direction has its own window"),
        pytest.param(5, 5, [(30, 3), (40, 9)], 5, id="what is wanted is there"),
    ],
)
def test_stabilization(current: int, wanted: int, past: list[tuple[float, int]], size: int) -> None:
    """`stabilizeRecommendationWithBehaviors` with 60 s up and 300 s down; the past is (seconds ago, replicas)."""
    found = behavior.stabilize(
        current=current,
        wanted=wanted,
        recommendations=[Recommendation(1000.0 - ago, replicas) for ago, replicas in past],
        up_seconds=60,
        down_seconds=300,
        now=1000.0,
    )
    assert found == size


def test_the_defaults_are_those_of_kubernetes() -> None:
    """`pkg/apis/autoscaling/v2/defaults.go`; the window on the way down is the controller's flag, 5 minutes."""
    none = ScalingRules()
    assert behavior.up_window_seconds(none) == GO_DEFAULT_UP.stabilization_window_seconds
    assert behavior.down_window_seconds(none) == GO_DEFAULT_DOWN.stabilization_window_seconds
    assert list(behavior.DEFAULT_UP_POLICIES) == GO_DEFAULT_UP.policies
    assert list(behavior.DEFAULT_DOWN_POLICIES) == GO_DEFAULT_DOWN.policies
    assert behavior.tolerance(none) == 0.1
