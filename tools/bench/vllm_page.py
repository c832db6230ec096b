"""Builds a metrics page as vLLM writes it, for tests and measurements.

The names, labels and bucket bounds are those of `vllm/v1/metrics/loggers.py` around v0.11, the web framework's and
Python's own metrics beside them as vLLM exposes them; the numbers are invented. The page is written by
prometheus_client, as vLLM's is, so that escaping, order, `_created` lines and number format are the real ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector
from prometheus_client.exposition import generate_latest

_TOKENS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
_LATENCY = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
_FIRST_TOKEN = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1),
    *(2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560),
)
_BETWEEN_TOKENS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)

_HISTOGRAMS: dict[str, Sequence[float]] = {
    "vllm:request_prompt_tokens": _TOKENS,
    "vllm:request_generation_tokens": _TOKENS,
    "vllm:iteration_tokens_total": (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384),
    "vllm:request_max_num_generation_tokens": _TOKENS,
    "vllm:request_params_n": (1, 2, 5, 10, 20),
    "vllm:request_params_max_tokens": _TOKENS,
    "vllm:time_to_first_token_seconds": _FIRST_TOKEN,
    "vllm:time_per_output_token_seconds": _BETWEEN_TOKENS,
    "vllm:inter_token_latency_seconds": _BETWEEN_TOKENS,
    "vllm:e2e_request_latency_seconds": _LATENCY,
    "vllm:request_queue_time_seconds": _LATENCY,
    "vllm:request_inference_time_seconds": _LATENCY,
    "vllm:request_prefill_time_seconds": _LATENCY,
    "vllm:request_decode_time_seconds": _LATENCY,
}
_OTHER_COUNTERS = (
    "vllm:prefix_cache_queries",
    "vllm:prefix_cache_hits",
    "vllm:gpu_prefix_cache_queries",
    "vllm:gpu_prefix_cache_hits",
    "vllm:num_preemptions",
)
_HANDLERS = ("/v1/models", "/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/tokenize", "none")
_SIZES = (100, 1000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineNumbers:
    """What each data-parallel rank of the engine says, where a scaler cares."""

    waiting: float = 12
    running: float = 64
    kv_usage: float = 0.625
    finished: dict[str, float] | None = None
    prompt_tokens: float = 41_567_892
    generated_tokens: float = 10_234_567


def vllm_page(
    *,
    model_name: str = "meta-llama/Llama-3.1-8B-Instruct",
    ranks: Sequence[EngineNumbers] = (EngineNumbers(),) * 2,
) -> bytes:
    """Write the page of one vLLM server.

    Args:
        model_name: the value of the label `model_name`.
        ranks: the data-parallel ranks of the server; two, the default, make a page of about 100 KB.
    """
    registry = CollectorRegistry()
    PlatformCollector(registry)
    GCCollector(registry)
    _add_engine(registry, model_name, ranks)
    _add_http(registry)
    return generate_latest(registry)


def _add_engine(registry: CollectorRegistry, model_name: str, ranks: Sequence[EngineNumbers]) -> None:
    labels = ("model_name", "engine")
    waiting = Gauge("vllm:num_requests_waiting", "Requests that wait.", labels, registry=registry)
    by_reason = Gauge("vllm:num_requests_waiting_by_reason", "By reason.", (*labels, "reason"), registry=registry)
    running = Gauge("vllm:num_requests_running", "Requests in the batch.", labels, registry=registry)
    old_usage = Gauge("vllm:gpu_cache_usage_perc", "Deprecated.", labels, registry=registry)
    usage = Gauge("vllm:kv_cache_usage_perc", "KV cache in use; 1 means all.", labels, registry=registry)
    prompt = Counter("vllm:prompt_tokens", "Prefill tokens processed.", labels, registry=registry)
    generated = Counter("vllm:generation_tokens", "Generated tokens.", labels, registry=registry)
    finished = Counter("vllm:request_success", "Requests processed.", (*labels, "finished_reason"), registry=registry)
    others = [Counter(name, f"About {name}.", labels, registry=registry) for name in _OTHER_COUNTERS]
    histograms = [
        Histogram(name, f"Histogram of {name}.", labels, registry=registry, buckets=buckets)
        for name, buckets in _HISTOGRAMS.items()
    ]
    for rank, numbers in enumerate(ranks):
        own = (model_name, str(rank))
        waiting.labels(*own).set(numbers.waiting)
        by_reason.labels(*own, "capacity").set(numbers.waiting)
        by_reason.labels(*own, "deferred").set(0)
        running.labels(*own).set(numbers.running)
        old_usage.labels(*own).set(numbers.kv_usage)
        usage.labels(*own).set(numbers.kv_usage)
        prompt.labels(*own).inc(numbers.prompt_tokens)
        generated.labels(*own).inc(numbers.generated_tokens)
        for reason, count in (numbers.finished or {"stop": 40_123, "length": 1_877, "abort": 0, "error": 0}).items():
            finished.labels(*own, reason).inc(count)
        for counter in others:
            counter.labels(*own).inc(123_456)
        for histogram in histograms:
            histogram.labels(*own).observe(1.5)


def _add_http(registry: CollectorRegistry) -> None:
    labels = ("method", "status", "handler")
    requests = Counter("http_requests", "Requests by method, status and handler.", labels, registry=registry)
    size = Histogram("http_request_size_bytes", "Sizes.", ("handler",), registry=registry, buckets=_SIZES)
    duration = Histogram(
        "http_request_duration_seconds", "Latency.", ("method", "handler"), registry=registry, buckets=_LATENCY
    )
    for handler in _HANDLERS:
        for status, count in (("2xx", 4_211), ("4xx", 17), ("5xx", 1)):
            requests.labels("POST", status, handler).inc(count)
        size.labels(handler).observe(900)
        duration.labels("POST", handler).observe(0.7)
