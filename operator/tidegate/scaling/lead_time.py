"""How long it takes from ordering pods until they are ready."""

from dataclasses import dataclass, replace
from typing import Self

from tidegate.scaling.observation import Observation


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

        A rollout that is not over teaches nothing: its pods come one after the other.
        """
        if observation.coming:
            since = now if self.awaited_since is None else self.awaited_since
            return replace(self, awaited_since=since, complete_since=None)
        if self.awaited_since is None:
            return self
        learned = self.seconds if observation.rollout_in_progress else max(0.0, now - self.awaited_since)
        return replace(self, seconds=learned, awaited_since=None, complete_since=now)
