"""Replays of services with several variants."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.observation import Observation
from tidegate.simulator.hardware import Hardware, cost_of
from tidegate.simulator.models import MODELS
from tidegate.simulator.outcome import Outcome, outcome_document
from tidegate.simulator.policy import Choice, MixedChoice, OnOneVariant
from tidegate.simulator.replay import SetUp, replay
from tidegate.simulator.tidegate_fleet_policy import TidegateFleetPolicy
from tidegate.simulator.trace import TraceRequest
from tidegate.simulator.trouble import parse_fault

FAST = replace(MODELS["rtx4090"], startup_seconds=30)
SLOW = replace(MODELS["l4"], startup_seconds=60)


def fleet(**slow: object) -> dict[str, Hardware]:
    """Two variants: one fast and dear, ready from the start, one slow and cheap."""
    other = Hardware(model=SLOW, replica_model="l4", cost_per_hour=0.5)
    return {
        "default": Hardware(model=FAST, replica_model="rtx4090", cost_per_hour=2.0, initial_replicas=1),
        "slow": replace(other, **slow),  # type: ignore[arg-type] # Fields of Hardware.
    }


def steady(per_second: float, seconds: int) -> tuple[TraceRequest, ...]:
    """Alike requests, evenly spread."""
    return tuple(TraceRequest(index / per_second, 500, 50) for index in range(round(per_second * seconds)))


@dataclass
class Sized:
    """Always wants the same, and keeps what it was shown."""

    sizes: Mapping[str, int]
    weights: Mapping[str, float] = field(default_factory=dict)
    name: str = "sized"
    period_seconds: float = 5.0
    shown: list[tuple[float, Mapping[str, Observation]]] = field(default_factory=list)

    def decide_mixed(self, observations: Mapping[str, Observation], now: float) -> MixedChoice:
        """As wanted."""
        self.shown.append((now, observations))
        return MixedChoice(self.sizes, "as wanted", weights=self.weights)


def run(policy: Sized | OnOneVariant | TidegateFleetPolicy, *faults: str, per_second: float = 4.0) -> Outcome:
    """Ten minutes of the same."""
    hardware = fleet()
    set_up = SetUp(model=FAST, variants=hardware, faults=[parse_fault(text) for text in faults])
    return replay(steady(per_second, 600), policy, set_up)


def test_each_pod_is_of_its_variant() -> None:
    """It takes the cold start of that one, and is billed from its order at the price of that one."""
    policy = Sized({"default": 1, "slow": 2})
    outcome = run(policy)
    ready = [now for now, seen in policy.shown if len(seen["slow"].ready_pods) == 2]
    assert ready[0] == 65  # Ordered at 5 s, and a minute to start.
    end = outcome.duration_seconds
    assert outcome.seconds_by_variant == pytest.approx({"default": end, "slow": 2 * (end - 5)})
    assert outcome.cost == pytest.approx((2.0 * end + 0.5 * 2 * (end - 5)) / 3600)


def test_requests_are_shared_out_by_weight() -> None:
    """As the gateway does: the pod with the least load for its weight is next."""
    shares = {}
    for weight in (1.0, 9.0):
        policy = Sized({"default": 1, "slow": 1}, {"default": weight, "slow": 1.0})
        run(policy, per_second=12)
        _, seen = policy.shown[-1]
        (fast,), (slow,) = seen["default"].ready_pods, seen["slow"].ready_pods
        shares[weight] = fast.reading.requests_ended / slow.reading.requests_ended  # type: ignore[union-attr]
    assert shares[9.0] > 3 * shares[1.0]


def test_the_gateway_counts_for_the_whole_service() -> None:
    """Every variant is shown the same arrivals, and only its own pods."""
    policy = Sized({"default": 1, "slow": 1})
    run(policy)
    now, seen = policy.shown[50]
    assert {each.gateway.samples[0].requests for each in seen.values() if each.gateway} == {1 + 4 * now}
    assert all(each.is_counted_by_gateways for each in seen.values())
    uids = [{pod.uid for pod in each.pods} for each in seen.values()]
    assert not uids[0] & uids[1]


def test_a_variant_without_room_waits_and_costs_nothing() -> None:
    """Its pods find no place for a while; those of the other do, and those that had one keep it."""
    policy = Sized({"default": 2, "slow": 1})
    outcome = run(policy, "no-room:slow@0..300")
    stuck = [now for now, seen in policy.shown if any(pod.unschedulable for pod in seen["slow"].pods)]
    assert (stuck[0], stuck[-1]) == (10, 295)
    assert not any(pod.unschedulable for _, seen in policy.shown for pod in seen["default"].pods)
    assert outcome.seconds_by_variant["slow"] == pytest.approx(outcome.duration_seconds - 300)


def test_no_more_than_there_may_be() -> None:
    """Of a variant, and of all together: what comes last is left out."""
    set_up = SetUp(model=FAST, variants=fleet(max_replicas=3), max_replicas=4)
    outcome = replay(steady(1, 60), Sized({"default": 2, "slow": 9}), set_up)
    assert outcome.changes[0].to_sizes == {"default": 2, "slow": 2}
    set_up = replace(set_up, max_replicas=40)
    outcome = replay(steady(1, 60), Sized({"default": 2, "slow": 9}), set_up)
    assert outcome.changes[0].to_sizes == {"default": 2, "slow": 3}


def test_a_policy_of_one_size_runs_on_one_variant() -> None:
    """The others have no pods, not even at the start."""

    @dataclass
    class Three:
        name: str = "three"
        period_seconds: float = 5.0

        def decide(self, observation: Observation, now: float) -> Choice:
            assert observation.replicas == (1 if now == 5 else 3)
            return Choice(3)

    outcome = run(OnOneVariant(Three(), "slow", initial_replicas=1))
    assert outcome.seconds_by_variant["default"] == 0
    assert outcome.changes[0].to_sizes == {"default": 0, "slow": 3}


def test_the_document_says_what_each_variant_did() -> None:
    """Hours and sizes by variant, and what it cost per token and request."""
    document = outcome_document(run(Sized({"default": 1, "slow": 2})))
    assert document["replicaHours"].keys() == {"default", "slow"}
    assert document["costPerMillionTokens"] == pytest.approx(document["cost"] / (2400 * 550) * 1e6, rel=1e-3)
    kept = document["requests"] * document["sloAttainment"]
    assert document["costPerRequestKept"] == pytest.approx(document["cost"] / kept, rel=1e-3)
    assert document["series"]["readyByVariant"]["slow"][-1] == 2
    assert document["series"]["cost"] == sorted(document["series"]["cost"])
    assert document["changes"][0]["toSizes"] == {"default": 1, "slow": 2}


def test_a_price_that_is_not_known_is_no_price() -> None:
    """It matters only where such a variant was used."""
    hardware = fleet(cost_per_hour=None)
    assert cost_of({"default": 3600.0, "slow": 1.0}, hardware) is None
    assert cost_of({"default": 3600.0, "slow": 0.0}, hardware) == 2.0


SPEC = {
    "model": {"name": "m"},
    "engine": {"type": "vLLM", "image": "i"},
    "costPerHour": "2",
    "variants": [{"name": "slow", "costPerHour": "0.5"}],
}


def test_tidegate_falls_back_where_there_is_no_room() -> None:
    """No pod of the one variant finds a place, so after fallbackAfterSeconds the other is ordered, and serves."""
    scaling = {"maxReplicas": 20, "fallbackAfterSeconds": 60}
    spec = InferenceServiceSpec.model_validate(SPEC | {"costPerHour": "0.2", "scaling": scaling})
    policy = TidegateFleetPolicy(spec, {"default": 0.2, "slow": 0.5})
    outcome = run(policy, "no-room:default@0", per_second=14)
    assert outcome.points[-1].ready_by_variant["slow"] > 1
    without = run(TidegateFleetPolicy(spec, {"default": 0.2, "slow": 0.5}), per_second=14)
    assert without.points[-1].ready_by_variant["slow"] == 0


def test_tidegate_keeps_to_its_budget() -> None:
    """However much arrives, what is ordered costs no more than the service may."""
    scaling = {"maxReplicas": 20, "budget": {"maxCostPerHour": "3"}}
    spec = InferenceServiceSpec.model_validate(SPEC | {"scaling": scaling})
    outcome = run(TidegateFleetPolicy(spec, {"default": 2.0, "slow": 0.5}), per_second=30)
    costs = [2.0 * change.to_sizes["default"] + 0.5 * change.to_sizes["slow"] for change in outcome.changes]
    assert costs
    assert max(costs) <= 3.0
