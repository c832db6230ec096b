"""From a variant as it is to its seat in the choice: whether it is new, on trial, stuck, or in another's hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling import behavior
from tidegate.scaling.budget import Budget
from tidegate.scaling.choice import Seat
from tidegate.scaling.lane import FleetMemory, Lane
from tidegate.scaling.observation import Observation
from tidegate.scaling.term_input import LIKELY_LEAD_SECONDS
from tidegate.scaling.worth import Worth

TRIED_AGAIN_SECONDS = 3600.0
"""A variant that was tried and could not be measured, as for want of work, is not tried again before that."""

SHORTEST_TRIAL_SECONDS = 120.0
"""Before so long after it should be ready, a replica on trial is not given up."""


def seats_of(
    lanes: Sequence[Lane], worths: Mapping[str, Worth], spec: InferenceServiceSpec, memory: FleetMemory, now: float
) -> tuple[Seat, ...]:
    """Seat all of them.

    Args:
        lanes: the variants, as listed.
        worths: what a replica of each is worth.
        spec: of the service.
        memory: what was remembered before this look, but for `tried`, which is of this one.
        now: seconds since the epoch.
    """
    tried = memory.tried
    seats = tuple(_seat(lane, worths[lane.name], spec, memory, now, tried=tried.get(lane.name)) for lane in lanes)
    return _with_those_to_begin_with(seats, lanes[0].observation.budget)


def tried_since(
    before: Mapping[str, float], lanes: Sequence[Lane], worths: Mapping[str, Worth], now: float
) -> dict[str, float]:
    """Since when variants are tried that are not measured well; forgotten when they are, or after a while."""
    tried = {}
    for lane in lanes:
        since = before.get(lane.name, now if lane.observation.replicas else None)
        if worths[lane.name].is_guess and since is not None and now - since < TRIED_AGAIN_SECONDS:
            tried[lane.name] = since
    return tried


def is_new(lane: Lane, memory: FleetMemory, now: float) -> bool:
    """Whether a variant that was not measured has not had its pods ready for long."""
    since = memory.tried.get(lane.name)
    return since is not None and now - since < _lead_seconds(lane) + SHORTEST_TRIAL_SECONDS


def without_room(memory: FleetMemory, seats: Sequence[Seat]) -> Mapping[str, int]:
    """Those that are given up, and the fewest ready pods that they had since: one more shows that there is room."""
    had = memory.without_room
    return MappingProxyType(
        {seat.name: min(seat.ready, had.get(seat.name, seat.ready)) for seat in seats if seat.is_given_up}
    )


def _with_those_to_begin_with(seats: tuple[Seat, ...], budget: Budget | None) -> tuple[Seat, ...]:
    """The first listed is, while nothing is known of any; the next where it finds no place, or may have no more.

    Nor may it have any where not even one can be paid.
    """
    marked, begins = [], True
    for seat in seats:
        marked.append(replace(seat, is_first=begins))
        too_dear = budget is not None and not budget.affords(seat.cost_per_hour or 0.0)
        begins = begins and (seat.is_given_up or seat.present >= seat.most or too_dear)
    return tuple(marked)


def _seat(
    lane: Lane, worth: Worth, spec: InferenceServiceSpec, memory: FleetMemory, now: float, *, tried: float | None
) -> Seat:
    observation, scaling = lane.observation, lane.spec.scaling
    lead_seconds = _lead_seconds(lane)
    window_seconds = max(SHORTEST_TRIAL_SECONDS, behavior.down_window_seconds(spec.scaling.behavior.scale_down))
    is_due = tried is not None and now - tried >= lead_seconds + window_seconds
    placeless, is_held = observation.placeless, observation.yielded_to is not None
    return Seat(
        name=lane.name,
        present=observation.replicas,
        ready=len(observation.ready_pods),
        starting=_starting(observation, spec.scaling.fallback_after_seconds, now),
        placeless=placeless,
        is_given_up=_is_given_up(lane, memory, spec, now),
        is_held=is_held,
        lead_seconds=lead_seconds,
        on_trial=tried is not None and not is_due and observation.replicas > 0,
        is_spent=is_due,
        least=observation.replicas if is_held else min(scaling.min_replicas, scaling.max_replicas),
        most=observation.replicas if is_held else scaling.max_replicas,
        cost_per_hour=observation.cost_per_hour,
        worth=worth,
    )


def _lead_seconds(lane: Lane) -> float:
    return lane.memory.learned.lead_time.seconds or LIKELY_LEAD_SECONDS


def _is_given_up(lane: Lane, memory: FleetMemory, spec: InferenceServiceSpec, now: float) -> bool:
    """Whether the others do the work of those that find no place; until one more of them has found one."""
    observation, since = lane.observation, lane.observation.without_place_since
    if observation.placeless and since is not None and now - since >= spec.scaling.fallback_after_seconds:
        return True
    had = memory.without_room.get(lane.name)
    return had is not None and len(observation.ready_pods) <= had


def _starting(observation: Observation, longest_seconds: float, now: float) -> int:
    """Replicas that were ordered and are not ready, those aside that find no place, or do not come to be ready."""
    late = sum(
        not pod.ready and not pod.unschedulable and pod.created is not None and now - pod.created >= longest_seconds
        for pod in observation.pods
    )
    there = len(observation.ready_pods) + observation.placeless + late
    return max(0, observation.replicas - there)
