"""The ResourceClaimTemplate of a service: written before the Deployment whose pods need it. Pure.

Templates are not watched: they cannot be changed, only deleted. One is applied once in the life of an operator, and
again when pods are missing.
"""

from dataclasses import dataclass, field

from tidegate.api.conditions import Reason
from tidegate.cluster.resources import CLAIM_TEMPLATES, Document
from tidegate.controller.actions import ApplyBody
from tidegate.controller.checks import Blocks, Refusal
from tidegate.controller.refused import Refused
from tidegate.workloads.live import LiveDeployment

AGAIN_SECONDS = 300.0
"""While pods are missing, a template is applied again after so long: it may have been deleted."""


@dataclass(slots=True)
class ClaimState:
    """What is remembered of a service's claim templates."""

    applied_at: dict[str, float] = field(default_factory=dict)
    """By name."""

    refused: Refused | None = None

    def accepted(self, action: ApplyBody, now: float) -> None:
        """The API server took a template as it was."""
        self.applied_at = {action.rendered["metadata"]["name"]: now}
        self.refused = None

    def refuse(self, action: ApplyBody, message: str, now: float) -> None:
        """It did not, or would have left out a part of it."""
        self.refused = Refused.after(self.refused, action.rendered, message, now)


def plan_claim(
    state: ClaimState, body: Document, live: LiveDeployment | None, now: float
) -> tuple[ApplyBody | None, Refusal | None]:
    """Say whether to apply a template first; the Deployment waits while either is given.

    Args:
        state: what is remembered of the service's templates.
        body: the template's body.
        live: the service's Deployment, where there is one.
        now: seconds since the epoch.
    """
    applied_at = state.applied_at.get(body["metadata"]["name"])
    is_missed = live is not None and live.ready_replicas < live.replicas
    if applied_at is not None and not (is_missed and now - applied_at >= AGAIN_SECONDS):
        return None, None
    refused = state.refused if state.refused is not None and state.refused.what == body else None
    refusal = None if refused is None else Refusal(Reason.REJECTED_BY_API_SERVER, refused.message, Blocks.BODY)
    if refused is not None and now < refused.retry_at:
        return None, refusal
    # Rehearsed: an API server that is too old for a field leaves it out, and what is stored then stays so.
    apply = ApplyBody(
        resource=CLAIM_TEMPLATES, body=body, rendered=body, over="", because="BeforeTheDeployment", rehearse=True
    )
    return apply, refusal


def rejected(message: str) -> str:
    """What is told of a template that the API server refuses."""
    return (
        f"the API server refuses the ResourceClaimTemplate: {message}; mend spec.accelerator or the profile (claims "
        "need Kubernetes 1.34); it is tried again every few minutes"
    )


def left_out(fields: tuple[str, ...]) -> str:
    """What is told of a template of which the API server would leave a part out."""
    return (
        f"the API server would leave out {', '.join(fields)} of the ResourceClaimTemplate: shares of a device need the "
        "feature DRAConsumableCapacity (on by default from Kubernetes 1.36); switch it on, or choose another "
        "sharing.mechanism; it is tried again every few minutes"
    )
