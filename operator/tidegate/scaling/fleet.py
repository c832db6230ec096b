"""One service that is run in several ways: how many replicas of each variant, and why.

Each variant is looked at as a service of its own, on its own pods and with its part of the requests, by the same terms
as one that is alone. What it comes to need, in replicas, times what a replica of it does, is its part of the need of
all, in requests/s. That need is then covered by the cheapest set (`tidegate.scaling.choice`), and each variant goes to
its size in it by the rules of `behavior`.

Windows are those of `behavior`, over the need: not down before the highest of the one, not up before the lowest of the
other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling import behavior
from tidegate.scaling.capacity import Capacity
from tidegate.scaling.decide import conclude
from tidegate.scaling.decision import Decision
from tidegate.scaling.evaluation import capacity_now, evaluate
from tidegate.scaling.fleet_bounds import Given, allotments
from tidegate.scaling.fleet_decision import whole_decision
from tidegate.scaling.fleet_need import KEEPS_ROOM, FleetNeed, fleet_need
from tidegate.scaling.fleet_seats import is_new, seats_of, tried_since, without_room
from tidegate.scaling.lane import FleetMemory, Lane, Need
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.scaling.sizes import Sums
from tidegate.scaling.worth import Candidate, Worth, weights, worth_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDecision:
    """What to do."""

    decisions: Mapping[str, Decision]
    """By variant."""

    observations: Mapping[str, Observation]
    """What each was decided on, with its share and its allotment: `decide` comes to the same with them."""

    memories: Mapping[str, Memory]
    memory: FleetMemory
    whole: Decision
    """Of the service: sizes added up, and one sentence for all of it."""

    weights: Mapping[str, int]
    """How much a pod of each variant is given to do at once, beside those of the others."""


def decide_fleet(spec: InferenceServiceSpec, lanes: Sequence[Lane], memory: FleetMemory, now: float) -> FleetDecision:
    """Decide the sizes of all variants of one service.

    Args:
        spec: of the service: its bounds, schedules, pin and budget are those of all variants together.
        lanes: its variants, `default` first; those that are about to be removed have a maximum of none.
        memory: what the last decision returned; `FleetMemory()` at first.
        now: seconds since the epoch; never earlier than the last call's.
    """
    lanes = [_knowing_sizes(lane, lanes) for lane in lanes]
    before = worth_of([_candidate(lane, lane.memory, _known_before(lane), memory, now) for lane in lanes])
    shares = _shares(lanes, before)
    observations = {
        lane.name: replace(
            lane.observation,
            share=shares[lane.name],
            assumed=before[lane.name].assumed,
            allotment=None,
        )
        for lane in lanes
    }
    seen = {lane.name: evaluate(lane.spec, observations[lane.name], lane.memory, now) for lane in lanes}
    worths = worth_of(
        [_candidate(lane, seen[lane.name].memory, seen[lane.name].capacity, memory, now) for lane in lanes]
    )
    need = fleet_need(seen, worths, shares)
    memory = replace(memory, tried=tried_since(memory.tried, lanes, worths, now))
    seats = seats_of(lanes, worths, spec, memory, now)
    needs = _remembered(memory.needs, need, lanes, worths, spec, now)
    given = Given(
        spec=spec,
        seats=seats,
        observations=tuple(observations.values()),
        seen=tuple(seen.values()),
        need=need,
        need_up=_lowest(needs, spec, now),
        need_down=_highest(needs, spec, now),
        now=now,
    )
    allotted = allotments(given)
    decisions, memories = {}, {}
    for lane, allotment in zip(lanes, allotted.of_each, strict=True):
        observations[lane.name] = replace(observations[lane.name], allotment=allotment)
        decisions[lane.name], memories[lane.name] = conclude(lane.spec, observations[lane.name], seen[lane.name], now)
    running = sum(each.traffic.running or 0.0 for each in seen.values())
    told = weights(worths, memory.weights, running / max(1, sum(seat.ready for seat in seats)))
    return FleetDecision(
        decisions=decisions,
        observations=observations,
        memories=memories,
        memory=FleetMemory(
            needs=needs,
            tried=MappingProxyType(dict(memory.tried)),
            without_room=without_room(memory, seats),
            weights=MappingProxyType(told),
        ),
        whole=whole_decision(given, allotted, tuple(decisions.values())),
        weights=told,
    )


def merged(observations: Sequence[Observation]) -> Observation:
    """All pods of a service as one observation, for those who count pods and tell of them; not to be decided on."""
    first = observations[0]
    others = {each.yielded_to for each in observations} - {None}
    return replace(
        first,
        replicas=sum(each.replicas for each in observations),
        pods=tuple(pod for each in observations for pod in each.pods),
        rollout_in_progress=any(each.rollout_in_progress for each in observations),
        engine_is_silent=all(each.engine_is_silent for each in observations),
        yielded_to=min((each for each in others if each), default=None),
        share=None,
        allotment=None,
        cost_per_hour=None,
    )


def _knowing_sizes(lane: Lane, lanes: Sequence[Lane]) -> Lane:
    """With the sizes that the variant has seen which saw most requests of late: they are the same, whoever works."""
    others = [each for each in lanes if each.observation.work_unit == lane.observation.work_unit and each is not lane]
    most = max((each.memory.arrivals.sums for each in others), key=lambda sums: sums.finished, default=Sums())
    prompt = most.prompt_work / most.prompts if most.prompts else None
    seen = replace(lane.observation, work_per_request=most.work_per_request, prompt_work_per_request=prompt)
    return replace(lane, observation=seen)


def _candidate(lane: Lane, of_late: Memory, capacity: Capacity | None, memory: FleetMemory, now: float) -> Candidate:
    return Candidate(
        name=lane.name,
        spec=lane.spec,
        memory=of_late,
        capacity=capacity,
        cost_per_hour=lane.observation.cost_per_hour,
        is_new=is_new(lane, memory, now),
    )


def _known_before(lane: Lane) -> Capacity | None:
    """By what was known before this look."""
    return capacity_now(lane.spec.scaling, lane.observation, lane.memory.learned, lane.memory.arrivals)


def _shares(lanes: Sequence[Lane], worths: Mapping[str, Worth]) -> dict[str, float]:
    """Which share of the requests goes to each: as much as its ready pods can do.

    Before any is, as those that have a place; and while none has, as those ordered. What waits for a place gets none
    beside others that are on their way: both would be said to be needed, and more of them with every look.
    """
    for pods_of in (_ready, _placed, _ordered):
        work = {lane.name: pods_of(lane) * worths[lane.name].requests_per_second for lane in lanes}
        total = sum(work.values())
        if total > 0:
            return {name: part / total for name, part in work.items()}
    return {lane.name: 1.0 if place == 0 else 0.0 for place, lane in enumerate(lanes)}


def _ready(lane: Lane) -> int:
    return len(lane.observation.ready_pods)


def _placed(lane: Lane) -> int:
    return max(0, lane.observation.replicas - lane.observation.placeless)


def _ordered(lane: Lane) -> int:
    return lane.observation.replicas


def _remembered(
    before: tuple[Need, ...],
    need: FleetNeed,
    lanes: Sequence[Lane],
    worths: Mapping[str, Worth],
    spec: InferenceServiceSpec,
    now: float,
) -> tuple[Need, ...]:
    """The needs of the windows. One of which nothing is known is seeded with what the pods that are there can do."""
    rules = spec.scaling.behavior
    down_seconds = behavior.down_window_seconds(rules.scale_down)
    longest_seconds = max(behavior.up_window_seconds(rules.scale_up), down_seconds)
    kept = tuple(each for each in before if now - longest_seconds < each.time <= now)
    if not kept and (longest_seconds or not before):
        there = sum(lane.observation.replicas * worths[lane.name].requests_per_second for lane in lanes)
        kept = (Need(now, there / KEEPS_ROOM, there),)
    return (*kept, Need(now, need.requests_per_second, need.to_keep_requests_per_second))


def _highest(needs: tuple[Need, ...], spec: InferenceServiceSpec, now: float) -> float:
    window_seconds = behavior.down_window_seconds(spec.scaling.behavior.scale_down)
    return max(each.to_keep_requests_per_second for each in _within(needs, window_seconds, now))


def _lowest(needs: tuple[Need, ...], spec: InferenceServiceSpec, now: float) -> float:
    window_seconds = behavior.up_window_seconds(spec.scaling.behavior.scale_up)
    return min(each.requests_per_second for each in _within(needs, window_seconds, now))


def _within(needs: tuple[Need, ...], window_seconds: float, now: float) -> list[Need]:
    """What was needed within a window; without one, what is needed now."""
    return [*(each for each in needs if now - each.time < window_seconds), needs[-1]]
