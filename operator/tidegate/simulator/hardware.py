"""On what a service runs in a replay: of each variant what a replica can do, what it costs, how many there may be."""

from collections.abc import Mapping
from dataclasses import dataclass

from .models import ReplicaModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One variant."""

    model: ReplicaModel
    """What a replica can do; its `startup_seconds` is the cold start."""

    replica_model: str = ""
    """What people call that."""

    cost_per_hour: float | None = None
    """Of one replica; None where it is not known."""

    max_replicas: int = 1000
    initial_replicas: int = 0
    """Pods that are ready when the trace begins."""


def cost_of(pod_seconds: Mapping[str, float], hardware: Mapping[str, Hardware]) -> float | None:
    """What so many pod seconds of each variant cost; None where the price of one that was used is not known."""
    total = 0.0
    for variant, seconds in pod_seconds.items():
        price = hardware[variant].cost_per_hour
        if price is None and seconds:
            return None
        total += seconds / 3600 * (price or 0.0)
    return total
