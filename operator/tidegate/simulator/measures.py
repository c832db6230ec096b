"""What a replica counts about itself: counters and histograms that only ever rise."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import inf

from .request import Request

LATENCY_BOUNDS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0,
    640.0, 2560.0,
)  # fmt: skip
"""Upper bounds of vLLM's buckets for the time to the first token, in seconds."""

INTERVAL_BOUNDS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
"""Upper bounds of vLLM's buckets for the time between tokens, in seconds."""

REQUEST_BOUNDS = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0,
    1920.0, 7680.0,
)  # fmt: skip
"""Upper bounds of vLLM's buckets for times of whole requests, in seconds."""


def one_two_five(largest: int) -> tuple[float, ...]:
    """1, 2, 5, 10, 20, 50 … up to ``largest``: vLLM's buckets for token counts."""
    bounds: list[float] = []
    power = 1
    while power <= largest:
        bounds += [float(power * digit) for digit in (1, 2, 5) if power * digit <= largest]
        power *= 10
    return tuple(bounds)


class Histogram:
    """Counts per bucket and a sum, as Prometheus has them; buckets here are not cumulative."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    @property
    def count(self) -> int:
        """How many values were observed."""
        return sum(self.counts)

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """Pairs of (upper bound, how many values are at most that), the last bound infinite."""
        return tuple(zip((*self.bounds, inf), accumulate(self.counts), strict=True))

    def observe(self, value: float, times: int = 1) -> None:
        """Count ``value``, as often as ``times`` says."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times


class Measures:
    """Everything a replica has counted since it started.

    What `received` counts and no real engine shows is the truth that tests compare estimates with.
    """

    __slots__ = (
        "aborted",
        "aborted_generated_tokens",
        "aborted_prompt_tokens",
        "aborted_running",
        "aborted_running_prompt_tokens",
        "busy_seconds",
        "decode_seconds",
        "finished",
        "finished_generated_tokens",
        "generated_tokens",
        "generation_tokens_of_request",
        "inference_seconds",
        "inter_token_seconds",
        "longest_request_tokens",
        "preemptions",
        "prefill_seconds",
        "prefilled_tokens",
        "prompt_tokens",
        "prompt_tokens_of_request",
        "queue_seconds",
        "received",
        "received_prompt_tokens",
        "request_seconds",
        "seconds_per_output_token",
        "steps",
        "time_to_first_token_seconds",
    )

    def __init__(self, context_tokens: int) -> None:
        self.received = 0
        """Requests submitted."""
        self.received_prompt_tokens = 0
        """Their prompt tokens."""
        self.finished = 0
        """Requests that got all their tokens."""
        self.aborted = 0
        """Requests whose client left before that."""
        self.aborted_prompt_tokens = 0
        """Their prompt tokens, computed or not."""
        self.aborted_generated_tokens = 0
        """The tokens that they had got."""
        self.aborted_running = 0
        """Those of them that were being worked on."""
        self.aborted_running_prompt_tokens = 0
        self.preemptions = 0
        """Times a running request lost its cache and went back to the queue."""
        self.steps = 0
        """Steps the engine has completed."""
        self.busy_seconds = 0.0
        """Time spent in those steps."""
        self.prompt_tokens = 0
        """Prompt tokens of requests that got a first token, each prompt once and all at once, as vLLM counts."""
        self.prefilled_tokens = 0
        """Prompt tokens really computed, those recomputed after a preemption included."""
        self.generated_tokens = 0
        """Tokens generated."""
        self.finished_generated_tokens = 0
        """Tokens of finished requests only, as llama.cpp counts them."""
        self.longest_request_tokens = 0
        """Prompt and output of the longest finished request."""
        self.time_to_first_token_seconds = Histogram(LATENCY_BOUNDS)
        self.inter_token_seconds = Histogram(INTERVAL_BOUNDS)
        self.request_seconds = Histogram(REQUEST_BOUNDS)
        self.queue_seconds = Histogram(REQUEST_BOUNDS)
        self.inference_seconds = Histogram(REQUEST_BOUNDS)
        self.prefill_seconds = Histogram(REQUEST_BOUNDS)
        self.decode_seconds = Histogram(REQUEST_BOUNDS)
        self.seconds_per_output_token = Histogram(INTERVAL_BOUNDS)
        token_bounds = one_two_five(context_tokens)
        self.prompt_tokens_of_request = Histogram(token_bounds)
        self.generation_tokens_of_request = Histogram(token_bounds)

    def abort(self, request: Request, *, running: bool) -> None:
        """Count a request whose client has left, with the tokens that it has got."""
        self.aborted += 1
        self.aborted_prompt_tokens += request.prompt_tokens
        self.aborted_generated_tokens += request.generated
        if running:
            self.aborted_running += 1
            self.aborted_running_prompt_tokens += request.prompt_tokens

    def finish(self, request: Request) -> None:
        """Count a request that has got all its tokens."""
        self.finished += 1
        self.finished_generated_tokens += request.output_tokens
        self.longest_request_tokens = max(self.longest_request_tokens, request.prompt_tokens + request.output_tokens)
        self.request_seconds.observe(request.ended - request.arrived)
        self.queue_seconds.observe(request.admitted - request.arrived)
        self.inference_seconds.observe(request.ended - request.admitted)
        self.prefill_seconds.observe(request.first_token - request.admitted)
        self.decode_seconds.observe(decode_seconds := request.ended - request.first_token)
        if request.output_tokens > 1:
            self.seconds_per_output_token.observe(decode_seconds / (request.output_tokens - 1))
        self.prompt_tokens_of_request.observe(request.prompt_tokens)
        self.generation_tokens_of_request.observe(request.output_tokens)
