"""The decision about a service, made of those about its variants: one size, one reason, one sentence."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil

from tidegate.api.scaling import Mode
from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.decide import reason_of
from tidegate.scaling.decision import Decision, Limit, Proposal
from tidegate.scaling.fleet_bounds import Allotted, Given
from tidegate.scaling.health import MetricsHealth, MetricsState
from tidegate.scaling.observation import Observation


def whole_decision(given: Given, allotted: Allotted, decisions: Sequence[Decision]) -> Decision:
    """Put it together.

    Args:
        given: what the sizes were chosen by.
        allotted: the sizes, and what bounded them.
        decisions: of each variant, in their order.
    """
    before, after = sum(given.present), sum(each.to_replicas for each in decisions)
    health = _health([each.health for each in decisions])
    limits = (*allotted.limits, *_held(given, decisions))
    first = decisions[0]
    observation = replace(given.observations[0], replicas=before)
    return Decision(
        time=given.now,
        from_replicas=before,
        to_replicas=after,
        reason=_reason(given, observation, decisions, limits, health),
        message=_message(given, allotted, decisions, limits, health),
        applied=any(each.applied for each in decisions),
        proposals=_proposals(given),
        limits=limits,
        health=health,
        traffic=_traffic([each.traffic for each in decisions], given.observations),
        capacity=first.capacity,
        idle_since=None if any(each.idle_since is None for each in decisions) else _latest(decisions),
    )


def _latest(decisions: Sequence[Decision]) -> float:
    return max(each.idle_since for each in decisions if each.idle_since is not None)


def _held(given: Given, decisions: Sequence[Decision]) -> list[Limit]:
    """What holds a single variant: its rollout, or the policies of `behavior`."""
    return [
        replace(limit, because=f"{seat.name}: {limit.because}")
        for seat, decision in zip(given.seats, decisions, strict=True)
        for limit in decision.limits
        if limit.name != "placement"
    ]


def _reason(
    given: Given,
    observation: Observation,
    decisions: Sequence[Decision],
    limits: tuple[Limit, ...],
    health: MetricsHealth,
) -> str:
    size = sum(each.to_replicas for each in decisions)
    moves = any(each.to_replicas != each.from_replicas for each in decisions)
    if size == observation.replicas and moves and given.spec.replicas is None:
        return "Rebalanced"
    return reason_of(given.spec, observation, size, limits, health)


def _message(
    given: Given,
    allotted: Allotted,
    decisions: Sequence[Decision],
    limits: tuple[Limit, ...],
    health: MetricsHealth,
) -> str:
    """The sizes, what moves, what it is for, and the last limit that bit."""
    before, after = sum(given.present), sum(each.to_replicas for each in decisions)
    moves = [
        f"{seat.name} {decision.from_replicas} → {decision.to_replicas}"
        for seat, decision in zip(given.seats, decisions, strict=True)
        if decision.from_replicas != decision.to_replicas
    ]
    head = f"{before} → {after}" if before != after else f"{after}"
    advised = " advised" if moves and not any(each.applied for each in decisions) else ""
    causes = [allotted.of_each[0].because]
    causes += [limit.because for limit in limits[-1:] if limit.because not in causes[0]]
    if given.spec.scaling.mode is Mode.PAUSED:
        causes = ["scaling.mode is Paused"]
    elif not health.complete and after and "metrics" not in {limit.name for limit in limits}:
        causes.append(health.message)
    moved = f" ({', '.join(moves)})" if moves else ""
    return f"{head}{advised}{moved}: {'; '.join(causes)}"


def _proposals(given: Given) -> tuple[Proposal, ...]:
    """What each variant's part of the demand comes to in its replicas, by the term that asks for most."""
    return tuple(
        Proposal(each.term, ceil(round(each.needed, 9)), f"{name}: {each.because}", each.needed)
        for name, each in given.need.of_each.items()
    )


def _health(of_each: Sequence[MetricsHealth]) -> MetricsHealth:
    """Of all pods: as bad as that of the worst variant that has any."""
    with_pods = [each for each in of_each if each.state is not MetricsState.NO_PODS]
    if not with_pods:
        return of_each[0]
    fresh = tuple(pod for each in with_pods for pod in each.fresh)
    bad = [each for each in with_pods if each.state is not MetricsState.FRESH]
    if not bad:
        shown = max(with_pods, key=lambda each: len(each.fresh))
        complete = all(each.complete for each in of_each if each in with_pods)
        return replace(shown, fresh=fresh, complete=complete)
    return MetricsHealth(MetricsState.PARTIAL if fresh else bad[0].state, bad[0].message, fresh, complete=False)


def _traffic(of_each: Sequence[Traffic], observations: Sequence[Observation]) -> Traffic:
    """What happens to the service: pods' numbers added up; what arrives, the gateways count for all together."""
    shares = [observation.part for observation in observations]
    main = max(zip(shares, of_each, strict=True), key=lambda pair: pair[0])[1]
    pods = [len(observation.read_pods) for observation in observations]
    usage = [(each.kv_usage, n) for each, n in zip(of_each, pods, strict=True) if each.kv_usage is not None and n]
    return replace(
        main,
        waiting=_sum(each.waiting for each in of_each),
        running=_sum(each.running for each in of_each),
        kv_usage=sum(value * n for value, n in usage) / sum(n for _, n in usage) if usage else None,
        queue_growth_per_second=_sum(each.queue_growth_per_second for each in of_each),
        served_per_second=_sum(each.served_per_second for each in of_each),
        abandoned_per_second=sum(each.abandoned_per_second for each in of_each),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
