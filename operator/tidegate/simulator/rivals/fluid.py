"""How many replicas a trace needs at each moment, if requests were a fluid: what only a clairvoyant can know."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tidegate.simulator.models import ReplicaModel
from tidegate.simulator.trace import TraceRequest

BIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a replica runs when it is as full as the promise and its memory allow."""

    sequences: int
    inter_token_seconds: float
    prompt_token_seconds: float
    """Busy time that one prompt token takes of a replica."""

    output_token_seconds: float
    """The same for one generated token, with its share of the empty step."""

    def work_seconds(self, request: TraceRequest) -> float:
        """Busy time that a request takes of a replica."""
        return request.prompt_tokens * self.prompt_token_seconds + request.output_tokens * self.output_token_seconds


def operating_point(
    model: ReplicaModel, *, prompt_tokens: float, output_tokens: float, inter_token_seconds: float
) -> OperatingPoint:
    """The fullest batch of requests of this mean size that keeps the promised time between tokens.

    The step is ``alpha + beta * n + c * p``. Prompts take their share of the time, so a token of each of the ``n``
    sequences comes once per ``(alpha + beta * n) / (1 - share)``.
    """
    alpha, beta = model.alpha_milliseconds / 1000, model.beta_milliseconds / 1000
    c = model.c_milliseconds / 1000
    resident = int(model.kv_tokens / (prompt_tokens + output_tokens / 2))
    for sequences in range(max(1, min(model.max_sequences, resident)), 0, -1):
        output_seconds = beta + alpha / sequences
        share = c * prompt_tokens / (c * prompt_tokens + output_seconds * output_tokens)
        between_tokens = (alpha + beta * sequences) / (1 - share)
        if between_tokens <= inter_token_seconds or sequences == 1:
            break
    return OperatingPoint(sequences, between_tokens, c, output_seconds)


def needed_replicas(
    requests: Sequence[TraceRequest], point: OperatingPoint, *, first_token_seconds: float
) -> list[float]:
    """Replicas, fully busy, that keep up with arriving work, for every second of the trace.

    A prompt's work is spread over the time promised for the first token, that of the answer over the time it takes to
    generate it.
    """
    length = int(requests[-1].time_seconds / BIN_SECONDS) + 2
    change = [0.0] * (length + 1)

    def spread(start: float, seconds: float, work: float) -> None:
        first = int(start / BIN_SECONDS)
        bins = max(1, math.ceil(seconds / BIN_SECONDS))
        rate = work / (bins * BIN_SECONDS)
        change[first] += rate
        change[min(first + bins, length)] -= rate

    for time, prompt, output in requests:
        spread(time, first_token_seconds, prompt * point.prompt_token_seconds)
        spread(time, output * point.inter_token_seconds, output * point.output_token_seconds)
    return list(accumulate(change[:length]))
