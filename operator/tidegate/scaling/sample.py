"""What one engine said at one instant, in words every engine shares."""

import math
from dataclasses import dataclass
from enum import StrEnum


class ArrivalMethod(StrEnum):
    """How the arrival of requests can be seen in an engine's metrics; each engine's table names one."""

    REQUEST_COUNTER = "RequestCounter"
    """The engine counts requests when they arrive. Where a page lacks that counter, read as `ENDED_AND_GAUGES`."""

    ENDED_AND_GAUGES = "EndedAndGauges"
    """The engine counts requests when they end, those given up included: arrivals = ended + change of running + change
    of waiting, exactly. Where a page lacks that counter, read as `FINISHED_AND_GAUGES`."""

    FINISHED_AND_GAUGES = "FinishedAndGauges"
    """The engine counts requests that finish, not those given up: arrivals = finished + change of running + change of
    waiting, too low while clients give up."""

    TOKENS_ONLY = "TokensOnly"
    """The engine counts no requests at all: only the work it serves and the requests it holds."""


class CountedAt(StrEnum):
    """When an engine adds a request's work to its counters; tells which requests that work is of."""

    ARRIVAL = "Arrival"
    """When the request arrives: work that waits is counted already."""

    DONE = "Done"
    """When it is done: prompts with the first token, answers token by token."""

    END = "End"
    """When the request ends."""


Latencies = tuple[tuple[float, float], ...]
"""A histogram of times in seconds: (upper bound of a bucket, how many values are at most that), by rising bound, the
last one infinite. Both parts only ever rise, but for a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The signals of one pod at one instant.

    Each signal is one of three different nothings or a number: ``None`` is missing (the page does not name it),
    ``math.nan`` is not a number (the page says NaN), ``0.0`` is zero. Counters only ever rise, but for a restart.
    """

    time: float
    """When the page was read, in seconds since the epoch."""

    waiting: float | None = None
    """Requests accepted but not yet started (gauge)."""

    running: float | None = None
    """Requests being worked on (gauge)."""

    kv_usage: float | None = None
    """Share of the KV cache in use, 0 to 1 (gauge)."""

    requests_received: float | None = None
    """Requests that have arrived (counter)."""

    requests_ended: float | None = None
    """Requests that ended in any way, given up by their client included, refused ones not (counter)."""

    requests_finished: float | None = None
    """Requests that ended normally (counter)."""

    requests_failed: float | None = None
    """Requests that ended otherwise: given up by their client, or failed, refused ones not (counter)."""

    first_tokens: float | None = None
    """Requests whose first token was generated, so whose prompt is done (counter)."""

    prompt_tokens: float | None = None
    """Prompt tokens processed (counter)."""

    generated_tokens: float | None = None
    """Tokens generated (counter)."""

    work_done: float | None = None
    """Work units finished, for engines whose work is not counted in tokens (counter)."""

    steps: float | None = None
    """Steps of the engine: forward passes of the whole batch (counter)."""

    seconds_worked: float | None = None
    """Seconds that requests were worked on for, summed over those that are done (counter). Over time it is the mean of
    `running`, for engines that have no such gauge."""

    first_token_seconds: Latencies | None = None
    """Time to the first token, of the requests that got one."""

    inter_token_seconds: Latencies | None = None
    """Time between two tokens of one request."""

    def not_a_number(self) -> tuple[str, ...]:
        """Names of the signals that were given as NaN."""
        values = ((name, getattr(self, name)) for name in SIGNAL_NAMES)
        return tuple(name for name, value in values if value is not None and math.isnan(value))


SIGNAL_NAMES = (
    "waiting",
    "running",
    "kv_usage",
    "requests_received",
    "requests_ended",
    "requests_finished",
    "requests_failed",
    "first_tokens",
    "prompt_tokens",
    "generated_tokens",
    "work_done",
    "steps",
    "seconds_worked",
)
"""The fields of `Sample` that are signals, in its order."""


COUNTER_NAMES = tuple(name for name in SIGNAL_NAMES if name not in {"waiting", "running", "kv_usage"})
"""Those of them that only ever rise, but for a restart. The others are gauges."""


LATENCY_NAMES = ("first_token_seconds", "inter_token_seconds")
"""The fields of `Sample` that are `Latencies`: no signals, for nothing is amiss where an engine has none."""


LARGEST_SIGNAL = 1e18
"""More than any counter reaches: it would have stopped counting single events at 2^53."""


def believable(value: float | None) -> float | None:
    """The value, if it is one that a signal can have: a number, neither below zero nor absurd. Otherwise None."""
    return value if value is not None and 0.0 <= value <= LARGEST_SIGNAL else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeFailure:
    """Why a pod has no sample: a CamelCase reason that conditions can carry, and a message for people."""

    time: float
    reason: str
    message: str
