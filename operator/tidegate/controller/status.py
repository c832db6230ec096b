"""What is told about a service: conditions, signals, the decision. Pure: values in, a status document out.

Numbers are rounded and keep their last value within a dead band, so that a service at rest writes nothing.
"""

import math
from typing import Any

from tidegate.api.conditions import Condition, ConditionType, Reason, merge_conditions
from tidegate.api.inference_service_status import (
    MAXIMUM_CHANGES,
    MAXIMUM_LIMITS,
    MAXIMUM_PROPOSALS,
    DecisionRecord,
    InferenceServiceStatus,
    Limit,
    Proposal,
    Signals,
)
from tidegate.controller.accelerator_status import accelerator_essence
from tidegate.controller.learned_status import joined
from tidegate.controller.placement_status import accelerator_row
from tidegate.controller.ready import NUMBERS, ready_row, truth
from tidegate.controller.records import Document, timestamp
from tidegate.controller.routing import Row
from tidegate.controller.status_input import StatusInput, with_note
from tidegate.scaling.decision import Decision
from tidegate.scaling.health import NOT_BELIEVED, MetricsState

DEAD_BAND = 0.05
"""A rate within five percent of the one that is written is the same."""

LEAST_RATE = 0.001
"""Less than that per second is none: it is the rest of a sum, not a request."""

LARGEST_RATE = 1e15
"""More than that is said of nothing: the field has room for 24 characters."""

MAXIMUM_VARIANTS_TOLD = 9
"""`default`, and all that a spec can have beside it."""

LARGEST_COUNT = 2_147_483_647
LONGEST_SELECTOR = 2048
"""Of the CRD: beyond it the selector is left out, for half of one is another one."""

_LIMIT_REASONS = {
    "metrics": Reason.METRICS_HELD,
    "rollout": Reason.ROLLOUT_HELD,
    "stabilization": Reason.STABILIZING,
    "behavior": Reason.BEHAVIOR_POLICY,
    "minReplicas": Reason.MINIMUM_REPLICAS,
    "scaleToZero": Reason.IDLE,
    "schedules": Reason.SCHEDULE_FLOOR,
    "placement": Reason.INSUFFICIENT_CAPACITY,
    "maxReplicas": Reason.MAXIMUM_REPLICAS,
    "pin": Reason.PINNED,
    "budget": Reason.BUDGET_EXHAUSTED,
}


def status_document(given: StatusInput) -> Document:
    """The status to write."""
    previous, live = given.previous, given.deployment
    replicas, ready_replicas = _pods(given)
    decided = _decision_record(given.decision, given.note)
    kept = _kept(decided, previous.get("decision") or {})
    status = InferenceServiceStatus(
        observed_generation=given.service.generation,
        replicas=replicas,
        ready_replicas=ready_replicas,
        desired_replicas=_desired(given),
        selector=live.selector if live and len(live.selector) <= LONGEST_SELECTOR else "",
        url=given.url,
        conditions=list(merge_conditions(previous.get("conditions") or (), _conditions(given))),
        accelerator=given.accelerator,
        signals=_signals(given, previous.get("signals") or {}),
        variants=list(given.variants[:MAXIMUM_VARIANTS_TOLD]),
        capacity=[each.capacity for _, each in given.learned if each.capacity is not None],
        lead_time=[each.lead_time for _, each in given.learned if each.lead_time is not None],
        learned=joined((name, each.text) for name, each in given.learned),
        cost=given.cost,
        cold_start=given.cold_start,
        routing=given.routing,
        wake_plan=given.wake_plan,
        idle_since=None if given.idle_since is None else timestamp(given.idle_since),
        decision=kept,
        changes=list(given.changes[:MAXIMUM_CHANGES]),
    )
    document = status.to_document()
    if not given.variants:
        del document["variants"]  # As those who wrote statuses before there were any: nothing is to be written anew.
    if document != previous and decided is not None and kept is not None:
        # It is written anyway: then with the numbers of now, under the time at which it was so decided first.
        document["decision"] = decided.model_copy(update={"time": kept.time}).to_document()
    return document


