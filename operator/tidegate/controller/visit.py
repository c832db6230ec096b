"""One look at one service: what is, what should be, and so what to write. No input, no output, no waiting."""

from collections.abc import Iterable
from dataclasses import replace

from tidegate.api.conditions import Reason
from tidegate.api.scaling import Mode
from tidegate.cluster.reading import seconds
from tidegate.cluster.write_budget import Urgency
from tidegate.controller.accelerator_status import accelerator_news, accelerator_status
from tidegate.controller.actions import Action, Announce, WriteStatus
from tidegate.controller.announcements import Announcement, announcements
from tidegate.controller.checks import Blocks, Refusal, Surroundings
from tidegate.controller.cost_look import see_cost
from tidegate.controller.learned_status import LearnedStatus
from tidegate.controller.others_size import others_size
from tidegate.controller.records import Document, PodRecord
from tidegate.controller.routing_status import RoutingTold, tell_routing
from tidegate.controller.sizing import plan_sizes
from tidegate.controller.state import ServiceState
from tidegate.controller.status import is_urgent, status_document
from tidegate.controller.status_input import StatusInput, news
from tidegate.controller.variant_state import VariantState
from tidegate.controller.variant_status import all_stuck, places, variant_statuses, variants_to_wake, whole_deployment
from tidegate.controller.way import Way, Ways, bodies_of, of_variant, ways_of
from tidegate.controller.way_down import everybody_stays
from tidegate.scaling.decision import Decision
from tidegate.scaling.health import MetricsState
from tidegate.workloads.rivalry import Overridden, Yielded, judge

_STANDING_LIMITS = {"minReplicas", "scaleToZero", "schedules", "maxReplicas", "pin", "budget"}
"""They may bite for weeks: most idle services are held up by their minimum."""

IDLE_SECONDS = 60.0
COSMETIC_SECONDS = 10.0
"""A status in which only numbers have changed is written this often at most."""


def visit(state: ServiceState, given: Surroundings, pods: Iterable[PodRecord], now: float) -> list[Action]:
    """Look at a service and say what to write, the urgent first. `state` takes in what was seen.

    Args:
        state: the service's memory.
        given: what it touches.
        pods: those of all its variants.
        now: seconds since the epoch.
    """
    state.observation, state.decision, state.not_starting = None, None, ()
    pods = list(pods)
    state.cold_starts = state.cold_starts.observe(pods)
    ways = ways_of(state, given, pods)
    for way in ways.each:
        way.own.begin_look(way.given.deployment)
    if given.service.deleting:
        see_cost(state, ways, now)
        return []  # Its children go first, where it is deleted so: none is made anew.
    bodies = [action for way in ways.each for action in bodies_of(ways, way, now)]
    actions = plan_sizes(state, ways, now) + bodies
    for way in ways.each:
        live = way.given.deployment
        if way.sized is not None:
            way.refusal = way.refusal or _size_refusal(way.own)
        elif live is not None and live.owner_uid == given.service.uid and way.own.way_down.may_mark(now):
            actions += [replace(marks, variant=way.own.name) for marks in everybody_stays(way.pods)]
    state.not_starting = all_stuck(ways.each)
    if _is_busy(state):
        state.busy_at = now
    see_cost(state, ways, now)
    routing = tell_routing(state, given, pods, _service_refusal(ways), now, variants_to_wake(state, ways))
    return [*actions, *_status(state, ways, routing, now), *_ceiling_news(state, given)]


def _ceiling_news(state: ServiceState, given: Surroundings) -> list[Action]:
    """Tell of a ceiling that cannot be read, once."""
    problem, told = given.ceiling_problem, state.ceiling_problem
    state.ceiling_problem = problem
    if not problem or problem == told:
        return []
    return [Announce(Announcement(warning=True, reason="CeilingUnreadable", message=problem))]


def _size_refusal(own: VariantState) -> Refusal | None:
    refused = own.size_refused
    if refused is None:
        return None
    message = f"the API server refuses {refused.what} replicas: {refused.message}; it is tried again every few minutes"
    return Refusal(Reason.REJECTED_BY_API_SERVER, message, Blocks.BODY)


def _service_refusal(ways: Ways) -> Refusal | None:
    """Why the service as a whole cannot be carried out, if it cannot."""
    return ways.refusal if ways.together else ways.each[0].refusal


def _told_refusal(ways: Ways) -> Refusal | None:
    """The first of all that cannot be carried out, which is told."""
    if ways.refusal is not None:
        return ways.refusal
    return next((of_variant(way.own.name, way.refusal) for way in ways.each if way.refusal is not None), None)


