"""What is told of a body that the API server does not take, or does not keep. Pure."""

from tidegate.api.conditions import Reason
from tidegate.cluster.resources import Resource
from tidegate.controller.checks import Blocks, Refusal
from tidegate.controller.refused import Refused
from tidegate.workloads.healing import Cause, Need

MOST_FIELDS = 8
"""Named in a message; a webhook may change them all."""


def rejected_body(resource: Resource, refused: Refused) -> Refusal:
    """The API server does not take a body."""
    message = f"the API server refuses the {resource.kind}: {refused.message}"
    fix = "mend spec.engine or spec.template, or what refuses them; it is tried again every few minutes"
    return Refusal(Reason.REJECTED_BY_API_SERVER, f"{message}; {fix}", Blocks.BODY)


def not_converging(doubt: str, resource: Resource, need: Need) -> Refusal:
    """Somebody else changes a body back each time that it is applied.

    Args:
        doubt: what an operator before this one has said of it; empty if nothing.
        resource: the body's kind.
        need: which fields it is about, and who changes them, where that is known.
    """
    if not need.fields and doubt:
        return Refusal(Reason.NOT_CONVERGING, doubt, Blocks.BODY)
    fields = ", ".join(need.fields[:MOST_FIELDS]) or "it"
    if len(need.fields) > MOST_FIELDS:
        fields += f" and {len(need.fields) - MOST_FIELDS} more"
    ending = _ENDINGS.get(need.cause, "it is left alone until the spec changes: stop that writer")
    return Refusal(
        Reason.NOT_CONVERGING,
        f"the {resource.kind} was applied three times, and {need.writer} changes {fields} each time; {ending}",
        Blocks.BODY,
    )


_ENDINGS = {
    Cause.ALTERED: "nothing is written until the spec changes, or the webhook does, which is asked every few minutes: "
    "find it with `kubectl get mutatingwebhookconfigurations`, and have it leave out objects labelled "
    "app.kubernetes.io/managed-by=tidegate, or write in the spec what it wants"
}
