"""One request to a replica, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum
from math import nan


class RequestState(StrEnum):
    """Where a request is on its way."""

    NEW = "New"
    WAITING = "Waiting"
    PREFILLING = "Prefilling"
    DECODING = "Decoding"
    FINISHED = "Finished"
    ABORTED = "Aborted"


@dataclass(slots=True, eq=False)
class Request:
    """One request. Times are in the caller's clock, in seconds; ``nan`` means "not yet"."""

    prompt_tokens: int
    output_tokens: int
    """Tokens it generates: exactly as many."""

    cached_tokens: int = 0
    """Tokens at the start of its prompt that other requests have left in the cache. They take memory and no time."""

    state: RequestState = RequestState.NEW
    arrived: float = nan
    admitted: float = nan
    """When it first left the queue."""
    first_token: float = nan
    ended: float = nan
    """When it finished or was aborted."""
    preemptions: int = 0
    """Times it lost its cache and went back to the queue."""

    # The replica's own notes; ask it for `Replica.generated_tokens`.
    generated: int = 0
    """Tokens it had when it last joined or left the decoding sequences."""
    joined_step: int = 0
    """The decode step at which it joined them."""
    to_prefill: int = 0
    """Tokens that must be in the cache before it can: its prompt, and after a preemption the tokens it had."""
    prefilled: int = 0
    """How many of those are."""
    lost_tokens: int = 0
    """Tokens in the cache when a preemption took it away."""
    lost_place: int = 0
    """Where their blocks then stood in the queue of free ones, see `BlockCache.place_of_content`."""
    last_token: float = nan
    """When it got its last token before a preemption."""

    @property
    def last_step(self) -> int:
        """The decode step at which a decoding request gets its last token."""
        return self.joined_step + self.output_tokens - self.generated
