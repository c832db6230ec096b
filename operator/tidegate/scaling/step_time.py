"""How long a step of the engine takes, learned from pods at work, long before any of them is full.

One step of an engine of continuous batching lasts alpha + beta * n + c * p: n sequences each get a token, p prompt
tokens are prefilled beside them. Summed over a while that is linear in what engines count: a pod is busy for
alpha * steps + beta * tokens generated + c * prompt tokens. So alpha, beta and c come out of counters by recursive
least squares (a Kalman filter whose state hardly moves), from lightly loaded pods as well as from full ones. A learner
that needed full pods would never correct a capacity that it holds for too small: such a service never fills up.

Engines whose work is not tokens fit the same shape: a unit of work takes a share of steps too, c is 0.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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

LONGEST_SECONDS = 3600.0
"""No step, and no part of one, takes longer."""

LEAST_WORK = 1e-6
"""No engine's counters tell less apart; what is divided by less is out of all proportion."""

NOISE = 0.04
"""Standard deviation of a sample's busy share that is none of the coefficients' making."""

DRIFT_PER_SECOND = 0.00005
"""Variance by which the coefficients may wander, per second, as a share of their squares: 5 % in a minute."""

SURELY_BUSY_REQUESTS = 3.0
"""With so many requests at once a pod has not idled between two looks."""

POOLED_SECONDS = 60.0
"""Looks at pods that may have idled are pooled for so long. Work that begins and ends between two looks is counted
where no pod is seen at work, and the time of work that goes on where little is counted: short samples would pair much
work with little time, and take pods for faster than they are."""

LARGEST_SURPRISE = 3.0
"""A sample further off than this many standard deviations counts as if it were just that far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """What is known of one pod template's steps."""

    template: str = ""
    seconds: Vector | None = None
    """alpha, beta and c in seconds: per step, per sequence and step, per prompt token. None before the first sample."""

    covariance: Matrix = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    samples: int = 0
    time: float | None = None
    pooled: "Work | None" = None
    """What was seen since the last sample."""

    def expected_busy_seconds(self, step: PodStep) -> float:
        """How long a pod should have been busy with what it did; 0 while nothing is known."""
        return 0.0 if self.seconds is None else _dot(_work(step), self.seconds)

    def learn(self, steps: Iterable[PodStep], *, template: str, now: float) -> Self:
        """Take in what pods did since the last look.

        Args:
            steps: of pods that are fit to be learned from.
            template: the pod template that the pods are made of; another one than before starts afresh.
            now: seconds since the epoch.
        """
        if self.template not in {"", template}:
            return type(self)(template=template).learn(steps, template=template, now=now)
        seen = Work.of(steps)
        if seen.seconds <= 0:
            return self
        sample = seen if self.pooled is None else self.pooled.plus(seen)
        is_short = sample.seconds < POOLED_SECONDS * seen.looks and seen.running < SURELY_BUSY_REQUESTS * seen.seconds
        if self.seconds is not None and is_short:
            return replace(self, pooled=sample)
        if not any(sample.work):
            return replace(self, pooled=None)
        known = (
            _first(sample)
            if self.seconds is None
            else _updated(self.seconds, self.covariance, sample, self._drift_seconds(sample, now))
        )
        if known is None or not _is_sound(*known):
            known = _first(sample)
        if known is None:
            return self
        seconds, covariance = known
        return replace(
            self,
            template=template,
            seconds=seconds,
            covariance=covariance,
            samples=self.samples + 1,
            time=now,
            pooled=None,
        )

    def _drift_seconds(self, sample: "Work", now: float) -> float:
        """How long the coefficients may have wandered: less where samples hardly tell them apart.

        Those of pods that hardly work do not: in a quiet night doubt would grow, and take noise for news.
        """
        if self.time is None:
            return 0.0
        telling = min(1.0, sample.running / sample.seconds / SURELY_BUSY_REQUESTS)
        return telling**2 * max(0.0, now - self.time)


def _is_sound(theta: Vector, covariance: Matrix) -> bool:
    """Whether rounding has left numbers that a step can have."""
    numbers = (*theta, *(each for row in covariance for each in row))
    has_doubt = all(covariance[i][i] >= 0 for i in range(3))
    return has_doubt and all(map(math.isfinite, numbers)) and max(theta) <= LONGEST_SECONDS


