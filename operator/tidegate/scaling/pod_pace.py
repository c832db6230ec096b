"""Which pods are fit to be learned from: not those that have just started, nor those that are far slower than others.

One sick pod, throttled or on a broken card, must not make all the others look slow; what it leaves undone is made up
for by the rule instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

from tidegate.scaling.pod_step import PodStep
from tidegate.scaling.step_time import SURELY_BUSY_REQUESTS, StepTime

WARM_UP_SECONDS = 30.0
"""What a pod does so soon after it became ready teaches nothing: kernels are compiled, caches are cold."""

SLOW_RATIO = 2.0
"""A pod that takes this many times as long for the same work as the median of all is slow."""

ENOUGH_BUSY_SECONDS = 10.0
HALF_LIFE_SECONDS = 60.0
FORGOTTEN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long one pod was busy, and how long its work should have taken: sums that fade."""

    since: float
    """When it was first read."""

    busy_seconds: float = 0.0
    expected_seconds: float = 0.0
    time: float = 0.0

    def add(self, busy_seconds: float, expected_seconds: float, time: float) -> Self:
        """Fade, and add."""
        keep = 0.5 ** (max(0.0, time - self.time) / HALF_LIFE_SECONDS)
        return type(self)(
            self.since, self.busy_seconds * keep + busy_seconds, self.expected_seconds * keep + expected_seconds, time
        )


@dataclass(frozen=True, slots=True)
class PodPaces:
    """The pace of each pod, by uid."""

    paces: Mapping[str, Pace] = field(default_factory=lambda: MappingProxyType({}))

    def slowness(self) -> dict[str, float]:
        """How many times as long as the median pod each slow pod takes, by uid."""
        ratios = {
            uid: pace.busy_seconds / pace.expected_seconds
            for uid, pace in self.paces.items()
            if pace.busy_seconds >= ENOUGH_BUSY_SECONDS and pace.expected_seconds > 0
        }
        if len(ratios) <= 1:  # Alone, nobody is slower than the others.
            return {}
        usual = sorted(ratios.values())[(len(ratios) - 1) // 2]
        return {uid: ratio / usual for uid, ratio in ratios.items() if ratio > SLOW_RATIO * usual}

    def fit_to_teach(self, steps: Mapping[str, PodStep]) -> list[PodStep]:
        """Of what pods did, that of pods that are warm, not slow, and show their work."""
        slow, fit = self.slowness(), []
        for uid, step in steps.items():
            since = self.paces[uid].since if uid in self.paces else step.start
            if uid not in slow and step.shows_its_work and step.start - since >= WARM_UP_SECONDS:
                fit.append(step)
        return fit

    def see(self, steps: Mapping[str, PodStep], known: StepTime, now: float) -> Self:
        """Take in what pods did, as measured by what is known of steps."""
        paces = {uid: pace for uid, pace in self.paces.items() if now - pace.time < FORGOTTEN_SECONDS}
        for uid, step in steps.items():
            pace = paces.get(uid, Pace(since=step.start))
            is_at_work = step.busy_share == 1 and step.running >= SURELY_BUSY_REQUESTS
            is_telling = is_at_work and step.shows_its_work and known.seconds is not None
            expected = known.expected_busy_seconds(step) if is_telling else 0.0
            paces[uid] = pace.add(step.seconds if is_telling else 0.0, expected, now)
        return type(self)(MappingProxyType(paces))
