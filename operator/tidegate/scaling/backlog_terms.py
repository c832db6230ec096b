"""The term that looks at what has piled up."""

from tidegate.api.quantity import to_number
from tidegate.scaling.arrivals import WINDOW_SECONDS
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.decision import Proposal
from tidegate.scaling.demand_terms import arriving_sentence, needed_for
from tidegate.scaling.term_input import TermInput, rounded_up, with_tolerance
from tidegate.scaling.wording import count, number, requests

DRAIN_SHARE_OF_LEAD = 0.5
"""What waits is not worked off faster than in this share of the lead time: pods for that would come too late to be of
use for long."""


def queue(given: TermInput) -> Proposal | None:
    """Replicas for what arrives, and to start in `drainSeconds` what waits beyond what may.

    It says how many there should be, not how many more, so pods that are coming count. On the way down, no fewer are
    left than those that so many requests may wait for.
    """
    waiting, current = given.traffic.waiting, given.observation.replicas
    if waiting is None:
        return None
    target = to_number(given.scaling.queue_depth.target_per_replica)
    tolerated = target * current
    because = f"{requests(waiting)} waiting, {number(tolerated)} allowed"
    if waiting <= tolerated:
        needs_those_that_come = waiting > target * len(given.observation.read_pods)
        exact = waiting / target
        return Proposal("queue", current if needs_those_that_come else rounded_up(exact), because, exact)
    expected = given.expected_requests_per_second
    if given.capacity is not None and expected is not None:
        return _by_learned_capacity(given, given.capacity, waiting, expected, because)
    return _by_pace(given, waiting - tolerated, because)


def _by_learned_capacity(
    given: TermInput, capacity: Capacity, waiting: float, expected: float, because: str
) -> Proposal:
    """Count what will still wait when pods that are ordered now are ready.

    The others start their share of it until then, those that are on their way from when they are due: a cold start does
    not wind the size up.
    """
    started = _pod_seconds_until_ready(given) * capacity.requests_per_second
    # Arrivals that are only held on to stand for requests that wait: those are not to come a second time.
    joining = max(0.0, expected - given.traffic.held_requests_per_second) * given.lead_seconds
    left = max(0.0, waiting + joining - started)
    drain_seconds = max(given.scaling.queue_depth.drain_seconds, DRAIN_SHARE_OF_LEAD * given.lead_seconds)
    base, current = needed_for(expected, capacity, given), given.observation.replicas
    # Requests that wait in a pod stay there: others can but take what arrives meanwhile, in its place. More than what
    # demand needs, once more, would do nothing for them.
    for_backlog = min(left / drain_seconds * capacity.busy_seconds_per_request, base)
    replicas = max(current, rounded_up(base + for_backlog))
    extra = rounded_up(base + for_backlog) - rounded_up(base)
    whose = (
        f"{extra} of {replicas} are for {requests(round(left))} that will still wait when they are ready"
        if extra and left >= 1
        else "pods that are there or on their way will have started them in time"
    )
    because = f"{because}; {arriving_sentence(given, capacity)}; {whose}"
    return Proposal("queue", replicas, because, base + for_backlog)


def _pod_seconds_until_ready(given: TermInput) -> float:
    """How long all pods together will have served when pods that are ordered now are ready."""
    read = {pod.uid for pod in given.observation.read_pods}
    seconds = len(read) * given.lead_seconds
    for pod in given.observation.pods:
        if pod.uid not in read and not pod.unschedulable:
            age = 0.0 if pod.created is None else given.now - pod.created
            seconds += min(max(0.0, age), given.lead_seconds)
    return seconds


def _by_pace(given: TermInput, excess: float, because: str) -> Proposal:
    """While it is not known what a replica can do: by how fast pods were seen to take requests out of their queues.

    While pods are coming, the queue grows for want of those and not of others: until they are there, no more is asked
    for than what arrives, and no less than was.
    """
    current, coming = given.observation.replicas, given.observation.coming
    pace, arriving = given.traffic.starts_per_pod_second, given.traffic.requests_per_second
    if arriving is not None:
        arriving *= given.observation.part
    if pace is None or arriving is None:
        return Proposal("queue", max(current, _doubled(given)), f"{because}; how fast a pod starts them is not known")
    because += f"; {number(arriving)}/s arrive and a pod starts {number(pace)}/s"
    exact = arriving / pace
    if coming:
        because += f"; {count(coming, 'pod')} must come before the queue asks for more"
    else:
        exact += _drain(excess, pace=pace, arriving=arriving, given=given)
        because += f"; the excess is to start within {given.scaling.queue_depth.drain_seconds} s"
    return Proposal("queue", max(current, with_tolerance(exact, given)), because, exact)


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
    return min(2 * given.observation.replicas, rounded_up((traffic.waiting or 0.0) / target))
