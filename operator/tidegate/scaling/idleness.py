"""Since when nobody has used a service. Whoever cannot be asked may be busy: what is not known is use."""

from collections.abc import Iterable

from tidegate.scaling.gateway_traffic import GatewayTraffic
from tidegate.scaling.health import MetricsHealth
from tidegate.scaling.observation import Observation
from tidegate.scaling.pod_step import PodStep
from tidegate.scaling.sample import Sample, believable

_GAUGES = ("running", "waiting")


def last_used(
    before: float | None, observation: Observation, health: MetricsHealth, new_steps: Iterable[PodStep], now: float
) -> float:
    """Say when the service was last used, as far as is known.

    The gateways know when a request last arrived or ended, and still know it when the operator is a new one. Where they
    do not carry all of them (mode Direct), a new operator counts from its first look.

    Args:
        before: what the last look returned; None before the first, and after the service has been woken.
        observation: the service.
        health: which of its pods can be believed.
        new_steps: what the pods did between the last two samples, of those that are new.
        now: seconds since the epoch.

    Returns:
        Seconds since the epoch; `now` while it is in use, and while that cannot be known.
    """
    gateway = observation.gateway
    if gateway is None or not gateway.complete or gateway.is_used:
        return now
    if (observation.ready_pods and not health.complete) or any(_is_in_use(observation, new_steps)):
        return now
    seen = max(sample.last_use for sample in gateway.samples)
    if before is None:
        before = seen if gateway.carries_all else now
    return min(now, max(before, seen))


def is_asleep(observation: Observation, min_replicas: int) -> bool:
    """Whether there is nothing, on purpose, and nobody waits for it: what was is then no matter."""
    gateway = observation.gateway
    return not min_replicas and not observation.replicas and gateway is not None and not gateway.held


def unused_for(seconds: float) -> str:
    """Why it goes to sleep."""
    return f"nobody has used it for {seconds:.0f} s"


def is_wanted(gateway: GatewayTraffic | None) -> bool:
    """Whether requests wait for a service without pods."""
    return gateway is not None and gateway.held > 0


def _is_in_use(observation: Observation, new_steps: Iterable[PodStep]) -> Iterable[bool]:
    """What the engines say. A request may pass by the gateways, as through a port-forward."""
    for pod in observation.pods:
        if isinstance(pod.reading, Sample):
            yield any((believable(getattr(pod.reading, name)) or 0.0) > 0 for name in _GAUGES)
    for step in new_steps:
        yield bool(step.arrived) or bool(step.served) or bool(step.ended)
