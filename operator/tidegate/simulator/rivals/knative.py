"""Knative's pod autoscaler (KPA) on concurrency: requests in flight, over a stable and a panic window.

Source: Knative Serving 98e5ef9 (2026-08-21), `pkg/autoscaler/scaling/autoscaler.go` (`Scale`),
`pkg/autoscaler/aggregation/bucketing.go` (`WindowAverage`), `pkg/autoscaler/config/config.go` for the defaults,
`pkg/reconciler/autoscaling/resources/target.go`: 70 % of the annotation `autoscaling.knative.dev/target` is aimed at.
With `min-scale` 1. A queue-proxy counts what its pod holds, the engine's own queue included.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from tidegate.scaling.observation import Observation
from tidegate.simulator.policy import Choice

from .signals import IN_FLIGHT, fresh_samples

TICK_SECONDS = 2.0
STABLE_SECONDS = 60.0
PANIC_SECONDS = 6.0
TARGET_UTILIZATION = 0.7


@dataclass(slots=True)
class WindowAverage:
    """The mean of a series over a window; over less of it while the series is younger, or has not gone on."""

    window_seconds: float
    _buckets: deque[tuple[int, float]] = field(default_factory=deque)
    _first: int = 0

    def record(self, now: float, value: float) -> None:
        """Take the value of the present tick; ticks left out since the last one count as 0."""
        bucket = int(now / TICK_SECONDS)
        if not self._buckets or bucket - self._buckets[-1][0] >= self._length:
            self._buckets.clear()
            self._first = bucket
        self._buckets.append((bucket, value))

    def mean(self, now: float) -> float | None:
        """The mean, or None where the whole window is without data."""
        bucket = int(now / TICK_SECONDS)
        while self._buckets and self._buckets[0][0] <= bucket - self._length:
            self._buckets.popleft()
        if not self._buckets:
            return None
        last = self._buckets[-1][0]
        count = min(last - self._first + 1, self._length - (bucket - last))
        return round(sum(value for _, value in self._buckets) / count, 6)

    @property
    def _length(self) -> int:
        return math.ceil(self.window_seconds / TICK_SECONDS)


@dataclass(slots=True, kw_only=True)
class Scaler:
    """The decision between two means of the metric, and its panic."""

    target: float
    """What each replica is to have, utilization taken off already."""

    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    panic_threshold: float = 2.0
    stable_seconds: float = STABLE_SECONDS
    panic_since: float | None = None
    panic_replicas: int = 0

    def scale(self, *, stable: float, panic: float, ready: int, now: float) -> int:
        """The size for these two means with so many ready pods."""
        pods = max(1, ready)
        most, least = math.ceil(self.max_scale_up_rate * pods), math.floor(pods / self.max_scale_down_rate)
        for_stable, for_panic = (math.ceil(value / self.target) for value in (stable, panic))
        if for_panic / pods >= self.panic_threshold:
            self.panic_since = now
        elif self.panic_since is not None and now > self.panic_since + self.stable_seconds:
            self.panic_since, self.panic_replicas = None, 0
        size = min(max(for_stable, least), most)
        if self.panic_since is None:
            return size
        self.panic_replicas = max(self.panic_replicas, size, min(max(for_panic, least), most))
        return self.panic_replicas


@dataclass(slots=True, kw_only=True)
class Knative:
    """A revision's autoscaler. It starts in panic where more than one pod is ready: it keeps the size it finds."""

    name: str
    target: float
    """The annotation: requests in flight per replica."""

    period_seconds: float = TICK_SECONDS
    _scaler: Scaler | None = None
    _stable: WindowAverage = field(default_factory=lambda: WindowAverage(STABLE_SECONDS))
    _panic: WindowAverage = field(default_factory=lambda: WindowAverage(PANIC_SECONDS))

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`."""
        ready = len(observation.ready_pods)
        if self._scaler is None:
            self._scaler = Scaler(target=self.target * TARGET_UTILIZATION)
            if ready > 1:
                self._scaler.panic_since, self._scaler.panic_replicas = now, ready
        values = IN_FLIGHT.read(fresh_samples(observation, now))
        if values:
            in_flight = sum(values.values()) / len(values) * ready  # pods that did not answer are like those that did
            self._stable.record(now, in_flight)
            self._panic.record(now, in_flight)
        stable, panic = self._stable.mean(now), self._panic.mean(now)
        if stable is None:
            return Choice(observation.replicas, "no metrics")
        size = self._scaler.scale(stable=stable, panic=panic or 0.0, ready=ready, now=now)
        mode = "stable" if self._scaler.panic_since is None else "panic"
        return Choice(max(size, 1), f"{stable:.3g} in flight over 60 s, {panic or 0.0:.3g} over 6 s: {mode}")
