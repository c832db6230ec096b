"""What the client measures: requests, tokens sent, time to first token."""

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

WINDOW_SECONDS = 20.0
"""Of what is shown as "now". Summaries are over everything."""


@dataclass(slots=True)
class Measures:
    """Of one service. Times are seconds on one clock that never goes back."""

    sent: int = 0
    answered: int = 0
    answer_tokens: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Message to how often."""

    first_tokens: list[tuple[float, float]] = field(default_factory=list)
    """(when, time to first token in seconds), in order of when."""

    recent: deque[tuple[float, int]] = field(default_factory=deque)
    """(when, prompt and answer tokens asked for) of the last requests."""

    @property
    def failed(self) -> int:
        """Requests without a full answer."""
        return self.failures.total()

    @property
    def outstanding(self) -> int:
        """Requests that are not answered yet."""
        return self.sent - self.answered - self.failed

    def send(self, now: float, tokens: int) -> None:
        """A request has arrived."""
        self.sent += 1
        self.recent.append((now, tokens))

    def tokens_per_second(self, now: float) -> float:
        """Tokens asked for per second lately: the truth that the operator has to estimate."""
        while self.recent and self.recent[0][0] <= now - WINDOW_SECONDS:
            self.recent.popleft()
        return sum(tokens for _, tokens in self.recent) / WINDOW_SECONDS

    def time_to_first_token(self, percent: float, *, since: float = -math.inf) -> float | None:
        """A percentile in seconds, over the first tokens that came after `since`; None if there were none."""
        return percentile([seconds for when, seconds in self.first_tokens if when > since], percent)


def percentile(values: Iterable[float], percent: float) -> float | None:
    """The smallest value that at least `percent` of all values do not exceed; None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
