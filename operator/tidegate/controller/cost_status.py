"""What is told of a service's cost: anew when pods come or go, else every ten minutes if there is anything new. Pure.

In between the same object is told, so that to find nothing new costs a few comparisons. While a service sleeps it is
not told anew at all: `time` says of which day it speaks.
"""

from dataclasses import dataclass, field
from typing import Self

from tidegate.api.cost_status import MAXIMUM_COST_LEARNED, CostStatus
from tidegate.cluster.reading import seconds
from tidegate.controller.records import Document, timestamp
from tidegate.scaling.cost import CostLook, CostMemory, cost_per_hour, look
from tidegate.scaling.cost_text import cost_text, recall_cost

REFRESH_SECONDS = 600.0
CHANGE = 0.01
"""Less than a percent is no news."""

PAUSE_SECONDS = 15.0
"""Of a service that is as it was, cost is added up this often: the sum is as exact, and thousands are at rest."""

DIGITS = 5
MILLION = 1e6


@dataclass(slots=True)
class CostState:
    """What is remembered of a service's cost between two looks."""

    memory: CostMemory = field(default_factory=CostMemory)
    told: CostStatus | None = None
    """What the status says; None while no price was ever known."""

    told_at: float = 0.0
    worked: bool = False
    """Whether work was done since."""

    found: CostLook | None = None
    """The last look that was added up."""

    counted: dict[str, float] = field(default_factory=dict)
    """Requests that each gateway had counted then, less those that were given up."""

    @classmethod
    def adopt(cls, status: Document) -> Self:
        """Begin with what a status remembers. It stays as it is told there, until there is anything new."""
        try:
            told = CostStatus.model_validate(status["cost"]) if status.get("cost") else None
            told_at = seconds(told.time) if told is not None else 0.0
        except ValueError:
            return cls()  # A version that is not this one wrote it otherwise.
        memory = recall_cost((told.learned or "") if told is not None else "")
        return cls(memory=memory, told=told if memory.time is not None else None, told_at=told_at)

    @property
    def is_known(self) -> bool:
        """Whether any price ever was."""
        return any(price is not None for price in self.memory.prices.values())

    def see(self, found: CostLook, now: float) -> None:
        """Take a look in."""
        has_price = any(price is not None for price in found.prices.values())
        if not has_price and not self.is_known:
            return
        before, did = self.found, found.prompt_work + found.other_work + found.requests
        if before == found and not did and now - (self.memory.time or 0.0) < PAUSE_SECONDS:
            return
        pods_changed = before is not None and _uids(before) != _uids(found)
        self.memory, self.found = look(self.memory, found, now), found
        self.worked = self.worked or did > 0
        if pods_changed or self.told is None or self._is_due(self.told, found, now):
            self.told, self.told_at, self.worked = self._status(found, now), now, False

    def _is_due(self, told: CostStatus, found: CostLook, now: float) -> bool:
        if _digits(cost_per_hour(found.pods, self.memory.prices)) != told.per_hour:
            return True
        if not found.pods or now - self.told_at < REFRESH_SECONDS:
            return False
        written = float(told.last_day or 0.0)
        return self.worked or abs(self.memory.last_day(now)[0] - written) > CHANGE * written

    def _status(self, found: CostLook, now: float) -> CostStatus:
        cost, work = self.memory.last_day(now)
        in_tokens = self.memory.work_unit == "tokens"
        return CostStatus(
            time=timestamp(now),
            per_hour=_digits(cost_per_hour(found.pods, self.memory.prices)),
            last_day=_digits(cost),
            per_million_tokens=_digits(cost / work * MILLION) if work and in_tokens else None,
            per_work_unit=_digits(cost / work) if work and not in_tokens else None,
            learned=cost_text(self.memory, MAXIMUM_COST_LEARNED) or None,
        )


def _uids(found: CostLook) -> set[str]:
    return {pod.uid for pod in found.pods}


def _digits(value: float) -> str:
    """Five significant digits, or the whole number; without an exponent, and without zeros at the end."""
    text = f"{value:.0f}" if value >= 10**DIGITS else f"{float(f'{value:.{DIGITS}g}'):.12f}".rstrip("0").rstrip(".")
    return text[:24]
