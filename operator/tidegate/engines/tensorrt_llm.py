"""TensorRT-LLM's own server, `trtllm-serve`.

Names: `tensorrt_llm/metrics/collector.py` (main, 2026); the page: `mount_metrics` in
`tensorrt_llm/serve/openai_server.py`. It is at `/prometheus/metrics`; `/metrics` is a list of iterations in JSON, and
reading it takes them out of the queue.

- The page is there with `return_perf_metrics: true`, the gauges with `enable_iter_perf_stats: true` besides (the
  TensorRT backend has them always). Neither has a flag: they go into the file given by `--config` (or
  `--extra_llm_api_options`). Releases before 2026 have neither the gauges nor the counters of tokens on this page.
- `trtllm_request_success_total` and both counters of tokens rise when a request ends (`log_request_metrics_dict`); so
  does `trtllm_time_to_first_token_seconds`, which therefore does not tell first tokens, and tells of a slow start only
  when the request is over. `trtllm_time_per_output_token_seconds` observes one mean for each request. Both are there
  with `return_perf_metrics`. No counter counts iterations.
- `trtllm_num_requests_running` are all requests in the executor (`numActiveRequests`), `…_waiting` those not yet in it.
- A metric is on the page once it was set for the first time: before the first request the page is empty, or shows the
  configuration alone.
- Versions up to early 2026 label every series `model_name="undefined"`; all of a page is then counted.

Starting: the image's entrypoint runs what it is given, so `args` begin with `trtllm-serve MODEL`
(`tensorrt_llm/commands/serve.py`). It listens on localhost:8000 unless told otherwise. It serves the model under its
path or repository name; there was no flag for another name in the version read.

Not verified: whether requests that clients abort count as successes (so they are taken not to); the release that first
had each metric.
"""

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, Metric
from tidegate.scaling.sample import ArrivalMethod, CountedAt

TENSORRT_LLM = EngineTable(
    type=EngineType.TENSORRT_LLM,
    port=8000,
    metrics_port=8000,
    metrics_path="/prometheus/metrics",
    health_path="/health",
    metrics={
        "waiting": (Metric(name="trtllm_num_requests_waiting"),),
        "running": (Metric(name="trtllm_num_requests_running"),),
        "kv_usage": (Metric(name="trtllm_kv_cache_utilization"),),
        "requests_finished": (Metric(name="trtllm_request_success_total"),),
        "prompt_tokens": (Metric(name="trtllm_prompt_tokens_total"),),
        "generated_tokens": (Metric(name="trtllm_generation_tokens_total"),),
    },
    buckets={
        "first_token_seconds": (Metric(name="trtllm_time_to_first_token_seconds_bucket"),),
        "inter_token_seconds": (Metric(name="trtllm_time_per_output_token_seconds_bucket"),),
    },
    starts_empty=True,
    marks=("trtllm_model_config_info",),
    arrivals=ArrivalMethod.FINISHED_AND_GAUGES,
    prompts_counted_at=CountedAt.END,
    answers_counted_at=CountedAt.END,
    model_label="model_name",
    flags=(
        Flag(spellings=("--host",), value="0.0.0.0"),  # noqa: S104 - other pods must reach it.
        Flag(spellings=("--port",), value="{port}"),
    ),
    batch_flags=("--max-batch-size",),
)
"""trtllm-serve with `return_perf_metrics` and `enable_iter_perf_stats`."""
