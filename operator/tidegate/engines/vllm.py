"""vLLM.

Names: `vllm/v1/metrics/loggers.py` (v0.9 to v0.11 and main). The Prometheus client appends `_total` to counters on the
page. `vllm:kv_cache_usage_perc` is a share of 1 in spite of its name; v0.9 introduced it beside
`vllm:gpu_cache_usage_perc`, which later versions dropped. `vllm:num_requests_waiting_by_reason` (main) is a breakdown
of `vllm:num_requests_waiting`, not an addition to it. Every series carries `model_name` (the first served name) and
`engine` (one per data-parallel rank); `vllm:request_success_total` carries `finished_reason` too.

What the numbers leave out: requests that clients abort never reach `vllm:request_success_total`, whatever its
`abort` label promises (vllm-project/vllm issue 31503), while their prompt stays in `vllm:prompt_tokens_total`
(issue 55634).

Starting: the entrypoint of the image `vllm/vllm-openai` is the server itself, `python3 -m
vllm.entrypoints.openai.api_server` up to v0.11 and `vllm serve` later (`docker/Dockerfile`), so a container needs
arguments and no command. It listens on all addresses. Its argument parser takes `_` for `-` in flag names, and
`--served-model-name` swallows every word up to the next flag.

Stopping: on SIGTERM running requests are cut off (`vllm/entrypoints/launcher.py`); v0.18 brought
`--shutdown-timeout SECONDS`, 0 by default, to let them finish. A pod must therefore be drained before the signal.
"""

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag
from tidegate.scaling.sample import ArrivalMethod

VLLM = EngineTable(
    type=EngineType.VLLM,
    port=8000,
    metrics_port=8000,
    health_path="/health",
    metrics={
        "waiting": ("vllm:num_requests_waiting",),
        "running": ("vllm:num_requests_running",),
        "kv_usage": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        "requests_finished": ("vllm:request_success_total",),
        "prompt_tokens": ("vllm:prompt_tokens_total",),
        "generated_tokens": ("vllm:generation_tokens_total",),
    },
    arrivals=ArrivalMethod.FINISHED_AND_GAUGES,
    model_label="model_name",
    flags=(
        Flag(spellings=("--served-model-name",), value="{model}"),
        Flag(spellings=("--port",), value="{port}"),
    ),
)
"""vLLM, from v0.8 (the V1 engine) on."""
