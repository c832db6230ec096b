"""What is told of a service's routing, to people and to gateways. Pure."""

from dataclasses import dataclass

from tidegate.api.conditions import Reason
from tidegate.api.routing import RoutingMode, RoutingStatus, WakePlan
from tidegate.controller.checks import Refusal, Surroundings
from tidegate.controller.records import PodRecord, ServiceRecord
from tidegate.controller.routing import Row, routed_row, routing_status, written_routing
from tidegate.controller.sleep import zero_is_wanted
from tidegate.controller.state import ServiceState
from tidegate.controller.wake_plan import VariantToWake, WakeInput, wake_plan
from tidegate.scaling.budget import Budget
from tidegate.scaling.schedules import floor_at
from tidegate.scaling.term_input import LIKELY_LEAD_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTold:
    """What is told."""

    status: RoutingStatus | None = None
    row: Row = ("True", Reason.NOT_ROUTED, "")
    """The condition Routed."""

    wake_plan: WakePlan | None = None


def tell_routing(
    state: ServiceState,
    given: Surroundings,
    pods: list[PodRecord],
    refusal: Refusal | None,
    now: float,
    variants: tuple[VariantToWake, ...] = (),
) -> RoutingTold:
    """Say all of it. `state` takes in since when pods take requests.

    Args:
        state: the service's memory, with this look's decision.
        given: the service.
        pods: its pods.
        refusal: why its spec cannot be carried out, if it cannot.
        now: seconds since the epoch.
        variants: those that a gateway may wake, where there are several.
    """
    view, live = given.routing, given.kubernetes_service
    serves = any(pod.ready and not pod.leaving and not pod.marks.drains for pod in pods)
    written = written_routing(given.service.status)
    state.routing.see(takes_requests=serves and live is not None and live.to_pods, written=written, now=now)
    sizes = [own.deployment.replicas for own in state.every if own.deployment is not None]
    wants_zero = zero_is_wanted(state.decision, sum(sizes) if sizes else None)
    return RoutingTold(
        status=routing_status(view, state.routing, wants_zero=wants_zero, now=now),
        row=routed_row(view, live),
        wake_plan=_wake_plan(state, given.service, view.mode, refusal, given.budget, now, variants),
    )


def _pods_refused(state: ServiceState) -> str:
    if state.observation is None or state.observation.pods:
        return ""
    return next((each.example for each in state.not_starting if each.reason is Reason.PODS_REFUSED), "")


def _wake_plan(
    state: ServiceState,
    service: ServiceRecord,
    mode: RoutingMode,
    refusal: Refusal | None,
    budget: Budget | None,
    now: float,
    variants: tuple[VariantToWake, ...],
) -> WakePlan | None:
    told, observation, spec = state.learned, state.observation, service.spec
    lead_seconds = LIKELY_LEAD_SECONDS if told.lead_time is None else told.lead_time.p75_seconds
    made_of = WakeInput(
        spec=spec,
        mode=mode,
        deployment=service.workload[1],
        refusal=refusal,
        yielded_to=None if observation is None else observation.yielded_to,
        pods_refused=_pods_refused(state),
        capacity=told.capacity,
        lead_time=told.lead_time,
        max_sequences=None if observation is None else observation.max_sequences,
        variants=variants,
        cost_per_hour=None if state.hardware.found is None else state.hardware.found.cost_per_hour,
        budget=budget,
        floor=0 if spec is None else floor_at(spec.scaling.schedules, now, lead_seconds)[0],
    )
    if state.wake_plan is None or state.wake_plan[0] != made_of:
        state.wake_plan = (made_of, wake_plan(made_of))
    return state.wake_plan[1]
