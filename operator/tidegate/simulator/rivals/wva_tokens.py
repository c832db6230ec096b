"""The Workload Variant Autoscaler of llm-d with its token-based analyzer (version 2), for one variant.

Source: llm-d-workload-variant-autoscaler v0.5.1 (b08b1c7, 2026-02-19),
`internal/engines/analyzers/saturation_v2/{analyzer,history,constants}.go`,
`internal/engines/pipeline/cost_aware_optimizer.go`, `internal/interfaces/saturation_scaling.go` for the defaults; the
rest as in `wva_saturation`. The cases of its own test, `analyzer_test.go`, pass. Left out: the queue of the
llm-d scheduler, which that version does not read yet either, and what it keeps for variants without replicas.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from tidegate.scaling.observation import Observation
from tidegate.scaling.sample import Sample, believable
from tidegate.simulator.models import ReplicaModel
from tidegate.simulator.policy import Choice

from .signals import fresh_samples
from .wva_saturation import KV_THRESHOLD, LOOP_SECONDS, QUEUE_THRESHOLD, HighestLoads

SCALE_UP_THRESHOLD = 0.85
SCALE_DOWN_BOUNDARY = 0.70
HISTORY = 10
SIZES_SECONDS = 300.0
SHORT_TOKENS = 100
MEDIUM_TOKENS = 500


class ReplicaTokens(NamedTuple):
    """What one replica has, in tokens."""

    in_use: float
    waiting: int
    mean_input: float
    mean_output: float


class Capacity(NamedTuple):
    """What the analyzer makes of all replicas."""

    per_replica: float
    required: float
    spare: float


@dataclass(slots=True, kw_only=True)
class Analyzer:
    """Supply and demand in tokens of KV cache."""

    kv_tokens: int
    token_budget: int = 0
    """`max_num_batched_tokens`, read from the arguments of the engine; 0 where they are not known."""

    max_sequences: int = 0
    _observed: dict[str, deque[float]] = field(default_factory=dict)

    def analyze(self, replicas: Sequence[ReplicaTokens], *, ready: int, pending: int) -> Capacity:
        """What is required beyond all replicas, those to come included, and what is spare of those there are."""
        if not replicas:
            return Capacity(0, 0, 0)
        per_replica = self.per_replica(replicas)
        demand = sum(replica.in_use + replica.waiting * replica.mean_input for replica in replicas)
        return Capacity(
            per_replica,
            max(0.0, demand / SCALE_UP_THRESHOLD - (ready + pending) * per_replica),
            max(0.0, ready * per_replica - demand / SCALE_DOWN_BOUNDARY),
        )

    def per_replica(self, replicas: Sequence[ReplicaTokens]) -> float:
        """What one of them is good for, in tokens of KV cache."""
        return float(median(self._capacity(replica) for replica in replicas))

    def _capacity(self, replica: ReplicaTokens) -> float:
        return min(self.kv_tokens * KV_THRESHOLD, self._compute_bound(replica))

    def _compute_bound(self, replica: ReplicaTokens) -> float:
        """Tokens in use while requests queue: seen now, seen before, derived from the arguments, or unknown."""
        observed = self._observed.setdefault(_bucket(replica.mean_output), deque(maxlen=HISTORY))
        if replica.waiting >= QUEUE_THRESHOLD and replica.in_use > 0:
            observed.append(replica.in_use)
            return replica.in_use
        if observed:
            return sum(observed) / len(observed)
        if self.token_budget and replica.mean_output > 0:
            size = replica.mean_input + replica.mean_output
            sequences = min(self.token_budget * replica.mean_output / size, self.max_sequences)
            return sequences * (replica.mean_input + replica.mean_output / 2)
        return math.inf


def _bucket(mean_output: float) -> str:
    return "short" if mean_output < SHORT_TOKENS else "medium" if mean_output < MEDIUM_TOKENS else "long"


def resized(current: int, capacity: Capacity) -> int:
    """The size that gives what is required, or takes what is spare, in whole replicas; at least 1."""
    if capacity.per_replica <= 0:
        return current
    if capacity.required > 0:
        return current + math.ceil(capacity.required / capacity.per_replica)
    return max(min(1, current), current - math.floor(capacity.spare / capacity.per_replica))


@dataclass(slots=True)
class MeanSizes:
    """Mean prompt and answer of each pod's requests, of the last five minutes."""

    _counters: dict[str, deque[Sample]] = field(default_factory=dict)

    def count(self, samples: Mapping[str, Sample]) -> None:
        """Take the last samples, by uid."""
        self._counters = {uid: self._counters.get(uid, deque()) for uid in samples}
        for uid, sample in samples.items():
            counters = self._counters[uid]
            counters.append(sample)
            while counters[0].time < sample.time - SIZES_SECONDS:
                counters.popleft()

    def of(self, uid: str) -> tuple[float, float]:
        """Tokens of prompt and answer; 0 while nothing has ended."""
        first, last = self._counters[uid][0], self._counters[uid][-1]
        return (
            _ratio(first, last, "prompt_tokens", "first_tokens"),
            _ratio(first, last, "generated_tokens", "requests_finished"),
        )


@dataclass(slots=True, kw_only=True)
class WvaTokens:
    """As many replicas as the tokens that are resident and waiting take, each minute."""

    name: str
    model: ReplicaModel
    """Of the replicas: vLLM says its cache's size on its metrics page, the rest is in its arguments."""

    period_seconds: float = 5.0
    _loads: HighestLoads = field(default_factory=HighestLoads)
    _sizes: MeanSizes = field(default_factory=MeanSizes)
    _analyzer: Analyzer | None = None
    _next: float = 0.0

    def decide(self, observation: Observation, now: float) -> Choice:
        """See `Policy`. It is asked more often than it decides, to see the highest of every minute."""
        loads = self._loads.see(observation, now)
        self._sizes.count(fresh_samples(observation, now))
        current = observation.replicas
        if now < self._next or not loads:
            return Choice(current, "between two decisions" if loads else "no metrics")
        self._next = now + LOOP_SECONDS
        if self._analyzer is None:
            model = self.model
            self._analyzer = Analyzer(
                kv_tokens=model.kv_tokens, token_budget=model.token_budget, max_sequences=model.max_sequences
            )
        replicas = [
            ReplicaTokens(load.kv_usage * self.model.kv_tokens, int(load.waiting), *self._sizes.of(uid))
            for uid, load in loads.items()
        ]
        ready = len(observation.ready_pods)
        capacity = self._analyzer.analyze(replicas, ready=ready, pending=max(0, current - ready))
        return Choice(
            resized(current, capacity),
            f"{capacity.required:.0f} tokens required, {capacity.spare:.0f} spare, {capacity.per_replica:.0f} each",
        )


def _ratio(first: Sample, last: Sample, numerator: str, denominator: str) -> float:
    changes = []
    for name in (numerator, denominator):
        before, after = believable(getattr(first, name)), believable(getattr(last, name))
        changes.append(0.0 if before is None or after is None else after - before)
    return changes[0] / changes[1] if changes[0] > 0 and changes[1] > 0 else 0.0
