"""The terms of the rule: each looks at one thing and proposes a size. The largest proposal wins."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.api.quantity import to_number
from tidegate.api.scaling import MAXIMUM_REPLICAS, Scaling
from tidegate.scaling import behavior
from tidegate.scaling.arrivals import WINDOW_SECONDS, Traffic
from tidegate.scaling.decision import Proposal
from tidegate.scaling.lead_time import LeadTime
from tidegate.scaling.observation import Observation
from tidegate.scaling.wording import count, number, requests

CARRIED_SHARE = 0.8
"""How much of what a pod is known to carry is asked of the pods that stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermInput:
    """All that a term may look at."""

    scaling: Scaling
    observation: Observation
    traffic: Traffic
    carried_running: float | None
    lead_time: LeadTime
    now: float


Term = Callable[[TermInput], Proposal | None]


def throughput(given: TermInput) -> Proposal | None:
    """Work that arrives ÷ work that one replica is given."""
    policy, unit = given.scaling.token_throughput, f"{given.observation.work_unit}/s"
    if policy is None:
        return None
    arriving = given.traffic.arriving_per_second
    if arriving is None:
        return Proposal("throughput", given.observation.replicas, f"how many {unit} arrive is not known yet")
    target = to_number(policy.target_per_replica)
    replicas = _with_tolerance(arriving / target, given)
    return Proposal(
        "throughput", replicas, f"{number(arriving)} {unit} are arriving and each replica is given {number(target)}"
    )


def queue(given: TermInput) -> Proposal | None:
    """Replicas for what arrives, at the pace that pods were seen to take, and to start what waits in `drainSeconds`.

    It says how many there should be, not how many more, so pods that are coming count. While some are, the queue grows
    for want of those and not of others: until they are there, no more is asked for than what arrives, and no less than
    was. On the way down, no fewer are left than those that so many requests may wait for.
    """
    waiting, current, coming = given.traffic.waiting, given.observation.replicas, given.observation.coming
    if waiting is None:
        return None
    target = to_number(given.scaling.queue_depth.target_per_replica)
    tolerated = target * current
    because = f"{requests(waiting)} waiting, {number(tolerated)} allowed"
    if waiting <= tolerated:
        needs_those_that_come = waiting > target * len(given.observation.read_pods)
        return Proposal("queue", current if needs_those_that_come else _at_most_maximum(waiting / target), because)
    pace, arriving = given.traffic.starts_per_pod_second, given.traffic.requests_per_second
    if pace is None or arriving is None:
        return Proposal("queue", max(current, _doubled(given)), f"{because}; how fast a pod starts them is not known")
    because += f"; {number(arriving)}/s arrive and a pod starts {number(pace)}/s"
    exact = arriving / pace
    if coming:
        because += f"; {count(coming, 'pod')} must come before the queue asks for more"
    else:
        exact += _drain(waiting - tolerated, pace=pace, arriving=arriving, given=given)
        because += f"; the excess is to start within {given.scaling.queue_depth.drain_seconds} s"
    return Proposal("queue", max(current, _with_tolerance(exact, given)), because)


def running(given: TermInput) -> Proposal | None:
    """How far a service without a throughput target may shrink: waiting alone says nothing of the way down.

    Shrinks only as far as the pods that stay have been seen to carry. Never proposes to grow.
    """
    if given.scaling.token_throughput is not None:
        return None
    is_running, carried, current = given.traffic.running, given.carried_running, given.observation.replicas
    if is_running is None:
        return Proposal("running", current, "how many requests are running is not known")
    if is_running == 0:
        return Proposal("running", 0, "no request is running")
    because = f"{requests(is_running)} running"
    if not carried:
        return Proposal("running", current, f"{because}; how many a pod can carry is not known yet")
    replicas = min(current, _at_most_maximum(is_running / (CARRIED_SHARE * carried)))
    return Proposal("running", replicas, f"{because}; a pod can carry {number(carried)} at once")


TERMS: tuple[Term, ...] = (
    throughput,  # what arrives
    queue,  # what has piled up
    running,  # what is held, where no throughput target says how far to shrink
)


def _drain(excess: float, *, pace: float, arriving: float, given: TermInput) -> float:
    """Replicas to start, in `drainSeconds`, what is left of the excess when pods ordered now are there."""
    ready = len(given.observation.read_pods)
    starts_meanwhile = max(0.0, ready * pace - arriving) * (given.lead_time.seconds or 0.0)
    # A new pod fills up at once, then goes on at its pace.
    started_per_pod = (given.traffic.running or 0.0) / ready + pace * given.scaling.queue_depth.drain_seconds
    return max(0.0, excess - starts_meanwhile) / started_per_pod


def _doubled(given: TermInput) -> int:
    """Twice the pods that are there, while their pace is not known: once they have had time, and the queue still grows.

    Returns 0 where there is nothing to double yet.
    """
    traffic, complete_since = given.traffic, given.lead_time.complete_since
    is_settling = complete_since is not None and given.now - complete_since < WINDOW_SECONDS
    if given.observation.coming or is_settling or (traffic.queue_growth_per_second or 0.0) < 0:
        return 0
    target = to_number(given.scaling.queue_depth.target_per_replica)
    return min(2 * given.observation.replicas, _at_most_maximum((traffic.waiting or 0.0) / target))


def _with_tolerance(exact: float, given: TermInput) -> int:
    """Round up, but leave the present size alone where it is near enough."""
    current = given.observation.replicas
    rules = given.scaling.behavior
    if current and 0 <= exact / current - 1 <= behavior.tolerance(rules.scale_up):
        return current
    if current and 0 <= 1 - exact / current <= behavior.tolerance(rules.scale_down):
        return current
    return _at_most_maximum(exact)


def _at_most_maximum(exact: float) -> int:
    """Round up. What exceeds every size that the API allows is as good as that."""
    return math.ceil(min(exact, MAXIMUM_REPLICAS))