def rounded(value: float | None, written: str | None) -> str | None:
    """Two significant digits; the value that is written already, while the new one is within the dead band of it."""
    if value is None or math.isnan(value):
        return None
    if written is not None and abs(value - float(written)) <= DEAD_BAND * float(written):
        return written
    if value < LEAST_RATE:
        return "0"
    nearest = float(f"{min(value, LARGEST_RATE):.1e}")
    decimals = max(0, 1 - math.floor(math.log10(nearest)))
    return f"{nearest:.{decimals}f}"


def _pods(given: StatusInput) -> tuple[int, int]:
    """How many pods there are, and how many of them take requests."""
    if given.variants:
        return sum(each.replicas for each in given.variants), sum(each.ready_replicas for each in given.variants)
    if given.observation is not None:
        return len(given.observation.pods), len(given.observation.ready_pods)
    live = given.deployment  # Pods that run are told of, though the spec cannot be carried out.
    return (live.current_replicas, live.ready_replicas) if live else (0, 0)


def _desired(given: StatusInput) -> int:
    if given.variants:
        return sum(each.desired_replicas for each in given.variants)
    if given.decision is not None:
        return given.decision.to_replicas
    return given.deployment.replicas if given.deployment else 0


def _signals(given: StatusInput, written: dict[str, Any]) -> Signals | None:
    decision, observation = given.decision, given.observation
    if decision is None or observation is None:
        return None
    traffic = decision.traffic

    def rate(value: float | None, name: str) -> str | None:
        return rounded(value, written.get(name))

    def whole(value: float | None, name: str) -> int | None:
        text = rounded(value, None if written.get(name) is None else str(written[name]))
        return None if text is None else min(round(float(text)), LARGEST_COUNT)

    return Signals(
        work_unit=observation.work_unit,
        arriving_per_second=rate(traffic.arriving_per_second, "arrivingPerSecond"),
        served_per_second=rate(traffic.served_per_second, "servedPerSecond"),
        requests_per_second=rate(traffic.requests_per_second, "requestsPerSecond"),
        waiting=whole(traffic.waiting, "waiting"),
        running=whole(traffic.running, "running"),
        kv_cache_percent=whole(None if traffic.kv_usage is None else 100 * traffic.kv_usage, "kvCachePercent"),
        pods_sampled=len(decision.health.fresh),
        pods_ready=len(observation.ready_pods),
    )


def _decision_record(decision: Decision | None, note: str) -> DecisionRecord | None:
    if decision is None:
        return None
    return DecisionRecord(
        time=timestamp(decision.time),
        from_=decision.from_replicas,
        to=decision.to_replicas,
        reason=decision.reason,
        message=with_note(decision.message, note)[:1024],
        applied=decision.applied,
        proposals=[
            Proposal(term=proposal.term, replicas=proposal.replicas, because=proposal.because[:1024])
            for proposal in decision.proposals[:MAXIMUM_PROPOSALS]
        ],
        limits=[
            Limit(name=limit.name, from_=limit.from_replicas, to=limit.to_replicas, because=limit.because[:1024])
            for limit in decision.limits[:MAXIMUM_LIMITS]
        ],
    )


def _kept(decided: DecisionRecord | None, written: dict[str, Any]) -> DecisionRecord | None:
    """The record that is written, while only its numbers have moved: they alone are no reason to write."""
    if decided is not None and written and _shape(decided.to_document()) == _shape(written):
        return DecisionRecord.model_validate(written)
    return decided


def _shape(record: dict[str, Any]) -> tuple[object, ...]:
    """What makes one decision another than the last: sizes, reasons and words, not times and numbers behind them."""
    proposals = tuple((p["term"], p["replicas"]) for p in record.get("proposals", ()))
    limits = tuple((limit["name"], limit["to"]) for limit in record.get("limits", ()))
    words = NUMBERS.sub("", record["message"])
    return (record["from"], record["to"], record["reason"], record["applied"], words, proposals, limits)


