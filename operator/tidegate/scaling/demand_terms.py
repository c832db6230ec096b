"""Terms that look at what arrives: now, when pods that are ordered now are ready, and lately."""

import math

from tidegate.api.quantity import to_number
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.decision import Proposal
from tidegate.scaling.recurrence import SHARE_KEPT
from tidegate.scaling.term_input import TermInput, rounded_up, with_tolerance
from tidegate.scaling.wording import number

BUSY_SHARE_UP = 0.95
BUSY_SHARE_DOWN = 0.8
"""How much of the time a replica is to be busy: more replicas above the one, fewer below the other. What lies between
is what keeps the size from going to and fro."""

ROOM_DEVIATIONS = 1.5
"""How many standard deviations of the requests at work there is to be room for."""

THROUGHPUT = "throughput"
BURSTS = "bursts"

WORTH_TELLING = 1.05
CEASED_SHARE = 0.5
"""When less than this share of what is counted on arrives, both are told: nobody is to read of traffic that is gone."""


def throughput(given: TermInput) -> Proposal | None:
    """Work that arrives ÷ work that one replica is given, or else was seen to do."""
    policy, unit = given.scaling.token_throughput, f"{given.observation.work_unit}/s"
    if policy is None:
        return None if given.capacity is None else _by_learned_capacity(given, given.capacity)
    arriving = given.traffic.arriving_per_second
    if arriving is None:
        return Proposal(THROUGHPUT, given.observation.replicas, f"how many {unit} arrive is not known yet")
    target = to_number(policy.target_per_replica)
    exact = given.observation.part * arriving / target
    return Proposal(
        THROUGHPUT,
        with_tolerance(exact, given),
        f"{number(arriving)} {unit} are arriving and each replica is given {number(target)}",
        exact,
    )


def bursts(given: TermInput) -> Proposal | None:
    """Enough for most of the requests of the last half hour, should they come again as they came.

    Among variants: should all of them come to this one. Where the policy says itself how much is asked of a replica, or
    for how long the past counts, that holds instead.
    """
    says_how_much = given.scaling.token_throughput is not None
    says_how_long = given.scaling.behavior.scale_down.stabilization_window_seconds is not None
    past = given.learned.recurrence
    if given.capacity is None or says_how_much or says_how_long or not (needed := past.floor(given.now)):
        return None
    minutes = max(1, round(past.minutes))
    return Proposal(
        BURSTS,
        rounded_up(needed),
        f"{number(needed)} replicas do for {SHARE_KEPT:.0%} of the requests of the last {minutes} min, should "
        "they come again as they came",
        needed,
    )


def needed_for(requests_per_second: float, capacity: Capacity, given: TermInput) -> float:
    """Replicas, as a fraction, for so many requests of the present sizes. What slow pods leave undone is added.

    Requests come as chance has it, so there are at times more than the mean: by the square root of how many are at
    work at once (Halfin and Whitt 1981). The fewer fit into a replica, and the smaller the service, the more room that
    asks for. A variant needs no more than its part of the room that all of them need together.
    """
    busy = requests_per_second * capacity.busy_seconds_per_request
    part = given.observation.part
    room = 0.0 if capacity.batch is None else ROOM_DEVIATIONS * math.sqrt(busy * part / capacity.batch)
    return max(busy / BUSY_SHARE_UP, busy + room) + _undone_by_slow_pods(given)


def work_for(replicas: float, batch: float | None) -> float:
    """`needed_for` turned round, without slow pods: how much work is enough for so many replicas.

    Args:
        replicas: how many there are.
        batch: requests that one of them works on at once when full; None where that is not known.

    Returns:
        The work of so many replicas that are busy all the time.
    """
    if batch is None:
        return BUSY_SHARE_UP * replicas
    room = ROOM_DEVIATIONS / math.sqrt(batch)
    return min(BUSY_SHARE_UP * replicas, ((math.sqrt(room**2 + 4 * replicas) - room) / 2) ** 2)


def arriving_sentence(given: TermInput, capacity: Capacity) -> str:
    """What arrives, what will, and what one replica does."""
    level = given.learned.forecast.level or 0.0
    expected = given.learned.forecast.at_least_growing(given.lead_seconds) if level else 0.0
    now, size = given.traffic.requests_per_second, capacity.units_per_second / capacity.requests_per_second
    unit = f"{given.observation.work_unit}/s"
    arriving = f"{number(level * size)} {unit} are arriving"
    if now is not None and now < CEASED_SHARE * level:
        arriving = f"{number(now * size)} {unit} are arriving, {number(level * size)} of late,"
    soon = f" ({number(expected * size)} expected in {number(given.lead_seconds)} s)"
    slow = len(_slow_pods(given))
    return (
        f"{arriving}{soon if expected > WORTH_TELLING * level else ''} and one replica does "
        f"{number(capacity.units_per_second)}"
        f"{'' if capacity.confidence != 'Low' else ', a first guess'}"
        f"{f', {slow} of them far less' if slow else ''}"
    )


def _by_learned_capacity(given: TermInput, capacity: Capacity) -> Proposal | None:
    expected, current = given.expected_requests_per_second, given.observation.replicas
    if expected is None:  # As after a restart: what a replica does was kept, what arrives was not.
        return Proposal(THROUGHPUT, current, "how many requests arrive is not known yet")
    exact = needed_for(expected, capacity, given)
    up = rounded_up(exact)
    down = rounded_up(needed_for(expected * BUSY_SHARE_UP / BUSY_SHARE_DOWN, capacity, given))
    return Proposal(THROUGHPUT, up if up > current else min(current, down), arriving_sentence(given, capacity), exact)


def _undone_by_slow_pods(given: TermInput) -> float:
    """In replicas."""
    return sum(1 - 1 / slowness for slowness in _slow_pods(given))


def _slow_pods(given: TermInput) -> list[float]:
    """How many times as long as the others each slow pod takes."""
    ready = {pod.uid for pod in given.observation.ready_pods}
    return [slowness for uid, slowness in given.learned.paces.slowness().items() if uid in ready]
