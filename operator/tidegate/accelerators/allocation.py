"""What a replica is given: the outcome of a translation."""

from dataclasses import dataclass
from decimal import Decimal

from tidegate.accelerators.mechanisms import Sees
from tidegate.accelerators.pod_additions import CPU, PodAdditions
from tidegate.api.sharing import Mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What a replica is given."""

    mechanism: Mechanism | None = None
    """None on CPU."""

    additions: PodAdditions = CPU
    resource: str = ""
    """What is asked for, in the mechanism's own words."""

    count: int = 0
    asked: Decimal | None = None
    """Share of each device that was asked for; 1 for all of it. None on CPU."""

    granted: Decimal | None = None
    """Share of each device that nobody else can have."""

    enforced: bool = True
    """Whether a process is kept to its share of memory."""

    sees: Sees = Sees.SHARE
    cost_per_hour: Decimal | None = None
    """Of a replica: its share of each device's price, on nodes of the kind asked for; None where that is not known."""

    note: str = ""
    """What people should know of it."""

    @property
    def visible_share(self) -> Decimal:
        """Share of the memory that a process sees which is its own: 1 where it sees nothing else."""
        return self.granted if self.sees is Sees.DEVICE and self.granted is not None else Decimal(1)


ON_CPU = Allocation()
"""No accelerator was asked for."""
