"""Whether one variant's pods have a place to run, as the status is made of it."""

from dataclasses import dataclass

from tidegate.workloads.placement import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantPlace:
    """Whether one variant's pods have a place."""

    variant: str
    accelerated: bool
    """Whether it asks for an accelerator: others are no matter of AcceleratorAvailable."""

    place: Placement
    ready: int = 0
    """Pods of it that take requests."""

    given_up: bool = False
    """Whether its pods have been without a place for `fallbackAfterSeconds`, so that others do its work."""
