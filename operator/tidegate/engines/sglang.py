"""SGLang.

Names: `python/sglang/srt/observability/metrics_collector.py` (2026; before, `srt/metrics/collector.py`) and, for HTTP
requests, `add_prometheus_track_response_middleware` in `srt/utils/common.py`. `/metrics` needs `--enable-metrics`.

- `sglang:http_requests_total` rises when a request arrives, whatever becomes of it; the middleware that counts it is of
  the end of 2025. Older pages lack it, and there arrivals are told from `sglang:num_requests_total`, which rises when a
  request ends (`observe_one_finished_request`), together with both counters of tokens. Requests that are aborted while
  they wait are in neither (`tokenizer_manager.py`, `handle_abort_req`), and `sglang:num_aborted_requests_total` counts
  those that are aborted while they run a second time: it is not read.
- `sglang:cuda_graph_passes_total` (2026) counts decode passes, with a CUDA graph or without, on the first tensor rank
  of each data-parallel one (`process_batch_result_decode`); prefill passes are counted nowhere.
- `sglang:time_to_first_token_seconds` is split by `is_streaming` since 2026. A request that does not stream hears of
  its first token with dozens of others, so only those that stream count; older pages mix the two.
- The gauges are set with every prefill batch, every 40th decode step and, at rest, after up to 30 seconds
  (`scheduler_metrics_mixin.py`, `report_decode_stats` and `_maybe_log_idle_metrics`).
- With priority scheduling, the gauges come once for each priority and once in all with an empty one.
- All but the HTTP counters carry `model_name`, the served name, and labels of the ranks.

Starting: SGLang's own manifest (`docker/k8s-sglang-service.yaml`) gives the command `python3 -m sglang.launch_server`;
do so in `template`, or begin `args` with it. The server listens on 127.0.0.1:30000 unless told otherwise. It warms up
with a request of its own, so that no counter is missing once it is ready, but with `--skip-server-warmup`.

Memory: `--mem-fraction-static` is the share for weights and KV cache; activations and CUDA graphs come on top of it,
which is why a share of a device is multiplied by less than for vLLM.

Not verified: the version that first had the HTTP counters; defaults of flags, beyond that manifest; whether `/health`
or `/health_generate` is the better probe under load (the latter generates a token, so the former is used).
"""

from decimal import Decimal

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, MemoryFlag, Metric
from tidegate.scaling.sample import ArrivalMethod, CountedAt

_ALL_PRIORITIES = {"priority": ("",)}

_ENDPOINTS_OF_WORK = (
    *("/generate", "/encode", "/classify", "/invocations", "/vertex_generate"),
    *("/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages"),
    *("/v1/embeddings", "/v1/classify", "/v1/score", "/v1/rerank", "/v1/audio/transcriptions"),
    *("/api/chat", "/api/generate"),
)

SGLANG = EngineTable(
    type=EngineType.SGLANG,
    port=30000,
    metrics_port=30000,
    health_path="/health",
    metrics={
        "waiting": (Metric(name="sglang:num_queue_reqs", only=_ALL_PRIORITIES),),
        "running": (Metric(name="sglang:num_running_reqs", only=_ALL_PRIORITIES),),
        "kv_usage": (Metric(name="sglang:token_usage"),),
        "requests_received": (
            Metric(name="sglang:http_requests_total", only={"method": ("POST",), "endpoint": _ENDPOINTS_OF_WORK}),
        ),
        "requests_finished": (Metric(name="sglang:num_requests_total"),),
        "first_tokens": (Metric(name="sglang:time_to_first_token_seconds_count"),),
        "prompt_tokens": (Metric(name="sglang:prompt_tokens_total"),),
        "generated_tokens": (Metric(name="sglang:generation_tokens_total"),),
        "steps": (Metric(name="sglang:cuda_graph_passes_total"),),
    },
    buckets={
        "first_token_seconds": (
            Metric(name="sglang:time_to_first_token_seconds_bucket", only={"is_streaming": ("true", "")}),
        ),
        "inter_token_seconds": (Metric(name="sglang:inter_token_latency_seconds_bucket"),),
    },
    optional=frozenset({"requests_received", "steps"}),
    arrivals=ArrivalMethod.REQUEST_COUNTER,
    prompts_counted_at=CountedAt.END,
    answers_counted_at=CountedAt.END,
    model_label="model_name",
    flags=(
        Flag(spellings=("--served-model-name",), value="{model}"),
        Flag(spellings=("--host",), value="0.0.0.0"),  # noqa: S104 - other pods must reach it.
        Flag(spellings=("--port",), value="{port}"),
        Flag(spellings=("--enable-metrics",)),
    ),
    memory=MemoryFlag(spellings=("--mem-fraction-static",), usual=Decimal("0.85")),
    batch_flags=("--max-running-requests",),
    rank_flags=("--dp-size", "--dp", "--data-parallel-size"),
)
"""SGLang with `--enable-metrics`."""
