"""All that a gateway needs to wake a service without the operator: whether it may, and to how many. Pure.

It is made of what the status tells of what was learned, which moves in steps, so that a service at rest writes nothing,
and a new operator says what the one before it said. Of several variants it names one: the cheapest to answer first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

from tidegate.api.conditions import Reason
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.learned_status import LearnedCapacity, LearnedLeadTime
from tidegate.api.quantity import to_number
from tidegate.api.routing import RoutingMode, WakePlan
from tidegate.api.scaling import MAXIMUM_REPLICAS, Mode, QueueDepth
from tidegate.controller.checks import Blocks, Refusal
from tidegate.scaling.budget import Budget
from tidegate.scaling.first_to_answer import Sleeper, first_to_answer
from tidegate.scaling.wording import number

MOST_REQUESTS = 1_000_000
LONGEST_LEAD_SECONDS = 86_400
LONGEST_MESSAGE = 1024
"""What the fields have room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantToWake:
    """One variant of a service that has several."""

    name: str
    spec: InferenceServiceSpec
    """As it is of this variant."""

    deployment: str
    cost_per_hour: float | None
    """Of one replica; None where no price is known."""

    refusal: Refusal | None = None
    """Why its spec cannot be carried out, if it cannot."""

    without_place: bool = False
    """Pods of it found no place when there were some last."""

    pods_refused: str = ""
    """As `WakeInput.pods_refused`."""

    capacity: LearnedCapacity | None = None
    lead_time: LearnedLeadTime | None = None
    max_sequences: int | None = None
    """As `WakeInput.max_sequences`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeInput:
    """All that a plan is made of."""

    spec: InferenceServiceSpec | None
    """None where it cannot be read; `refusal` then says why."""

    mode: RoutingMode
    """The mode that holds."""

    deployment: str
    refusal: Refusal | None
    """Why the spec of the service as a whole cannot be carried out, if it cannot."""

    yielded_to: str | None
    """The other writer of the size that has been yielded to."""

    pods_refused: str
    """What the API server says of the pods that it refuses to make, while there is none; empty where it does not."""

    capacity: LearnedCapacity | None
    lead_time: LearnedLeadTime | None
    max_sequences: int | None
    """Requests that one pod works on at once at most, where the engine's arguments say so."""

    floor: int
    """The fewest replicas that schedules ask for now."""

    cost_per_hour: float | None = None
    """Of one replica; None where no price is known."""

    budget: Budget | None = None
    """What the service may cost now; None where nothing bounds it."""

    variants: tuple[VariantToWake, ...] = ()
    """All of them, default first, where there is more than one: what is said above of Deployment, pods and what was
    learned is then said of each here, and not read there."""

    @property
    def affordable(self) -> int | None:
        """How many replicas its budget has room for; None where it bounds nothing."""
        return None if self.budget is None or not self.cost_per_hour else self.budget.replicas(self.cost_per_hour)


def variant_to_wake(variants: Sequence[VariantToWake]) -> str | None:
    """Choose the variant that is the cheapest to answer first, as the operator would.

    One whose pods find no place, or whose body cannot be written, is chosen only where no other is left.

    Args:
        variants: in the order in which they are listed.

    Returns:
        Its name; None where none can be woken.
    """
    sleepers = [_sleeper(each) for each in variants if not _is_hopeless(each)]
    return first_to_answer(sleepers) if sleepers else None


def wake_plan(given: WakeInput) -> WakePlan | None:
    """Make the plan; None where no gateway has a part in the service."""
    if given.mode is RoutingMode.NONE:
        return None
    spec, own = given.spec, given.spec
    if given.variants:
        chosen = _chosen([each for each in given.variants if _can_be_afforded(each, given.budget)] or given.variants)
        given, own = _through(given, chosen), chosen.spec
    allowed, reason, message = next(_obstacles(given), (True, "Allowed", ""))
    least, most = (1, 1) if spec is None or own is None else _bounds(spec, own, given.floor, given.affordable)
    return WakePlan(
        deployment=given.deployment,
        allowed=allowed,
        reason=reason,
        message=message[:LONGEST_MESSAGE],
        min_replicas=least,
        max_replicas=most,
        requests_per_replica=1 if spec is None else _requests_per_replica(spec.scaling.queue_depth, given),
        max_sequences=bound_of_pod(given.max_sequences),
        lead_time_seconds=None if given.lead_time is None else min(given.lead_time.p75_seconds, LONGEST_LEAD_SECONDS),
    )


