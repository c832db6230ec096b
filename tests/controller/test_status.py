"""The status: numbers at rest stay at rest, transitions keep their times, and nothing an engine says breaks it."""

import math
from dataclasses import replace
from typing import Any

import pytest
from cluster_objects import LEAST, NAMESPACE, inference_service, own_deployment
from hypothesis import given
from hypothesis import strategies as st
from operator_under_test import OperatorUnderTest
from recording_cluster import status_of

from tidegate.api.conditions import Reason
from tidegate.api.inference_service_status import MAXIMUM_LIMITS, InferenceServiceStatus
from tidegate.api.variant import MAXIMUM_VARIANTS
from tidegate.cluster.resources import INFERENCE_SERVICES
from tidegate.cluster.write_budget import Urgency
from tidegate.controller.records import service_record
from tidegate.controller.status import (
    DEAD_BAND,
    LARGEST_RATE,
    StatusInput,
    is_urgent,
    rounded,
    status_document,
    timestamp,
)
from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.decision import Decision, Limit, Proposal
from tidegate.scaling.health import MetricsHealth, MetricsState
from tidegate.scaling.observation import Observation
from tidegate.workloads.live import LiveCondition, live_deployment

CHAT = (NAMESPACE, "chat")
RATES = st.floats(min_value=0, allow_nan=False)


class TestRounding:
    """Two digits, and a dead band around what is written."""

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, None),
            (0.0, "0"),
            (1e-12, "0"),
            (0.0012, "0.0012"),
            (0.5, "0.50"),
            (1.26, "1.3"),
            (9.96, "10"),
            (123.0, "120"),
            (4567.0, "4600"),
            (1e18, "1000000000000000"),
            (math.inf, "1000000000000000"),
            (math.nan, None),
        ],
    )
    def test_two_significant_digits(self, value: float | None, text: str | None) -> None:
        """More would change at every look and tell nobody anything."""
        assert rounded(value, None) == text

    @given(RATES)
    def test_what_is_written_is_near_fits_its_field_and_stays(self, value: float) -> None:
        """Of any number that an engine can say; and the same number again is no change."""
        text = rounded(value, None)
        assert text is not None
        assert len(text) <= 24
        assert math.isclose(float(text), min(value, LARGEST_RATE), rel_tol=DEAD_BAND, abs_tol=0.001)
        assert rounded(value, text) == text

    @given(RATES, st.floats(min_value=-0.99 * DEAD_BAND, max_value=0.99 * DEAD_BAND))
    def test_within_the_dead_band_what_is_written_stays(self, written: float, change: float) -> None:
        """A service at rest writes nothing, though its numbers are never quite the same."""
        text = rounded(written, None)
        assert text is not None
        assert rounded(float(text) * (1 + change), text) == text

    @pytest.mark.parametrize("written", ["0", "100"])
    def test_leaving_the_dead_band_is_written(self, written: str) -> None:
        """Zero has none: the first request after a quiet night shows."""
        assert rounded(float(written) + 10, written) not in {written, None}


def status_input(**changes: Any) -> StatusInput:
    """A service with two pods, one of them ready, that has just been decided about."""
    health = MetricsHealth(MetricsState.FRESH, "fresh", (), complete=True)
    decision = Decision(
        time=1000.0,
        from_replicas=2,
        to_replicas=3,
        reason="ScaledUp",
        message="2 → 3: 12 requests wait",
        applied=True,
        proposals=(Proposal("queue", 3, "many wait"),),
        limits=(Limit("behavior", 5, 3, "only so many"),),
        health=health,
        traffic=Traffic(),
    )
    return replace(
        StatusInput(
            service=service_record(inference_service()),
            previous={},
            refusal=None,
            deployment=live_deployment(own_deployment(inference_service(), 2)),
            observation=Observation(replicas=2),
            decision=decision,
            not_starting=(),
            conflict_reason=Reason.SOLE_WRITER,
            conflict_message="",
            changes=(),
            url=None,
            now=1000.0,
        ),
        **changes,
    )


def decision_with(traffic: Traffic) -> Decision:
    """A decision with this traffic behind it."""
    decision = status_input().decision
    assert decision is not None
    return replace(decision, traffic=traffic)


