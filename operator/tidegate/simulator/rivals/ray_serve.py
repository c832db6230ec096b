"""Ray Serve's default policy: requests in flight, queued ones included, over 30 s.

Source: Ray, `python/ray/serve/autoscaling_policy.py` (00590c4), `config.py` (00239d4, `AutoscalingConfig`) for the
defaults: look back 30 s, up after 30 s of the same direction, down after 600 s; `_private/constants.py` (a loop every
0.1 s; here every second). The library's default target is 2; RayLLM's models, made for LLMs, had 24.
With `min_replicas` 1, the default.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from tidegate.scaling.observation import Observation
from tidegate.simulator.policy import Choice

from .signals import IN_FLIGHT, fresh_samples


@dataclass(slots=True, kw_only=True)
class Delay:
    """A direction has to last before it is followed; what is followed is the last wish of that time."""

    up_seconds: float = 30.0
    down_seconds: float = 600.0
    _direction: int = 0
    _since: float = 0.0

    def size(self, current: int, wanted: int, now: float) -> int:
        """The wish once its direction has lasted, else the present size."""
        direction = (wanted > current) - (wanted < current)
        if direction != self._direction:
            self._direction, self._since = direction, now
        if direction and now - self._since >= (self.up_seconds if direction > 0 else self.down_seconds):
            self._direction = 0
            return wanted
        return current


@dataclass(slots=True, kw_only=True)
class RayServe:
    """A deployment's autoscaler."""

    name: str
    target: float
    look_back_seconds: float = 30.0
    period_seconds: float = 1.0
    delay: Delay = field(default_factory=Delay)
    _in_flight: deque[tuple[float, float]] = field(default_factory=deque)

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`. Its handles count; here the pods do, so that without a sample nothing changes."""
        values = IN_FLIGHT.read(fresh_samples(observation, now))
        if values:
            self._in_flight.append((now, sum(values.values())))
        while self._in_flight and self._in_flight[0][0] <= now - self.look_back_seconds:
            self._in_flight.popleft()
        if not self._in_flight or observation.replicas == 0:
            return Choice(observation.replicas, "no metrics")
        mean = sum(value for _, value in self._in_flight) / len(self._in_flight)
        wanted = max(1, math.ceil(mean / self.target))
        return Choice(self.delay.size(observation.replicas, wanted, now), f"{mean:.3g} in flight over 30 s")