def _conditions(given: StatusInput) -> list[Condition]:
    rows = [
        (ConditionType.READY, *ready_row(given)),
        (ConditionType.SPEC_VALID, *_spec_valid(given)),
        (ConditionType.ROUTED, *given.routed),
        (ConditionType.METRICS_AVAILABLE, *_metrics_available(given)),
        (ConditionType.SCALING_LIMITED, *_scaling_limited(given)),
        (
            ConditionType.CONFLICTING_SCALER,
            truth(given.conflict_reason is Reason.YIELDED),
            given.conflict_reason,
            given.conflict_message,
        ),
    ]
    spec = given.service.spec
    hardware = accelerator_row(given.places, given.previous, spec.scaling.fallback_after_seconds if spec else 0)
    if hardware is not None:
        rows.append((ConditionType.ACCELERATOR_AVAILABLE, *hardware))
    return [
        Condition(
            type=kind,
            status=status,
            reason=reason,
            message=message[:32768],
            last_transition_time=timestamp(given.now),
            observed_generation=given.service.generation,
        )
        for kind, status, reason, message in rows
    ]


def _spec_valid(given: StatusInput) -> Row:
    if given.refusal is not None:
        return "False", given.refusal.reason, given.refusal.message
    return "True", Reason.ACCEPTED, "the spec can be carried out"


_METRICS_REASONS = {
    MetricsState.FRESH: ("True", Reason.FRESH),
    MetricsState.NO_PODS: ("Unknown", Reason.NO_PODS),
    MetricsState.MISSING: ("False", Reason.MISSING),
    MetricsState.STALE: ("False", Reason.STALE),
    MetricsState.NOT_A_NUMBER: ("False", Reason.NOT_A_NUMBER),
    MetricsState.PARTIAL: ("False", Reason.PARTIAL),
}


def _metrics_available(given: StatusInput) -> Row:
    if given.decision is None:
        return "Unknown", Reason.NO_PODS, "nothing is read before the spec can be carried out"
    status, reason = _METRICS_REASONS[given.decision.health.state]
    return status, reason, given.decision.health.message  # type: ignore[return-value]


def _scaling_limited(given: StatusInput) -> Row:
    decision = given.decision
    limits = [limit for limit in decision.limits if limit.name in _LIMIT_REASONS] if decision else []
    if not limits and decision is not None and decision.health.state in NOT_BELIEVED:
        return "True", Reason.METRICS_HELD, f"demand is not known, so the size stays: {decision.health.message}"
    if not limits and (decision is None or not decision.health.fresh):
        return "False", Reason.WITHIN_LIMITS, "no bound holds the size; demand is not known yet"
    if not limits:
        return "False", Reason.WITHIN_LIMITS, "the size is what demand asks for"
    last = limits[-1]
    return "True", _LIMIT_REASONS[last.name], last.because


def is_urgent(previous: Document, current: Document) -> bool:
    """Whether somebody may wait for this status: a condition, a size or a generation changed, not just a number.

    `ScalingLimited` is as good as a number: bounds bite and let go all day.
    """

    def essence(status: Document) -> tuple[object, ...]:
        conditions = tuple(
            (c["type"], c["status"], c["reason"])
            for c in status.get("conditions") or ()
            if c["type"] != ConditionType.SCALING_LIMITED
        )
        sizes = tuple(status.get(name) for name in ("replicas", "readyReplicas", "desiredReplicas"))
        variants = tuple(
            tuple(each.get(name) for name in ("name", "replicas", "readyReplicas", "desiredReplicas", "weight"))
            for each in status.get("variants") or ()
        )
        # Words only: of a ceiling they name who holds the rest, for every service that sleeps below it.
        plan = {name: value for name, value in (status.get("wakePlan") or {}).items() if name != "message"}
        for_gateways = (status.get("routing"), plan, variants)
        return (status.get("observedGeneration"), conditions, sizes, accelerator_essence(status), for_gateways)

    return essence(previous) != essence(current)
