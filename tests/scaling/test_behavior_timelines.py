from typing import Any

import pytest
from serving_pod import Load
from timeline import TICK_SECONDS, Timeline, given, service

PODS = "Pods"
PERCENT = "Percent"
ROOMY = Load(slots=80)
"""Each pod takes 20 requests/s, more than it is given: the throughput term alone has something to say."""


def policy(kind: str, value: int, period_seconds: int) -> dict[str, Any]:
    """One policy, as YAML has it."""
    return {"type": kind, "value": value, "periodSeconds": period_seconds}


def rising(rules: dict[str, Any], *, size: int = 2, **scaling: Any) -> Timeline:
    """A load for 2 pods that becomes one for 19, with these rules on the way up. None of it has to wait."""
    spec = service(tokenThroughput=given(1600), behavior={"scaleUp": rules}, **scaling)
    return Timeline(spec, size=size, cold_start_seconds=600, load=ROOMY).arrive(2).advance(120).arrive(30)


def falling(rules: dict[str, Any], *, size: int = 10) -> Timeline:
    """A load for 10 pods that becomes one for 1, with these rules on the way down, and no window."""
    rules = {"stabilizationWindowSeconds": 0, **rules}
    spec = service(tokenThroughput=given(1600), behavior={"scaleDown": rules})
    return Timeline(spec, size=size, cold_start_seconds=0).arrive(15.5).advance(120).arrive(1)


def sizes(timeline: Timeline, seconds: float) -> list[int]:
    """The sizes of the next so many seconds, each named once."""
    timeline.advance(seconds)
    return list(dict.fromkeys(decision.to_replicas for decision in timeline.last(seconds)))


def test_by_default_a_size_may_double_or_grow_by_four_in_fifteen_seconds() -> None:
    """The defaults of the HPA: 100 percent or 4 pods, whichever is more."""
    assert sizes(rising({}), 120) == [6, 12, 19]


def test_pods_per_period_bound_the_way_up() -> None:
    """Two pods a minute, and not sooner."""
    timeline = rising({"policies": [policy(PODS, 2, 60)]})
    assert sizes(timeline, 60) == [4]
    assert timeline.decision.reason == "BehaviorPolicy"
    assert timeline.decision.limits[-1].because == "behavior.scaleUp allows no more than 4 now"
    assert sizes(timeline, 60) == [6]


def test_percent_per_period_bound_the_way_up() -> None:
    """Half as many again per minute, rounded up."""
    assert sizes(rising({"policies": [policy(PERCENT, 50, 60)]}), 170) == [3, 5, 8]


def test_of_several_policies_the_largest_change_holds() -> None:
    """Unless selectPolicy says Min."""
    policies = [policy(PODS, 1, 60), policy(PERCENT, 200, 60)]
    assert sizes(rising({"policies": policies}), 60) == [6]
    assert sizes(rising({"policies": policies, "selectPolicy": "Min"}), 60) == [3]


@pytest.mark.parametrize(("make", "direction"), [(rising, "scaleUp"), (falling, "scaleDown")])
def test_a_disabled_direction_is_closed(make: Any, direction: str) -> None:
    """And the record says which field closes it."""
    timeline = make({"selectPolicy": "Disabled"})
    before = timeline.size
    assert sizes(timeline, 600) == [before]
    assert timeline.decision.reason == "BehaviorPolicy"
    assert timeline.decision.limits[-1].because == f"behavior.{direction}.selectPolicy is Disabled"


def test_policies_bound_the_way_down() -> None:
    """One pod per half minute."""
    timeline = falling({"policies": [policy(PODS, 1, 30)]})
    assert sizes(timeline, 90) == [9, 8, 7]
    assert timeline.decision.limits[-1].because == "behavior.scaleDown allows no fewer than 7 now"


def test_percent_policies_bound_the_way_down() -> None:
    """A fifth per minute, and what is left is rounded down: 8, 6.4, 4.8."""
    assert sizes(falling({"policies": [policy(PERCENT, 20, 60)]}), 135) == [8, 6, 4]


def test_without_a_window_the_way_down_is_taken_at_once() -> None:
    """What arrives now decides."""
    timeline = falling({})
    timeline.advance(20)
    assert timeline.size == 1


def test_a_window_on_the_way_up_waits_for_the_lowest() -> None:
    """A rise counts once it has lasted for the whole window."""
    timeline = rising({"stabilizationWindowSeconds": 60})
    assert sizes(timeline, 55) == [2]
    assert timeline.decision.reason == "Stabilizing"
    assert timeline.decision.limits[-1].because == (
        "behavior.scaleUp holds the least that was wanted or found in the last 60 s: 2"
    )
    timeline.advance(20)
    assert timeline.size > 2


def test_a_peak_shorter_than_the_window_on_the_way_up_is_ignored() -> None:
    """It was over before the window was."""
    timeline = rising({"stabilizationWindowSeconds": 60}).arrive(8).advance(10)
    assert timeline.wants["throughput"] == 4
    assert sizes(timeline.arrive(2), 200) == [2]


@pytest.mark.parametrize(
    ("per_second", "tolerance", "replicas"),
    [
        pytest.param(7.0, None, 4, id="9 % above is near enough by default"),
        pytest.param(7.2, None, 5, id="12 % above is not"),
        pytest.param(7.0, "0.05", 5, id="nor are 9 % where 5 % are allowed"),
        pytest.param(8.8, "0.5", 4, id="37 % above are near enough where 50 % are allowed"),
        pytest.param(6.6, "0", 5, id="with none, every part of a pod counts"),
        pytest.param(6.6, "100m", 4, id="a quantity may be written with a suffix"),
    ],
)
def test_tolerance_on_the_way_up(per_second: float, tolerance: str | None, replicas: int) -> None:
    """Demand that is near enough to what there is changes nothing."""
    behavior = {"scaleUp": {} if tolerance is None else {"tolerance": tolerance}}
    spec = service(tokenThroughput=given(1600), behavior=behavior)
    timeline = Timeline(spec, size=4, load=ROOMY).arrive(6).advance(120)
    assert timeline.size == 4
    timeline.arrive(per_second).advance(55)
    assert timeline.wants["throughput"] == replicas


@pytest.mark.parametrize(
    ("per_second", "tolerance", "replicas"),
    [
        pytest.param(14.8, None, 10, id="8 % below is near enough by default"),
        pytest.param(12.6, None, 8, id="21 % below is not"),
        pytest.param(14.0, "0.05", 9, id="nor are 13 % where 5 % are allowed"),
        pytest.param(9.0, "0.5", 10, id="44 % below are near enough where 50 % are allowed"),
    ],
)
def test_tolerance_on_the_way_down(per_second: float, tolerance: str | None, replicas: int) -> None:
    """Each direction has its own."""
    behavior = {"scaleDown": {} if tolerance is None else {"tolerance": tolerance}}
    timeline = Timeline(service(tokenThroughput=given(1600), behavior=behavior), size=10).arrive(16).advance(120)
    timeline.arrive(per_second).advance(60)
    assert timeline.wants["throughput"] == replicas


def test_what_others_change_counts_towards_the_policies() -> None:
    """A pod that somebody added by hand within the period is one that may not be added again."""
    timeline = rising({"policies": [policy(PODS, 3, 120)]}).resize(4).advance(TICK_SECONDS)
    assert timeline.size == 5
