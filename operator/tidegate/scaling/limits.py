"""From what the terms want to what is decided: named steps, in order. Each leaves a line where it changes something."""

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.api.behavior import SelectPolicy
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.scaling import Mode
from tidegate.scaling import behavior
from tidegate.scaling.allotment import Allotment
from tidegate.scaling.health import MetricsHealth
from tidegate.scaling.idleness import is_wanted, unused_for
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation
from tidegate.scaling.schedules import floor_at
from tidegate.scaling.term_input import LIKELY_LEAD_SECONDS
from tidegate.scaling.wording import count, number, requests


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitInput:
    """All that a step may look at."""

    spec: InferenceServiceSpec
    observation: Observation
    memory: Memory
    health: MetricsHealth
    now: float


Step = Callable[[int, LimitInput], tuple[int, str]]
"""(size so far, input) -> (size after, why it differs)."""


def metrics_held(wanted: int, given: LimitInput) -> tuple[int, str]:
    """Never down on metrics that are missing, stale or NaN; and not at all without any that can be believed."""
    current, health = given.observation.replicas, given.health
    if health.complete:
        return wanted, ""
    gateway = given.observation.gateway
    if health.fresh or (gateway is not None and gateway.complete and is_wanted(gateway)):
        return max(wanted, current), f"not down while {health.message}"
    return current, f"unchanged while {health.message}"


def rollout_held(wanted: int, given: LimitInput) -> tuple[int, str]:
    """Up is allowed while a rollout runs; down waits, since surge pods would be counted as spare."""
    if not given.observation.rollout_in_progress:
        return wanted, ""
    return max(wanted, given.observation.replicas), "a rollout is in progress; the way down waits for its end"


def placement(wanted: int, given: LimitInput) -> tuple[int, str]:
    """No more while those that were ordered have no place: a longer line gets nobody a node, or a quota."""
    current, refused = given.observation.replicas, given.observation.refused
    waiting = sum(pod.unschedulable for pod in given.observation.pods)
    if not waiting + refused or wanted <= current:
        return wanted, ""
    why = [f"{count(waiting, 'pod')} without a node"] if waiting else []
    why += [f"{count(refused, 'pod')} refused"] if refused else []
    return current, f"of {current} that were ordered, {' and '.join(why)}; no more are ordered until they have a place"


def stabilization(wanted: int, given: LimitInput) -> tuple[int, str]:
    """The windows of `behavior`: not down before the highest recommendation of the window, not up before the lowest."""
    rules = given.spec.scaling.behavior
    up_seconds = behavior.up_window_seconds(rules.scale_up)
    down_seconds = behavior.down_window_seconds(rules.scale_down)
    advised = given.memory.decided if given.spec.scaling.mode is Mode.ADVISORY else None
    current = max(given.observation.replicas, advised or 0)
    size = behavior.stabilize(
        current=current,
        wanted=wanted,
        recommendations=given.memory.recommendations,
        up_seconds=up_seconds,
        down_seconds=down_seconds,
        now=given.now,
    )
    if wanted < size:
        return size, f"behavior.scaleDown holds the most that was wanted or found in the last {down_seconds} s: {size}"
    return size, f"behavior.scaleUp holds the least that was wanted or found in the last {up_seconds} s: {size}"


def behavior_policies(wanted: int, given: LimitInput) -> tuple[int, str]:
    """The policies of `behavior`: only so much change per period."""
    rules, current, changes = given.spec.scaling.behavior, given.observation.replicas, given.memory.changes
    if wanted > current:
        limit = behavior.up_limit(rules.scale_up, current=current, changes=changes, now=given.now)
        size, because = min(wanted, limit), f"behavior.scaleUp allows no more than {limit} now"
        direction, policy = "scaleUp", rules.scale_up.select_policy
    else:
        limit = behavior.down_limit(rules.scale_down, current=current, changes=changes, now=given.now)
        size, because = max(wanted, limit), f"behavior.scaleDown allows no fewer than {limit} now"
        direction, policy = "scaleDown", rules.scale_down.select_policy
    return size, f"behavior.{direction}.selectPolicy is Disabled" if policy is SelectPolicy.DISABLED else because


def minimum(wanted: int, given: LimitInput) -> tuple[int, str]:
    """Not below `scaling.minReplicas`."""
    bound = given.spec.scaling.min_replicas
    return max(wanted, bound), f"scaling.minReplicas is {bound}"


