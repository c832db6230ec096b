"""Which bodies a service needs, and which of them must be applied now.

Comparing a body with the one that is there costs as much as deciding a size, and keeping it costs more memory than all
else that is known of a service. So it is rendered and compared when something has changed, and thrown away. A body that
the API server has refused is tried again after a while, or as soon as it is another one.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Self

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.conditions import Reason
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.cluster.resources import CLAIM_TEMPLATES, DEPLOYMENTS, SERVICES, Resource
from tidegate.controller.actions import Action, Announce, ApplyBody, Scale
from tidegate.controller.body_refusals import not_converging, rejected_body
from tidegate.controller.checks import Blocks, Refusal, Surroundings
from tidegate.controller.claims import ClaimState, left_out, plan_claim, rejected
from tidegate.controller.profile_edit import edited, is_carried_out, waits
from tidegate.controller.records import Document
from tidegate.controller.refused import Refused
from tidegate.controller.routing import leads_to_pods
from tidegate.workloads.claim_template import claim_template
from tidegate.workloads.conflict import TemplateConflictError
from tidegate.workloads.convergence import Convergence, Verdict, altered_need, applied, rehearsed, verdict
from tidegate.workloads.deployment import deployment
from tidegate.workloads.healing import Cause, Need, needs_apply
from tidegate.workloads.live import LiveDeployment, LiveService
from tidegate.workloads.owner import Owner
from tidegate.workloads.ownership import replicas_in_body
from tidegate.workloads.service import service as kubernetes_service

_NOTHING_YET = {"resourceVersion": "1"}
"""No object ever has this version: an apply with it creates, and fails where there is something already."""


KINDS = (DEPLOYMENTS, SERVICES)


@dataclass(slots=True)
class BodyState:
    """What is remembered of the bodies of a service, or of one of its variants."""

    settled: object = None
    """All that the bodies depend on, and the children, as they were when nothing was left to do."""

    convergence: dict[str, Convergence] = field(default_factory=dict)
    """By kind."""

    refused: dict[str, Refused] = field(default_factory=dict)
    """By kind."""

    waiting: object = None
    """The same as they were when nothing was left but to wait for others of the same profile."""

    claims: ClaimState = field(default_factory=ClaimState)
    edited: AcceleratorProfileSpec | None = None
    """The profile of which it was told last that it was edited."""

    note: str = ""
    """What is to be said of bodies that wait though nothing is wrong."""

    doubt: str = ""
    """What an operator before this one has said of bodies that did not converge. Which of them, and whether it is so
    still, is asked of the API server: nothing that is seen of an object tells that a webhook has changed it."""

    doubted: set[str] = field(default_factory=set)
    """Kinds that were not asked yet."""

    @classmethod
    def adopt(cls, status: Document) -> Self:
        """Begin with what the service's status remembers."""
        conditions = status.get("conditions") or ()
        doubt = next((c.get("message", "") for c in conditions if c.get("reason") == Reason.NOT_CONVERGING), "")
        return cls(doubt=doubt, doubted={DEPLOYMENTS.kind, SERVICES.kind} if doubt else set())

    def accepted(self, action: ApplyBody, version: str, altered: tuple[str, ...], now: float) -> None:
        """The API server took a body; it now has this resourceVersion, and in these fields another value."""
        if action.resource is CLAIM_TEMPLATES:
            self.claims.accepted(action, now)
            return
        memory = self._heard(action)
        self.convergence[action.resource.kind] = applied(
            memory, action.rendered, over=action.over, answer=version, now=now, altered=altered
        )

    def rehearsed(self, action: ApplyBody, altered: tuple[str, ...], now: float) -> None:
        """The API server would take a body, and give these fields another value."""
        if action.resource is CLAIM_TEMPLATES:
            self.claims.refuse(action, left_out(altered), now)
            return
        memory = self._heard(action)
        self.convergence[action.resource.kind] = rehearsed(memory, action.rendered, altered=altered, now=now)

    def _heard(self, action: ApplyBody) -> Convergence:
        kind = action.resource.kind
        self.refused.pop(kind, None)
        self.doubted.discard(kind)
        return self.convergence.get(kind, Convergence())

    def refuse(self, action: ApplyBody, message: str, now: float) -> None:
        """The API server did not take a body."""
        if action.resource is CLAIM_TEMPLATES:
            self.claims.refuse(action, rejected(message), now)
            return
        kind = action.resource.kind
        self.doubted.discard(kind)
        self.refused[kind] = Refused.after(self.refused.get(kind), action.rendered, message, now)


