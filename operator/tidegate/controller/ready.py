"""The condition Ready: one word for how a service is, and the sentence behind it. Pure."""

import re

from tidegate.api.conditions import ConditionType, Reason, Status
from tidegate.api.routing import RoutingMode
from tidegate.api.scaling import Mode
from tidegate.controller.records import Document
from tidegate.controller.routing import Row
from tidegate.controller.status_input import StatusInput
from tidegate.scaling.wording import count
from tidegate.workloads.live import LiveDeployment

NUMBERS = re.compile(r"[0-9][0-9.,]*")
"""They alone are no reason to write a sentence anew."""


def truth(value: bool) -> Status:  # noqa: FBT001 - it is what the function is about
    """A condition's status, where it is known."""
    return "True" if value else "False"


def ready_row(given: StatusInput) -> Row:  # noqa: PLR0911 - a list of cases, the first that holds
    """Status, reason and message of Ready."""
    refusal, observation = given.refusal, given.observation
    if observation is None:
        if refusal is not None:
            return "False", refusal.reason, refusal.message
        if given.deployment is not None and given.deployment.deleting:
            return "False", Reason.STARTING, "the Deployment is being deleted; then it is made anew"
        return "False", Reason.STARTING, "the Deployment is being created"
    ready, wanted = len(observation.ready_pods), observation.replicas
    if wanted == 0 and (row := _zero_row(given)) is not None:
        return row
    overdue = _overdue(given.deployment)
    if given.not_starting and (ready < wanted or observation.rollout_in_progress):
        return truth(ready > 0), given.not_starting[0].reason, _calm(_not_starting(given, ready, wanted), given)
    if observation.rollout_in_progress:
        message = f"{count(ready, 'pod')} ready while a new template rolls out{overdue}"
        return truth(ready > 0), Reason.ROLLING_OUT, message
    if ready == 0:
        return _none_ready_row(given, wanted, overdue)
    if ready < wanted:
        return "True", Reason.SCALING_UP, f"{ready} of {count(wanted, 'pod')} are ready{overdue}"
    return "True", Reason.SERVING, f"{count(ready, 'pod')} ready"


def _none_ready_row(given: StatusInput, wanted: int, overdue: str) -> Row:
    if wanted and not overdue and _is_waking(given.previous):
        return "True", Reason.WAKING, f"{count(wanted, 'pod')} getting ready; requests are held until then"
    reason = Reason.NO_READY_PODS if _was_ready(given.previous) else Reason.STARTING
    if wanted == 0:
        return "False", reason, "the Deployment has been scaled to 0"
    return "False", reason, f"none of {count(wanted, 'pod')} is ready{overdue}; see `kubectl get pods` and events"


def _may_sleep(given: StatusInput) -> bool:
    """Whether a gateway stands in the way of requests, and nobody has switched the service off."""
    spec = given.service.spec
    is_automatic = spec is None or spec.scaling.mode is Mode.AUTOMATIC
    return is_automatic and given.routing is not None and given.routing.mode is not RoutingMode.NONE


def _zero_row(given: StatusInput) -> Row | None:
    """Of a service that has no pods on purpose; None where somebody else has taken them away."""
    pinned = given.service.spec.replicas if given.service.spec else None
    if pinned == 0:
        return "False", Reason.PINNED_AT_ZERO, "spec.replicas is 0: switched off by hand; unset it to switch it on"
    if not _may_sleep(given):
        return None
    status, reason, message = given.routed
    if reason is Reason.GATEWAY_UNAVAILABLE and status == "False":
        return "False", reason, f"asleep, and {message}"
    drains = "; its last pods finish what they have" if given.observation and given.observation.pods else ""
    return "True", Reason.SCALED_TO_ZERO, f"asleep: nobody uses it, and the first request wakes it{drains}"


def _is_waking(status: Document) -> bool:
    """Whether the pods that come are those that a request has woken it for."""
    return _ready_condition(status).get("reason") in {Reason.SCALED_TO_ZERO, Reason.WAKING}


def _not_starting(given: StatusInput, ready: int, wanted: int) -> str:
    parts = [f"{count(each.pods, 'pod')} {each.reason} ({each.example})" for each in given.not_starting]
    return f"{ready} of {count(wanted, 'pod')} ready; not starting: {'; '.join(parts)}"


def _calm(message: str, given: StatusInput) -> str:
    """What is written already, while only numbers in the words of others differ: schedulers count nodes at each try."""
    written = _ready_condition(given.previous).get("message", "")
    head = message.partition(" (")[0]
    same = written.startswith(f"{head} (") and NUMBERS.sub("", written) == NUMBERS.sub("", message)
    return written if same else message


def _was_ready(status: Document) -> bool:
    """Whether pods have been ready before: then this is an outage, and not a start."""
    ready = _ready_condition(status)
    return ready.get("status") == "True" or ready.get("reason") == Reason.NO_READY_PODS


def _ready_condition(status: Document) -> Document:
    found = (each for each in status.get("conditions") or () if each["type"] == ConditionType.READY)
    return next(found, {})


def _overdue(deployment: LiveDeployment | None) -> str:
    """What the Deployment's controller waits for in vain: its deadline is over."""
    for condition in deployment.conditions if deployment else ():
        if condition.type == "Progressing" and condition.status == "False":
            return f" ({condition.reason}: {condition.message})"
    return ""
