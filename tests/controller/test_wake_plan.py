"""The plan to wake a service, as a table."""

from dataclasses import replace
from typing import Any

import pytest
from cluster_objects import LEAST

from tidegate.api.conditions import Reason
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.learned_status import Confidence, LearnedCapacity, LearnedLeadTime
from tidegate.api.routing import RoutingMode
from tidegate.controller.checks import Blocks, Refusal
from tidegate.controller.wake_plan import VariantToWake, WakeInput, variant_to_wake, wake_plan
from tidegate.scaling.budget import Budget

TIME = "2026-01-01T00:00:00Z"


def spec(**changes: Any) -> InferenceServiceSpec:
    """A spec that may sleep."""
    scaling = {"minReplicas": 0, **changes.pop("scaling", {})}
    return InferenceServiceSpec.model_validate({**LEAST, **changes, "scaling": scaling})


def learned(per_second: str | None, at_once: str | None = None) -> LearnedCapacity:
    """What one replica was seen to do."""
    return LearnedCapacity(
        variant="default",
        requests_per_second=per_second,
        requests_at_once=at_once,
        confidence=Confidence.HIGH,
        time=TIME,
    )


LEAD_TIME = LearnedLeadTime(variant="default", p50_seconds=20, p75_seconds=45, samples=3, time=TIME)
GIVEN = WakeInput(
    spec=spec(),
    mode=RoutingMode.GATEWAY,
    deployment="chat",
    refusal=None,
    yielded_to=None,
    pods_refused="",
    capacity=None,
    lead_time=None,
    max_sequences=None,
    floor=0,
)


def test_a_new_service_has_a_plan_without_anything_learned() -> None:
    """From the defaults of its spec."""
    plan = wake_plan(GIVEN)
    assert plan is not None
    assert plan.to_document() == {
        "deployment": "chat",
        "allowed": True,
        "reason": "Allowed",
        "message": "",
        "minReplicas": 1,
        "maxReplicas": 8,
        "requestsPerReplica": 4,
    }


def test_without_a_gateway_in_the_way_there_is_none() -> None:
    """Nobody would read it."""
    assert wake_plan(replace(GIVEN, mode=RoutingMode.NONE)) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (1, 8)),
        ({"floor": 3}, (3, 8)),
        ({"floor": 9}, (8, 8)),
        ({"spec": spec(scaling={"minReplicas": 2, "maxReplicas": 5})}, (2, 5)),
        ({"spec": spec(scaling={"minReplicas": 2}), "floor": 1}, (2, 8)),
        ({"spec": spec(replicas=6), "floor": 3}, (6, 6)),
    ],
    ids=["least", "a schedule", "a schedule above the most", "bounds", "the higher of both", "a pin is both"],
)
def test_bounds(changes: dict[str, Any], expected: tuple[int, int]) -> None:
    """Schedules that hold now are among the fewest."""
    plan = wake_plan(replace(GIVEN, **changes))
    assert plan is not None
    assert (plan.min_replicas, plan.max_replicas) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 4),
        ({"spec": spec(scaling={"queueDepth": {"targetPerReplica": "0.5"}})}, 1),
        ({"max_sequences": 16}, 16),
        ({"capacity": learned("0.5")}, 15),
        ({"capacity": learned("0.5"), "spec": spec(scaling={"queueDepth": {"drainSeconds": 60}})}, 30),
        ({"capacity": learned("0.1", "12")}, 12),
        ({"capacity": learned("0.1", "12"), "max_sequences": 20}, 20),
        ({"capacity": learned("100"), "max_sequences": 20}, 3000),
        ({"capacity": learned(None, "12"), "max_sequences": 20}, 20),
        ({"capacity": learned("1000000")}, 1_000_000),
    ],
    ids=[
        "nothing known",
        "never less than one",
        "engine's arguments",
        "learned, times the drain time",
        "another drain time",
        "at least what runs at once",
        "or what may",
        "many short ones",
        "a rate that is not known",
        "room of the field",
    ],
)
def test_requests_per_replica(changes: dict[str, Any], expected: int) -> None:
    """What one replica starts within the drain time."""
    plan = wake_plan(replace(GIVEN, **changes))
    assert plan is not None
    assert plan.requests_per_replica == expected


