"""The terms of the rule: each looks at one thing and proposes a size. The largest proposal wins."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.api.inference_service import Scaling
from tidegate.api.quantity import to_number
from tidegate.scaling import behavior
from tidegate.scaling.arrivals import Traffic
from tidegate.scaling.decision import Proposal
from tidegate.scaling.observation import Observation
from tidegate.scaling.wording import number

CARRIED_SHARE = 0.8
"""How much of what a pod has been seen to carry without a queue is asked of the pods that stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermInput:
    """All that a term may look at."""

    scaling: Scaling
    observation: Observation
    traffic: Traffic
    carried_running: float | None


Term = Callable[[TermInput], Proposal | None]


def throughput(given: TermInput) -> Proposal | None:
    """Work that arrives ÷ work that one replica is given."""
    policy = given.scaling.token_throughput
    arriving = given.traffic.arriving_per_second
    if policy is None or arriving is None:
        return None
    target = to_number(policy.target_per_replica)
    replicas = _with_tolerance(arriving / target, given)
    unit = f"{given.observation.work_unit}/s"
    return Proposal(
        "throughput", replicas, f"{number(arriving)} {unit} are arriving and each replica is given {number(target)}"
    )


def queue(given: TermInput) -> Proposal | None:
    """Replicas that start what arrives and, within `drainSeconds`, what waits beyond `targetPerReplica`.

    The number is of all replicas, those that are there and those that are coming: a queue that stays while pods load
    asks for no more of them at every look.
    """
    waiting = given.traffic.waiting
    if waiting is None:
        return None
    policy, current = given.scaling.queue_depth, given.observation.replicas
    target = to_number(policy.target_per_replica)
    excess = waiting - target * current
    waits = f"{number(waiting)} wait, {number(target * current)} may"
    if excess <= 0:
        return Proposal("queue", 0, waits)
    pace, arriving = given.traffic.starts_per_pod_second, given.traffic.requests_per_second
    if pace is None or arriving is None:
        # Nothing is known of the pace. One doubling at a time: the next waits until these pods are there.
        doubled = current if given.observation.coming else min(2 * current, math.ceil(waiting / target))
        return Proposal("queue", max(current, doubled), waits)
    needed = arriving + excess / policy.drain_seconds
    return Proposal(
        "queue",
        math.ceil(needed / pace),
        f"{waits}; {number(needed)} requests/s have to start, to be done with them in {policy.drain_seconds} s, and a "
        f"pod starts {number(pace)}",
    )


def running(given: TermInput) -> Proposal | None:
    """How far a service without a throughput target may shrink: waiting alone says nothing of the way down.

    Shrinks only as far as the pods that stay have been seen to carry without a queue. Never proposes to grow.
    """
    is_running = given.traffic.running
    if given.scaling.token_throughput is not None or is_running is None:
        return None
    current, carried = given.observation.replicas, given.carried_running
    if is_running == 0:
        return Proposal("running", 0, "nothing is running")
    if not carried:
        return Proposal(
            "running", current, f"{number(is_running)} are running; what one pod can carry is not known yet"
        )
    replicas = min(current, math.ceil(is_running / (CARRIED_SHARE * carried)))
    return Proposal(
        "running", replicas, f"{number(is_running)} are running; a pod has carried {number(carried)} at once"
    )


TERMS: tuple[Term, ...] = (
    throughput,  # what arrives
    queue,  # what has piled up
    running,  # what is held, where no throughput target says how far to shrink
)


def _with_tolerance(exact: float, given: TermInput) -> int:
    """Round up, but leave the present size alone where it is near enough."""
    current = given.observation.replicas
    rules = given.scaling.behavior
    if current and 0 <= exact / current - 1 <= behavior.tolerance(rules.scale_up):
        return current
    if current and 0 <= 1 - exact / current <= behavior.tolerance(rules.scale_down):
        return current
    return math.ceil(exact)
