"""What the gateways say: requests that arrived, are held, are in the pods. Exact where every request passes them.

Counters are per gateway process, as differences between two samples, so that one that restarts, joins or leaves never
makes the sum go backwards. One that cannot be read makes all of it unknown: it may hold what the others do not see.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

WHOLE = 0.9
"""Of a window: samples are not taken to the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySample:
    """What one gateway said of one service at one instant."""

    gateway: str
    time: float
    """When it was read, in seconds since the epoch."""

    requests: float
    """Requests that arrived (counter). Probes, and questions that need no pod, are none."""

    in_flight: float
    """Requests that are with a pod (gauge)."""

    held: float
    """Requests that wait for one (gauge)."""

    abandoned: float = 0.0
    """Requests that were given up while they were held (counter)."""

    last_use: float = 0.0
    """When the last request arrived or ended, in seconds since the epoch; when the process started, if none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTraffic:
    """What all gateways said of one service."""

    samples: tuple[GatewaySample, ...]
    complete: bool
    """Every gateway that lives was read just now, and there is one."""

    carries_all: bool
    """All requests pass the gateways: mode Gateway. In mode Direct only those do that come while no pod is ready."""

    @property
    def held(self) -> float:
        """Requests that wait at the gateways."""
        return sum(sample.held for sample in self.samples)

    @property
    def in_flight(self) -> float:
        """Requests that the gateways have handed to pods."""
        return sum(sample.in_flight for sample in self.samples)

    @property
    def is_used(self) -> bool:
        """Whether a request is held or with a pod."""
        return self.held > 0 or self.in_flight > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStep:
    """What arrived at one gateway between two samples."""

    start: float
    end: float
    arrived: float
    abandoned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayMemory:
    """What is remembered of the gateways between two looks."""

    samples: Mapping[str, GatewaySample] = field(default_factory=lambda: MappingProxyType({}))
    """The last sample of each gateway."""

    steps: Mapping[str, tuple[GatewayStep, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """What arrived at each within the window, oldest first; at those that are gone, too."""

    def see(self, traffic: GatewayTraffic | None, now: float, *, window_seconds: float) -> "GatewayMemory":
        """Take the latest samples in."""
        if traffic is None:
            return GatewayMemory() if self.samples or self.steps else self
        samples = {sample.gateway: sample for sample in traffic.samples}
        new = {
            name: _step(before, sample)
            for name, sample in samples.items()
            if (before := self.samples.get(name)) is not None and sample.time > before.time
        }
        steps = {}
        for name in {**self.steps, **new}:
            recent = (*self.steps.get(name, ()), *([new[name]] if name in new else ()))
            if kept := tuple(step for step in recent if step.end > now - window_seconds):
                steps[name] = kept
        return GatewayMemory(samples=MappingProxyType(samples), steps=MappingProxyType(steps))

    def seconds_since(self, before: "GatewayMemory") -> float:
        """How much time the samples tell of that are new."""
        known = before.samples
        new = (each.time - known[name].time for name, each in self.samples.items() if name in known)
        return max(new, default=0.0)

    def covers(self, window_seconds: float) -> bool:
        """Whether what is remembered is about as long as the window."""
        return any(steps[-1].end - steps[0].start >= WHOLE * window_seconds for steps in self.steps.values())

    def requests_per_second(self, now: float, *, window_seconds: float) -> float | None:
        """Requests that arrived per second within the window; None where no two samples lie in it."""
        start = now - window_seconds
        covered, arrived = 0.0, 0.0
        for steps in self.steps.values():
            covered = max(covered, steps[-1].end - max(start, steps[0].start))
            for step in steps:
                share = (step.end - max(start, step.start)) / (step.end - step.start)
                arrived += min(1.0, share) * step.arrived
        return arrived / covered if covered > 0 else None


def _step(before: GatewaySample, after: GatewaySample) -> GatewayStep:
    """The counters' growth; those of a process that was restarted begin at zero."""
    restarted = after.requests < before.requests or after.abandoned < before.abandoned
    return GatewayStep(
        start=before.time,
        end=after.time,
        arrived=after.requests - (0.0 if restarted else before.requests),
        abandoned=after.abandoned - (0.0 if restarted else before.abandoned),
    )
