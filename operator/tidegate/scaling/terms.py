"""The terms of the rule: each looks at one thing and proposes a size. The largest proposal wins."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.api.quantity import to_number
from tidegate.api.scaling import MAXIMUM_REPLICAS, Scaling
from tidegate.scaling import behavior
from tidegate.scaling.arrivals import WINDOW_SECONDS, Traffic
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.decision import Proposal
from tidegate.scaling.learned import Learned
from tidegate.scaling.observation import Observation
from tidegate.scaling.wording import count, number, requests

CARRIED_SHARE = 0.8
"""How much of what a pod is known to carry is asked of the pods that stay."""


BUSY_SHARE_UP = 0.95
BUSY_SHARE_DOWN = 0.8
"""How much of the time a replica is to be busy: more replicas above the one, fewer below the other."""

BUSY_SHARE_BURST = 1.0
MARGIN_DEVIATIONS = 0.0
"""How many standard deviations of demand there is to be room for."""

LEAST_LEAD_SECONDS = 10.0
LIKELY_LEAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TermInput:
    """All that a term may look at."""

    scaling: Scaling
    observation: Observation
    traffic: Traffic
    carried_running: float | None
    learned: Learned
    capacity: Capacity | None
    now: float


Term = Callable[[TermInput], Proposal | None]


def throughput(given: TermInput) -> Proposal | None:
    """Work that arrives ÷ work that one replica is given, or else has been seen to do."""
    policy, unit = given.scaling.token_throughput, f"{given.observation.work_unit}/s"
    if policy is None:
        return _learned_throughput(given)
    arriving = given.traffic.arriving_per_second
    if arriving is None:
        return Proposal("throughput", given.observation.replicas, f"how many {unit} arrive is not known yet")
    target = to_number(policy.target_per_replica)
    replicas = _with_tolerance(arriving / target, given)
    return Proposal(
        "throughput", replicas, f"{number(arriving)} {unit} are arriving and each replica is given {number(target)}"
    )


def _learned_throughput(given: TermInput) -> Proposal | None:
    """Demand when pods ordered now are ready, and what it varies by, ÷ what one replica does."""
    capacity = given.capacity
    if capacity is None:
        return None
    expected = _expected_requests(given)
    if expected is None:  # As after a restart: what a replica does was kept, what arrives was not.
        return Proposal("throughput", given.observation.replicas, "how many requests arrive is not known yet")
    busy = expected * capacity.busy_seconds_per_request + _lost_to_sick_pods(given)
    current = given.observation.replicas
    up, down = _at_most_maximum(busy / BUSY_SHARE_UP), _at_most_maximum(busy / BUSY_SHARE_DOWN)
    units = capacity.units_per_second / capacity.requests_per_second
    return Proposal(
        "throughput",
        up if up > current else min(current, down),
        f"{number(expected * units)} {given.observation.work_unit}/s are to be expected in {number(_lead_seconds(given))} s and one replica"
        f" does {number(capacity.units_per_second)}",
    )


def _lead_seconds(given: TermInput) -> float:
    return max(LEAST_LEAD_SECONDS, given.learned.lead_time.seconds or LIKELY_LEAD_SECONDS)


def _expected_requests(given: TermInput) -> float | None:
    """Requests per second when pods ordered now are ready, and what they vary by."""
    forecast = given.learned.forecast
    if forecast.level is None:
        return None
    return forecast.at_least_growing(_lead_seconds(given)) + MARGIN_DEVIATIONS * forecast.deviation


def bursts(given: TermInput) -> Proposal | None:
    """Enough for most of the requests of the last half hour, if they came again as they came."""
    if given.capacity is None or given.scaling.token_throughput is not None:
        return None
    if given.scaling.behavior.scale_down.stabilization_window_seconds is not None:
        return None  # The user has said how long the past counts.
    floor = given.learned.recurrence.floor()
    if not floor:
        return None
    return Proposal("bursts", _at_most_maximum(floor / BUSY_SHARE_BURST), f"{floor} replicas' work came at once lately")


def memory(given: TermInput) -> Proposal | None:
    """KV cache that is in use ÷ what of one replica's is to be used. What waits takes none yet."""
    usage, pods = given.traffic.kv_usage, len(given.observation.read_pods)
    if usage is None:
        return None
    target = given.scaling.kv_cache.target_percent
    replicas = _with_tolerance(usage * pods * 100 / target, given)
    return Proposal("memory", replicas, f"{number(usage * 100)} % of the KV cache is in use, {target} % may be")


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
    if given.capacity is not None and _expected_requests(given) is not None:
        return _drained(given, because)
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
    if given.scaling.token_throughput is not None or given.capacity is not None:
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
    bursts,  # what came lately, and may come again
    memory,  # what is resident
    queue,  # what has piled up
    running,  # what is held, where no throughput target says how far to shrink
)


def _lost_to_sick_pods(given: TermInput) -> float:
    """Replicas' worth of work that slow pods leave undone."""
    ready = {pod.uid for pod in given.observation.ready_pods}
    slowness = given.learned.step_time.slowness()
    return sum(1 - 1 / slow for uid, slow in slowness.items() if uid in ready)


def _drained(given: TermInput, because: str) -> Proposal:
    """Replicas for what is expected, and to work off in `drainSeconds` what will wait when pods ordered now are there.

    Pods that are coming start their share of it: they are reckoned with from when they are due.
    """
    capacity, expected = given.capacity, _expected_requests(given)
    assert capacity is not None and expected is not None
    lead_seconds = _lead_seconds(given)
    pod_seconds = len(given.observation.read_pods) * lead_seconds
    for pod in given.observation.pods:
        if not pod.unschedulable and pod not in given.observation.read_pods:
            since = given.now - pod.created if pod.created is not None else 0.0
            pod_seconds += min(max(since, 0.0), lead_seconds)
    waiting = given.traffic.waiting or 0.0
    left = max(0.0, waiting + expected * lead_seconds - pod_seconds * capacity.requests_per_second)
    drain_seconds = given.scaling.queue_depth.drain_seconds
    exact = (expected / BUSY_SHARE_UP + left / drain_seconds) * capacity.busy_seconds_per_request
    current = given.observation.replicas
    return Proposal(
        "queue",
        max(current, _at_most_maximum(exact)),
        f"{because}; {number(left)} will when pods ordered now are ready, to be started within {drain_seconds} s",
    )


def _drain(excess: float, *, pace: float, arriving: float, given: TermInput) -> float:
    """Replicas to start, in `drainSeconds`, what is left of the excess when pods ordered now are there."""
    ready = len(given.observation.read_pods)
    starts_meanwhile = max(0.0, ready * pace - arriving) * (given.learned.lead_time.seconds or 0.0)
    # A new pod fills up at once, then goes on at its pace.
    started_per_pod = (given.traffic.running or 0.0) / ready + pace * given.scaling.queue_depth.drain_seconds
    return max(0.0, excess - starts_meanwhile) / started_per_pod


def _doubled(given: TermInput) -> int:
    """Twice the pods that are there, while their pace is not known: once they have had time, and the queue still grows.

    Returns 0 where there is nothing to double yet.
    """
    traffic, complete_since = given.traffic, given.learned.lead_time.complete_since
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
