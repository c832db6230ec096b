"""What a service's replicas are given of hardware, and what their engine is told of it. Pure."""

from dataclasses import dataclass
from typing import Any

from tidegate.accelerators.allocation import ON_CPU, Allocation
from tidegate.accelerators.asked import share_text
from tidegate.accelerators.fault import AcceleratorError
from tidegate.accelerators.translate import translate
from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.variant_status import AcceleratorStatus
from tidegate.engines.catalog import engine_table
from tidegate.engines.share import NOTHING, Share, memory_share, processor_share
from tidegate.engines.table import Flag
from tidegate.workloads.conflict import ENGINE_CONTAINER


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What replicas are given."""

    allocation: Allocation = ON_CPU
    memory: Share = NOTHING
    processors: Share = NOTHING

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What the engine is told of it."""
        return (*self.memory.flags, *self.processors.flags)

    def status(self, profile: str) -> AcceleratorStatus | None:
        """What `status.accelerator` says of it; None on CPU."""
        given = self.allocation
        if given.mechanism is None or given.asked is None or given.granted is None:
            return None
        return AcceleratorStatus(
            profile=profile,
            mechanism=given.mechanism,
            resource=given.resource[:1024],
            count=given.count,
            fraction_asked=share_text(given.asked),
            fraction_granted=share_text(given.granted),
            enforced=given.enforced,
            engine_memory_utilization=self.memory.memory_utilization and self.memory.memory_utilization[:24],
            note="; ".join(filter(None, (self.memory.note, given.note)))[:1024] or None,
        )


def granted(spec: InferenceServiceSpec, profile: AcceleratorProfileSpec | None) -> Granted:
    """Say what replicas of a service are given.

    Args:
        spec: its spec, with an `engine`.
        profile: the profile that `spec.accelerator` names; None without an accelerator.

    Raises:
        AcceleratorError: what is asked for cannot be given.
        ValueError: the spec has no engine, or an accelerator without its profile.
    """
    if spec.engine is None:
        raise ValueError("spec.engine: None: hardware is given to services with an engine only, not for targetRef")
    table = engine_table(spec.engine)
    processors = processor_share(table, _cpu_limit(spec.template.to_overlay() if spec.template else {}))
    if spec.accelerator is None:
        return Granted(processors=processors)
    name = spec.accelerator.profile
    if profile is None:
        raise ValueError(f"accelerator.profile: {name!r}: no such AcceleratorProfile; create it, or name another")
    allocation = translate(spec.accelerator, profile)
    memory = memory_share(table, spec.engine.args, allocation.visible_share)
    if memory.memory_utilization is not None and any(flag.value == "0.00" for flag in memory.flags):
        field = "spec.accelerator.memory" if spec.accelerator.memory else "spec.accelerator.fraction"
        asked = spec.accelerator.memory or spec.accelerator.fraction
        raise AcceleratorError(
            field, asked, "is less than a percent of what the engine can be told to take: ask for more"
        )
    return Granted(allocation=allocation, memory=memory, processors=processors)


def _cpu_limit(template: dict[str, Any]) -> Any:
    """The limit of `cpu` that the user gives the engine's container."""
    for container in (template.get("spec") or {}).get("containers") or ():
        if container.get("name") == ENGINE_CONTAINER:
            return ((container.get("resources") or {}).get("limits") or {}).get("cpu")
    return None
