"""The term that looks at the promises: what users were told to expect, and what they get."""

from tidegate.scaling.decision import Proposal
from tidegate.scaling.demand_terms import needed_for
from tidegate.scaling.promises import LARGEST_FACTOR
from tidegate.scaling.term_input import TermInput, rounded_up
from tidegate.scaling.wording import number

NO_FACTOR = 1.005


def objectives(given: TermInput) -> Proposal | None:
    """What demand needs, times what it has been found to take to keep the promises."""
    promised, promises = given.scaling.objectives, given.learned.promises
    if promised.time_to_first_token is None and promised.inter_token_latency is None:
        return None
    words = [
        f"{verdict.name} p{verdict.promise.percentile} is {number(verdict.measured_seconds * 1000)} ms, "
        f"{verdict.promise.milliseconds:,} are promised"
        for verdict in promises.verdicts(promised)
    ]
    because = "; ".join(words) or "too few requests in the last minute to judge the promises by"
    if promises.factor <= NO_FACTOR:
        return Proposal("objectives", 0, because)
    share = f"{number((promises.factor - 1) * 100)} % more than demand needs"
    if promises.factor >= LARGEST_FACTOR:
        share += ", and no more: replicas alone do not keep this promise"
    expected = given.expected_requests_per_second
    if given.capacity is None or expected is None:
        return Proposal("objectives", given.observation.replicas, because)
    needed = needed_for(expected, given.capacity, given) * promises.factor
    return Proposal("objectives", rounded_up(needed), f"{because}; to keep them takes {share}", needed)
