"""The heart: what one service needs now, and why.

`decide` is a pure function. It is given the time, it returns what to remember, and it touches nothing: the operator
runs it on live signals, tests run it on timelines.
"""

from dataclasses import replace

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.quantity import to_number
from tidegate.api.scaling import Mode, Scaling
from tidegate.scaling import behavior
from tidegate.scaling.arrivals import ArrivalMemory, Traffic, observe_traffic
from tidegate.scaling.behavior import Recommendation, SizeChange
from tidegate.scaling.capacity import Capacity, capacity_of, given_capacity
from tidegate.scaling.decision import Decision, Limit, Proposal
from tidegate.scaling.health import NOT_BELIEVED, MetricsHealth, judge_metrics
from tidegate.scaling.idleness import is_asleep, last_used, unused_for
from tidegate.scaling.learned import Learned
from tidegate.scaling.limits import LIMITS, LimitInput
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.scaling.term_input import TermInput
from tidegate.scaling.terms import TERMS

LONGEST_POLICY_SECONDS = 1800
"""The longest `periodSeconds` that the API allows: changes older than this bind nobody."""


def decide(spec: InferenceServiceSpec, observation: Observation, memory: Memory, now: float) -> tuple[Decision, Memory]:
    """Decide the size of one service.

    Args:
        spec: what the user wants; its `scaling` block is the policy, its `replicas` the pin.
        observation: the service as it is. Samples that were taken in before are not counted twice.
        memory: what the last decision returned; `Memory()` at first, or one rebuilt from status.
        now: seconds since the epoch; never earlier than the last call's.

    Returns:
        The decision, and the memory to hand in next time.
    """
    memory = _adopt(memory, spec, observation, now)
    health = judge_metrics(observation, now)
    traffic, arrivals = observe_traffic(memory.arrivals, observation, health.fresh, now)
    used_at = last_used(memory.used_at, observation, health, arrivals.latest.values(), now)
    memory = replace(memory, used_at=used_at)
    carried = _carried_running(memory.carried_running, traffic, health)
    learned = memory.learned.observe(observation, traffic, arrivals.latest, health, now)
    before, after = memory.arrivals.samples, arrivals.samples
    if arrivals.latest:
        learned = learned.judge_promises(spec.scaling.objectives, traffic, before, after, now)
    capacity = _capacity(spec.scaling, observation, learned, arrivals)
    learned = learned.remember_need(capacity, traffic, _seconds_seen(observation, arrivals), now)
    term_input = TermInput(
        scaling=spec.scaling,
        observation=observation,
        traffic=traffic,
        carried_running=carried,
        learned=learned,
        capacity=capacity,
        now=now,
    )
    asleep = is_asleep(observation, spec.scaling.min_replicas)
    terms = () if asleep else TERMS  # Forecasts of what was are no reason to wake, and would be news at each look.
    proposals = tuple(proposal for term in terms if (proposal := term(term_input)) is not None)
    wanted = max((proposal.replicas for proposal in proposals), default=observation.replicas)
    size, limits = _limit(wanted, LimitInput(spec=spec, observation=observation, memory=memory, health=health, now=now))
    applied = spec.scaling.mode is Mode.AUTOMATIC and observation.yielded_to is None
    decision = Decision(
        time=now,
        from_replicas=observation.replicas,
        to_replicas=size,
        reason=_reason(spec, observation, size, limits, health),
        message=_message(
            observation,
            size,
            proposals,
            limits,
            health,
            applied=applied,
            rest=_rest(spec) if asleep else "",
            unused=unused_for(now - used_at),
        ),
        applied=applied,
        proposals=proposals,
        limits=limits,
        health=health,
        traffic=traffic,
        capacity=capacity,
        idle_since=used_at if used_at < now else None,
    )
    # What cannot be believed recommends the present size, so that it cannot shorten a window either.
    recommended = wanted if health.complete else max(wanted, observation.replicas)
    remembered = replace(
        memory,
        arrivals=arrivals,
        decided=size,
        recommendations=_recommendations(memory, recommended, spec, now),
        carried_running=carried,
        learned=learned,
        time=now,
    )
    return decision, remembered