def bound_of_pod(max_sequences: int | None) -> int | None:
    """How many requests a gateway hands to one pod at most; None where that is not known, or is none to speak of."""
    return max_sequences if max_sequences and max_sequences <= MOST_REQUESTS else None


def _obstacles(given: WakeInput) -> Iterator[tuple[bool, str, str]]:
    """Why a gateway may not wake it, the first of the list first."""
    spec, refusal = given.spec, given.refusal
    if refusal is not None and refusal.blocks is Blocks.EVERYTHING:
        yield False, refusal.reason, refusal.message
    if spec is None:
        return
    if spec.replicas == 0:
        yield False, "PinnedAtZero", "spec.replicas is 0: the service is switched off by hand"
    if spec.scaling.mode is not Mode.AUTOMATIC:
        mode = spec.scaling.mode.value
        yield False, mode, f"scaling.mode is {mode}: no size is written, so nobody wakes the service"
    if given.yielded_to is not None:
        yield False, "Yielded", f"{given.yielded_to} writes the size of this service; it has to wake it"
    if given.affordable == 0 and given.budget is not None:
        price = number(given.cost_per_hour or 0.0)
        yield False, Reason.BUDGET_EXHAUSTED, f"one replica costs {price} an hour: {given.budget.because}"
    if given.pods_refused:
        # A gateway sees pods only: of those that are never made it would wait for the first.
        yield False, Reason.PODS_REFUSED, f"the API server refuses its pods: {given.pods_refused}"


def _chosen(variants: Sequence[VariantToWake]) -> VariantToWake:
    """The one to wake; where none can be, the first says why."""
    name = variant_to_wake(variants)
    return next((each for each in variants if each.name == name), variants[0])


def _through(given: WakeInput, variant: VariantToWake) -> WakeInput:
    """The same for a service that is woken by one of its variants."""
    return replace(
        given,
        deployment=variant.deployment,
        refusal=next((each for each in (given.refusal, variant.refusal) if _blocks_all(each)), None),
        pods_refused=variant.pods_refused,
        cost_per_hour=variant.cost_per_hour,
        capacity=variant.capacity,
        lead_time=variant.lead_time,
        max_sequences=variant.max_sequences,
    )


def _sleeper(variant: VariantToWake) -> Sleeper:
    return Sleeper(
        name=variant.name,
        cost_per_hour=variant.cost_per_hour,
        lead_seconds=None if variant.lead_time is None else float(variant.lead_time.p75_seconds),
        can_start=variant.refusal is None and not variant.without_place,
    )


def _can_be_afforded(variant: VariantToWake, budget: Budget | None) -> bool:
    return budget is None or budget.affords(variant.cost_per_hour or 0.0)


def _is_hopeless(variant: VariantToWake) -> bool:
    return bool(variant.pods_refused) or _blocks_all(variant.refusal)


def _blocks_all(refusal: Refusal | None) -> bool:
    return refusal is not None and refusal.blocks is Blocks.EVERYTHING


def _bounds(
    spec: InferenceServiceSpec, own: InferenceServiceSpec, floor: int, affordable: int | None
) -> tuple[int, int]:
    """Fewest and most replicas to wake to: schedules that hold now are among the fewest, a pin is both.

    Where not even one can be afforded, the plan does not allow a wake, and they say nothing.

    Args:
        spec: of the service, which bounds all of its variants together.
        own: of the variant that is woken.
        floor: what schedules ask for.
        affordable: how many replicas its budget has room for; None where it bounds nothing.
    """
    afforded = MAXIMUM_REPLICAS if affordable is None else max(1, affordable)
    most = min(spec.scaling.max_replicas, own.scaling.max_replicas, afforded)
    if spec.replicas:
        pinned = min(spec.replicas, afforded) if own is spec else min(spec.replicas, most)
        return pinned, pinned
    return min(max(1, spec.scaling.min_replicas, own.scaling.min_replicas, floor), most), most


def _requests_per_replica(queue: QueueDepth, given: WakeInput) -> int:
    """How many requests that wait one replica starts within the drain time: at least those that it works on at once."""
    capacity, at_once = given.capacity, given.max_sequences or 0
    if capacity is None or capacity.requests_per_second is None:
        return _whole(at_once or to_number(queue.target_per_replica))
    drained = float(capacity.requests_per_second) * queue.drain_seconds
    return _whole(max(drained, float(capacity.requests_at_once or 0), at_once))


def _whole(requests: float) -> int:
    return min(max(1, ceil(requests)), MOST_REQUESTS)
