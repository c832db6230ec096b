"""A policy that is told the day and the hour of a trace, which schedules ask for."""

from dataclasses import replace

from tidegate.scaling.observation import Observation, PodObservation

from .policy import Choice, Policy


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
        dated = replace(observation, pods=tuple(self._dated(pod) for pod in observation.pods))
        return self._policy.decide(dated, now + self._clock_seconds)

    def _dated(self, pod: PodObservation) -> PodObservation:
        created = None if pod.created is None else pod.created + self._clock_seconds
        if (reading := pod.reading) is not None:
            reading = replace(reading, time=reading.time + self._clock_seconds)
        return replace(pod, created=created, reading=reading)