def plan_bodies(
    state: BodyState,
    given: Surroundings,
    size_to_create: int,
    now: float,
    *,
    kinds: Collection[Resource] = KINDS,
) -> tuple[list[Action], Refusal | None]:
    """Say what to apply of a service that Tidegate runs, or of one of its variants.

    Args:
        state: what is remembered of its bodies.
        given: the service and what is there.
        size_to_create: the size of its Deployment, where that is not there.
        now: seconds since the epoch.
        kinds: those of its children to look at. Of variants beside `default` there are Deployments only.

    Returns:
        The applies, and why the bodies are not as they should be, if they cannot be.
    """
    spec = given.service.spec
    if spec is None or spec.engine is None:
        return [], None
    profile = given.profile.spec if given.profile else None
    to_pods = leads_to_pods(given.routing, given.kubernetes_service, now)
    uid, generation, child = given.service.uid, given.service.generation, given.kubernetes_service
    seen = (uid, generation, profile, given.deployment, child, to_pods, kinds)
    # Quick: the store keeps a record until it is another one.
    if seen == state.settled or (seen == state.waiting and not given.may_follow_profile()):
        return [], None
    state.waiting, state.note = None, ""
    try:
        children = _children(given, spec, profile, kinds, to_pods=to_pods)
    except TemplateConflictError as error:
        return [], Refusal(Reason.TEMPLATE_CONFLICT, f"spec.{error}", Blocks.BODY)
    if DEPLOYMENTS in kinds and (claim := _claim(state, given, now)) is not None:
        return claim
    needs = [(*child, need) for child in children if (need := _need(state, *child)) is not None]
    state.settled = None if needs else seen
    needs, actions = _paced(state, given, needs)
    state.waiting = seen if state.note and not needs else None
    refusals: list[Refusal] = []
    for resource, body, live, need in needs:
        refused = state.refused.get(resource.kind)
        if refused is not None and refused.what == body:
            refusals.append(rejected_body(resource, refused))
            if now < refused.retry_at:
                continue
        decided = _verdict(state, resource, body, live, need, now)
        if decided in {Verdict.STOP, Verdict.REHEARSE}:
            refusals.append(not_converging(state.doubt, resource, need))
        if decided in {Verdict.APPLY, Verdict.REHEARSE}:
            rehearse = decided is Verdict.REHEARSE
            actions += _applies(given, resource, body, live, need, size_to_create, rehearse=rehearse)
    return actions, next(iter(refusals), None)


_Needed = tuple[Resource, Document, LiveDeployment | LiveService | None, Need]


def _paced(state: BodyState, given: Surroundings, needs: list[_Needed]) -> tuple[list[_Needed], list[Action]]:
    """Have a Deployment that is another one because of its profile wait for its turn."""
    changed = any(resource is DEPLOYMENTS and need.cause is Cause.INPUTS_CHANGED for resource, _, _, need in needs)
    if not changed or given.profile is None or not is_carried_out(given.service):
        return needs, []
    if not given.may_follow_profile():
        state.note = waits(given.profile)
        return [needed for needed in needs if needed[0] is not DEPLOYMENTS], []
    told, state.edited = state.edited, given.profile.spec
    return needs, [] if told == state.edited else [Announce(edited(given.profile))]


def _need(
    state: BodyState, resource: Resource, body: Document, live: LiveDeployment | LiveService | None
) -> Need | None:
    need = needs_apply(live, body)
    if need is not None or live is None or live.deleting:
        return need
    if resource.kind in state.doubted:
        return Need(cause=Cause.ALTERED)
    return altered_need(state.convergence.get(resource.kind, Convergence()), live, body)


