"""How a service stands towards the requests that come for it: the five states, and what moves between them.

Pure. The table; `tests/gateway/policy/test_state_table.py` goes through its rows.

======== ============================================= ========================== ==============================
state    when                                          a new use                  those that are held
======== ============================================= ========================== ==============================
Warm     a pod takes requests: it is to serve, and     sent on to the least       sent on, oldest first, as
         the kubelet or our own probe says it can      loaded pod; held while all places get free
                                                       places are taken
Waking   pods are there and none takes requests yet    held                       held on
Asleep   no pod is there, and it may be woken          held; wakes                held; wake, again and again
                                                                                  until pods are there
Blocked  no pod is there and it may not be woken, or   503 at once, with the      503 at once, with the reason
         all pods are in trouble that waiting does     reason
         not mend
Gone     deleted, or about to be                       404                        404 at once
======== ============================================= ========================== ==============================

Events, and the state after each (`·` no change, `*` whichever the pods that are left say):

=========================== ======== ======== ======== ======== ========
event                       Warm     Waking   Asleep   Blocked  Gone
=========================== ======== ======== ======== ======== ========
a pod appears               ·        ·        Waking   Waking   ·
a pod is ready or answers   ·        Warm     Warm     Warm     ·
a pod drains or leaves      *        *        ·        *        ·
a pod gets into trouble     *        *        *        *        ·
a pod refuses a connection  *        ·        ·        ·        ·
waking is forbidden         ·        ·        Blocked  ·        ·
waking is allowed           ·        ·        ·        Asleep   ·
a wake is refused           ·        ·        ·  (1)   ·        ·
deleted                     Gone     Gone     Gone     Gone     ·
created anew                ·        ·        ·        ·        *
=========================== ======== ======== ======== ======== ========

(1) For five seconds it is treated as Blocked, with what the API server said; then it is tried again.

A pod that drains takes no requests, unless it is the only one for 10 s while the size is not 0 and requests wait: then
nobody is there to have it serve again, and it takes them as it is.

With several variants all of this is said of the pods of all of them together: one that comes is worth waiting for, and
nobody wakes a second. Where those that are there find no place and another variant has none yet, the operator has that
one step in after `scaling.fallbackAfterSeconds`: so long, and a little longer, its pods are waited for, too.

Whatever the state, a held request whose client leaves is forgotten, one that is held too long is answered 504, and a
request that runs goes on. Requests that are no use are sent on while the service is warm, and never held: without a pod
`/v1/models` and the health path are answered here, and others 503 (404 when gone).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tidegate.api.conditions import Reason
from tidegate.gateway.policy.pod_load import PodLoad
from tidegate.gateway.routed_service import RoutedService


class State(StrEnum):
    """How a service stands towards requests."""

    WARM = "Warm"
    WAKING = "Waking"
    ASLEEP = "Asleep"
    BLOCKED = "Blocked"
    GONE = "Gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state of a service at one instant."""

    state: State
    reason: str = ""
    """Blocked only: why, in one CamelCase word."""

    message: str = ""
    """Blocked only: the same as a sentence."""

    in_trouble: bool = False
    """Blocked only: by its pods, not by what its plan forbids."""

    changes_at: float | None = None
    """When it becomes Blocked though nothing happens, in seconds of the gateway's clock; None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patience:
    """How long a pod may be in trouble before nobody waits for it."""

    seconds: float = 0.0
    lead_times: float = 0.0
    """As many lead times, where that is longer."""


_PATIENCE: Mapping[str, _Patience] = MappingProxyType(
    {
        Reason.IMAGE_PULL_FAILING.value: _Patience(),
        Reason.CONTAINER_NOT_CREATED.value: _Patience(),
        Reason.CRASHING.value: _Patience(),
        Reason.PODS_REFUSED.value: _Patience(),
        # A node may be on its way.
        Reason.UNSCHEDULABLE.value: _Patience(seconds=60.0, lead_times=2.0),
    }
)

FALLBACK_TAKES_SECONDS = 30.0
"""From the instant when another variant is to step in until its pods are seen: a few looks of the operator."""

_WARM = Standing(state=State.WARM)
_GONE = Standing(state=State.GONE)
_ASLEEP = Standing(state=State.ASLEEP)


def standing(service: RoutedService | None, pods: Iterable[PodLoad], now: float) -> Standing:
    """Tell how a service stands.

    Args:
        service: None when it is not there.
        pods: all of its pods.
        now: in seconds of the clock that `PodTrouble.since` is read from.
    """
    if service is None or service.deleting:
        return _GONE
    coming = []
    for pod in pods:
        if pod.available:
            return _WARM
        if pod.pod.serving:
            coming.append(pod)
    if coming:
        return _waking(service, coming, now)
    plan = service.wake_plan
    if plan is None or plan.allowed:
        return _ASLEEP
    return Standing(state=State.BLOCKED, reason=plan.reason, message=plan.message)


def _waking(service: RoutedService, coming: Collection[PodLoad], now: float) -> Standing:
    """With pods on their way: Waking while one of them may get there, Blocked when none will."""
    lead_seconds = (service.wake_plan.lead_time_seconds if service.wake_plan else None) or 0
    another_may_step_in = bool(service.engines.keys() - {load.pod.variant for load in coming})
    stepped_in_seconds = service.fallback_after_seconds + FALLBACK_TAKES_SECONDS if another_may_step_in else 0.0
    last, told = now, None
    for load in coming:
        trouble = load.pod.trouble
        patience = _PATIENCE.get(trouble.reason) if trouble is not None else None
        if trouble is None or patience is None:
            return Standing(state=State.WAKING)
        seconds = max(patience.seconds, patience.lead_times * lead_seconds)
        if trouble.reason == Reason.UNSCHEDULABLE.value:
            seconds = max(seconds, stepped_in_seconds)
        last = max(last, trouble.since + seconds)
        told = told or (trouble.reason, f"{load.pod.name}: {trouble.message}")
    if last > now:
        return Standing(state=State.WAKING, changes_at=last)
    reason, message = told or ("", "")
    return Standing(state=State.BLOCKED, reason=reason, message=message, in_trouble=True)