def _capacity(scaling: Scaling, observation: Observation, learned: Learned, arrivals: ArrivalMemory) -> Capacity | None:
    """What one replica can do: what the policy says, or else what was learned."""
    if scaling.token_throughput is not None:
        target = to_number(scaling.token_throughput.target_per_replica)
        return given_capacity(target, arrivals.sums, unit_is_request=observation.work_unit == "requests")
    promise = scaling.objectives.inter_token_latency
    return capacity_of(
        learned.step_time,
        arrivals.sums,
        learned.occupancy,
        kv_target=scaling.kv_cache.target_percent / 100,
        max_sequences=observation.max_sequences,
        inter_token_seconds=None if promise is None else promise.milliseconds / 1000,
    )


def _seconds_seen(observation: Observation, arrivals: ArrivalMemory) -> float:
    """How much time the new samples tell of, as a mean over the pods: none where nobody was read since."""
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


def _limit(wanted: int, given: LimitInput) -> tuple[int, tuple[Limit, ...]]:
    size, limits = wanted, []
    for name, step in LIMITS:
        after, because = step(size, given)
        if after != size:
            limits.append(Limit(name, size, after, because))
            size = after
    return size, tuple(limits)


def _recommendations(
    memory: Memory, recommended: int, spec: InferenceServiceSpec, now: float
) -> tuple[Recommendation, ...]:
    rules = spec.scaling.behavior
    window_seconds = max(behavior.up_window_seconds(rules.scale_up), behavior.down_window_seconds(rules.scale_down))
    return behavior.remember(memory.recommendations, recommended, window_seconds=window_seconds, now=now)


_HELD_REASONS = {
    "metrics": "MetricsHeld",
    "rollout": "RolloutHeld",
    "placement": "InsufficientCapacity",
    "stabilization": "Stabilizing",
    "behavior": "BehaviorPolicy",
    "scaleToZero": "Idle",
    "maxReplicas": "MaximumReplicas",
    "budget": "BudgetExhausted",
}
"""Why the size stays although the terms want another, by the limit that bit last."""


def _reason(
    spec: InferenceServiceSpec, observation: Observation, size: int, limits: tuple[Limit, ...], health: MetricsHealth
) -> str:
    if spec.scaling.mode is Mode.PAUSED:
        return "Paused"
    last = limits[-1].name if limits else ""
    if spec.replicas is not None and last != "budget":
        return "Pinned"
    if size != observation.replicas:
        if 0 in {size, observation.replicas}:
            return "Woken" if size else "ScaledToZero"
        return "ScaledUp" if size > observation.replicas else "ScaledDown"
    # Terms that see nothing propose the present size, so that no limit has to bite.
    otherwise = "MetricsHeld" if health.state in NOT_BELIEVED else "Steady"
    return _HELD_REASONS.get(last, otherwise)


def _rest(spec: InferenceServiceSpec) -> str:
    """Why a service without replicas has none."""
    return "spec.replicas is 0: switched off by hand" if spec.replicas == 0 else "it sleeps until a request arrives"


def _message(
    observation: Observation,
    size: int,
    proposals: tuple[Proposal, ...],
    limits: tuple[Limit, ...],
    health: MetricsHealth,
    *,
    applied: bool,
    rest: str,
    unused: str,
) -> str:
    """One sentence: the sizes, the proposal that won, and the last limit that bit."""
    current = observation.replicas
    head = f"{current} → {size}" if size != current else f"{size}"
    if not applied and size != current:
        head += f" advised, yielded to {observation.yielded_to}" if observation.yielded_to else " advised"
    causes = [rest] if rest and not limits else []
    falls_asleep = not size and current and (not limits or limits[-1].name == "scaleToZero")
    if falls_asleep and not limits:  # The terms would do with none, too; but it is not for them that it sleeps.
        causes.append(unused)
    if proposals and not falls_asleep:
        winner = max(proposals, key=lambda proposal: proposal.replicas)
        would_do = f" ({winner.replicas} would do)" if winner.replicas != size else ""
        causes.append(f"{winner.because}{would_do}")
    causes += [limit.because for limit in limits[-1:]]
    if not health.complete and not rest and "metrics" not in {limit.name for limit in limits}:
        causes.append(health.message)
    return f"{head}: {'; '.join(causes)}" if causes else head