def scale_to_zero(wanted: int, given: LimitInput) -> tuple[int, str]:
    """To none when nobody has used the service for `scaleToZero.idleSeconds`, and not before; from none when one does.

    It has its own window, so it stands behind those of `behavior`. Where no gateway would wake it, it never sleeps;
    while none can be asked, it neither goes to sleep nor is it woken for that.
    """
    scaling, current = given.spec.scaling, given.observation.replicas
    gateway, used_at = given.observation.gateway, given.memory.used_at
    if scaling.min_replicas:
        return wanted, ""
    if gateway is None:
        return max(wanted, 1), "scaling.minReplicas is 0, but no gateway stands in the way of requests to wake it"
    if not current:
        waits = f"{requests(gateway.held)} held by the gateways"
        return (max(wanted, 1), waits) if is_wanted(gateway) else (0, "it sleeps until a request arrives")
    idle_seconds = given.now - (given.now if used_at is None else used_at)
    if idle_seconds >= scaling.scale_to_zero.idle_seconds and not given.observation.rollout_in_progress:
        return 0, unused_for(idle_seconds)
    if not gateway.complete:
        return max(wanted, 1), "not to sleep while not every gateway can be asked whether it is used"
    return max(wanted, 1), f"it sleeps when nobody has used it for {scaling.scale_to_zero.idle_seconds} s"


def schedule_floor(wanted: int, given: LimitInput) -> tuple[int, str]:
    """Not below what `scaling.schedules` ask for, nor below what they soon will: pods need their time to get ready."""
    lead_seconds = given.memory.learned.lead_time.seconds or LIKELY_LEAD_SECONDS
    floor, because = floor_at(given.spec.scaling.schedules, given.now, lead_seconds)
    return max(wanted, floor), because


def maximum(wanted: int, given: LimitInput) -> tuple[int, str]:
    """Not above `scaling.maxReplicas`."""
    bound = given.spec.scaling.max_replicas
    return min(wanted, bound), f"scaling.maxReplicas is {bound}"


def pin(wanted: int, given: LimitInput) -> tuple[int, str]:
    """`spec.replicas`, set by hand, wins over everything above."""
    pinned = given.spec.replicas
    if pinned is None:
        return wanted, ""
    scaling = given.spec.scaling
    outside = not scaling.min_replicas <= pinned <= scaling.max_replicas
    bounds = f", outside {scaling.min_replicas} to {scaling.max_replicas}" if outside else ""
    return pinned, f"spec.replicas is pinned by hand to {pinned}{bounds}; unset it to scale on demand again"


def budget(wanted: int, given: LimitInput) -> tuple[int, str]:
    """Not above what the service may cost now: `scaling.budget`, and what is left below its namespace's ceiling."""
    bound, price = given.observation.budget, given.observation.cost_per_hour
    if bound is None or not price:
        return wanted, ""
    most = bound.replicas(price)
    asked = f"{count(wanted, 'replica')} at {number(price)} would cost {number(wanted * price)} an hour"
    return min(wanted, most), f"{asked}, {count(most, 'replica')} can be had: {bound.because}"


def paused(wanted: int, given: LimitInput) -> tuple[int, str]:
    """Mode Paused decides nothing."""
    if given.spec.scaling.mode is not Mode.PAUSED:
        return wanted, ""
    return given.observation.replicas, "scaling.mode is Paused"


LIMITS: tuple[tuple[str, Step], ...] = (
    ("minReplicas", minimum),  # nothing has to wait on the way to where it may not go
    ("metrics", metrics_held),  # no sight, no shrinking
    ("rollout", rollout_held),  # nothing shrinks while two templates stand side by side
    ("placement", placement),  # nothing grows where there is no room
    ("stabilization", stabilization),  # not on the first sign
    ("behavior", behavior_policies),  # not too much at once
    ("scaleToZero", scale_to_zero),  # to sleep is another thing than to shrink
    ("minReplicas", minimum),  # again, for a bound does not wait for what the steps above wait for
    ("schedules", schedule_floor),  # demand that is known in advance needs no metrics, and no second sign
    ("maxReplicas", maximum),
    ("pin", pin),  # a person's hand is above all of it
    ("budget", budget),  # but for what it costs
    ("paused", paused),  # and for a person's word to leave it alone
)

ALLOTTED: tuple[tuple[str, Step], ...] = (
    ("rollout", rollout_held),
    ("placement", placement),
    ("behavior", behavior_policies),
    ("paused", paused),
)
"""Of one variant among several. All other bounds are those of the service: they are kept where it is decided what each
variant is given (`tidegate.scaling.fleet`)."""

AT_ONCE: tuple[tuple[str, Step], ...] = (("paused", paused),)


def steps_for(allotment: Allotment | None) -> tuple[tuple[str, Step], ...]:
    """The steps that hold, by whether there is one variant or several."""
    if allotment is None:
        return LIMITS
    return AT_ONCE if allotment.at_once else ALLOTTED