BROKEN = Refusal(Reason.INVALID_SPEC, "spec.scaling: bad")
BODY_ONLY = Refusal(Reason.TEMPLATE_CONFLICT, "spec.template: bad", Blocks.BODY)


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"spec": spec(replicas=0)}, "PinnedAtZero", "switched off by hand"),
        ({"spec": spec(scaling={"mode": "Paused"})}, "Paused", "scaling.mode is Paused"),
        ({"spec": spec(scaling={"mode": "Advisory"})}, "Advisory", "scaling.mode is Advisory"),
        ({"refusal": BROKEN}, "InvalidSpec", "spec.scaling: bad"),
        ({"refusal": BROKEN, "spec": None}, "InvalidSpec", "spec.scaling: bad"),
        ({"yielded_to": "keda"}, "Yielded", "keda writes the size"),
        ({"pods_refused": "exceeded quota: gpus"}, "PodsRefused", "the API server refuses its pods: exceeded quota"),
        ({"refusal": BROKEN, "spec": spec(replicas=0)}, "InvalidSpec", "bad"),
        (
            {"cost_per_hour": 2.5, "budget": Budget(cost_per_hour=2.4, because="others hold it")},
            "BudgetExhausted",
            "one replica costs 2.5 an hour: others hold it",
        ),
    ],
)
def test_what_forbids_a_wake(changes: dict[str, Any], reason: str, says: str) -> None:
    """Clients are told at once, in these words."""
    plan = wake_plan(replace(GIVEN, **changes))
    assert plan is not None
    assert (plan.allowed, plan.reason) == (False, reason)
    assert says in plan.message


@pytest.mark.parametrize("changes", [{"refusal": BODY_ONLY}, {"spec": spec(replicas=2)}])
def test_what_does_not(changes: dict[str, Any]) -> None:
    """A body that cannot be written leaves the old one, which runs; a pin above zero is a size like any other."""
    plan = wake_plan(replace(GIVEN, **changes))
    assert plan is not None
    assert plan.allowed


@pytest.mark.parametrize(
    ("budget", "price", "changes", "expected"),
    [
        (7.6, 2.5, {}, (1, 3)),
        (7.6, 2.5, {"replicas": 6}, (3, 3)),
        (7.6, 2.5, {"replicas": 2}, (2, 2)),
        (500, 2.5, {}, (1, 8)),
        (7.6, None, {}, (1, 8)),
        (7.6, 0.0, {}, (1, 8)),
    ],
)
def test_bounds_within_a_budget(
    budget: float, price: float | None, changes: dict[str, Any], expected: tuple[int, int]
) -> None:
    """A wake costs no more than the service may; without a price nobody can tell."""
    given = replace(GIVEN, spec=spec(**changes), cost_per_hour=price, budget=Budget(cost_per_hour=budget, because=""))
    plan = wake_plan(given)
    assert plan is not None
    assert (plan.min_replicas, plan.max_replicas) == expected
    assert plan.allowed


def test_a_variant_that_cannot_be_afforded_is_not_woken() -> None:
    """Another one is, though it is slower; and where none can be, the first says why."""
    quick, slow = way("default", 4.0, 1), way("cpu", 0.5, 600)
    for budget, deployment, allowed in ((8.0, "chat-default", True), (3.0, "chat-cpu", True), (0.1, None, False)):
        given = replace(GIVEN, variants=(quick, slow), budget=Budget(cost_per_hour=budget, because=""))
        plan = wake_plan(given)
        assert plan is not None
        assert plan.allowed is allowed
        assert deployment in {None, plan.deployment}


def test_the_rest_is_told_as_it_is_known() -> None:
    """What one pod works on at once, and how long pods take."""
    plan = wake_plan(replace(GIVEN, max_sequences=64, lead_time=LEAD_TIME))
    assert plan is not None
    assert (plan.max_sequences, plan.lead_time_seconds) == (64, 45)


def test_a_long_message_is_cut() -> None:
    """The field has room for so much; a status must not be refused for it."""
    plan = wake_plan(replace(GIVEN, refusal=Refusal(Reason.INVALID_SPEC, "x" * 5000)))
    assert plan is not None
    assert len(plan.message) == 1024


def lead(seconds: int) -> LearnedLeadTime:
    """Learned: three of four pods take no longer."""
    return LEAD_TIME.model_copy(update={"p75_seconds": seconds})


def way(name: str, cost: float | None, seconds: int | None = None, **changes: Any) -> VariantToWake:
    """A variant of which nothing else is known."""
    return VariantToWake(
        name=name,
        spec=changes.pop("spec", spec()),
        deployment=f"chat-{name}",
        cost_per_hour=cost,
        lead_time=None if seconds is None else lead(seconds),
        **changes,
    )


FULL = {"without_place": True}
REFUSED = {"pods_refused": "exceeded quota: gpus"}