def _first(sample: "Work") -> tuple[Vector, Matrix] | None:
    """Likely ratios, at the scale of the first sample; None if that saw no pod at work."""
    if not sample.busy_seconds or sum(sample.work) < LEAST_WORK:
        return None
    scale = sample.busy_seconds / _dot(sample.work, LIKELY_RATIO)
    theta = _vector(scale * each for each in LIKELY_RATIO)
    if max(theta) > LONGEST_SECONDS:
        return None
    doubt = [[SHARED_DOUBT**2 + (OWN_DOUBT**2 if i == j else 0.0) for j in range(3)] for i in range(3)]
    return theta, _matrix(lambda i, j: theta[i] * theta[j] * doubt[i][j])


def _updated(theta: Vector, before: Matrix, sample: "Work", elapsed_seconds: float) -> tuple[Vector, Matrix]:
    """One step of the Kalman filter. No coefficient falls below 0."""
    drift = DRIFT_PER_SECOND * elapsed_seconds
    covariance = _matrix(lambda i, j: before[i][j] + (drift * theta[i] ** 2 if i == j else 0.0))
    features = _vector(each / sample.seconds for each in sample.work)
    spread = _vector(_dot(row, features) for row in covariance)
    expected = _dot(features, theta)
    variance = max(0.0, _dot(features, spread)) + sample.variance(expected)  # Rounding may take it below 0.
    # Where little is done, a pod that is seen at work is a rare sight, and no error: all of it counts.
    largest = LARGEST_SURPRISE * math.sqrt(variance) + max(0.0, 1 - expected)
    surprise = max(-largest, min(largest, sample.busy_seconds / sample.seconds - expected))
    gain = _vector(each / variance for each in spread)
    return (
        _vector(max(0.0, old + each * surprise) for old, each in zip(theta, gain, strict=True)),
        _matrix(lambda i, j: covariance[i][j] - gain[i] * spread[j]),
    )


@dataclass(frozen=True, slots=True)
class Work:
    """What some pods did, summed."""

    seconds: float
    busy_seconds: float
    work: Vector
    """Steps, tokens generated (or other units of work), prompt tokens."""

    running: float
    """Requests at once in a pod, times seconds."""

    looks: int
    """Pairs of looks, one for each pod and time."""

    @classmethod
    def of(cls, steps: Iterable[PodStep]) -> Self:
        """Add up what pods did between two looks."""
        seconds = busy = running = 0.0
        work = (0.0, 0.0, 0.0)
        count = 0
        for step in steps:
            seconds += step.seconds
            busy += (step.busy_share or 0.0) * step.seconds
            running += step.running * step.seconds
            work = _vector(a + b for a, b in zip(work, _work(step), strict=True))
            count += 1
        return cls(seconds, busy, work, running, count)

    def plus(self, other: Self) -> Self:
        """Both together."""
        return type(self)(
            self.seconds + other.seconds,
            self.busy_seconds + other.busy_seconds,
            _vector(a + b for a, b in zip(self.work, other.work, strict=True)),
            self.running + other.running,
            self.looks + other.looks,
        )

    def variance(self, expected_share: float) -> float:
        """Of the busy share, where so much is expected.

        Whether a pod is at work is seen at two instants only. With few requests at once it may well have idled, or
        worked, in between: such samples are right on average, and count for little each. For how little must not
        hang on what was seen: pods that happened to be seen idle would count for more than those seen at work.
        """
        busy = min(1.0, max(0.0, expected_share))
        idle = min(0.5, math.exp(-self.running / self.seconds))
        return NOISE**2 + min(busy * (1 - busy), idle * (1 - idle)) / (2 * self.looks)


def _work(step: PodStep) -> Vector:
    """Steps, other work, prompt work of one pod. Where steps are not counted they follow from the work of each."""
    other = max(0.0, (step.served or 0.0) - step.prompt_work)
    steps = other / max(1.0, step.running) if step.steps is None else step.steps
    return (steps, other, step.prompt_work)


def _vector(values: Iterable[float]) -> Vector:
    a, b, c = values
    return (a, b, c)


def _matrix(element: Callable[[int, int], float]) -> Matrix:
    a, b, c = (_vector(element(i, j) for j in range(3)) for i in range(3))
    return (a, b, c)


def _dot(left: Iterable[float], right: Iterable[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
