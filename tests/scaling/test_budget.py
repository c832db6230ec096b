"""What a service may cost below its own budget and its namespace's ceiling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving_pod import Load
from timeline import TICK_SECONDS, Timeline, service
from timeline import given as given_capacity

from tidegate.scaling.budget import Budget, Ceiling, Holder, budget_of

CEILING = Ceiling(cost_per_hour=20, source="annotation")


def holder(name: str, created: float, cost_per_hour: float) -> Holder:
    """A service and what it holds."""
    return Holder(name=name, created=created, cost_per_hour=cost_per_hour)


@pytest.mark.parametrize(
    ("own", "ceiling", "held", "others", "allowed"),
    [
        (None, None, 5, [], None),
        (12.5, None, 99, [], 12.5),
        (None, 20, 0, [], 20),
        (12.5, 20, 0, [], 12.5),  # the narrower
        (30, 20, 0, [], 20),
        (None, 20, 0, [(1, 8)], 12),  # what is left
        (None, 20, 0, [(9, 8)], 12),  # age is nothing while there is room
        (None, 20, 4, [(1, 20)], 0),  # over the ceiling: the younger gives way
        (None, 20, 4, [(9, 20)], 4),  # and the older keeps what it has, but takes no more
        (None, 20, 24, [(9, 4)], 20),  # the ceiling was lowered: nobody has more than it
        (None, 20, 6, [(1, 10), (9, 10)], 6),  # the youngest gives way, not this one
        (None, 20, 12, [(1, 10), (9, 10)], 10),  # this one gives way in part
        (None, 0, 4, [], 0),
    ],
)
def test_what_a_service_may_cost(
    own: float | None, ceiling: float | None, held: float, others: list[tuple[float, float]], allowed: float | None
) -> None:
    """The table of `budget_of`: (created, held) of the others; the service itself was made at 5."""
    budget = budget_of(
        own,
        None if ceiling is None else Ceiling(cost_per_hour=ceiling, source="annotation"),
        holder("chat", 5, held),
        [holder(f"other-{number}", *each) for number, each in enumerate(others)],
    )
    assert (None if budget is None else budget.cost_per_hour) == allowed


def test_the_holders_of_most_are_named() -> None:
    """Three of them, and how many there are besides."""
    others = [holder(name, 1, held) for name, held in [("a", 1), ("b", 5), ("c", 2), ("d", 4), ("e", 0)]]
    budget = budget_of(None, CEILING, holder("chat", 5, 0), others)
    assert budget is not None
    assert budget.because == (
        "the namespace may cost 20 an hour (annotation), of which the other services hold 12 (b 5, d 4, c 2, 1 more)"
    )


def test_services_of_one_second_give_way_by_name() -> None:
    """Of two that were made in the same second, it has to be one, and always the same."""
    both = [holder("a", 5, 15), holder("b", 5, 15)]
    allowed = [budget_of(None, CEILING, each, [other for other in both if other is not each]) for each in both]
    assert [budget.cost_per_hour for budget in allowed if budget] == [15, 5]


@given(
    held=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    wanted=st.lists(st.integers(0, 40), min_size=6, max_size=6),
    order=st.permutations(range(6)),
    ceiling=st.integers(0, 100),
)
def test_however_they_take_turns_the_ceiling_is_kept(
    held: list[int], wanted: list[int], order: list[int], ceiling: int
) -> None:
    """One after the other, each takes what it may: never more than the ceiling together, if it was not so before."""
    limit = Ceiling(cost_per_hour=ceiling, source="annotation")
    holds = {number: float(cost) for number, cost in enumerate(held)}
    was_within = sum(holds.values()) <= ceiling
    for number in [*order, *order]:
        if number in holds:
            others = [holder(str(each), each, cost) for each, cost in holds.items() if each != number]
            budget = budget_of(None, limit, holder(str(number), number, holds[number]), others)
            assert budget is not None
            holds[number] = min(wanted[number], budget.cost_per_hour)
            assert not was_within or sum(holds.values()) <= ceiling
    assert sum(holds.values()) <= ceiling


@pytest.mark.parametrize(
    ("budget", "price", "replicas"), [(0.3, 0.1, 3), (12.5, 2.5, 5), (12.4, 2.5, 4), (1, 2.5, 0), (1e300, 1e-300, 1000)]
)
def test_replicas_that_can_be_had(budget: float, price: float, replicas: int) -> None:
    """Whole ones, no more than any service may have; what decimals lose as floats does not cost one."""
    assert Budget(cost_per_hour=budget, because="").replicas(price) == replicas


def a_service(price: float | None, budget: Budget, **more: object) -> Timeline:
    """A service that wants four replicas."""
    spec = service(tokenThroughput=given_capacity(1600), **more)
    facts = {"cost_per_hour": price, "budget": budget}
    return Timeline(spec, size=1, load=Load(slots=80), facts=facts).arrive(6)


def test_a_budget_bounds_the_size_and_says_what_was_wanted_and_given() -> None:
    """The reason is the budget, once the size has reached it."""
    timeline = a_service(2.5, Budget(cost_per_hour=7.5, because="the budget is 7.5")).advance(600)
    assert timeline.size == 3
    assert timeline.decision.reason == "BudgetExhausted"
    assert timeline.decision.limits[-1].name == "budget"
    assert timeline.decision.limits[-1].because == (
        "4 replicas at 2.5 would cost 10 an hour, 3 replicas can be had: the budget is 7.5"
    )
    assert timeline.decision.limits[-1].because in timeline.decision.message


def test_a_budget_wins_over_a_pin_and_the_minimum() -> None:
    """Whoever sets a size by hand does not pay for it."""
    for more in ({"replicas": 6}, {"minReplicas": 6}):
        timeline = a_service(2.5, Budget(cost_per_hour=5, because="it is 5"), **more).advance(TICK_SECONDS)
        assert timeline.size == 2, more
        timeline.advance(TICK_SECONDS)
        assert timeline.decision.reason == "BudgetExhausted", more


def test_without_a_price_nothing_is_bounded() -> None:
    """What cannot be reckoned cannot be kept; a check tells of it."""
    timeline = a_service(None, Budget(cost_per_hour=5, because="")).advance(600)
    assert timeline.size == 4


def test_what_is_free_costs_nothing_of_a_budget() -> None:
    """A price of 0 is a price."""
    timeline = a_service(0.0, Budget(cost_per_hour=5, because="")).advance(600)
    assert timeline.size == 4


def test_a_paused_service_keeps_its_size() -> None:
    """A budget does not write sizes where nobody does."""
    timeline = a_service(2.5, Budget(cost_per_hour=0, because=""), mode="Paused").advance(60)
    assert timeline.size == 1
    assert timeline.decision.reason == "Paused"
