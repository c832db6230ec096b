"""One service that is run in several ways: how many replicas of each variant, and why.

Each variant is looked at as a service of its own, on its own pods and with its part of the requests, by the same terms
as one that is alone. What it comes to need, in replicas, times what a replica of it does, is its part of the need of
all, in requests/s. That need is then covered by the cheapest set (`tidegate.scaling.choice`), and each variant goes to
its size in it by the rules of `behavior`.

Windows are those of `behavior`, over the need: not down before the highest of the one, not up before the lowest of the
other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling import behavior
from tidegate.scaling.choice import Seat
from tidegate.scaling.decide import conclude
from tidegate.scaling.decision import Decision
from tidegate.scaling.evaluation import Evaluation, capacity_now, evaluate
from tidegate.scaling.first_to_answer import LIKELY_LEAD_SECONDS
from tidegate.scaling.fleet_bounds import KEEPS_ROOM, Given, allotments
from tidegate.scaling.fleet_decision import whole_decision
from tidegate.scaling.fleet_need import fleet_need
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.scaling.worth import Candidate, Worth, weights, worth_of

TRIED_AGAIN_SECONDS = 3600.0
"""A variant that was tried and could not be measured, as for want of work, is not tried again before that."""

SHORTEST_TRIAL_SECONDS = 120.0
"""Before so long after it should be ready, a replica on trial is not given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One variant."""

    name: str
    spec: InferenceServiceSpec
    """`InferenceServiceSpec.of_variant(name)`."""

    observation: Observation
    """Of its own pods; `share` and `allotment` are worked out here. `gateway` is that of the whole service."""

    memory: Memory


@dataclass(frozen=True, slots=True)
class Need:
    """What was needed at one time."""

    time: float
    requests_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMemory:
    """What the decisions about all variants together remember, beside each one's own memory."""

    needs: tuple[Need, ...] = ()
    """Oldest first, no longer ago than the longer stabilization window."""

    tried: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Variants that are not measured well: since when they have pods, or when they had."""

    weights: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


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
    before = _worths_before(lanes)
    shares = _shares(lanes, before)
    observations = {
        lane.name: replace(lane.observation, share=shares[lane.name], assumed=before[lane.name].assumed, allotment=None)
        for lane in lanes
    }
    seen = {lane.name: evaluate(lane.spec, observations[lane.name], lane.memory, now) for lane in lanes}
    worths = worth_of([_candidate(lane, seen[lane.name]) for lane in lanes])
    need = fleet_need(seen, worths, shares)
    tried = _tried(memory.tried, lanes, worths, now)
    needs = _remembered(memory.needs, need.requests_per_second, lanes, worths, spec, now)
    given = Given(
        spec=spec,
        seats=_with_one_to_begin_with(
            tuple(_seat(lane, worths[lane.name], spec, now, tried=tried.get(lane.name)) for lane in lanes)
        ),
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
    told = weights(worths, memory.weights)
    return FleetDecision(
        decisions=decisions,
        observations=observations,
        memories=memories,
        memory=FleetMemory(needs=needs, tried=MappingProxyType(tried), weights=MappingProxyType(told)),
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


def _worths_before(lanes: Sequence[Lane]) -> dict[str, Worth]:
    """By what was known before this look."""
    return worth_of(
        [
            Candidate(
                name=lane.name,
                spec=lane.spec,
                memory=lane.memory,
                capacity=capacity_now(lane.spec.scaling, lane.observation, lane.memory.learned, lane.memory.arrivals),
                cost_per_hour=lane.observation.cost_per_hour,
            )
            for lane in lanes
        ]
    )


def _candidate(lane: Lane, seen: Evaluation) -> Candidate:
    return Candidate(
        name=lane.name,
        spec=lane.spec,
        memory=seen.memory,
        capacity=seen.capacity,
        cost_per_hour=lane.observation.cost_per_hour,
    )


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


def _with_one_to_begin_with(seats: tuple[Seat, ...]) -> tuple[Seat, ...]:
    """The first listed is; where its pods find no place, and nothing is known of any, the next that may find one."""
    places = (place for place, seat in enumerate(seats) if not seat.is_given_up or seat.placed)
    first = next(places, 0)
    return tuple(replace(seat, is_first=place == first) for place, seat in enumerate(seats))


def _seat(lane: Lane, worth: Worth, spec: InferenceServiceSpec, now: float, *, tried: float | None) -> Seat:
    observation, scaling = lane.observation, lane.spec.scaling
    since = observation.without_place_since
    lead_seconds = lane.memory.learned.lead_time.seconds or LIKELY_LEAD_SECONDS
    window_seconds = max(SHORTEST_TRIAL_SECONDS, behavior.down_window_seconds(spec.scaling.behavior.scale_down))
    is_due = tried is not None and now - tried >= lead_seconds + window_seconds
    placeless, is_held = observation.placeless, observation.yielded_to is not None
    return Seat(
        name=lane.name,
        present=observation.replicas,
        ready=len(observation.ready_pods),
        starting=_starting(observation, spec.scaling.fallback_after_seconds, now),
        placeless=placeless,
        is_given_up=placeless > 0 and since is not None and now - since >= spec.scaling.fallback_after_seconds,
        is_held=is_held,
        lead_seconds=lead_seconds,
        on_trial=tried is not None and not is_due and observation.replicas > 0,
        is_spent=is_due,
        least=observation.replicas if is_held else min(scaling.min_replicas, scaling.max_replicas),
        most=observation.replicas if is_held else scaling.max_replicas,
        cost_per_hour=observation.cost_per_hour,
        worth=worth,
    )


def _tried(
    before: Mapping[str, float], lanes: Sequence[Lane], worths: Mapping[str, Worth], now: float
) -> dict[str, float]:
    """Since when variants are tried that are not measured well; forgotten when they are, or after a while."""
    tried = {}
    for lane in lanes:
        since = before.get(lane.name, now if lane.observation.replicas else None)
        if worths[lane.name].is_guess and since is not None and now - since < TRIED_AGAIN_SECONDS:
            tried[lane.name] = since
    return tried


def _starting(observation: Observation, longest_seconds: float, now: float) -> int:
    """Replicas that were ordered and are not ready, those aside that find no place, or do not come to be ready."""
    late = sum(
        not pod.ready and not pod.unschedulable and pod.created is not None and now - pod.created >= longest_seconds
        for pod in observation.pods
    )
    there = len(observation.ready_pods) + observation.placeless + late
    return max(0, observation.replicas - there)


def _remembered(
    before: tuple[Need, ...],
    need: float,
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
        kept = (Need(now, there / KEEPS_ROOM),)
    return (*kept, Need(now, need))


def _highest(needs: tuple[Need, ...], spec: InferenceServiceSpec, now: float) -> float:
    return max(_within(needs, behavior.down_window_seconds(spec.scaling.behavior.scale_down), now))


def _lowest(needs: tuple[Need, ...], spec: InferenceServiceSpec, now: float) -> float:
    return min(_within(needs, behavior.up_window_seconds(spec.scaling.behavior.scale_up), now))


def _within(needs: tuple[Need, ...], window_seconds: float, now: float) -> list[float]:
    """What was needed within a window; without one, what is needed now."""
    recent = [each.requests_per_second for each in needs if now - each.time < window_seconds]
    return [*recent, needs[-1].requests_per_second]
