"""What a service needs, as far as demand says: what was seen, what was learned of it, and what the terms make of it."""

from dataclasses import dataclass, replace

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.quantity import to_number
from tidegate.api.scaling import Scaling
from tidegate.scaling import behavior
from tidegate.scaling.arrivals import ArrivalMemory, Traffic, observe_traffic
from tidegate.scaling.behavior import Recommendation, SizeChange
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.capacity_estimate import capacity_of, given_capacity
from tidegate.scaling.decision import Proposal
from tidegate.scaling.health import MetricsHealth, judge_metrics
from tidegate.scaling.idleness import is_asleep, last_used
from tidegate.scaling.learned import Learned
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.scaling.sizes import Sums
from tidegate.scaling.term_input import TermInput
from tidegate.scaling.terms import TERMS

LONGEST_POLICY_SECONDS = 1800
"""The longest `periodSeconds` that the API allows: changes older than this bind nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All of it."""

    memory: Memory
    """What is remembered, the outcome of the decision aside."""

    health: MetricsHealth
    traffic: Traffic
    capacity: Capacity | None
    """As it was learned or given; None while it is not known, though something is assumed."""

    asleep: bool
    used_at: float
    """When the service was last used, or may have been, in seconds since the epoch."""

    proposals: tuple[Proposal, ...]


def evaluate(spec: InferenceServiceSpec, observation: Observation, memory: Memory, now: float) -> Evaluation:
    """See what a service, or one variant of it, needs now.

    Args:
        spec: what the user wants.
        observation: the service as it is. Samples that were taken in before are not counted twice.
        memory: what the last decision returned.
        now: seconds since the epoch; never earlier than the last call's.
    """
    memory = _adopt(memory, spec, observation, now)
    health = judge_metrics(observation, now)
    traffic, arrivals = observe_traffic(memory.arrivals, observation, health.fresh, now)
    used_at = last_used(memory.used_at, observation, health, arrivals.latest.values(), now)
    carried = _carried_running(memory.carried_running, traffic, health)
    seconds = _seconds_seen(observation, memory.arrivals, arrivals)
    shared = observation.share is not None and seconds > 0
    learned = memory.learned.observe(observation, traffic, arrivals.latest, health, now, counted_anew=shared)
    before, after = memory.arrivals.samples, arrivals.samples
    if arrivals.latest:
        learned = learned.judge_promises(spec.scaling.objectives, traffic, before, after, now)
    capacity = capacity_now(spec.scaling, observation, learned, arrivals)
    counted_on = capacity or observation.assumed
    learned = learned.remember_need(counted_on, traffic, seconds, now)
    term_input = TermInput(
        scaling=spec.scaling,
        observation=observation,
        traffic=traffic,
        carried_running=carried,
        learned=learned,
        capacity=counted_on,
        now=now,
    )
    asleep = is_asleep(observation, spec.scaling.min_replicas)
    terms = () if asleep else TERMS  # Forecasts of what was are no reason to wake, and would be news at each look.
    return Evaluation(
        memory=replace(memory, used_at=used_at, arrivals=arrivals, carried_running=carried, learned=learned, time=now),
        health=health,
        traffic=traffic,
        capacity=capacity,
        asleep=asleep,
        used_at=used_at,
        proposals=tuple(proposal for term in terms if (proposal := term(term_input)) is not None),
    )


def capacity_now(
    scaling: Scaling, observation: Observation, learned: Learned, arrivals: ArrivalMemory
) -> Capacity | None:
    """What one replica can do: what the policy says, or else what was learned."""
    if scaling.token_throughput is not None:
        target = to_number(scaling.token_throughput.target_per_replica)
        return given_capacity(target, arrivals.sums, unit_is_request=observation.work_unit == "requests")
    promise = scaling.objectives.inter_token_latency
    return capacity_of(
        learned.step_time,
        arrivals.sums if arrivals.sums.answers else _sizes_elsewhere(observation),
        learned.occupancy,
        kv_target=scaling.kv_cache.target_percent / 100,
        max_sequences=observation.max_sequences,
        inter_token_seconds=None if promise is None else promise.milliseconds / 1000,
    )


def _sizes_elsewhere(observation: Observation) -> Sums:
    """How large the requests are by other variants' engines, where this one's does not count requests."""
    whole, prompt = observation.work_per_request, observation.prompt_work_per_request
    if whole is None or prompt is None:
        return Sums()
    return Sums(prompts=1.0, prompt_work=prompt, answers=1.0, other_work=max(0.0, whole - prompt))


def _seconds_seen(observation: Observation, before: ArrivalMemory, arrivals: ArrivalMemory) -> float:
    """How much time the new samples tell of, as a mean over the pods: none where nobody was read since."""
    if observation.share is not None:
        return arrivals.gateway.seconds_since(before.gateway)
    return sum(step.seconds for step in arrivals.latest.values()) / max(1, len(observation.read_pods))


def _adopt(memory: Memory, spec: InferenceServiceSpec, observation: Observation, now: float) -> Memory:
    """Take in the size that is found: note who changed it, and seed a window of which nothing is known with it.

    That is so at first, and when nobody looked for a whole window: what was needed meanwhile is not known either.
    """
    found, recommendations, changes = observation.replicas, memory.recommendations, memory.changes
    if memory.replicas is not None:
        changes = tuple(change for change in changes if now - LONGEST_POLICY_SECONDS < change.time <= now)
        if memory.replicas != found:
            # What was decided was written then, not when it is seen.
            since = memory.time if memory.time is not None and found == memory.decided else now
            changes += (SizeChange(since, memory.replicas, found),)
    window_seconds = behavior.down_window_seconds(spec.scaling.behavior.scale_down)
    is_known = any(now - window_seconds < past.time <= now for past in recommendations)
    if memory.replicas is None or (window_seconds and not is_known):
        recommendations += (Recommendation(now, found),)
    # Whoever has woken it had a reason, whether or not a request is left to tell of it.
    used_at = now if memory.replicas == 0 and found else memory.used_at
    return replace(memory, replicas=found, recommendations=recommendations, changes=changes, used_at=used_at)


def _carried_running(carried: float | None, traffic: Traffic, health: MetricsHealth) -> float | None:
    """What a pod is known to carry: what pods hold while requests queue, or else the most they were seen to hold."""
    if not health.complete or traffic.running is None or traffic.waiting is None:
        return carried
    per_pod = traffic.running / len(health.fresh)
    are_full = traffic.waiting >= len(health.fresh)
    return (per_pod if are_full else max(carried or 0.0, per_pod)) or carried
