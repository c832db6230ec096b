"""vLLM.

Names: `vllm/v1/metrics/loggers.py` (v0.9 to v0.11 and main). The Prometheus client appends `_total` to counters on the
page. `vllm:kv_cache_usage_perc` is a share of 1 in spite of its name; v0.9 introduced it beside
`vllm:gpu_cache_usage_perc`, which later versions dropped. `vllm:num_requests_waiting_by_reason` (main) is a breakdown
of `vllm:num_requests_waiting`, not an addition to it. Every series carries `model_name` (the first served name) and
`engine` (one per data-parallel rank); `vllm:request_success_total` carries `finished_reason` too.

Requests that clients abort never reach `vllm:request_success_total`, whatever its `abort` label promises
(vllm-project/vllm issue 31503), while their prompt stays in `vllm:prompt_tokens_total` (issue 55634). They do reach
`http_requests_total`, which the web framework's instrumentation (prometheus-fastapi-instrumentator, `middleware.py`)
raises when a request ends, however it ends: as 2xx when the client left, as 4xx when the request was refused and never
became work. It counts what HTTP carries: a request for several prompts or several answers is one there, and several in
the engine's own gauges.

`vllm:iteration_tokens_total` observes the tokens of each step that gave some request a token, prompts counted with
their first one (`vllm/v1/engine/async_llm.py`: no `IterationStats` without outputs): steps that only work on a part of
a long prompt are not counted. Each rank steps on its own, and with `--api-server-count` above 1 a step is counted by
every server that it has a token for. `vllm:inter_token_latency_seconds` observes the time between two outputs of a
request; up to v0.10 it is `vllm:time_per_output_token_seconds`, which v0.13 dropped.

Starting: the entrypoint of the image `vllm/vllm-openai` is the server itself, `python3 -m
vllm.entrypoints.openai.api_server` up to v0.11 and `vllm serve` later (`docker/Dockerfile`), so a container needs
arguments and no command. It listens on all addresses. Its argument parser takes `_` for `-` in flag names, and
`--served-model-name` swallows every word up to the next flag.

Memory: `--gpu-memory-utilization` is a share of all the memory that the process sees, 0.92 by default since 2026 (0.9
before), and the server does not start where less than that is free (`vllm/v1/worker`). `--kv-cache-memory-bytes` makes
it ignore the share.

Stopping: on SIGTERM running requests are cut off (`vllm/entrypoints/launcher.py`); v0.18 brought
`--shutdown-timeout SECONDS`, 0 by default, to let them finish. A pod must therefore be drained before the signal.
"""

from decimal import Decimal

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, MemoryFlag, Metric
from tidegate.scaling.sample import ArrivalMethod

_HANDLERS_OF_WORK = (
    *("/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages", "/inference/v1/generate"),
    *("/v1/embeddings", "/pooling", "/classify", "/score", "/v1/score", "/rerank", "/v1/rerank", "/v2/rerank"),
    *("/v1/audio/transcriptions", "/v1/audio/translations", "/invocations"),
)

VLLM = EngineTable(
    type=EngineType.VLLM,
    port=8000,
    metrics_port=8000,
    health_path="/health",
    metrics={
        "waiting": (Metric(name="vllm:num_requests_waiting"),),
        "running": (Metric(name="vllm:num_requests_running"),),
        "kv_usage": (Metric(name="vllm:kv_cache_usage_perc"), Metric(name="vllm:gpu_cache_usage_perc")),
        "requests_ended": (
            Metric(
                name="http_requests_total",
                only={"method": ("POST",), "handler": _HANDLERS_OF_WORK, "status": ("2xx", "5xx")},
            ),
        ),
        "requests_finished": (Metric(name="vllm:request_success_total"),),
        "first_tokens": (Metric(name="vllm:time_to_first_token_seconds_count"),),
        "prompt_tokens": (Metric(name="vllm:prompt_tokens_total"),),
        "generated_tokens": (Metric(name="vllm:generation_tokens_total"),),
        "steps": (Metric(name="vllm:iteration_tokens_total_count"),),
    },
    buckets={
        "first_token_seconds": (Metric(name="vllm:time_to_first_token_seconds_bucket"),),
        "inter_token_seconds": (
            Metric(name="vllm:inter_token_latency_seconds_bucket"),
            Metric(name="vllm:time_per_output_token_seconds_bucket"),
        ),
    },
    # HTTP requests are not counted where another web server fronts the engine, Ray's for one.
    optional=frozenset({"requests_ended", "steps"}),
    arrivals=ArrivalMethod.ENDED_AND_GAUGES,
    model_label="model_name",
    flags=(
        Flag(spellings=("--served-model-name",), value="{model}"),
        Flag(spellings=("--port",), value="{port}"),
    ),
    memory=MemoryFlag(
        spellings=("--gpu-memory-utilization",), usual=Decimal("0.92"), instead=("--kv-cache-memory-bytes",)
    ),
    batch_flags=("--max-num-seqs",),
    rank_flags=("--data-parallel-size", "-dp", "--data-parallel-size-local", "-dpl"),
)
"""vLLM, from v0.8 (the V1 engine) on."""