def _is_busy(state: ServiceState) -> bool:
    """Whether the service is worth a look at every tick."""
    observation, decision = state.observation, state.decision
    if observation is None or decision is None:
        return False
    calm = {MetricsState.FRESH, MetricsState.NO_PODS}
    traffic = decision.traffic
    return (
        decision.from_replicas != decision.to_replicas
        or any(limit.name not in _STANDING_LIMITS for limit in decision.limits)
        or observation.coming > 0
        or observation.rollout_in_progress
        or decision.health.state not in calm
        or bool(traffic.running or traffic.waiting or traffic.served_per_second)
    )


def _status(state: ServiceState, ways: Ways, routing: RoutingTold, now: float) -> list[Action]:
    given = ways.given
    service = given.service
    reason, message = _conflict(state, now)
    previous = state.previous_status(service)
    made_of = StatusInput(
        service=service,
        previous=previous,
        refusal=_told_refusal(ways),
        deployment=whole_deployment(ways),
        observation=state.observation,
        decision=state.decision,
        note=_note(state, ways),
        learned=_learned(state),
        cold_start=state.cold_starts.last,
        accelerator=accelerator_status(ways.each[0].given, previous),
        variants=variant_statuses(state, ways, previous),
        places=places(ways, now),
        cost=state.cost.told,
        routing=routing.status,
        routed=routing.row,
        wake_plan=routing.wake_plan,
        idle_since=_idle_since(state.decision, previous, now),
        not_starting=state.not_starting,
        conflict_reason=reason,
        conflict_message=message,
        changes=state.changes,
        url=_url(state, given),
        now=now,
    )
    news_now = news(made_of)
    status = previous if news_now == state.told else status_document(made_of)
    state.told = news_now if status == previous else None
    if state.told is not None:
        return []
    if not is_urgent(previous, status):
        if now - state.status_at < COSMETIC_SECONDS:
            return []
        return [WriteStatus(status=status, urgency=Urgency.COSMETIC)]
    told = [Announce(each) for each in (*announcements(previous, status), *accelerator_news(previous, status))]
    return [WriteStatus(status=status, urgency=Urgency.CONDITIONS), *told]


def _learned(state: ServiceState) -> tuple[tuple[str, LearnedStatus], ...]:
    """Of each variant, what was learned of it; of those that are no more, nothing."""
    return tuple((own.name, own.learned) for own in state.every if not own.is_removed)


def _note(state: ServiceState, ways: Ways) -> str:
    """What is to be said beside the decision."""
    notes = []
    for way in ways.each:
        note = "; ".join(filter(None, (way.own.way_down.note, way.own.bodies.note, _others_size(state, way))))
        notes.append(f"{way.own.name}: {note}" if note and len(ways.each) > 1 else note)
    return "; ".join(filter(None, (*notes, ways.given.ceiling_problem)))


def _idle_since(decision: Decision | None, written: Document, now: float) -> float | None:
    """Since when nobody has used it: pauses between requests are no news, nor is a new operator to one that sleeps."""
    if decision is None:
        return None
    if not decision.from_replicas and not decision.to_replicas and "idleSince" in written:
        return seconds(written["idleSince"])
    since = decision.idle_since
    return None if since is None or now - since < IDLE_SECONDS else since


def _others_size(state: ServiceState, way: Way) -> str:
    """Beside advice, what somebody else did."""
    spec, live = way.given.service.spec, way.given.deployment
    if spec is None or live is None or spec.scaling.mode is not Mode.ADVISORY:
        return ""
    return others_size(live, way.given.autoscaler, state.changes)


def _conflict(state: ServiceState, now: float) -> tuple[Reason, str]:
    standings = [judge(own.sizes, now) for own in state.every]
    worst = next((each for kind in (Yielded, Overridden) for each in standings if isinstance(each, kind)), None)
    match worst:
        case Yielded(to=writer):
            return Reason.YIELDED, (
                f"{writer} has changed the replicas three times in ten minutes and is yielded to; sizes are written "
                "again once it has left them alone for ten minutes: stop it, or set spec.scaling.mode to Advisory"
            )
        case Overridden(change=change):
            return Reason.FOREIGN_WRITER, (
                f"{change.by} changed the replicas from {change.from_replicas} to {change.to_replicas}; the size is "
                "decided from demand all the same: to set it by hand, pin it (kubectl scale infer NAME --replicas=N)"
            )
        case _:
            return Reason.SOLE_WRITER, "nobody else writes the replicas"


def _url(state: ServiceState, given: Surroundings) -> str | None:
    """The address of our own Service; a target has whatever its owner gave it."""
    spec = given.service.spec
    child = given.kubernetes_service
    if spec is None or spec.engine is None or state.table is None or child is None:
        return None
    if child.owner_uid != given.service.uid:
        return None
    namespace, name = given.service.key
    return f"http://{name}.{namespace}.svc:{state.table.port}"
