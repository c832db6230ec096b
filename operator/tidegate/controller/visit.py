"""One look at one service: what is, what should be, and so what to write. No input, no output, no waiting."""

from collections.abc import Iterable
from dataclasses import replace

from tidegate.api.conditions import Reason
from tidegate.api.scaling import Mode
from tidegate.cluster.reading import seconds
from tidegate.cluster.write_budget import Urgency
from tidegate.controller.accelerator_status import accelerator_news, accelerator_status
from tidegate.controller.actions import Action, Announce, Scale, WriteStatus
from tidegate.controller.announcements import Announcement, announcements
from tidegate.controller.bodies import plan_bodies
from tidegate.controller.checks import Blocks, Refusal, Surroundings, first_refusal
from tidegate.controller.learned_status import renewed
from tidegate.controller.observe import observe
from tidegate.controller.others_size import SET_BY_ANOTHER, others_change, others_size
from tidegate.controller.records import Document, PodRecord
from tidegate.controller.routing_status import RoutingTold, tell_routing
from tidegate.controller.sleep import adopt_wake, held_for_gateways, waits_note
from tidegate.controller.state import ServiceState
from tidegate.controller.status import is_urgent, status_document
from tidegate.controller.status_input import StatusInput, news, with_note
from tidegate.controller.way_down import everybody_stays, marks_to_write, next_step, serving_size
from tidegate.engines.table import EngineTable
from tidegate.scaling.decide import decide
from tidegate.scaling.decision import Decision
from tidegate.scaling.health import MetricsState
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.not_starting import not_starting
from tidegate.workloads.ownership import Scale as ScaleStep
from tidegate.workloads.ownership import replicas_step
from tidegate.workloads.rivalry import Overridden, Yielded, judge, saw_size

_STANDING_LIMITS = {"minReplicas", "scaleToZero", "schedules", "maxReplicas", "pin"}
"""They may bite for weeks: most idle services are held up by their minimum."""

IDLE_SECONDS = 60.0
COSMETIC_SECONDS = 10.0
"""A status in which only numbers have changed is written this often at most."""


def visit(state: ServiceState, given: Surroundings, pods: Iterable[PodRecord], now: float) -> list[Action]:
    """Look at a service and say what to write, the urgent first. `state` takes in what was seen."""
    state.observation, state.decision, state.not_starting, state.way_down.note = None, None, (), ""
    state.deployment, pods = given.deployment, list(pods)
    state.cold_starts = state.cold_starts.observe(pods)
    given = replace(given, worked_out=state.hardware.of(given.service, given.profile))
    if given.service.deleting:
        return []  # Its children go first, where it is deleted so: none is made anew.
    actions: list[Action] = []
    refusal = first_refusal(given)
    if refusal is None:
        bodies, refusal = plan_bodies(state.bodies, given, state.sizes.replicas, now)
        actions += bodies
    drives = refusal is None or refusal.blocks is Blocks.BODY
    live = given.deployment
    if drives and live is not None and not live.deleting and state.table is not None:
        actions = _size(state, given, live, state.table, pods, now) + actions
        refusal = refusal or _size_refusal(state)
    elif live is not None and live.owner_uid == given.service.uid and state.way_down.may_mark(now):
        actions += everybody_stays(pods)
    return actions + _status(state, given, refusal, tell_routing(state, given, pods, refusal, now), now)


def _size(
    state: ServiceState,
    given: Surroundings,
    live: LiveDeployment,
    table: EngineTable,
    pods: list[PodRecord],
    now: float,
) -> list[Action]:
    spec = given.service.spec
    if spec is None:
        return []
    actions = adopt_wake(state, live, given.service.status, now)
    actions += _foreign_change(state, given, live, now, mode=spec.scaling.mode)
    standing = judge(state.sizes, now)
    state.readings.keep_only({pod.uid for pod in pods})
    owned, replicas = spec.target_ref is None, _written_size(state, live)
    serving = serving_size(replicas, pods, owned=owned)
    observation = observe(
        live,
        pods,
        state.readings,
        table,
        replicas=serving,
        owned=owned,
        yielded_to=standing.to if isinstance(standing, Yielded) else None,
        gateway=given.routing.traffic,
        stale_after_seconds=state.stale_after_seconds,
        now=now,
    )
    decision, state.memory = decide(spec, observation, state.memory, now)
    state.observation, state.decision = observation, decision
    state.learned = renewed(state.learned, state.memory, decision.capacity, spec.scaling, now)
    state.not_starting = not_starting(((pod.key[1], pod.trouble) for pod in pods if not pod.leaving), live)
    rolls = live.updated_replicas < live.current_replicas
    decided, decision = decision, held_for_gateways(decision, given, replicas=replicas, serving=serving, now=now)
    down = next_step(state.way_down, pods, observation, decision, replicas=replicas, owned=owned, rolls=rolls, now=now)
    state.way_down.note = state.way_down.note or waits_note(decided, decision)
    if _is_busy(state) or down.stages:
        state.busy_at = now
    message = with_note(decision.message, state.way_down.note)
    actions += marks_to_write(down, pods, decision, serving=serving, owned=owned, message=message)
    step = replicas_step(live, down.replicas, owned=owned, may_scale=decision.applied)
    if not isinstance(step, ScaleStep):
        state.size_refused = None
    elif live.resource_version != state.sizes.written_over and not _refused_lately(state, step.to_replicas, now):
        change = (down.serving_after_marks, down.serving_after_scale)
        changes = step.from_replicas != step.to_replicas and decision.to_replicas != serving
        actions.append(
            Scale(
                workload=live.key,
                replicas=step.to_replicas,
                resource_version=step.resource_version,
                change=change if changes and change[0] != change[1] else None,
                reason=decision.reason,
                message=message,
            )
        )
    return actions


