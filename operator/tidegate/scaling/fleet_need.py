"""What all variants of a service together have to be able to do, in requests per second."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.scaling.decision import Proposal
from tidegate.scaling.demand_terms import BURSTS, BUSY_SHARE_DOWN, BUSY_SHARE_UP, THROUGHPUT
from tidegate.scaling.evaluation import Evaluation
from tidegate.scaling.worth import Worth

KEEPS_ROOM = BUSY_SHARE_UP / BUSY_SHARE_DOWN
"""What is left must do for so much more than what arrives, if anything is taken away; as where there is one variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNeed:
    """The need, and what drives it."""

    requests_per_second: float
    to_keep_requests_per_second: float
    """The same for what is left, if anything is taken away."""

    because: str
    """The middle of a sentence for people; empty where no term has anything to say."""

    of_each: Mapping[str, Proposal]
    """What each variant's part comes to in its own replicas, by the term that asks for most."""


def fleet_need(seen: Mapping[str, Evaluation], worths: Mapping[str, Worth], shares: Mapping[str, float]) -> FleetNeed:
    """Add up what the variants need, each times what a replica of it does.

    What came lately and may come again came to the service, not to one variant: it is taken once, by the variant of
    which most is known. A variant whose pods are new cannot say yet what arrives: that its size is right is no need of
    the service. Its part is what the others' parts come to at its share.

    Args:
        seen: of each variant.
        worths: of each variant.
        shares: of the requests, of each variant: one that gets none has no say.
    """
    strongest = {
        name: max(proposals, key=lambda proposal: proposal.needed)
        for name, each in seen.items()
        if shares[name] and (proposals := [proposal for proposal in each.proposals if proposal.term != BURSTS])
    }
    parts = {name: _part(seen[name], worths[name], 1.0) for name in strongest}
    kept = {name: _part(seen[name], worths[name], KEEPS_ROOM) for name in strongest}
    knowing = [name for name in strongest if any(_tells_what_arrives(each) for each in seen[name].proposals)]
    if knowing:
        share = sum(shares[name] for name in knowing)
        for of_each in (parts, kept):
            per_share = sum(of_each[name] for name in knowing) / share
            for name in strongest.keys() - set(knowing):
                of_each[name] = max(_part(seen[name], worths[name], 0.0), shares[name] * per_share)
    need, to_keep = sum(parts.values()), sum(kept.values())
    largest = max(parts, key=lambda name: parts[name], default="")
    because = f"{strongest[largest].because} ({largest})" if largest else ""
    looks = {name: each.memory.learned.step_time.samples for name, each in seen.items() if each.capacity is not None}
    if looks:
        best = max(looks, key=lambda name: looks[name])
        for proposal in seen[best].proposals:
            again = proposal.needed * worths[best].requests_per_second if proposal.term == BURSTS else 0.0
            to_keep = max(to_keep, again)
            if again > need:
                need, because = again, f"{proposal.because} ({best})"
    return FleetNeed(requests_per_second=need, to_keep_requests_per_second=to_keep, because=because, of_each=strongest)


def _part(seen: Evaluation, worth: Worth, arriving_times: float) -> float:
    """What one variant needs, in requests/s, with so many times what arrives at it."""
    needed = (
        proposal.needed * (arriving_times if proposal.term == THROUGHPUT else 1.0)
        for proposal in seen.proposals
        if proposal.term != BURSTS
    )
    return max(needed, default=0.0) * worth.requests_per_second


def _tells_what_arrives(proposal: Proposal) -> bool:
    return proposal.term == THROUGHPUT and proposal.exact is not None
