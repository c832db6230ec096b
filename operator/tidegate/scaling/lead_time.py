"""How long it takes from ordering pods until they are ready."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from types import MappingProxyType
from typing import Self

from tidegate.scaling.observation import Observation

LONGEST_SECONDS = 1800.0
"""No pod needs longer to start. One that comes later was refused, found no node or crashed until somebody helped, and
says nothing of the next: as a lead time it would have the queue wait for pods that stand idle by then."""

MOST_STARTS = 20
"""So many of the latest starts are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """How long the latest pods took, and since when pods are awaited now."""

    starts_seconds: tuple[float, ...] = ()
    """From the creation of a pod until it was first seen ready, of the latest pods, oldest first."""

    starting: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Pods that are on their way, by uid: when they were created, or first seen."""

    started: frozenset[str] = frozenset()
    """Pods that have been ready, by uid: one that falls ill and recovers is not on its way again."""

    awaited_since: float | None = None
    complete_since: float | None = None
    """When the last pods that were awaited were there; None if that was not seen, or some are awaited now."""

    @property
    def seconds(self) -> float | None:
        """What three of four pods do not exceed; None before any was seen."""
        return self.percentile(75)

    def percentile(self, percent: float) -> float | None:
        """The nearest-rank percentile of the latest starts."""
        if not self.starts_seconds:
            return None
        return sorted(self.starts_seconds)[max(0, ceil(percent / 100 * len(self.starts_seconds)) - 1)]

    def observe(self, observation: Observation, now: float) -> Self:
        """Note pods that begin to start, and how long those took that are ready now.

        Pods that found no node teach nothing: how long that takes is not theirs to say.
        """
        starting, took = {}, []
        for pod in observation.pods:
            since = self.starting.get(pod.uid)
            if pod.ready:
                if since is not None and 0 <= now - since <= LONGEST_SECONDS:
                    took.append(now - since)
            elif pod.uid not in self.started and (since is not None or not pod.unschedulable):
                starting[pod.uid] = now if since is None else since
                if since is None and pod.created is not None:
                    starting[pod.uid] = min(now, pod.created)
                if pod.unschedulable:
                    del starting[pod.uid]
        awaited, complete = self.awaited_since, self.complete_since
        if observation.coming:
            awaited, complete = now if awaited is None else awaited, None
        elif awaited is not None:
            awaited, complete = None, now
        return replace(
            self,
            starts_seconds=(*self.starts_seconds, *took)[-MOST_STARTS:],
            starting=MappingProxyType(starting),
            started=frozenset(pod.uid for pod in observation.pods if pod.ready or pod.uid in self.started),
            awaited_since=awaited,
            complete_since=complete,
        )
