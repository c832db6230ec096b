"""From what is seen of a service's pods to the next step of their sizes. Pure, but for what its memory takes in."""

from dataclasses import replace

from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.scaling import Mode
from tidegate.controller.actions import Action, Announce, Scale
from tidegate.controller.announcements import Announcement
from tidegate.controller.learned_status import renewed, room_for
from tidegate.controller.observe import observe
from tidegate.controller.others_size import SET_BY_ANOTHER, others_change
from tidegate.controller.sleep import adopt_wake, held_for_gateways, waits_note
from tidegate.controller.state import ServiceState
from tidegate.controller.status_input import with_note
from tidegate.controller.variant_state import VariantState
from tidegate.controller.way import Way, Ways
from tidegate.controller.way_down import marks_to_write, next_step, serving_size
from tidegate.scaling.decide import decide
from tidegate.scaling.decision import Decision
from tidegate.scaling.fleet import decide_fleet, merged
from tidegate.scaling.lane import Lane
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.not_starting import not_starting
from tidegate.workloads.ownership import Scale as ScaleStep
from tidegate.workloads.ownership import replicas_step
from tidegate.workloads.placement import placement
from tidegate.workloads.rivalry import Yielded, judge, saw_size


def plan_sizes(state: ServiceState, ways: Ways, now: float) -> list[Action]:
    """Look at all pods, decide the sizes, and say what to write for them. `state` takes in all of it.

    Args:
        state: the service's memory.
        ways: the ways to run it.
        now: seconds since the epoch.
    """
    sized = [(way, live) for way in ways.each if (live := way.sized) is not None]
    state.readings.keep_only({pod.uid for way in ways.each for pod in way.pods})
    actions: list[Action] = []
    for way, live in sized:
        actions += _look(state, way, live, now)
    if ways.together:
        _decide_together(state, ways, [way for way, _ in sized], now)
    else:
        _decide_alone(state, [way for way, _ in sized], now)
    for way, live in sized:
        others = sum(each.serving for each, _ in sized) - way.serving
        actions += _go(state, ways, way, live, others, now)
    return actions


def _look(state: ServiceState, way: Way, live: LiveDeployment, now: float) -> list[Action]:
    """Take in what is there; tell what others did."""
    own, given, pods = way.own, way.given, way.pods
    spec, table = given.service.spec, own.table
    if spec is None or table is None:
        return []
    actions = adopt_wake(state, own, live, given.service.status, now)
    actions += _foreign_change(state, way, live, now, mode=spec.scaling.mode)
    standing = judge(own.sizes, now)
    owned, way.replicas = spec.target_ref is None, _written_size(own, live)
    way.serving = serving_size(way.replicas, pods, owned=owned)
    own.place = placement(pods, live, now)
    own.stuck = not_starting(((pod.key[1], pod.trouble) for pod in pods if not pod.leaving), live, own.place)
    own.seen = observe(
        live,
        pods,
        state.readings,
        table,
        place=own.place,
        replicas=way.serving,
        owned=owned,
        yielded_to=standing.to if isinstance(standing, Yielded) else None,
        gateway=given.routing.traffic,
        stale_after_seconds=state.stale_after_seconds,
        cost_per_hour=given.hardware.cost_per_hour,
        budget=given.budget,
        now=now,
    )
    return actions


def _decide_alone(state: ServiceState, ways: list[Way], now: float) -> None:
    """Decide a size for the one way that there is.

    Ways that are no more, and to which no gateway shares out requests, end when that one has all its pods.
    """
    for way in ways:
        own, spec = way.own, way.given.service.spec
        if own.seen is None or spec is None:
            continue
        decided, own.memory = decide(spec, own.seen, own.memory, now)
        if own is state:
            state.observation, state.decision = own.seen, decided
        elif not _is_complete(state):
            decided = replace(decided, to_replicas=decided.from_replicas)
        own.decided, own.decided_by = decided, spec
        own.learned = renewed(own.learned, own.memory, decided.capacity, spec.scaling, now, variant=own.name)


def _is_complete(state: ServiceState) -> bool:
    seen, decided = state.seen, state.decided
    return seen is not None and decided is not None and len(seen.ready_pods) >= decided.to_replicas


def _decide_together(state: ServiceState, ways: Ways, sized: list[Way], now: float) -> None:
    """Decide a size for each of several, of which gateways share out the requests."""
    service_spec = ways.given.service.spec
    lanes = [
        Lane(name=way.own.name, spec=spec, observation=way.own.seen, memory=way.own.memory)
        for way in sized
        if (spec := way.given.service.spec) is not None and way.own.seen is not None
    ]
    if service_spec is None or not lanes:
        return
    fleet = decide_fleet(service_spec, lanes, state.fleet, now)
    state.fleet, state.decision = fleet.memory, fleet.whole
    state.observation = merged(tuple(fleet.observations.values()))
    room = room_for(len(service_spec.variant_names))
    for way in sized:
        own, spec = way.own, way.given.service.spec
        if spec is None:
            continue
        own.seen, own.memory = fleet.observations[own.name], fleet.memories[own.name]
        own.decided, own.decided_by = fleet.decisions[own.name], spec
        capacity = own.decided.capacity
        own.learned = renewed(own.learned, own.memory, capacity, spec.scaling, now, variant=own.name, room=room)


