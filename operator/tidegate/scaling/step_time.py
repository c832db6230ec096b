"""How long a step of the engine takes, learned from pods at work, long before any of them is full.

One step of an engine of continuous batching lasts alpha + beta * n + c * p: n sequences each get a token, p prompt
tokens are prefilled beside them. Summed over a while that is linear in what engines count: a pod is busy for
alpha * steps + beta * tokens generated + c * prompt tokens. So alpha, beta and c come out of counters by recursive least
squares (a Kalman filter whose state hardly moves), from lightly loaded pods as well as from full ones. A learner that
needed full pods would never correct a capacity that it holds for too small: such a service never fills up.

Engines whose work is not tokens fit the same shape: a unit of work takes a share of steps too, c is 0.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from tidegate.scaling.pod_step import PodStep

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

LIKELY_RATIO: Vector = (172.0, 3.9, 1.0)
"""alpha : beta : c before anything is known: the ratios that were measured with Llama-3.1-8B on an RTX 4090. The scale
comes from the first sample."""

SHARED_DOUBT = 0.5
OWN_DOUBT = 1.0
"""How far, as a share of themselves, all three may be off together, and each by itself, after the first sample."""

NOISE = 0.04
"""Standard deviation of a sample's busy share that is none of the coefficients' making."""

DRIFT_PER_SECOND = 0.00005
"""Variance by which the coefficients may wander, per second, as a share of their squares: 5 % in a minute."""

LARGEST_SURPRISE = 3.0
"""A sample further off than this many standard deviations counts as if it were just that far."""

WARM_UP_SECONDS = 30.0
"""What a pod does so soon after it became ready teaches nothing: kernels are compiled, caches are cold."""

SICK_RATIO = 2.0
"""A pod that takes this many times as long for the same work as the median of all is sick."""

SURELY_BUSY_REQUESTS = 3.0
"""With so many requests at once a pod has not idled in between."""

ENOUGH_BUSY_SECONDS = 10.0
HALF_LIFE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long one pod was busy, and how long the coefficients say it should have been: sums that fade."""

    busy_seconds: float = 0.0
    expected_seconds: float = 0.0
    time: float | None = None

    def add(self, busy_seconds: float, expected_seconds: float, time: float) -> Self:
        """Fade, and add a sample."""
        keep = 1.0 if self.time is None else 0.5 ** (max(0.0, time - self.time) / HALF_LIFE_SECONDS)
        return replace(
            self,
            busy_seconds=self.busy_seconds * keep + busy_seconds,
            expected_seconds=self.expected_seconds * keep + expected_seconds,
            time=time,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """What is known of one pod template's steps."""

    template: str = ""
    seconds: Vector | None = None
    """alpha, beta and c in seconds: per step, per sequence and step, per prompt token. None before the first sample."""

    covariance: Matrix = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    samples: int = 0
    time: float | None = None

    paces: Mapping[str, Pace] = field(default_factory=lambda: MappingProxyType({}))
    """By uid of the pod."""

    since: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """When each pod was first seen ready, by uid."""

    def slowness(self) -> dict[str, float]:
        """How many times as long as the median pod each sick pod takes, by uid."""
        ratios = {
            uid: pace.busy_seconds / pace.expected_seconds
            for uid, pace in self.paces.items()
            if pace.busy_seconds >= ENOUGH_BUSY_SECONDS and pace.expected_seconds > 0
        }
        if len(ratios) < 2:  # noqa: PLR2004 - alone, nobody is slower than the others
            return {}
        usual = sorted(ratios.values())[(len(ratios) - 1) // 2]
        return {uid: ratio / usual for uid, ratio in ratios.items() if ratio > SICK_RATIO * usual}

    def learn(self, steps: Mapping[str, PodStep], *, template: str, now: float) -> Self:
        """Take in what pods did since the last look.

        Args:
            steps: by uid of the pod.
            template: the pod template that the pods are made of; another one than before starts afresh.
            now: seconds since the epoch.
        """
        known = self if template == self.template or not self.template else type(self)()
        since = {uid: known.since.get(uid, step.start) for uid, step in steps.items()}
        sick = known.slowness()
        warm = {uid: step for uid, step in steps.items() if step.start - since[uid] >= WARM_UP_SECONDS}
        learned = replace(
            known,
            template=template,
            since=MappingProxyType({**{u: t for u, t in known.since.items() if u in known.paces}, **since}),
        )
        # At first there may be nothing but cold pods: what they teach is better than nothing.
        teaching = warm if warm or known.seconds is not None else steps
        learned = learned._take(_Sample.of(step for uid, step in teaching.items() if uid not in sick), now)
        return learned._with_paces(steps, now)

    def _take(self, sample: "_Sample", now: float) -> Self:
        if sample.seconds <= 0 or not any(sample.work):
            return self
        if self.seconds is None:
            return self._first(sample, now)
        theta, covariance = self.seconds, self.covariance
        elapsed = max(0.0, now - (self.time if self.time is not None else now))
        covariance = _add_diagonal(covariance, tuple(DRIFT_PER_SECOND * elapsed * each * each for each in theta))
        features = tuple(each / sample.seconds for each in sample.work)
        spread = _times(covariance, features)
        variance = _dot(features, spread) + sample.variance
        deviation = math.sqrt(variance)
        surprise = sample.busy_seconds / sample.seconds - _dot(features, theta)
        surprise = max(-LARGEST_SURPRISE * deviation, min(LARGEST_SURPRISE * deviation, surprise))
        gain = tuple(each / variance for each in spread)
        return replace(
            self,
            seconds=_vector(max(0.0, old + each * surprise) for old, each in zip(theta, gain, strict=True)),
            covariance=_vector(_vector(covariance[i][j] - gain[i] * spread[j] for j in range(3)) for i in range(3)),
            samples=self.samples + 1,
            time=now,
        )

    def _first(self, sample: "_Sample", now: float) -> Self:
        if not sample.busy_seconds:
            return self
        scale = sample.busy_seconds / _dot(sample.work, LIKELY_RATIO)
        theta = _vector(scale * each for each in LIKELY_RATIO)
        covariance = _vector(
            _vector(theta[i] * theta[j] * (SHARED_DOUBT**2 + (OWN_DOUBT**2 if i == j else 0.0)) for j in range(3))
            for i in range(3)
        )
        return replace(self, seconds=theta, covariance=covariance, samples=1, time=now)

    def _with_paces(self, steps: Mapping[str, PodStep], now: float) -> Self:
        if self.seconds is None:
            return self
        paces = {uid: pace for uid, pace in self.paces.items() if now - (pace.time or now) < 10 * HALF_LIFE_SECONDS}
        for uid, step in steps.items():
            if step.busy_share < 1 or step.running < SURELY_BUSY_REQUESTS:
                continue
            expected = _dot(_work(step), self.seconds)
            paces[uid] = paces.get(uid, Pace()).add(step.busy_share * step.seconds, expected, now)
        return replace(self, paces=MappingProxyType(paces))


@dataclass(frozen=True, slots=True)
class _Sample:
    """What some pods did, summed."""

    seconds: float
    busy_seconds: float
    work: Vector
    """Steps, tokens generated (or other units of work), prompt tokens."""

    variance: float
    """Of the busy share."""

    @classmethod
    def of(cls, steps: Iterable[PodStep]) -> Self:
        seconds = busy = running = 0.0
        work = (0.0, 0.0, 0.0)
        count = 0
        for step in steps:
            seconds += step.seconds
            busy += step.busy_share * step.seconds
            running += step.running * step.seconds
            work = _vector(a + b for a, b in zip(work, _work(step), strict=True))
            count += 1
        if not count:
            return cls(0.0, 0.0, work, 0.0)
        # Whether a pod is at work is seen at two instants only. With few requests at once it may well have idled in
        # between: such samples are right on average, and count for little each.
        idle = math.exp(-running / seconds)
        return cls(seconds, busy, work, NOISE**2 + idle * (1 - idle) / (2 * count))


def _work(step: PodStep) -> Vector:
    """Steps, other work, prompt work of one pod. Where steps are not counted they follow from the work of each."""
    other = max(0.0, (step.served or 0.0) - step.prompt_work)
    steps = other / max(1.0, step.running) if step.steps is None else step.steps
    return (steps, other, step.prompt_work)


def _vector(values: Iterable) -> tuple:  # type: ignore[type-arg]
    a, b, c = values
    return (a, b, c)


def _dot(left: Iterable[float], right: Iterable[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _times(matrix: Matrix, vector: Iterable[float]) -> Vector:
    values = tuple(vector)
    return _vector(_dot(row, values) for row in matrix)


def _add_diagonal(matrix: Matrix, diagonal: Iterable[float]) -> Matrix:
    extra = tuple(diagonal)
    return _vector(_vector(matrix[i][j] + (extra[i] if i == j else 0.0) for j in range(3)) for i in range(3))
