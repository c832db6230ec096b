"""What people do to services with variants while they run, and numbers that nobody expects."""

import pytest
from cluster_objects import LEAST, NAMESPACE, autoscaler
from gateways_in_memory import WithGateways
from recording_cluster import status_of
from variants_in_memory import SMALL, WithVariants, with_variants

from tidegate.api.names import MAX_COST_ANNOTATION
from tidegate.cluster.resources import AUTOSCALERS, DEPLOYMENTS, NAMESPACES
from tidegate.controller.records import namespace_record

AT_ONCE = {"minReplicas": 1, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
TWO_SMALL = {**SMALL, "minReplicas": 2}


async def running(spec: dict[str, object], turns: int = 8) -> WithVariants:
    """An operator with a service in which all is as it should be."""
    operator = WithVariants()
    operator.apply(spec)
    operator.use(in_flight=1)
    await operator.run(turns)
    return operator


def ceiling(operator: WithGateways, written: str) -> None:
    """What the namespace may cost."""
    metadata = {"name": NAMESPACE, "annotations": {MAX_COST_ANNOTATION: written}}
    operator.cluster.have(NAMESPACES, {"kind": "Namespace", "metadata": metadata})


async def test_a_variant_that_is_removed_while_paused_goes_when_it_is_paused_no_more() -> None:
    """How sizes are written is as the spec says now, not as it was when the variant was last in it."""
    operator = await running(with_variants(TWO_SMALL, scaling=AT_ONCE))
    operator.apply(with_variants(TWO_SMALL, scaling={**AT_ONCE, "mode": "Paused"}), generation=2)
    await operator.run(2)
    operator.apply(with_variants(scaling={**AT_ONCE, "mode": "Paused"}), generation=3)
    await operator.run(4)
    assert operator.sized("chat-cpu") == 2
    operator.apply(with_variants(scaling=AT_ONCE), generation=4)
    await operator.run(3)
    assert operator.variant("cpu")["desiredReplicas"] == 0


@pytest.mark.parametrize(("first", "second"), [("1000000000", "0.5"), ("0.000001", "1000"), ("0", "1000000000")])
async def test_prices_that_are_far_apart_stop_nothing(first: str, second: str) -> None:
    """A weight has an end; the service is looked at all the same."""
    unmeasured = {key: value for key, value in TWO_SMALL.items() if key != "tokenThroughput"}
    scaling = {**AT_ONCE, "tokenThroughput": None}
    operator = await running(with_variants({**unmeasured, "costPerHour": second}, costPerHour=first, scaling=scaling))
    assert operator.variant("cpu")["readyReplicas"] == 2
    assert status_of(operator.cluster)["observedGeneration"] == 1


async def test_new_services_are_created_within_the_ceiling() -> None:
    """Both at once: the older one has what it may, and the younger one what that leaves."""
    operator = WithGateways()
    ceiling(operator, "5")
    for name, created in (("younger", "2026-01-02T00:00:00Z"), ("older", "2026-01-01T00:00:00Z")):
        spec = {**LEAST, "costPerHour": "1", "scaling": {"minReplicas": 4}}
        operator.apply(spec, name=name, creationTimestamp=created)
    await operator.turn()
    sizes = {
        name: operator.cluster.found(DEPLOYMENTS, (NAMESPACE, name))["spec"]["replicas"]
        for name in ("older", "younger")
    }
    assert sizes == {"older": 4, "younger": 1}


@pytest.mark.parametrize(
    ("budget", "sizes"), [("4", (3, 2)), ("3.3", (2, 2)), ("1.4", (1, 2)), ("0.3", (0, 1)), ("0.2", (0, 1))]
)
async def test_variants_are_created_within_the_budget(budget: str, sizes: tuple[int, int]) -> None:
    """What a variant must have comes before the others that the service must have; and stays."""
    scaling = {**AT_ONCE, "minReplicas": 3, "budget": {"maxCostPerHour": budget}}
    operator = await running(with_variants(TWO_SMALL, scaling=scaling), turns=1)
    assert (operator.sized("chat"), operator.sized("chat-cpu")) == sizes
    await operator.run(8)
    assert operator.sized("chat") + 0.2 * operator.sized("chat-cpu") <= float(budget)


@pytest.mark.parametrize("begins", ["serving", "new"])
async def test_where_only_another_variant_can_be_paid_that_one_begins(begins: str) -> None:
    """Though nothing is known of either, and though the first listed serves."""
    unmeasured = {key: value for key, value in SMALL.items() if key != "tokenThroughput"}
    scaling = {**AT_ONCE, "tokenThroughput": None}
    operator = WithVariants()
    operator.use(in_flight=0)
    if begins == "serving":
        operator.apply(with_variants(unmeasured, scaling=scaling))
        await operator.run(6)
    budget = {**scaling, "budget": {"maxCostPerHour": "0.5"}}
    operator.apply(with_variants(unmeasured, scaling=budget), generation=2)
    await operator.run(6)
    assert operator.variant("default")["desiredReplicas"] == 0
    assert operator.variant("cpu")["readyReplicas"] >= 1


async def test_what_shrinks_for_want_of_money_says_so() -> None:
    """Also where it is told of the variant alone."""
    operator = await running(with_variants(SMALL, scaling={**AT_ONCE, "minReplicas": 3, "mode": "Automatic"}))
    ceiling(operator, "0")
    await operator.run(2)
    message = status_of(operator.cluster)["changes"][0]["message"]
    assert "the namespace may cost 0 an hour" in message


@pytest.mark.parametrize("target", ["chat", "chat-cpu"])
async def test_while_a_variant_is_somebody_elses_to_scale_weights_stay(target: str) -> None:
    """Its pods serve on: with another weight beside it, requests would go elsewhere at once."""
    operator = await running(with_variants(TWO_SMALL, scaling=AT_ONCE))
    before = [operator.variant(name)["weight"] for name in ("default", "cpu")]
    assert before[0] > before[1] > 1
    operator.cluster.have(AUTOSCALERS, autoscaler(target=target))
    await operator.run(2)
    assert operator.condition("SpecValid")[1] == "TargetHasAutoscaler"
    assert [operator.variant(name)["weight"] for name in ("default", "cpu")] == before


async def test_what_is_wrong_with_the_service_is_told_by_its_own_field() -> None:
    """A variant has no budget."""
    operator = await running(with_variants(SMALL, scaling={**AT_ONCE, "budget": {"maxCostPerHour": "0.1"}}), turns=2)
    message = operator.condition("SpecValid")[2]
    assert message.startswith("spec.scaling.budget.maxCostPerHour: 0.1 is less")
    assert operator.variant("cpu")["message"] == message


async def test_a_service_whose_deployment_is_that_of_anothers_variant_is_told_whose() -> None:
    """By the variant, because that one may be renamed as well."""
    operator = await running(with_variants(SMALL, scaling=AT_ONCE))
    operator.apply(LEAST, name="chat-cpu", creationTimestamp="2027-01-01T00:00:00Z")
    await operator.run(1)
    reason, message = operator.condition("SpecValid", "chat-cpu")[1:]
    assert reason == "NameTaken"
    assert message.startswith("Deployment 'chat-cpu' is that of variant 'cpu' of InferenceService 'chat' already; ")


@pytest.mark.parametrize("written", ["1e400", "1e9999"])
def test_a_ceiling_without_end_is_none(written: str) -> None:
    """It is told as one that cannot be read."""
    record = namespace_record({"metadata": {"name": "n", "annotations": {MAX_COST_ANNOTATION: written}}})
    assert record is not None
    assert record.max_cost_per_hour is None
    assert repr(written) in record.problem
