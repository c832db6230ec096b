"""A write that the API server has refused, and when to try it again: quotas, rights and webhooks change."""

from dataclasses import dataclass
from typing import Self

RETRY_SECONDS = (15.0, 60.0, 300.0)
"""How long after the first, second and every later refusal the same is tried again."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal."""

    what: object
    """What was refused: something else is tried at once."""

    message: str
    """The API server's own."""

    times: int
    retry_at: float

    @classmethod
    def after(cls, before: "Refused | None", what: object, message: str, now: float) -> Self:
        """A refusal, after the one that came before it, if there was one."""
        times = before.times + 1 if before is not None and before.what == what else 1
        return cls(what, message, times, now + RETRY_SECONDS[min(times, len(RETRY_SECONDS)) - 1])
