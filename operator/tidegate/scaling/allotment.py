"""What one variant of a service is given of its work."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """The size that the choice among all variants comes to for one of them (`tidegate.scaling.fleet`)."""

    replicas: int
    because: str
    """The middle of a sentence for people."""

    at_once: bool = False
    """A bound asks for it, or a hand, and no demand: nothing holds it back."""