@pytest.mark.parametrize(
    ("variants", "chosen"),
    [
        ([way("l4", 0.7, 90), way("a100", 3.0, 30)], "l4"),
        ([way("l4", 0.7, 90), way("a100", 3.0, 20)], "a100"),
        ([way("l4", 0.7), way("a100", 3.0, 20)], "l4"),
        ([way("l4", 1.0), way("a100", 3.0, 19)], "a100"),
        ([way("a100", 3.0, 20), way("l4", 1.0)], "a100"),
        ([way("a100", 3.0, 20), way("cpu", None, 1)], "cpu"),
        ([way("a100", 3.0), way("free", 0.0, 600)], "free"),
        ([way("l4", 0.7, 90, **FULL), way("a100", 3.0, 300)], "a100"),
        ([way("l4", 0.7, 90, **REFUSED), way("a100", 3.0, 300)], "a100"),
        ([way("l4", 0.7, 90, refusal=BROKEN), way("a100", 3.0, 300)], "a100"),
        ([way("l4", 0.7, 90, refusal=BODY_ONLY), way("a100", 3.0, 300)], "a100"),
        ([way("l4", 0.7, 90, **FULL), way("a100", 3.0, 300, **FULL)], "l4"),
        ([way("l4", 0.7, 90, **REFUSED), way("a100", 3.0, 300, **FULL)], "a100"),
        ([way("l4", None, 1, **FULL), way("a100", 3.0, 300), way("cpu", 1.0, 600)], "cpu"),
        ([way("l4", 0.7, 90, **REFUSED), way("a100", 3.0, 300, refusal=BROKEN)], None),
        ([], None),
    ],
    ids=[
        "the cheaper one, though later",
        "the dearer one, where it is so much sooner",
        "a lead time that is not known is a minute",
        "and no less",
        "of equals the first",
        "without all prices the soonest",
        "what costs nothing, however late",
        "no place",
        "pods refused",
        "a spec that is wrong",
        "a body that cannot be written",
        "none has a place",
        "of no place and refused the former",
        "only the prices of those that can be woken",
        "nothing left",
        "nothing there",
    ],
)
def test_which_variant_is_the_cheapest_to_answer_first(variants: list[VariantToWake], chosen: str | None) -> None:
    """By its price times its lead time, of those that nothing is known against."""
    assert variant_to_wake(variants) == chosen


def test_a_plan_names_one_variant_and_speaks_of_that_one() -> None:
    """Its Deployment, its bounds within those of all together, its pace, and how long it takes."""
    own = spec(scaling={"minReplicas": 2, "maxReplicas": 5})
    cheap = way("cpu", 0.2, 10, spec=own, capacity=learned("0.5"), max_sequences=4)
    whole = spec(scaling={"minReplicas": 1, "maxReplicas": 6})
    given = replace(GIVEN, spec=whole, max_sequences=64, variants=(way("default", 3.0), cheap))
    plan = wake_plan(given)
    assert plan is not None
    assert (plan.deployment, plan.allowed) == ("chat-cpu", True)
    assert (plan.min_replicas, plan.max_replicas) == (2, 5)
    assert (plan.requests_per_replica, plan.max_sequences, plan.lead_time_seconds) == (15, 4, 10)


@pytest.mark.parametrize(
    ("whole", "own", "floor", "expected"),
    [
        ({}, {"maxReplicas": 3}, 0, (1, 3)),
        ({}, {"maxReplicas": 30}, 0, (1, 8)),
        ({"minReplicas": 4}, {"maxReplicas": 3}, 0, (3, 3)),
        ({}, {"minReplicas": 2, "maxReplicas": 3}, 1, (2, 3)),
        ({}, {"maxReplicas": 30}, 5, (5, 8)),
    ],
    ids=["its own most", "that of all", "fewest of all, as far as it may", "its own fewest", "a schedule"],
)
def test_bounds_of_a_variant(whole: dict[str, int], own: dict[str, int], floor: int, expected: tuple[int, int]) -> None:
    """What it lacks of the fewest of all, the operator adds with others."""
    only = way("cpu", 0.2, spec=spec(scaling=own))
    plan = wake_plan(replace(GIVEN, spec=spec(scaling=whole), floor=floor, variants=(only,)))
    assert plan is not None
    assert (plan.min_replicas, plan.max_replicas) == expected


def test_a_pin_is_the_size_of_all_together_and_one_variant_takes_what_it_may() -> None:
    """The rest is for the operator to add."""
    only = way("cpu", 0.2, spec=spec(scaling={"maxReplicas": 3}))
    plan = wake_plan(replace(GIVEN, spec=spec(replicas=6), variants=(only,)))
    assert plan is not None
    assert (plan.min_replicas, plan.max_replicas) == (3, 3)


@pytest.mark.parametrize(
    ("variants", "reason"),
    [
        ((way("default", 1.0, **REFUSED), way("cpu", 2.0, refusal=BROKEN)), "PodsRefused"),
        ((way("default", 1.0, refusal=BROKEN), way("cpu", 2.0, **REFUSED)), "InvalidSpec"),
        ((way("default", 1.0, **REFUSED), way("cpu", 2.0)), "Allowed"),
        ((way("default", 1.0, **FULL), way("cpu", 2.0, **FULL)), "Allowed"),
    ],
    ids=["none can be woken", "nor here", "one can", "a place may be found"],
)
@pytest.mark.parametrize("refusal", [None, BODY_ONLY])
def test_a_service_may_be_woken_while_one_of_its_variants_may(
    variants: tuple[VariantToWake, ...], reason: str, refusal: Refusal | None
) -> None:
    """Else the first says why not."""
    plan = wake_plan(replace(GIVEN, variants=variants, refusal=refusal))
    assert plan is not None
    assert (plan.reason, plan.allowed) == (reason, reason == "Allowed")
