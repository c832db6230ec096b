"""What a replica of each variant is worth: the requests that it does per second, beside those of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.quantity import to_number
from tidegate.scaling.capacity import FAIRLY_SURE, Capacity
from tidegate.scaling.capacity_estimate import given_capacity
from tidegate.scaling.memory import Memory
from tidegate.scaling.wording import number

ENOUGH_LOOKS = 2
"""At different states of the pods: looks that show the same count as one."""

MOST_WEIGHT = 1_000_000
"""A status takes no more, and prices can be any number of times as high as others."""

TRIAL_BEGINS_SHARE, TRIAL_ENDS_SHARE = 0.5, 0.75
"""Of what a pod is taken to work on at once: while no more than that runs per pod, it is given as much as any other, to
be measured. Apart, as weights are told to all gateways: what runs moves with each look."""

SAME_WEIGHT = 0.2
"""A weight within so much of the one that is told is the same: it is written to a status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One variant, as far as its worth goes."""

    name: str
    spec: InferenceServiceSpec
    memory: Memory
    capacity: Capacity | None
    """None where nothing is known of it yet."""

    cost_per_hour: float | None
    """Of a replica; None where it has no price."""

    is_new: bool = False
    """Its pods have not been ready for long: what the first looks show is of pods that are still filling up."""

    @property
    def looks(self) -> int:
        """How often its pods were seen at work."""
        return self.memory.learned.step_time.samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a replica is worth."""

    requests_per_second: float
    at_once: float
    """Requests that it works on at once, as a weight beside the others'."""

    assumed: Capacity | None = None
    """The same in full, where it was not measured but is taken to be so."""

    is_guess: bool = False
    """It was not measured, or not well enough to do without others for it."""

    is_blind: bool = False
    """Nor was any other, well enough, that it could be taken to be worth its price beside."""

    too_slow: str = ""
    """Why even a replica that has nothing else to do would break a promise, for people; empty where it would not."""


def worth_of(candidates: Sequence[Candidate]) -> dict[str, Worth]:
    """Say what a replica of each is worth, by name.

    A variant of which nothing is known is taken to be worth its price beside the one that is known best: that makes it
    neither cheap nor dear, so that it is tried where its size fits, and measured then. Without prices it is taken to be
    worth as much as that one.
    """
    known = {each.name: each.capacity for each in candidates if each.capacity is not None}
    model = max(candidates, key=lambda each: (each.name in known, each.looks))
    capacities = {each.name: _counted_on(each, model, known) for each in candidates}
    tells_batch = all(each is not None and each.batch is not None for each in capacities.values())
    worths: dict[str, Worth] = {}
    for each in candidates:
        capacity = capacities[each.name]
        is_guess = each.name not in known or not _is_measured(each, known[each.name], known[model.name])
        unit = known[model.name].requests_per_second if known else 1.0
        requests = _price_ratio(each, model) * unit if capacity is None else capacity.requests_per_second
        batch = capacity.batch if capacity is not None and tells_batch else None
        worths[each.name] = Worth(
            requests_per_second=requests,
            at_once=100 * requests if batch is None else batch,
            assumed=None if each.name in known else capacity,
            is_guess=is_guess and not (capacity is not None and capacity.is_given),
            is_blind=capacity is None,
            too_slow=_too_slow(each),
        )
    # Until it is measured, a pod gets no more to do than one of which it is known that it can.
    bound = worths[model.name].at_once
    return {
        name: replace(worth, at_once=min(worth.at_once, bound)) if worth.is_guess else worth
        for name, worth in worths.items()
    }


