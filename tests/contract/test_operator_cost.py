"""What a service costs, and what it may, at a real API server: against the lives of its pods, and its neighbours'."""

import sys
import time
from pathlib import Path

import pytest
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import OperatorProcess, running_operator
from pod_lives import PodLives, pod_lives
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.cluster

PRICE = 3.6
"""A second costs a thousandth."""

SHARE = 0.01
"""As far as cost may be off."""

MAX_COST = "inference.tidegate.dev/max-cost-per-hour"


def priced(here: OperatedNamespace, replicas: int, price: float = PRICE) -> dict[str, object]:
    """A spec of so many pods, at that price."""
    return here.least(replicas=replicas, costPerHour=str(price), **AT_ONCE)


def counted(operator: OperatorProcess, namespace: str) -> float:
    """What the operator has counted as cost in a namespace."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(operator.page())
        for sample in family.samples
        if sample.name == "tidegate_cost_total" and sample.labels["namespace"] == namespace
    )


def end(here: OperatedNamespace, lives: PodLives, count: int) -> tuple[float, float]:
    """Have all pods leave; what the status says that they have cost, and what they have."""
    here.apply(priced(here, 0))
    here.wait("all pods are gone", lambda: lives.are_over(count), seconds=60)
    here.wait("the status says so", lambda: here.status()["cost"]["perHour"] == "0")
    return float(here.status()["cost"]["lastDay"]), PRICE * lives.hours()


def show(measured: str) -> None:
    """Let `pytest -s` print what was measured."""
    sys.stdout.write(f"{measured}\n")


def off(told: float, true: float) -> float:
    """By which share it is off."""
    return abs(told - true) / true


def test_status_and_metric_say_what_the_pods_have_cost(here: OperatedNamespace, operator: OperatorProcess) -> None:
    """Two, four and one, from their creation to their deletion, to within a percent."""
    with pod_lives(here.resources) as lives:
        here.apply(priced(here, 2))
        here.wait_serving(pods=2)
        assert here.status()["cost"]["perHour"] == "7.2"
        time.sleep(20)
        here.apply(priced(here, 4))
        here.wait_serving(pods=4)
        time.sleep(15)
        here.apply(priced(here, 1))
        time.sleep(20)
        told, true = end(here, lives, 4)
    metric = counted(operator, here.namespace)
    show(f"4 pods, {3600 * lives.hours():.1f} pod-seconds: {true:.5f}; status {told:.5f}, metric {metric:.5f}")
    show(f"off by {off(told, true):.3%} and {off(metric, true):.3%}")
    assert off(told, true) < SHARE
    assert off(metric, true) < SHARE
    assert here.kubectl("get", "infer").splitlines()[0].split()[7] == "COST/H"


def test_an_operator_that_was_away_makes_up_for_it(here: OperatedNamespace, tmp_path: Path) -> None:
    """It is killed, and another one starts half a minute later: the pods have cost all the time."""
    namespace = f"--namespace={here.namespace}"
    with pod_lives(here.resources) as lives:
        with running_operator(here.cluster.kubeconfig, tmp_path / "first", namespace) as first:
            here.apply(priced(here, 2))
            here.wait_serving(pods=2)
            time.sleep(15)
            first.kill()
        time.sleep(30)
        with running_operator(here.cluster.kubeconfig, tmp_path / "second", namespace):
            time.sleep(10)
            told, true = end(here, lives, 2)
    show(f"2 pods, {3600 * lives.hours():.1f} pod-seconds: {true:.5f}; status {told:.5f}")
    show(f"off by {off(told, true):.3%}")
    assert off(told, true) < SHARE


def annotate(here: OperatedNamespace, ceiling: str | None) -> None:
    """Say what the namespace may cost."""
    path = f"/api/v1/namespaces/{here.namespace}"
    answer = here.cluster.api.merge_patch(path, {"metadata": {"annotations": {MAX_COST: ceiling}}}, manager="kubectl")
    assert answer.status == 200, answer.message


@pytest.mark.usefixtures("operator")
def test_a_namespace_costs_no_more_than_it_may(here: OperatedNamespace) -> None:
    """The one that came first keeps what it has, the other one is told who holds the rest; raised, it is all served."""
    annotate(here, "10")
    here.apply(priced(here, 3, 2.5), "older")
    here.wait_serving("older", pods=3)
    time.sleep(1)  # Services of one second take turns by name.
    here.apply(priced(here, 4, 2.5), "newer")
    here.wait_serving("newer", pods=1)
    message = here.wait_condition("ScalingLimited", "True", "BudgetExhausted", "newer")
    assert message == (
        "4 replicas at 2.5 would cost 10 an hour, 1 replica can be had: the namespace may cost 10 an hour (annotation "
        f"{MAX_COST}), of which the other services hold 7.5 (older 7.5)"
    )
    annotate(here, "5")
    here.wait_size(0, "newer")
    here.wait_size(2, "older")
    annotate(here, "much")
    here.wait_serving("newer", pods=4)
    here.wait_serving("older", pods=3)
    (event,) = here.wait("it is told", lambda: here.events("CeilingUnreadable", "newer"))
    assert "'much' is not a number" in event


@pytest.mark.usefixtures("operator")
def test_a_budget_that_cannot_be_kept_touches_nothing(here: OperatedNamespace) -> None:
    """Both numbers are told, and the fix; pods that run stay, and a new service gets none."""
    impossible = {**AT_ONCE["scaling"], "budget": {"maxCostPerHour": "2"}}
    here.apply(priced(here, 2), "chat")
    here.wait_serving(pods=2)
    for name in ("chat", "new"):
        here.apply(here.least(costPerHour="3.6", scaling=impossible), name)
        message = here.wait_condition("SpecValid", "False", "BudgetImpossible", name)
        assert "maxCostPerHour: 2 is less than one replica costs, 3.6 an hour: raise it to 3.6 at least" in message
    assert here.size() == 2
    assert here.find("deployments", "new") is None
    here.apply(here.least(costPerHour="3.6", scaling={**impossible, "budget": {"maxCostPerHour": "4"}}), "chat")
    here.wait_size(1)