def _verdict(
    state: BodyState,
    resource: Resource,
    body: Document,
    live: LiveDeployment | LiveService | None,
    need: Need,
    now: float,
) -> Verdict:
    if resource.kind in state.doubted and need.cause is Cause.ALTERED:
        return Verdict.REHEARSE
    return verdict(state.convergence.get(resource.kind, Convergence()), live, body, now)


def first_size(spec: InferenceServiceSpec, known_size: int | None, variant: str = DEFAULT_VARIANT) -> int:
    """The size of a Deployment that is created: that of the one before it, if there was one; else the least.

    A new service has a pod at first, whatever its minimum: whoever has made it wants to see it run. One that sleeps,
    and whose Deployment was deleted, sleeps on. Further variants have none until they are chosen.

    Args:
        spec: of the service; of a further variant, what `InferenceServiceSpec.of_variant` gives.
        known_size: the size that the Deployment had when it was last seen; None if it was not.
        variant: whose Deployment it is.
    """
    if spec.replicas is not None:
        return spec.replicas
    known = int(variant == DEFAULT_VARIANT) if known_size is None else known_size
    return max(spec.scaling.min_replicas, min(known, spec.scaling.max_replicas))


def _children(
    given: Surroundings,
    spec: InferenceServiceSpec,
    profile: AcceleratorProfileSpec | None,
    kinds: Collection[Resource],
    *,
    to_pods: bool,
) -> list[tuple[Resource, Document, LiveDeployment | LiveService | None]]:
    """Each child's kind, its body as it should be, and what is there."""
    namespace, name = given.service.key
    owner = Owner(name=name, namespace=namespace, uid=given.service.uid)
    children: list[tuple[Resource, Document, LiveDeployment | LiveService | None]] = []
    if DEPLOYMENTS in kinds and (spec.accelerator is None or profile is not None):  # The checks tell why it is not.
        children.append((DEPLOYMENTS, deployment(owner, spec, profile, given.service.variant), given.deployment))
    if SERVICES in kinds and spec.engine is not None:
        body = kubernetes_service(owner, spec.engine, to_pods=to_pods)
        children.append((SERVICES, body, given.kubernetes_service))
    return children


def _claim(state: BodyState, given: Surroundings, now: float) -> tuple[list[Action], Refusal | None] | None:
    """What to do about the template of the pods' claims before anything else; None where there is nothing to do."""
    devices = given.hardware.claim
    if devices is None:
        return None
    namespace, name = given.service.key
    template = claim_template(Owner(name=name, namespace=namespace, uid=given.service.uid), devices)
    action, refusal = plan_claim(state.claims, template, given.deployment, now)
    if action is None and refusal is None:
        return None
    return [action] if action else [], refusal


def _applies(
    given: Surroundings,
    resource: Resource,
    body: Document,
    live: LiveDeployment | LiveService | None,
    need: Need,
    size_to_create: int,
    *,
    rehearse: bool,
) -> list[Action]:
    """One apply; for a Deployment that is not there, with its first size, which is claimed at once."""
    replicas: int | None = None
    claim: list[Action] = []
    if isinstance(live, LiveDeployment):
        replicas = replicas_in_body(live)
    elif live is None and resource is DEPLOYMENTS:
        replicas = size_to_create
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        claim = [Scale(workload=key, replicas=replicas, resource_version=None, variant=given.service.variant)]
    # With the uid, too: what is being deleted in this moment must not come back by it.
    identity = {"resourceVersion": live.resource_version, "uid": live.uid} if live else _NOTHING_YET
    document = {**body, "metadata": {**body["metadata"], **identity}}
    if replicas is not None:
        document = {**document, "spec": {**document["spec"], "replicas": replicas}}
    action = ApplyBody(
        resource=resource,
        body=document,
        rendered=body,
        over=live.resource_version if live else "",
        because=need.cause.value,
        rehearse=rehearse,
        variant=given.service.variant,
    )
    return [action, *claim]
