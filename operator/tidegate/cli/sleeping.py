"""What is to be said of a service that may sleep: how it is, since when, and what a request would do. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.api.routing import WakePlan
from tidegate.scaling.schedules import floor_at
from tidegate.scaling.wording import count

NOBODY_WAKES = "no gateway stands in the way of its requests to wake it, so it never sleeps"


def sleeping(spec: InferenceServiceSpec, status: InferenceServiceStatus, now: float) -> list[str]:
    """Say it in sentences; none of a service that never sleeps.

    Args:
        spec: what its user wants.
        status: what the operator said last.
        now: seconds since the epoch.
    """
    if spec.scaling.min_replicas or status.decision is None:
        return []
    if status.wake_plan is None:
        return [f"scaling.minReplicas is 0, but {NOBODY_WAKES}: see the condition Routed"]
    return [_how_it_is(spec, status, now), *_what_a_request_would_do(spec, status.wake_plan)]


def moment(timestamp: str, now: float) -> str:
    """A time of Kubernetes' for people, with its day unless that is today."""
    return _moment(datetime.fromisoformat(timestamp).timestamp(), now)


def _how_it_is(spec: InferenceServiceSpec, status: InferenceServiceStatus, now: float) -> str:
    wanted = status.decision.to if status.decision else 0
    last = status.changes[0] if status.changes else None
    changed = f" since {moment(last.time, now)}" if last and last.to == wanted else ""
    if spec.replicas is not None:
        return f"pinned by hand to {spec.replicas}: it neither goes to sleep nor is woken"
    if not wanted and status.replicas:
        return f"on its way to sleep{changed}: {count(status.replicas, 'pod')} to end; a request calls that off"
    if not wanted:
        used = f"; nobody has used it since {moment(status.idle_since, now)}" if status.idle_since else ""
        return f"asleep{changed}{used}"
    if not status.ready_replicas:
        return f"on its way up{changed}: none of {count(wanted, 'replica')} is ready yet; requests are held meanwhile"
    return f"awake; {_when_it_sleeps(spec, status, now)}"


def _when_it_sleeps(spec: InferenceServiceSpec, status: InferenceServiceStatus, now: float) -> str:
    idle_seconds = spec.scaling.scale_to_zero.idle_seconds
    floor, schedule = floor_at(spec.scaling.schedules, now)
    if floor:
        return f"it does not sleep before the schedule's time is over: {schedule}"
    if status.idle_since is None:
        used = "it was used within the last minute, or that cannot be known"
        return f"it sleeps when nobody has used it for {idle_seconds} s; {used}"
    since = datetime.fromisoformat(status.idle_since).timestamp()
    sleeps = f"it sleeps at {_moment(since + idle_seconds, now)} unless somebody does"
    return f"nobody has used it since {_moment(since, now)}, and {sleeps}"


def _what_a_request_would_do(spec: InferenceServiceSpec, plan: WakePlan) -> Iterator[str]:
    if not plan.allowed:
        yield f"a request while no pod is ready is answered 503 at once: {plan.message or plan.reason}"
        return
    size = count(plan.min_replicas, "replica")
    if plan.max_replicas > plan.min_replicas:
        each = "each" if plan.requests_per_replica == 1 else f"each {plan.requests_per_replica:,}"
        size += f" at least, one for {each} that are held, {plan.max_replicas} at most"
    of = f" of {plan.deployment}, the cheapest to answer first" if spec.variants else ""
    yield f"a request that finds it asleep wakes it: to {size}{of}"
    timeout_seconds = spec.routing.hold_timeout_seconds
    if plan.lead_time_seconds is None:
        yield f"how long that takes is not known yet; after {timeout_seconds} s a request is answered 504"
    elif plan.lead_time_seconds < timeout_seconds:
        yield f"it then waits about {plan.lead_time_seconds} s; after {timeout_seconds} s it is answered 504"
    else:
        yield (
            f"pods take about {plan.lead_time_seconds} s to get ready, and a request is held for {timeout_seconds} s "
            "only, then answered 504: raise routing.holdTimeoutSeconds"
        )


def _moment(time: float, now: float) -> str:
    then = datetime.fromtimestamp(time, UTC)
    is_today = then.date() == datetime.fromtimestamp(now, UTC).date()
    return f"{then:%H:%M:%S} UTC" if is_today else f"{then:%Y-%m-%d %H:%M:%S} UTC"
