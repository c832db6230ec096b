"""How large requests are and how fast pods take them: sums that fade, so that the latest requests count most."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from tidegate.scaling.pod_step import PodStep

LONGEST_HALF_LIFE_SECONDS = 120.0
SHORTEST_HALF_LIFE_SECONDS = 30.0
HALF_LIFE_REQUESTS = 200.0
"""Sizes and pace are remembered for so many requests: single ones differ widely, so that fewer say little. A busy
service notices within the shorter time that its requests have grown, a quiet one within the longer."""

ENOUGH_FINISHED = 5.0
"""Until so many requests have finished, a biased size is better than none."""


ENOUGH_STARTS = 10.0
"""Until pods were seen to take so many requests out of their queues, their pace is not known: one start in the first
five seconds is no pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums that fade with `HALF_LIFE_SECONDS`; their quotients are sizes and paces."""

    finished: float = 0.0
    prompts: float = 0.0
    prompt_work: float = 0.0
    """Work of prompts, to be divided by `prompts`."""

    answers: float = 0.0
    other_work: float = 0.0
    """All other work, to be divided by `answers`."""

    starts: float = 0.0
    """Requests taken out of queues, of pods in whose queue some were left."""

    busy_pod_seconds: float = 0.0
    time: float | None = None
    """When they last faded; None before the first time."""

    @property
    def work_per_request(self) -> float | None:
        """Mean work of a request; None before any was worked on.

        Each part is divided by the count that rises with it. Prompts are done long before answers: in an overload,
        all work over finished requests would be far too large.
        """
        if not self.answers:
            return None
        prompt = self.prompt_work / self.prompts if self.prompts else 0.0
        return prompt + self.other_work / self.answers

    @property
    def starts_per_pod_second(self) -> float | None:
        """Requests that one pod takes out of its queue per second; None before that was seen often enough."""
        return self.starts / self.busy_pod_seconds if self.starts >= ENOUGH_STARTS and self.busy_pod_seconds else None

    def take(self, steps: Iterable[PodStep], now: float, *, sizes_are_biased: bool) -> Self:
        """Fade, and add what pods did since; leave sizes as they are where those of now would mislead.

        Without new steps nothing fades yet: it does with the next ones, for the whole time. Nor does it while nothing
        is done: what was last known of sizes is as good as anything, and sums that fade for days lose their digits.
        """
        steps = tuple(steps)
        if not steps:
            return self
        if not any(step.served or step.finished or step.started for step in steps):
            return replace(self, time=now)
        keep = 1.0 if self.time is None else 0.5 ** _half_lives(max(0.0, now - self.time), steps)
        busy = [step for step in steps if step.waited and step.started is not None]
        faded = replace(
            self,
            starts=self.starts * keep + sum(step.started or 0.0 for step in busy),
            busy_pod_seconds=self.busy_pod_seconds * keep + sum(step.seconds for step in busy),
            time=now,
        )
        if sizes_are_biased and self.finished >= ENOUGH_FINISHED:
            return faded
        return replace(
            faded,
            finished=self.finished * keep + sum(step.finished for step in steps),
            prompts=self.prompts * keep + sum(step.prompts for step in steps),
            prompt_work=self.prompt_work * keep + sum(step.prompt_work for step in steps),
            answers=self.answers * keep + sum(step.answers for step in steps),
            other_work=self.other_work * keep + sum((step.served or 0.0) - step.prompt_work for step in steps),
        )


def _half_lives(seconds: float, steps: Iterable[PodStep]) -> float:
    """How many half-lives have passed in so many seconds, while so many requests finished."""
    by_requests = sum(step.finished for step in steps) / HALF_LIFE_REQUESTS
    return max(seconds / LONGEST_HALF_LIFE_SECONDS, min(seconds / SHORTEST_HALF_LIFE_SECONDS, by_requests))