class TestDocument:
    """What is made of a look."""

    @given(RATES, RATES, RATES, RATES)
    def test_no_number_of_an_engine_breaks_it(self, waiting: float, arriving: float, served: float, kv: float) -> None:
        """A broken engine must not keep its service from being told of: the CRD takes every status."""
        traffic = Traffic(
            waiting=waiting, running=waiting, arriving_per_second=arriving, served_per_second=served, kv_usage=kv
        )
        status = status_document(status_input(decision=decision_with(traffic)))
        InferenceServiceStatus.model_validate(status)

    def test_a_decision_about_all_variants_that_a_spec_can_have_fits(self) -> None:
        """One proposal of each of them, and limits of each: more than there is room for are left out."""
        decision = status_input().decision
        assert decision is not None
        proposals = tuple(Proposal("queue", 3, f"v{number}: many wait") for number in range(MAXIMUM_VARIANTS + 1))
        limits = tuple(Limit("behavior", 5, 3, f"v{number}: only so many") for number in range(MAXIMUM_LIMITS + 1))
        decided = replace(decision, proposals=proposals, limits=limits)
        record = status_document(status_input(decision=decided))["decision"]
        assert len(record["proposals"]) == MAXIMUM_VARIANTS + 1
        assert len(record["limits"]) == MAXIMUM_LIMITS

    def test_a_selector_too_long_for_its_field_is_left_out(self) -> None:
        """Half a selector would be another one."""
        live = live_deployment(own_deployment(inference_service()))
        assert status_document(status_input(deployment=replace(live, selector="a" * 2049)))["selector"] == ""
        assert status_document(status_input(deployment=live))["selector"] == live.selector

    def test_what_is_missing_is_absent_and_what_is_zero_is_zero(self) -> None:
        """Two different nothings."""
        status = status_document(status_input(decision=decision_with(Traffic(waiting=0.0))))
        assert status["signals"]["waiting"] == 0
        assert "running" not in status["signals"]

    def test_a_decision_that_differs_in_its_numbers_alone_keeps_its_record(self) -> None:
        """Its time says since when it stands."""
        first = status_document(status_input())
        decision = status_input().decision
        assert decision is not None
        first["decision"]["message"] = "2 → 3: 9 wait"
        later = replace(decision, time=2000.0, message="2 → 3: 41 wait")
        second = status_document(status_input(previous=first, decision=later, now=2000.0))
        assert second["decision"] == first["decision"]
        third = status_document(status_input(previous=first, decision=replace(later, to_replicas=4), now=2000.0))
        assert third["decision"]["time"] == timestamp(2000.0)
        fourth = status_document(status_input(previous=first, decision=replace(later, message="2 → 3: not read")))
        assert fourth["decision"]["message"] == "2 → 3: not read"

    def test_a_record_that_is_written_anyway_gets_the_numbers_of_now(self) -> None:
        """What is read beside a new condition must not be of another hour; its time still says since when it stands."""
        first = status_document(status_input())
        first["decision"]["message"] = "2 → 3: 9 wait"
        decision = status_input().decision
        assert decision is not None
        later = replace(decision, time=2000.0, message="2 → 3: 41 wait")
        second = status_document(status_input(previous={**first, "replicas": 99}, decision=later, now=2000.0))
        assert second["decision"]["message"] == "2 → 3: 41 wait"
        assert second["decision"]["time"] == first["decision"]["time"]

    def test_transition_times_stay_while_the_status_of_a_condition_does(self) -> None:
        """A new reason or message is no transition."""
        first = status_document(status_input())
        live = live_deployment(own_deployment(inference_service(), 2))
        failure = LiveCondition(type="Progressing", status="False", reason="ProgressDeadlineExceeded", message="late")
        troubled = replace(live, conditions=(failure,))
        second = status_document(status_input(previous=first, deployment=troubled, now=5000.0))
        times = {c["type"]: c["lastTransitionTime"] for c in second["conditions"]}
        assert set(times.values()) == {timestamp(1000.0)}
        (ready,) = (c for c in second["conditions"] if c["type"] == "Ready")
        assert "(ProgressDeadlineExceeded: late)" in ready["message"]

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"replicas": 2}, True),
            ({"readyReplicas": 1}, True),
            ({"desiredReplicas": 4}, True),
            ({"observedGeneration": 9}, True),
            ({"signals": {"waiting": 9}}, False),
            ({"url": "http://elsewhere"}, False),
        ],
    )
    def test_sizes_generations_and_conditions_are_urgent_numbers_are_not(
        self, change: dict[str, Any], *, expected: bool
    ) -> None:
        """Somebody may be waiting for the first three."""
        status = status_document(status_input())
        assert is_urgent(status, {**status, **change}) is expected
        other = [{**each, "message": "otherwise"} for each in status["conditions"]]
        assert not is_urgent(status, {**status, "conditions": other})
        turned = [{**each, "reason": "Otherwise"} for each in status["conditions"]]
        assert is_urgent(status, {**status, "conditions": turned})
        plan = {"deployment": "chat", "allowed": False, "reason": "BudgetExhausted", "message": "other holds 4"}
        planned = {**status, "wakePlan": plan}
        assert not is_urgent(planned, {**planned, "wakePlan": {**plan, "message": "other holds 5"}})
        assert is_urgent(planned, {**planned, "wakePlan": {**plan, "allowed": True}})

    def test_a_rollout_that_does_not_get_on_is_told_with_its_cause(self) -> None:
        """What the Deployment's controller complains of belongs there, too."""
        live = live_deployment(own_deployment(inference_service(), 2))
        late = LiveCondition(type="Progressing", status="False", reason="ProgressDeadlineExceeded", message="no GPU")
        status = status_document(
            status_input(
                deployment=replace(live, conditions=(late,)),
                observation=Observation(replicas=2, rollout_in_progress=True),
            )
        )
        (ready,) = (each for each in status["conditions"] if each["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("False", "RollingOut")
        assert "ProgressDeadlineExceeded: no GPU" in ready["message"]


async def running() -> OperatorUnderTest:
    """An operator with one service at rest, on one pod."""
    operator = OperatorUnderTest(tick_seconds=2.5)
    operator.apply(LEAST)
    await operator.turn()
    operator.start_pods(1)
    await operator.settle()
    return operator


def urgencies(operator: OperatorUnderTest) -> list[Urgency]:
    """How urgent the statuses of the last turn were."""
    return [write.urgency for write in operator.cluster.writes if write.kind == "Status" and write.urgency is not None]


class TestWriting:
    """When a status is written."""

    async def test_numbers_wait_for_their_turn_and_are_written_every_ten_seconds(self) -> None:
        """And after everything else."""
        operator = await running()
        operator.pods.says["127.0.0.1"] = {"running": 1.0}
        await operator.settle()
        written = []
        for turn in range(8):
            operator.pods.says["127.0.0.1"] = {"running": 2.0 + turn}
            await operator.turn()
            written.append(len(urgencies(operator)))
            assert set(urgencies(operator)) <= {Urgency.COSMETIC}
        assert written == [1, 0, 0, 0, 1, 0, 0, 0]

    async def test_a_condition_does_not_wait(self) -> None:
        """Somebody may be."""
        operator = await running()
        operator.pods.says["127.0.0.1"] = {"running": 1.0}
        await operator.turn()
        operator.pods.says["127.0.0.1"] = {"running": 9.0, "waiting": 400.0}
        await operator.turn()
        assert urgencies(operator) == [Urgency.CONDITIONS]

    @pytest.mark.parametrize("dropped", ["signals", "decision", "conditions", "desiredReplicas", "changes"])
    async def test_a_crd_that_drops_a_field_is_not_written_for_ever(self, dropped: str) -> None:
        """An older CRD under a newer operator: what it does not keep is not mended, nor told again."""
        operator = OperatorUnderTest()
        operator.cluster.keep = lambda status: {  # type: ignore[method-assign]
            name: value for name, value in status.items() if name != dropped
        }
        operator.apply(LEAST)
        await operator.turn()
        operator.start_pods(1)
        await operator.settle()
        assert [await operator.turn(after=30.0) for _ in range(5)] == [[]] * 5

    async def test_what_somebody_else_does_to_a_status_is_mended(self) -> None:
        """It is ours alone."""
        operator = await running()
        document = operator.cluster.found(INFERENCE_SERVICES, CHAT)
        operator.cluster.have(INFERENCE_SERVICES, {**document, "status": {**document["status"], "desiredReplicas": 77}})
        assert await operator.turn() == ["Status"]
        assert status_of(operator.cluster)["desiredReplicas"] == 1
