"""What all variants of a service together have to be able to do, in requests per second."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.scaling.decision import Proposal
from tidegate.scaling.demand_terms import BURSTS, THROUGHPUT
from tidegate.scaling.evaluation import Evaluation
from tidegate.scaling.worth import Worth


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNeed:
    """The need, and what drives it."""

    requests_per_second: float
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
    parts = {name: winner.needed * worths[name].requests_per_second for name, winner in strongest.items()}
    knowing = {
        name: parts[name] for name in strongest if any(_tells_what_arrives(each) for each in seen[name].proposals)
    }
    for name in strongest.keys() - knowing.keys() if knowing else ():
        others = [each for each in seen[name].proposals if each.term not in {THROUGHPUT, BURSTS}]
        own = max((each.needed for each in others), default=0.0) * worths[name].requests_per_second
        by_share = shares[name] * sum(knowing.values()) / sum(shares[each] for each in knowing)
        parts[name] = max(own, by_share)
    need = sum(parts.values())
    largest = max(parts, key=lambda name: parts[name], default="")
    because = f"{strongest[largest].because} ({largest})" if largest else ""
    looks = {name: each.memory.learned.step_time.samples for name, each in seen.items() if each.capacity is not None}
    if looks:
        best = max(looks, key=lambda name: looks[name])
        for proposal in seen[best].proposals:
            again = proposal.needed * worths[best].requests_per_second
            if proposal.term == BURSTS and again > need:
                need, because = again, f"{proposal.because} ({best})"
    return FleetNeed(requests_per_second=need, because=because, of_each=strongest)


def _tells_what_arrives(proposal: Proposal) -> bool:
    return proposal.term == THROUGHPUT and proposal.exact is not None
