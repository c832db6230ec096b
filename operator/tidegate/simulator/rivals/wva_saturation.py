"""The Workload Variant Autoscaler of llm-d with its saturation analyzer (version 1), for one variant.

Source: llm-d-workload-variant-autoscaler v0.5.1 (b08b1c7, 2026-02-19), `internal/saturation/analyzer.go`,
`internal/collector/registration/saturation.go` (the highest value of the last minute per pod), `config/manager` (a
decision every 60 s), `config/samples/hpa-integration.yaml` (the HPA behind it follows at once). The cases of its own
test, `analyzer_test.go`, pass.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tidegate.scaling.observation import Observation
from tidegate.scaling.sample import believable
from tidegate.simulator.policy import Choice

from .signals import fresh_samples

LOOP_SECONDS = 60.0
HIGHEST_OF_SECONDS = 60.0
KV_THRESHOLD = 0.80
QUEUE_THRESHOLD = 5.0
KV_SPARE_TRIGGER = 0.10
QUEUE_SPARE_TRIGGER = 3.0
FEWEST_TO_SCALE_DOWN = 2


class Load(NamedTuple):
    """What one replica has."""

    kv_usage: float
    waiting: float


@dataclass(slots=True)
class HighestLoads:
    """The highest load of each pod within the last minute, as `max_over_time` has it: usage and queue apart."""

    _seen: dict[str, deque[tuple[float, Load]]] = field(default_factory=dict)

    def see(self, observation: Observation, now: float) -> dict[str, Load]:
        """Take the last samples; the pods that still answer, by uid. To be called at every scrape, not less often."""
        samples = fresh_samples(observation, now)
        self._seen = {uid: self._seen.get(uid, deque()) for uid in samples}
        for uid, sample in samples.items():
            kv_usage, waiting = believable(sample.kv_usage), believable(sample.waiting)
            if kv_usage is not None and waiting is not None:
                self._seen[uid].append((sample.time, Load(kv_usage, waiting)))
            while self._seen[uid] and self._seen[uid][0][0] <= now - HIGHEST_OF_SECONDS:
                self._seen[uid].popleft()
        return {
            uid: Load(max(load.kv_usage for _, load in seen), max(load.waiting for _, load in seen))
            for uid, seen in self._seen.items()
            if seen
        }


def step(loads: Sequence[Load]) -> int:
    """1, 0 or -1: what to do with so loaded replicas."""
    free = [load for load in loads if load.kv_usage < KV_THRESHOLD and load.waiting < QUEUE_THRESHOLD]
    if not loads:
        return 0
    kv = sum(load.kv_usage for load in free) / len(free) if free else KV_THRESHOLD
    queue = sum(load.waiting for load in free) / len(free) if free else QUEUE_THRESHOLD
    if KV_THRESHOLD - kv < KV_SPARE_TRIGGER or QUEUE_THRESHOLD - queue < QUEUE_SPARE_TRIGGER:
        return 1
    if len(free) < FEWEST_TO_SCALE_DOWN:
        return 0
    more = len(free) / (len(free) - 1)
    safe = KV_THRESHOLD - kv * more >= KV_SPARE_TRIGGER and QUEUE_THRESHOLD - queue * more >= QUEUE_SPARE_TRIGGER
    return -1 if safe else 0


@dataclass(slots=True, kw_only=True)
class WvaSaturation:
    """One replica more or less each minute, and none while some replica does not answer yet."""

    name: str
    period_seconds: float = 5.0
    _loads: HighestLoads = field(default_factory=HighestLoads)
    _next: float = 0.0

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`. It is asked more often than it decides, to see the highest of every minute."""
        loads = self._loads.see(observation, now)
        current = observation.replicas
        if now < self._next:
            return Choice(current, "between two decisions")
        self._next = now + LOOP_SECONDS
        if len(loads) != current:
            return Choice(current, f"{len(loads)} of {current} replicas have metrics: in transition")
        return Choice(max(1, current + step(list(loads.values()))), "by spare KV cache and queue")
