"""What one replica can do per second of the requests that come now."""

from dataclasses import dataclass

SURE = 0.15
FAIRLY_SURE = 0.4
"""Relative standard deviations of the capacity, for words of confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one replica can do."""

    requests_per_second: float
    units_per_second: float
    busy_seconds_per_request: float
    batch: float | None
    """Requests that it works on at once when full; None where the policy gives the capacity."""

    doubt: float
    """Standard deviation of `requests_per_second`, as a share of it."""

    is_given: bool = False
    """Whether the policy gives it."""

    @property
    def confidence(self) -> str:
        """In a word."""
        if self.is_given:
            return "Given"
        return "High" if self.doubt <= SURE else "Medium" if self.doubt <= FAIRLY_SURE else "Low"
