"""All that a gateway needs to wake a service without the operator: whether it may, and to how many. Pure.

It is made of what the status tells of what was learned, which moves in steps, so that a service at rest writes nothing,
and a new operator says what the one before it said.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from tidegate.api.conditions import Reason
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import LearnedCapacity, LearnedLeadTime
from tidegate.api.quantity import to_number
from tidegate.api.routing import RoutingMode, WakePlan
from tidegate.api.scaling import Mode, QueueDepth
from tidegate.controller.checks import Blocks, Refusal

MOST_REQUESTS = 1_000_000
LONGEST_LEAD_SECONDS = 86_400
LONGEST_MESSAGE = 1024
"""What the fields have room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeInput:
    """All that a plan is made of."""

    spec: InferenceServiceSpec | None
    """None where it cannot be read; `refusal` then says why."""

    mode: RoutingMode
    """The mode that holds."""

    deployment: str
    refusal: Refusal | None
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


def wake_plan(given: WakeInput) -> WakePlan | None:
    """Make the plan; None where no gateway has a part in the service."""
    if given.mode is RoutingMode.NONE:
        return None
    spec = given.spec
    allowed, reason, message = next(_obstacles(given), (True, "Allowed", ""))
    least, most = (1, 1) if spec is None else _bounds(spec, given.floor)
    return WakePlan(
        deployment=given.deployment,
        allowed=allowed,
        reason=reason,
        message=message[:LONGEST_MESSAGE],
        min_replicas=least,
        max_replicas=most,
        requests_per_replica=1 if spec is None else _requests_per_replica(spec.scaling.queue_depth, given),
        max_sequences=given.max_sequences if given.max_sequences and given.max_sequences <= MOST_REQUESTS else None,
        lead_time_seconds=None if given.lead_time is None else min(given.lead_time.p75_seconds, LONGEST_LEAD_SECONDS),
    )


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
    if given.pods_refused:
        # A gateway sees pods only: of those that are never made it would wait for the first.
        yield False, Reason.PODS_REFUSED, f"the API server refuses its pods: {given.pods_refused}"


def _bounds(spec: InferenceServiceSpec, floor: int) -> tuple[int, int]:
    """Fewest and most replicas to wake to: schedules that hold now are among the fewest, a pin is both."""
    if spec.replicas:
        return spec.replicas, spec.replicas
    most = spec.scaling.max_replicas
    return min(max(1, spec.scaling.min_replicas, floor), most), most


def _requests_per_replica(queue: QueueDepth, given: WakeInput) -> int:
    """How many requests that wait one replica starts within the drain time: at least those that it works on at once."""
    capacity, at_once = given.capacity, given.max_sequences or 0
    if capacity is None or capacity.requests_per_second is None:
        return _whole(at_once or to_number(queue.target_per_replica))
    drained = float(capacity.requests_per_second) * queue.drain_seconds
    return _whole(max(drained, float(capacity.requests_at_once or 0), at_once))


def _whole(requests: float) -> int:
    return min(max(1, ceil(requests)), MOST_REQUESTS)
