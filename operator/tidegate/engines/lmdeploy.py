"""LMDeploy's API server, PyTorch and TurboMind engines.

Names: `lmdeploy/metrics/loggers.py` (v0.10 to v0.16), moments: `lmdeploy/metrics/metrics_processor.py` and
`lmdeploy/serve/openai/api_server.py`. Every series carries `model_name` and `engine`, and is there from the start.

- The gauges are set every ten seconds (`_force_log`), the counters at once: a queue shows up to ten seconds late.
- `lmdeploy:request_success_total` counts requests that finish, by reason; `lmdeploy:num_requests_failed` (a gauge that
  only rises, since February 2026) those that were cancelled, aborted, failed or refused. Older pages lack it.
- `lmdeploy:num_requests_waiting` are requests inside the engine. Those that wait for a handle before it are in
  `lmdeploy:num_api_requests_waiting`, which has existed only since February 2026 and is not read: a page with both
  needs a sum, one without it would look broken. The engine takes as many requests as `--max-concurrent-requests` lets
  in.
- Prompts and answers are counted as they are computed (`record_iteration`), request by request:
  `lmdeploy:iteration_tokens_total` observes one request's share of a step, so steps are counted nowhere.
- `lmdeploy:time_per_output_token_seconds` is the time between two outputs of a request, divided by the tokens of the
  second; `lmdeploy:iter_token_latency` (newer) is not divided.

Starting: the image runs what it is given, so `args` begin with `lmdeploy serve api_server MODEL`; it listens on
0.0.0.0:23333 (`lmdeploy/cli/serve.py`). Metrics are on since November 2025; older versions need `--enable-metrics` in
`args`, which newer ones refuse.
"""

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, Metric
from tidegate.scaling.sample import ArrivalMethod

LMDEPLOY = EngineTable(
    type=EngineType.LMDEPLOY,
    port=23333,
    metrics_port=23333,
    health_path="/health",
    metrics={
        "waiting": (Metric(name="lmdeploy:num_requests_waiting"),),
        "running": (Metric(name="lmdeploy:num_requests_running"),),
        "kv_usage": (Metric(name="lmdeploy:gpu_cache_usage_perc"),),
        "requests_finished": (Metric(name="lmdeploy:request_success_total"),),
        "requests_failed": (Metric(name="lmdeploy:num_requests_failed"),),
        "first_tokens": (Metric(name="lmdeploy:time_to_first_token_seconds_count"),),
        "prompt_tokens": (Metric(name="lmdeploy:prompt_tokens_total"),),
        "generated_tokens": (Metric(name="lmdeploy:generation_tokens_total"),),
    },
    buckets={
        "first_token_seconds": (Metric(name="lmdeploy:time_to_first_token_seconds_bucket"),),
        "inter_token_seconds": (Metric(name="lmdeploy:time_per_output_token_seconds_bucket"),),
    },
    optional=frozenset({"requests_failed"}),
    arrivals=ArrivalMethod.ENDED_AND_GAUGES,
    model_label="model_name",
    flags=(
        Flag(spellings=("--model-name",), value="{model}"),
        Flag(spellings=("--server-port",), value="{port}"),
    ),
    batch_flags=("--max-batch-size",),
    rank_flags=("--dp",),
)
"""LMDeploy, from v0.10 on."""
