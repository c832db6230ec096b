"""Policies that are told the day and the hour of a trace, which schedules ask for."""

from collections.abc import Mapping
from dataclasses import replace

from tidegate.scaling.observation import Observation, PodObservation

from .policy import Choice, MixedChoice, MixedPolicy, Policy


class DatedPolicy:
    """Decides as another policy does, with all times counted from 1970 rather than from the start of the trace."""

    def __init__(self, policy: Policy, clock_seconds: float) -> None:
        self.name = policy.name
        self.period_seconds = policy.period_seconds
        self.victims_are_emptiest: bool = getattr(policy, "victims_are_emptiest", False)
        self._policy = policy
        self._clock_seconds = clock_seconds

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`."""
        return self._policy.decide(_dated(observation, self._clock_seconds), now + self._clock_seconds)


class DatedMixedPolicy:
    """The same for a policy that decides about several variants."""

    def __init__(self, policy: MixedPolicy, clock_seconds: float) -> None:
        self.name = policy.name
        self.period_seconds = policy.period_seconds
        self.victims_are_emptiest: bool = getattr(policy, "victims_are_emptiest", False)
        self._policy = policy
        self._clock_seconds = clock_seconds

    def decide_mixed(self, observations: Mapping[str, Observation], now: float) -> MixedChoice:
        """See `MixedPolicy`."""
        dated = {variant: _dated(each, self._clock_seconds) for variant, each in observations.items()}
        return self._policy.decide_mixed(dated, now + self._clock_seconds)


def _dated(observation: Observation, clock_seconds: float) -> Observation:
    gateway = observation.gateway
    if gateway is not None:
        samples = (
            replace(each, time=each.time + clock_seconds, last_use=each.last_use + clock_seconds)
            for each in gateway.samples
        )
        gateway = replace(gateway, samples=tuple(samples))
    pods = tuple(_dated_pod(pod, clock_seconds) for pod in observation.pods)
    return replace(observation, pods=pods, gateway=gateway)


def _dated_pod(pod: PodObservation, clock_seconds: float) -> PodObservation:
    created = None if pod.created is None else pod.created + clock_seconds
    if (reading := pod.reading) is not None:
        reading = replace(reading, time=reading.time + clock_seconds)
    return replace(pod, created=created, reading=reading)
