"""Terms that look at what engines hold: their KV cache, and the requests that they work on."""

from tidegate.scaling.decision import Proposal
from tidegate.scaling.term_input import TermInput, rounded_up, with_tolerance
from tidegate.scaling.wording import number, requests

CARRIED_SHARE = 0.8
"""How much of what a pod is known to carry is asked of the pods that stay."""


def memory(given: TermInput) -> Proposal | None:
    """KV cache that is in use ÷ what is to be used of one replica's.

    Requests that wait have none yet. To count what they will need would order pods for them a second time, all through
    a cold start.
    """
    usage, pods = given.traffic.kv_usage, len(given.observation.read_pods)
    if usage is None:
        return None
    target = given.scaling.kv_cache.target_percent
    exact = usage * pods * 100 / target
    return Proposal(
        "memory",
        with_tolerance(exact, given),
        f"{number(usage * 100)} % of the KV cache is in use, {target} % may be",
        exact,
    )


def running(given: TermInput) -> Proposal | None:
    """How far a service may shrink of which nothing else says so: waiting alone says nothing of the way down.

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
    exact = is_running / (CARRIED_SHARE * carried)
    because = f"{because}; a pod can carry {number(carried)} at once"
    return Proposal("running", min(current, rounded_up(exact)), because, min(current, exact))
