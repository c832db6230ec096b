"""What came of a replay: how many requests were kept their promise, and at what cost."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite, isnan, nan
from typing import Any

from tidegate.scaling.decision import Decision

from .hardware import Hardware, cost_of
from .request import Request, RequestState

REVERSAL_SECONDS = 300.0
"""A change of size back within this long is a reversal."""

BUCKET_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the size that was ordered."""

    seconds: float
    from_sizes: Mapping[str, int]
    to_sizes: Mapping[str, int]
    """By variant."""

    because: str
    decision: Decision | None

    @property
    def from_replicas(self) -> int:
        """Of all variants."""
        return sum(self.from_sizes.values())

    @property
    def to_replicas(self) -> int:
        """Of all variants."""
        return sum(self.to_sizes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The service at one instant."""

    seconds: float
    desired: int
    ready: int
    ready_by_variant: Mapping[str, int]
    created: int
    """Pods that are billed: those that load and those that leave too."""

    waiting: int
    running: int
    seconds_by_variant: Mapping[str, float]
    """Of pods that are paid for, so far."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One run. Times are in seconds."""

    policy: str
    first_token_seconds: float
    inter_token_seconds: float
    duration_seconds: float
    hardware: Mapping[str, Hardware]
    """By variant."""

    seconds_by_variant: Mapping[str, float] = field(default_factory=dict)
    """Of pods that are paid for."""

    points: list[Point] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    requests: int = 0
    kept: int = 0
    """Requests that ended normally within the promise."""

    tokens: int = 0
    """Of the requests that ended normally, prompts and answers."""

    unfinished: int = 0
    """Requests that had not ended when the replay did, or whose client left."""

    first_tokens: list[float] = field(default_factory=list)
    """Time to the first token of each request, by arrival; NaN where none came."""

    intervals: list[float] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)

    @property
    def slo_attainment(self) -> float:
        """Share of all requests that were kept their promise, 0 to 1."""
        return self.kept / self.requests if self.requests else 1.0

    @property
    def pod_seconds(self) -> float:
        """Of all pods, from creation to deletion."""
        return sum(self.seconds_by_variant.values())

    @property
    def gpu_hours(self) -> float:
        """Pod hours from creation to deletion."""
        return self.pod_seconds / 3600

    @property
    def cost(self) -> float | None:
        """What the pods cost; None where a price is not known."""
        return cost_of(self.seconds_by_variant, self.hardware)

    def take(self, sent: Iterable[tuple[float, Request]]) -> None:
        """Judge every request; `sent` pairs it with the time at which its client sent it."""
        for arrival, request in sent:
            self.requests += 1
            wait = request.first_token - arrival
            self.arrivals.append(arrival)
            self.first_tokens.append(wait)
            if request.state is not RequestState.FINISHED:
                self.unfinished += 1
                continue
            self.tokens += request.prompt_tokens + request.output_tokens
            interval = (request.ended - request.first_token) / max(1, request.output_tokens - 1)
            self.intervals.append(interval)
            self.kept += wait <= self.first_token_seconds and interval <= self.inter_token_seconds

    @property
    def reversals(self) -> int:
        """Changes that took back the direction of the one before it within the window."""
        pairs = zip(self.changes, self.changes[1:], strict=False)
        return sum(
            (later.to_replicas - later.from_replicas) * (earlier.to_replicas - earlier.from_replicas) < 0
            and later.seconds - earlier.seconds < REVERSAL_SECONDS
            for earlier, later in pairs
        )

    def first_token_p95_by_bucket(self) -> list[float]:
        """The 95th percentile of the time to the first token, by time of arrival; NaN where nothing arrived."""
        buckets: list[list[float]] = [[] for _ in range(int(self.duration_seconds / BUCKET_SECONDS) + 1)]
        for arrival, wait in zip(self.arrivals, self.first_tokens, strict=True):
            buckets[int(arrival / BUCKET_SECONDS)].append(float("inf") if isnan(wait) else wait)
        return [percentile(bucket, 95) for bucket in buckets]

    def recovery_seconds(self) -> float:
        """The longest time without a break in which the p95 of the time to the first token was above the promise."""
        longest = current = 0
        for value in self.first_token_p95_by_bucket():
            current = current + 1 if value > self.first_token_seconds else 0
            longest = max(longest, current)
        return longest * BUCKET_SECONDS


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; NaN of nothing."""
    if not values:
        return nan
    return sorted(values)[max(0, ceil(percent / 100 * len(values)) - 1)]


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """One entry of `runs` in the JSON of `tidegate simulate`."""
    ups = sum(change.to_replicas > change.from_replicas for change in outcome.changes)
    return {
        "policy": outcome.policy,
        "sloAttainment": round(outcome.slo_attainment, 6),
        "gpuHours": round(outcome.gpu_hours, 4),
        **_cost(outcome),
        "requests": outcome.requests,
        "unfinished": outcome.unfinished,
        "ttftMs": _percentiles(outcome.first_tokens),
        "itlMs": _percentiles(outcome.intervals),
        "scaleUps": ups,
        "scaleDowns": sum(change.to_replicas < change.from_replicas for change in outcome.changes),
        "reversals": outcome.reversals,
        "peakReplicas": max((point.created for point in outcome.points), default=0),
        "recoverySeconds": outcome.recovery_seconds(),
        "series": _series(outcome),
        "changes": [_change(change) for change in outcome.changes],
    }


def _cost(outcome: Outcome) -> dict[str, Any]:
    """Only where prices are known: money, by what it buys; and replica hours by variant, where there are several."""
    document: dict[str, Any] = {}
    if len(outcome.hardware) > 1:
        hours = {variant: round(seconds / 3600, 4) for variant, seconds in outcome.seconds_by_variant.items()}
        document["replicaHours"] = hours
    cost = outcome.cost
    if cost is not None and any(each.cost_per_hour is not None for each in outcome.hardware.values()):
        document |= {
            "cost": round(cost, 4),
            "costPerMillionTokens": round(cost / outcome.tokens * 1e6, 4) if outcome.tokens else None,
            "costPerRequestKept": round(cost / outcome.kept, 8) if outcome.kept else None,
        }
    return document


def _percentiles(seconds: Sequence[float]) -> dict[str, float | None]:
    """Of the values that there are, in milliseconds."""
    known = [value for value in seconds if not isnan(value)]
    return {f"p{percent}": _milliseconds(percentile(known, percent)) for percent in (50, 95, 99)}


def _milliseconds(seconds: float) -> float | None:
    return round(seconds * 1000, 1) if isfinite(seconds) else None


def _series(outcome: Outcome) -> dict[str, list[Any]]:
    points = outcome.points
    arrived = Counter(int(time / BUCKET_SECONDS) for time in outcome.arrivals)
    p95 = outcome.first_token_p95_by_bucket()
    return {
        "seconds": [point.seconds for point in points],
        "arrivals": [arrived[index] / BUCKET_SECONDS for index in range(len(points))],
        "desired": [point.desired for point in points],
        "ready": [point.ready for point in points],
        "created": [point.created for point in points],
        "waiting": [point.waiting for point in points],
        "running": [point.running for point in points],
        "ttftP95Ms": [_milliseconds(value) for value in p95[: len(points)]],
        "gpuHours": [round(sum(point.seconds_by_variant.values()) / 3600, 4) for point in points],
        **_series_by_variant(outcome),
    }


def _series_by_variant(outcome: Outcome) -> dict[str, Any]:
    points, series = outcome.points, dict[str, Any]()
    if len(outcome.hardware) > 1:
        series["readyByVariant"] = {
            variant: [point.ready_by_variant[variant] for point in points] for variant in outcome.hardware
        }
    if "cost" in _cost(outcome):
        costs = [cost_of(point.seconds_by_variant, outcome.hardware) for point in points]
        series["cost"] = [None if cost is None else round(cost, 4) for cost in costs]
    return series


def _change(change: Change) -> dict[str, Any]:
    document: dict[str, Any] = {
        "seconds": change.seconds,
        "from": change.from_replicas,
        "to": change.to_replicas,
        "because": change.because,
    }
    if len(change.to_sizes) > 1:
        document |= {"fromSizes": dict(change.from_sizes), "toSizes": dict(change.to_sizes)}
    if change.decision is not None:
        document["decision"] = {
            "reason": change.decision.reason,
            "message": change.decision.message,
            "proposals": [
                {"term": each.term, "replicas": each.replicas, "because": each.because}
                for each in change.decision.proposals
            ],
            "limits": [
                {"name": each.name, "from": each.from_replicas, "to": each.to_replicas, "because": each.because}
                for each in change.decision.limits
            ],
        }
    return document
