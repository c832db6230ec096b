"""Which bodies a service needs, and which of them must be applied now.

Bodies are rendered once per spec and profile: rendering and hashing cost more than all other looks together. A body
that the API server has refused is tried again after a while, or as soon as it is another one.
"""

from dataclasses import dataclass, field

from tidegate.api.conditions import Reason
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.cluster.resources import DEPLOYMENTS, SERVICES, Resource
from tidegate.controller.actions import Action, ApplyBody, Scale
from tidegate.controller.checks import Blocks, Refusal, Surroundings
from tidegate.controller.records import Document
from tidegate.workloads.conflict import TemplateConflictError
from tidegate.workloads.deployment import deployment
from tidegate.workloads.healing import Cause, Convergence, Need, Verdict, applied, needs_apply, verdict
from tidegate.workloads.live import LiveDeployment, LiveService
from tidegate.workloads.owner import Owner
from tidegate.workloads.ownership import replicas_in_body
from tidegate.workloads.service import service as kubernetes_service

RETRY_SECONDS = (15.0, 60.0, 300.0)
"""How long after the first, second and every later refusal a body is tried again: quotas and webhooks change."""


@dataclass(frozen=True, slots=True)
class _Refused:
    body: Document
    message: str
    times: int
    retry_at: float


@dataclass(slots=True)
class BodyState:
    """What is remembered of a service's bodies."""

    rendered_from: object = None
    rendered: tuple[tuple[Resource, Document], ...] = ()
    conflict: str = ""
    """What is wrong with the template, if it cannot be rendered."""

    convergence: dict[str, Convergence] = field(default_factory=dict)
    """By kind."""

    refused: dict[str, _Refused] = field(default_factory=dict)
    """By kind."""

    def accepted(self, action: ApplyBody, version: str, now: float) -> None:
        """The API server took a body; it now has this resourceVersion."""
        kind = action.resource.kind
        self.refused.pop(kind, None)
        memory = self.convergence.get(kind, Convergence())
        self.convergence[kind] = applied(memory, action.rendered, over=action.over, answer=version, now=now)

    def refuse(self, action: ApplyBody, message: str, now: float) -> None:
        """The API server did not take a body."""
        before = self.refused.get(action.resource.kind)
        times = before.times + 1 if before and before.body == action.rendered else 1
        retry_at = now + RETRY_SECONDS[min(times, len(RETRY_SECONDS)) - 1]
        self.refused[action.resource.kind] = _Refused(action.rendered, message, times, retry_at)


def plan_bodies(state: BodyState, given: Surroundings, now: float) -> tuple[list[Action], Refusal | None]:
    """Say what to apply of a service that Tidegate runs.

    Returns:
        The applies, and why the bodies are not as they should be, if they cannot be.
    """
    spec = given.service.spec
    if spec is None or spec.engine is None:
        return [], None
    _render(state, given, spec)
    if state.conflict:
        return [], Refusal(Reason.TEMPLATE_CONFLICT, f"spec.{state.conflict}", Blocks.BODY)
    actions: list[Action] = []
    refusals: list[Refusal] = []
    for resource, body in state.rendered:
        live = given.deployment if resource is DEPLOYMENTS else given.kubernetes_service
        need = needs_apply(live, body)
        if need is None:
            continue
        refused = state.refused.get(resource.kind)
        if refused is not None and refused.body == body:
            refusals.append(_rejected(resource, refused))
            if now < refused.retry_at:
                continue
        match verdict(state.convergence.get(resource.kind, Convergence()), live, body):
            case Verdict.STOP:
                refusals.append(_not_converging(resource, need))
            case Verdict.APPLY:
                actions += _applies(resource, body, live, need, spec)
            case Verdict.WAIT:
                pass  # What was looked at is older than our own last apply.
    return actions, next(iter(refusals), None)


def initial_replicas(spec: InferenceServiceSpec) -> int:
    """The size of a service that is created: nothing has been measured yet."""
    return max(spec.scaling.min_replicas, 1) if spec.replicas is None else spec.replicas


def _render(state: BodyState, given: Surroundings, spec: InferenceServiceSpec) -> None:
    profile = given.profile.spec if given.profile else None
    source = (given.service.uid, given.service.generation, profile)
    if state.rendered_from == source:
        return
    namespace, name = given.service.key
    owner = Owner(name=name, namespace=namespace, uid=given.service.uid)
    state.rendered_from, state.conflict = source, ""
    if spec.engine is None or (spec.accelerator is not None and profile is None):
        state.rendered = ()  # The checks tell why.
        return
    try:
        state.rendered = (
            (DEPLOYMENTS, deployment(owner, spec, profile)),
            (SERVICES, kubernetes_service(owner, spec.engine)),
        )
    except TemplateConflictError as error:
        state.rendered, state.conflict = (), str(error)


def _rejected(resource: Resource, refused: _Refused) -> Refusal:
    message = f"the API server refuses the {resource.kind}: {refused.message}; it is tried again every few minutes"
    return Refusal(Reason.REJECTED_BY_API_SERVER, message, Blocks.BODY)


def _not_converging(resource: Resource, need: Need) -> Refusal:
    return Refusal(
        Reason.NOT_CONVERGING,
        f"the {resource.kind} was applied three times, and {need.writer} changes {', '.join(need.fields) or 'it'} each "
        "time; it is left alone until the spec changes: stop that writer",
        Blocks.BODY,
    )


def _applies(
    resource: Resource,
    body: Document,
    live: LiveDeployment | LiveService | None,
    need: Need,
    spec: InferenceServiceSpec,
) -> list[Action]:
    """One apply; for a Deployment that is not there, with its first size, which is claimed at once."""
    size: int | None = None
    claim: list[Action] = []
    if resource is DEPLOYMENTS and isinstance(live, LiveDeployment):
        size = replicas_in_body(live)
    elif resource is DEPLOYMENTS:
        size = initial_replicas(spec)
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        claim = [Scale(workload=key, replicas=size, resource_version=None)]
    version = {"resourceVersion": live.resource_version} if live else {}
    document = {**body, "metadata": {**body["metadata"], **version}}
    if size is not None:
        document = {**document, "spec": {**document["spec"], "replicas": size}}
    action = ApplyBody(
        resource=resource,
        body=document,
        rendered=body,
        over=live.resource_version if live else "",
        because=need.cause.value,
        # A body the API server has taken before needs no rehearsal.
        dry_run_first=need.cause is not Cause.FOREIGN_CHANGE,
    )
    return [action, *claim]
