"""How long it takes from ordering pods until they are ready."""

from dataclasses import dataclass, replace
from typing import Self

from tidegate.scaling.observation import Observation

LONGEST_SECONDS = 1800.0
"""No pod needs longer to start. One that comes later was refused, found no node or crashed until somebody helped, and
says nothing of the next: as a lead time it would have the queue wait for pods that stand idle by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """The last lead time that was seen, and since when pods are awaited now."""

    seconds: float | None = None
    """From the first pod that was awaited until none was any more; None before that was seen."""

    awaited_since: float | None = None
    complete_since: float | None = None
    """When the last pods that were awaited were there; None if that was not seen, or some are awaited now."""

    def observe(self, observation: Observation, now: float) -> Self:
        """Note when pods begin to be awaited, and how long it took once they are there.

        A rollout that is not over teaches nothing, for its pods come one after the other; nor do pods that could not
        start for long.
        """
        if observation.coming:
            since = now if self.awaited_since is None else self.awaited_since
            return replace(self, awaited_since=since, complete_since=None)
        if self.awaited_since is None:
            return self
        took = max(0.0, now - self.awaited_since)
        teaches = not observation.rollout_in_progress and took <= LONGEST_SECONDS
        return replace(self, seconds=took if teaches else self.seconds, awaited_since=None, complete_since=now)
