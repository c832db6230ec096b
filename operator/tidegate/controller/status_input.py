"""All that a status is made of, and whether it says anything new. Pure."""

from dataclasses import dataclass, replace

from tidegate.api.conditions import Reason
from tidegate.api.cost_status import CostStatus
from tidegate.api.inference_service_status import Change
from tidegate.api.routing import ColdStart, RoutingStatus, WakePlan
from tidegate.api.variant_status import AcceleratorStatus, VariantStatus
from tidegate.controller.checks import Refusal
from tidegate.controller.learned_status import LearnedStatus
from tidegate.controller.records import Document, ServiceRecord
from tidegate.controller.routing import Row as Routed
from tidegate.controller.variant_place import VariantPlace
from tidegate.scaling.decision import Decision
from tidegate.scaling.observation import Observation
from tidegate.workloads.live import LiveDeployment
from tidegate.workloads.not_starting import NotStarting


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInput:
    """All that a status is made of."""

    service: ServiceRecord
    previous: Document
    """The status as it was written last."""

    refusal: Refusal | None
    deployment: LiveDeployment | None
    """The Deployment that is scaled; None where there is none, or one of the name that is somebody else's."""

    observation: Observation | None
    decision: Decision | None
    not_starting: tuple[NotStarting, ...]
    """Pods that do not start, the reason of most of them first."""

    conflict_reason: Reason
    conflict_message: str
    changes: tuple[Change, ...]
    """Newest first."""

    url: str | None
    now: float
    learned: tuple[tuple[str, LearnedStatus], ...] = ()
    """Of each variant by name, `default` first, what is told of what was learned."""

    routing: RoutingStatus | None = None
    routed: Routed = ("True", Reason.NOT_ROUTED, "")
    """Status, reason and message of the condition Routed."""

    wake_plan: WakePlan | None = None
    idle_since: float | None = None
    """Since when nobody has used it, in seconds since the epoch; None until that is worth telling."""

    cold_start: ColdStart | None = None
    """Of the pod that got ready last."""

    accelerator: AcceleratorStatus | None = None
    """What each replica is given of accelerators."""

    variants: tuple[VariantStatus, ...] = ()
    """What is told of each variant, where there are several; those behind them that are being brought down."""

    places: tuple[VariantPlace, ...] = ()
    """Whether the pods of each variant have a place; empty while they are not looked at."""

    cost: CostStatus | None = None
    """What it costs; None where no price is known."""

    note: str = ""
    """What is to be said beside the decision: of the way down, of what others did."""


def with_note(message: str, note: str) -> str:
    """A decision's message, and what else is to be said."""
    return f"{message}; {note}" if note else message


def news(given: StatusInput) -> tuple[object, ...]:
    """All of it but the times, which change at each look: two with the same news make the same status, times aside.

    To compare news is much quicker than to make a status.
    """
    decision, observation = given.decision, given.observation
    pods, sampled = [], 0
    if observation is not None:
        pods = [(pod.uid, pod.ready) for pod in observation.pods]
        observation = replace(observation, pods=(), gateway=None)  # The gateways' counts are in the decision.
    if decision is not None:
        sampled = len(decision.health.fresh)
        decision = replace(decision, time=0.0, health=replace(decision.health, fresh=()))
    return replace(given, now=0.0, decision=decision, observation=observation), pods, sampled