def _go(state: ServiceState, ways: Ways, way: Way, live: LiveDeployment, others: int, now: float) -> list[Action]:
    """The next step to the size that was decided.

    Args:
        state: the service's memory.
        ways: the ways to run it.
        way: one of them.
        live: its Deployment.
        others: pods in service of all the others.
        now: seconds since the epoch.
    """
    own, pods, replicas, serving = way.own, way.pods, way.replicas, way.serving
    observation, decision = own.seen, own.decided
    if observation is None or decision is None:
        return []
    owned = ways.given.service.target is None
    rolls = live.updated_replicas < live.current_replicas
    decided = decision
    if state.decision is not None and not state.decision.to_replicas:
        decision = held_for_gateways(decision, ways.given, replicas=replicas, serving=serving, now=now)
    down = next_step(own.way_down, pods, observation, decision, replicas=replicas, owned=owned, rolls=rolls, now=now)
    own.way_down.note = own.way_down.note or waits_note(decided, decision)
    if down.stages:
        state.busy_at = now
    message = with_note(_told(ways, own, decision), own.way_down.note)
    actions: list[Action] = [
        replace(
            marks,
            variant=own.name,
            reason=_reason(state, decision),
            from_replicas=None if marks.from_replicas is None else marks.from_replicas + others,
        )
        for marks in marks_to_write(down, pods, decision, serving=serving, owned=owned, message=message)
    ]
    step = replicas_step(live, down.replicas, owned=owned, may_scale=decision.applied)
    if not isinstance(step, ScaleStep):
        own.size_refused = None
    elif live.resource_version != own.sizes.written_over and not _refused_lately(own, step.to_replicas, now):
        change = (down.serving_after_marks + others, down.serving_after_scale + others)
        changes = step.from_replicas != step.to_replicas and decision.to_replicas != serving
        actions.append(
            Scale(
                workload=live.key,
                replicas=step.to_replicas,
                resource_version=step.resource_version,
                change=change if changes and change[0] != change[1] else None,
                reason=_reason(state, decision),
                message=message,
                variant=own.name,
            )
        )
    return actions


def _reason(state: ServiceState, decision: Decision) -> str:
    """Why a size changes: a service neither sleeps nor wakes where but one of its variants does."""
    whole = state.decision
    if whole is None or not whole.from_replicas or not whole.to_replicas or 0 not in _sizes(decision):
        return decision.reason
    return "ScaledUp" if decision.to_replicas else "ScaledDown"


def _sizes(decision: Decision) -> tuple[int, int]:
    return decision.from_replicas, decision.to_replicas


def _told(ways: Ways, own: VariantState, decision: Decision) -> str:
    return f"{own.name}: {decision.message}" if len(ways.each) > 1 else decision.message


def _written_size(own: VariantState, live: LiveDeployment) -> int:
    """The size as it was written last, though what is seen may be older than that."""
    written = own.sizes.replicas
    return written if written is not None and live.resource_version == own.sizes.written_over else live.replicas


def _refused_lately(own: VariantState, replicas: int, now: float) -> bool:
    refused = own.size_refused
    return refused is not None and refused.what == replicas and now < refused.retry_at


def _foreign_change(state: ServiceState, way: Way, live: LiveDeployment, now: float, *, mode: Mode) -> list[Action]:
    """Notice a size that somebody else has written: list it among the changes, and tell it once.

    Whoever is yielded to is expected to go on, and not told of each time. Where no sizes are written, others are free
    to, and told of in the list only.
    """
    own, given = way.own, way.given
    before, driving = own.sizes, mode is Mode.AUTOMATIC
    own.sizes = saw_size(before, live, driving=driving, now=now)
    advised = own.memory.decided if mode is Mode.ADVISORY else None
    if not driving and (seen := others_change(before, live, given.autoscaler, advised)) is not None:
        state.note_change(seen.from_replicas, seen.to_replicas, SET_BY_ANOTHER, seen.message, now, by=seen.by)
    if own.sizes.changes == before.changes or not own.sizes.changes:
        return []
    change = own.sizes.changes[-1]
    yielded = isinstance(judge(own.sizes, now), Yielded)
    outcome = "it is yielded to" if yielded else "the size is decided from demand all the same"
    whose = "the replicas" if own.name == DEFAULT_VARIANT else f"the replicas of variant {own.name}"
    message = f"{change.by} changed {whose} from {change.from_replicas} to {change.to_replicas}; {outcome}"
    state.note_change(change.from_replicas, change.to_replicas, "ForeignChange", message, now, by=change.by)
    if isinstance(judge(before, now), Yielded):
        return []
    return [Announce(Announcement(warning=True, reason="ForeignChange", message=message))]