def weights(worths: Mapping[str, Worth], before: Mapping[str, int], running_per_pod: float) -> dict[str, int]:
    """How much a pod of each variant is given to do at once, beside the others.

    Full pods are equally full so: of two engines one of which works on four times as many requests at once, that one
    gets four times as many. Those that were told before stay while they are about right.

    Where so little runs that a pod on trial could take it by half of what it is taken to be worth, it counts as much as
    the others: the heaviest pod would get all of it, and the one that is to be measured nothing.

    Args:
        worths: of all variants.
        before: what was told before.
        running_per_pod: requests that run, as a mean over the pods that are ready.
    """
    most = max(worth.at_once for worth in worths.values())
    heaviest = max(before.values(), default=0)
    tried = {
        name
        for name, worth in worths.items()
        if _can_be_tried(worth, running_per_pod, is_tried=before.get(name) == heaviest)
    }
    exact = {
        name: min(max(1.0, most if name in tried else worth.at_once), MOST_WEIGHT) for name, worth in worths.items()
    }
    if before.keys() == exact.keys():
        scale = sum(before.values()) / sum(exact.values())
        if all(abs(exact[name] * scale / told - 1) <= SAME_WEIGHT for name, told in before.items()):
            return dict(before)
    return {name: max(1, round(float(f"{value:.2g}"))) for name, value in exact.items()}


def _can_be_tried(worth: Worth, running_per_pod: float, *, is_tried: bool) -> bool:
    share = TRIAL_ENDS_SHARE if is_tried else TRIAL_BEGINS_SHARE
    return worth.is_guess and not worth.is_blind and running_per_pod <= share * worth.at_once


def _is_measured(candidate: Candidate, capacity: Capacity, best: Capacity) -> bool:
    """Whether it was seen at work often enough, and what was seen agrees, as well as of the best known."""
    sure = max(FAIRLY_SURE, best.doubt)
    is_known = candidate.looks >= ENOUGH_LOOKS and not candidate.is_new
    return capacity.is_given or (is_known and capacity.doubt <= sure)


def _counted_on(candidate: Candidate, model: Candidate, known: Mapping[str, Capacity]) -> Capacity | None:
    """What was measured; a first guess only as far as it is no more than its price is worth."""
    own, assumed = known.get(candidate.name), _assumed(candidate, model, known.get(model.name))
    if own is None or assumed is None or own.doubt <= FAIRLY_SURE or candidate is model:
        return own or assumed
    return min(own, assumed, key=lambda capacity: capacity.requests_per_second)


def _assumed(candidate: Candidate, model: Candidate, known: Capacity | None) -> Capacity | None:
    """What a replica of a variant is taken to do that was not measured; None where nothing is known to go by."""
    given = candidate.spec.scaling.token_throughput
    if given is not None:
        sums = model.memory.arrivals.sums  # The requests are the same, whoever has worked on them.
        return given_capacity(to_number(given.target_per_replica), sums, unit_is_request=False)
    if known is None or not _is_measured(model, known, known):
        return None
    ratio = _price_ratio(candidate, model)
    return Capacity(
        requests_per_second=ratio * known.requests_per_second,
        units_per_second=ratio * known.units_per_second,
        busy_seconds_per_request=known.busy_seconds_per_request / ratio,
        batch=None if known.batch is None else max(1.0, ratio * known.batch),
        doubt=1.0,
    )


def _price_ratio(one: Candidate, other: Candidate) -> float:
    if not one.cost_per_hour or not other.cost_per_hour:
        return 1.0
    return one.cost_per_hour / other.cost_per_hour


def _too_slow(candidate: Candidate) -> str:
    """By what was measured when nothing else is in the batch: more replicas would not mend it."""
    promised, capacity = candidate.spec.scaling.objectives, candidate.capacity
    steps, sums = candidate.memory.learned.step_time, candidate.memory.arrivals.sums
    if steps.seconds is None or capacity is None or capacity.doubt > FAIRLY_SURE:
        return ""
    alpha, beta, c = steps.seconds
    prompt = sums.prompt_work / sums.prompts if sums.prompts else 0.0
    for promise, seconds, what in (
        (promised.inter_token_latency, alpha + beta, "a token takes"),
        (promised.time_to_first_token, alpha + c * prompt, "the first token takes"),
    ):
        if promise is not None and 1000 * seconds > promise.milliseconds:
            return f"{what} {number(1000 * seconds)} ms alone, {promise.milliseconds:,} are promised"
    return ""
