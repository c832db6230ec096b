"""One variant of a service as it is decided on, and what is remembered of all of them together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One variant."""

    name: str
    spec: InferenceServiceSpec
    """`InferenceServiceSpec.of_variant(name)`."""

    observation: Observation
    """Of its own pods; `share` and `allotment` are worked out here. `gateway` is that of the whole service."""

    memory: Memory


@dataclass(frozen=True, slots=True)
class Need:
    """What was needed at one time."""

    time: float
    requests_per_second: float
    to_keep_requests_per_second: float
    """If anything was taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMemory:
    """What the decisions about all variants together remember, beside each one's own memory."""

    needs: tuple[Need, ...] = ()
    """Oldest first, no longer ago than the longer stabilization window."""

    tried: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Variants that are not measured well: since when they have pods, or when they had."""

    without_room: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Variants that were given up because they found no place, and the pods that they had ready then."""

    weights: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