def _written_size(state: ServiceState, live: LiveDeployment) -> int:
    """The size as it was written last, though what is seen may be older than that."""
    written = state.sizes.replicas
    return written if written is not None and live.resource_version == state.sizes.written_over else live.replicas


def _refused_lately(state: ServiceState, replicas: int, now: float) -> bool:
    refused = state.size_refused
    return refused is not None and refused.what == replicas and now < refused.retry_at


def _size_refusal(state: ServiceState) -> Refusal | None:
    refused = state.size_refused
    if refused is None:
        return None
    message = f"the API server refuses {refused.what} replicas: {refused.message}; it is tried again every few minutes"
    return Refusal(Reason.REJECTED_BY_API_SERVER, message, Blocks.BODY)


def _foreign_change(
    state: ServiceState, given: Surroundings, live: LiveDeployment, now: float, *, mode: Mode
) -> list[Action]:
    """Notice a size that somebody else has written: list it among the changes, and tell it once.

    Whoever is yielded to is expected to go on, and not told of each time. Where no sizes are written, others are free
    to, and told of in the list only.
    """
    before, driving = state.sizes, mode is Mode.AUTOMATIC
    state.sizes = saw_size(before, live, driving=driving, now=now)
    advised = state.memory.decided if mode is Mode.ADVISORY else None
    if not driving and (seen := others_change(before, live, given.autoscaler, advised)) is not None:
        state.note_change(seen.from_replicas, seen.to_replicas, SET_BY_ANOTHER, seen.message, now, by=seen.by)
    if state.sizes.changes == before.changes or not state.sizes.changes:
        return []
    change = state.sizes.changes[-1]
    yielded = isinstance(judge(state.sizes, now), Yielded)
    outcome = "it is yielded to" if yielded else "the size is decided from demand all the same"
    message = f"{change.by} changed the replicas from {change.from_replicas} to {change.to_replicas}; {outcome}"
    state.note_change(change.from_replicas, change.to_replicas, "ForeignChange", message, now, by=change.by)
    if isinstance(judge(before, now), Yielded):
        return []
    return [Announce(Announcement(warning=True, reason="ForeignChange", message=message))]


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


def _status(
    state: ServiceState, given: Surroundings, refusal: Refusal | None, routing: RoutingTold, now: float
) -> list[Action]:
    service = given.service
    reason, message = _conflict(state, now)
    previous = state.previous_status(service)
    made_of = StatusInput(
        service=service,
        previous=previous,
        refusal=refusal,
        deployment=_deployment(given),
        observation=state.observation,
        decision=state.decision,
        note="; ".join(filter(None, (state.way_down.note, state.bodies.note, _others_size(state, given)))),
        learned=state.learned,
        cold_start=state.cold_starts.last,
        accelerator=accelerator_status(given, previous),
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


def _idle_since(decision: Decision | None, written: Document, now: float) -> float | None:
    """Since when nobody has used it: pauses between requests are no news, nor is a new operator to one that sleeps."""
    if decision is None:
        return None
    if not decision.from_replicas and not decision.to_replicas and "idleSince" in written:
        return seconds(written["idleSince"])
    since = decision.idle_since
    return None if since is None or now - since < IDLE_SECONDS else since


def _others_size(state: ServiceState, given: Surroundings) -> str:
    """Beside advice, what somebody else did."""
    spec, live = given.service.spec, given.deployment
    if spec is None or live is None or spec.scaling.mode is not Mode.ADVISORY:
        return ""
    return others_size(live, given.autoscaler, state.changes)


def _deployment(given: Surroundings) -> LiveDeployment | None:
    """The Deployment that is the service's to speak of: its target, or its own."""
    live, service = given.deployment, given.service
    return live if live and (service.target is not None or live.owner_uid == service.uid) else None


def _conflict(state: ServiceState, now: float) -> tuple[Reason, str]:
    match judge(state.sizes, now):
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
