"""The heart: what one service needs now, and why.

`decide` is a pure function. It is given the time, it returns what to remember, and it touches nothing: the operator
runs it on live signals, tests run it on timelines.
"""

from dataclasses import replace

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.scaling import Mode
from tidegate.scaling import behavior
from tidegate.scaling.behavior import Recommendation
from tidegate.scaling.decision import Decision, Limit, Proposal
from tidegate.scaling.evaluation import Evaluation, evaluate
from tidegate.scaling.health import NOT_BELIEVED, MetricsHealth
from tidegate.scaling.idleness import unused_for
from tidegate.scaling.limits import LimitInput, steps_for
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation


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
    return conclude(spec, observation, evaluate(spec, observation, memory, now), now)


def conclude(
    spec: InferenceServiceSpec, observation: Observation, seen: Evaluation, now: float
) -> tuple[Decision, Memory]:
    """Come from what is needed to a size: `decide`, from there on.

    Args:
        spec: as for `decide`.
        observation: as for `decide`; with an `allotment` that is wanted, whatever the terms propose.
        seen: what `evaluate` made of it.
        now: seconds since the epoch.
    """
    memory, health, proposals, allotted = seen.memory, seen.health, seen.proposals, observation.allotment
    wanted = max((proposal.replicas for proposal in proposals), default=observation.replicas)
    if allotted is not None:
        wanted = allotted.replicas
    size, limits = _limit(wanted, LimitInput(spec=spec, observation=observation, memory=memory, health=health, now=now))
    applied = spec.scaling.mode is Mode.AUTOMATIC and observation.yielded_to is None
    decision = Decision(
        time=now,
        from_replicas=observation.replicas,
        to_replicas=size,
        reason=reason_of(spec, observation, size, limits, health),
        message=_message(
            observation,
            size,
            proposals,
            limits,
            health,
            applied=applied,
            rest=_rest(spec) if seen.asleep and allotted is None else "",
            unused=unused_for(now - seen.used_at),
        ),
        applied=applied,
        proposals=proposals,
        limits=limits,
        health=health,
        traffic=seen.traffic,
        capacity=seen.capacity,
        idle_since=seen.used_at if seen.used_at < now else None,
    )
    # What cannot be believed recommends the present size, so that it cannot shorten a window either.
    recommended = wanted if health.complete else max(wanted, observation.replicas)
    remembered = replace(memory, decided=size, recommendations=_recommendations(memory, recommended, spec, now))
    return decision, remembered


def _limit(wanted: int, given: LimitInput) -> tuple[int, tuple[Limit, ...]]:
    size, limits = wanted, []
    for name, step in steps_for(given.observation.allotment):
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


def reason_of(
    spec: InferenceServiceSpec, observation: Observation, size: int, limits: tuple[Limit, ...], health: MetricsHealth
) -> str:
    """Why, in one CamelCase word."""
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
    if observation.allotment is not None:
        return f"{head}: {'; '.join([observation.allotment.because, *(limit.because for limit in limits[-1:])])}"
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
