"""What is told of each variant of a service, and of all of them as if they were one. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from tidegate.api.conditions import Reason
from tidegate.api.names import SERVICE_LABEL
from tidegate.api.variant_status import VariantStatus
from tidegate.controller.accelerator_status import accelerator_status
from tidegate.controller.checks import Surroundings
from tidegate.controller.placement_status import calm
from tidegate.controller.records import Document, timestamp
from tidegate.controller.state import ServiceState
from tidegate.controller.variant_place import VariantPlace
from tidegate.controller.variant_state import VariantState
from tidegate.controller.wake_plan import VariantToWake, bound_of_pod
from tidegate.controller.way import Way, Ways, of_variant
from tidegate.controller.written import written_of
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.not_starting import NotStarting

IS_REMOVED = "is in spec.variants no more: when others do its work its pods leave, and its Deployment is deleted"


def variant_statuses(state: ServiceState, ways: Ways, previous: Document) -> tuple[VariantStatus, ...]:
    """Say how each variant is; nothing of a service that has no other than `default`.

    Args:
        state: the service's memory, with this look's decisions.
        ways: the ways to run it.
        previous: the status as it was written last.
    """
    if len(ways.each) == 1:
        return ()
    return tuple(_status(state, ways, way, previous) for way in ways.each)


def _status(state: ServiceState, ways: Ways, way: Way, previous: Document) -> VariantStatus:
    own, live = way.own, _ours(way.given)
    seen, decided, cost = own.seen, own.decided, way.given.hardware.cost_per_hour
    since, written = own.place.since, written_of(previous, own.name)
    return VariantStatus(
        name=own.name,
        replicas=len(seen.pods) if seen is not None else live.current_replicas if live else 0,
        ready_replicas=len(seen.ready_pods) if seen is not None else live.ready_replicas if live else 0,
        desired_replicas=decided.to_replicas if decided is not None else live.replicas if live else 0,
        weight=_weight(state, ways, own.name, written),
        max_sequences=None if seen is None else bound_of_pod(seen.max_sequences),
        cost_per_hour=None if cost is None else f"{Decimal(f'{cost:.6g}'):f}",
        unavailable_since=None if since is None else timestamp(since),
        message=calm(_message(ways, way)[:1024], written.get("message", "")) or None,
        accelerator=accelerator_status(way.given, written),
    )


def _weight(state: ServiceState, ways: Ways, name: str, written: Document) -> int:
    """As worked out at this look; as it was told, while pods of a variant serve that could not be looked at.

    Weights mean something only beside each other: one that was kept beside others that are new would move requests.
    """
    weights = state.fleet.weights
    if all(way.own.name in weights for way in ways.each if way.pods):
        return weights.get(name, 1)
    told: int = written.get("weight") or weights.get(name, 1)
    return told


def _message(ways: Ways, way: Way) -> str:
    own, whole = way.own, ways.refusal
    if own.is_removed:
        return IS_REMOVED
    if way.refusal is not None and whole is not None and way.refusal.message == whole.message:
        return whole.message  # It names a field of the service.
    if way.refusal is not None:
        return of_variant(own.name, way.refusal).message
    if own.place.without:
        return own.place.message
    return "; ".join(f"{each.reason}: {each.example}" for each in own.stuck)


def variants_to_wake(state: ServiceState, ways: Ways) -> tuple[VariantToWake, ...]:
    """The same for a gateway that wakes one of them; nothing of a service that has no other than `default`."""
    if not ways.together:
        return ()
    return tuple(_to_wake(state, way) for way in ways.each if not way.own.is_removed)


def _to_wake(state: ServiceState, way: Way) -> VariantToWake:
    own, service = way.own, way.given.service
    assert service.spec is not None, "variants are told of by a spec"  # noqa: S101 - says what `ways_of` has made sure of
    return VariantToWake(
        name=own.name,
        spec=service.spec,
        deployment=service.workload[1],
        cost_per_hour=way.given.hardware.cost_per_hour,
        refusal=way.refusal,
        without_place=bool(own.place.without) or own.name in state.fleet.without_room,
        pods_refused=pods_refused(own),
        capacity=own.learned.capacity,
        lead_time=own.learned.lead_time,
        max_sequences=None if own.seen is None else own.seen.max_sequences,
    )


def pods_refused(own: VariantState) -> str:
    """What the API server says of pods that it refuses to make, while there is none; empty where it does not."""
    if own.seen is None or own.seen.pods:
        return ""
    return next((each.example for each in own.stuck if each.reason is Reason.PODS_REFUSED), "")


def places(ways: Ways, now: float) -> tuple[VariantPlace, ...]:
    """Whether the pods of each have a place; nothing of those that are not looked at."""
    spec = ways.given.service.spec
    if spec is None or spec.engine is None:
        return ()
    return tuple(
        VariantPlace(
            variant=way.own.name,
            accelerated=way.given.service.spec is not None and way.given.service.spec.accelerator is not None,
            place=way.own.place,
            ready=len(way.own.seen.ready_pods),
            given_up=way.own.place.since is not None
            and now - way.own.place.since >= spec.scaling.fallback_after_seconds,
        )
        for way in ways.each
        if way.own.seen is not None and not way.own.is_removed
    )


def all_stuck(ways: Iterable[Way]) -> tuple[NotStarting, ...]:
    """Pods of any of them that do not start, the reason of most of them first."""
    by_reason: dict[Reason, NotStarting] = {}
    for way in ways:
        for each in way.own.stuck:
            known = by_reason.get(each.reason)
            by_reason[each.reason] = each if known is None else replace(known, pods=known.pods + each.pods)
    return tuple(sorted(by_reason.values(), key=lambda each: -each.pods))


def whole_deployment(ways: Ways) -> LiveDeployment | None:
    """The Deployments that are the service's to speak of, as if they were one: its target, or its own."""
    lives = [live for way in ways.each if (live := _ours(way.given)) is not None]
    if len(ways.each) == 1 or not lives:
        return next(iter(lives), None)
    return replace(
        lives[0],
        replicas=sum(live.replicas for live in lives),
        current_replicas=sum(live.current_replicas for live in lives),
        updated_replicas=sum(live.updated_replicas for live in lives),
        ready_replicas=sum(live.ready_replicas for live in lives),
        available_replicas=sum(live.available_replicas for live in lives),
        conditions=tuple(condition for live in lives for condition in live.conditions),
        deleting=all(live.deleting for live in lives),
        selector=f"{SERVICE_LABEL}={ways.given.service.key[1]}",
    )


def _ours(given: Surroundings) -> LiveDeployment | None:
    live, service = given.deployment, given.service
    return live if live and (service.target is not None or live.owner_uid == service.uid) else None
