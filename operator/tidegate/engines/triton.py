"""NVIDIA's Triton Inference Server: with the TensorRT-LLM backend, and with any other.

Names of the backend: `triton_backend/inflight_batcher_llm/src/custom_metrics_reporter/custom_metrics_reporter.cc` and
`…/model_instance_state.cc` in NVIDIA/TensorRT-LLM (2026; the Python model in `all_models/…/tensorrt_llm/1/model.py` has
the same). Names of the server: `src/metrics.cc` and `src/metric_model_reporter.cc` in triton-inference-server/core.
Metrics are on, at port 8002 (`src/command_line_parser.h` in …/server).

With the TensorRT-LLM backend, which counts tokens:

- `waiting` is active minus scheduled requests, so `scheduled` are those that run (`WaitForStats`). What waits before
  the executor, which takes `max_queue_size` requests, is in neither.
- `nv_llm_input_token_len` and `nv_llm_output_token_len` observe a request once, when its last response is sent, also
  one that failed or was cancelled (`WaitForResponse`): their count is the requests that ended in any way. Only the
  model that the backend runs has these series, so steps before and after it in an ensemble do not count twice.
- Families exist from the start of the model, gauges at zero.

With any other backend (`metrics.workUnit: requests`), the server's own counters, for each model that is loaded:

- `nv_inference_request_success` and `…_failure` rise at the end of a request. Failures of reason REJECTED timed out in
  the queue: they had arrived.
- `nv_inference_pending_request_count` is the queue. What is being executed is not shown, so arrivals are right but for
  changes of that. An executing request lasts milliseconds with most backends.
- `nv_inference_compute_infer_duration_us` adds up, request by request, how long they were executed.
- Every series carries `model`. Of an ensemble, give the ensemble's name as `model.name`: otherwise each of its steps
  counts as a request.

Starting: the image's entrypoint runs what it is given, so `args` begin with `tritonserver`; the flags added are its own
(`src/command_line_parser.cc`). `launch_triton_server.py` and the OpenAI frontend (`python/openai`, port 9000,
`--openai-port`) have others: run those as a target, or as `Custom`.

Not verified: the release that first had the token histograms; whether Triton 23.12 and older report zero.
"""

from dataclasses import replace

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, Metric
from tidegate.scaling.sample import ArrivalMethod, CountedAt

_REQUESTS = "nv_trt_llm_request_metrics"

TRITON = EngineTable(
    type=EngineType.TRITON,
    port=8000,
    metrics_port=8002,
    health_path="/v2/health/ready",
    metrics={
        "waiting": (Metric(name=_REQUESTS, only={"request_type": ("waiting",)}),),
        "running": (Metric(name=_REQUESTS, only={"request_type": ("scheduled",)}),),
        "kv_usage": (Metric(name="nv_trt_llm_kv_cache_block_metrics", only={"kv_cache_block_type": ("fraction",)}),),
        "requests_ended": (Metric(name="nv_llm_input_token_len_count"),),
        "prompt_tokens": (Metric(name="nv_llm_input_token_len_sum"),),
        "generated_tokens": (Metric(name="nv_llm_output_token_len_sum"),),
    },
    marks=(_REQUESTS,),
    arrivals=ArrivalMethod.ENDED_AND_GAUGES,
    prompts_counted_at=CountedAt.END,
    answers_counted_at=CountedAt.END,
    flags=(
        Flag(spellings=("--http-port",), value="{port}"),
        Flag(spellings=("--metrics-port",), value="{metrics_port}"),
    ),
)
"""Triton with the TensorRT-LLM backend."""

TRITON_REQUESTS = replace(
    TRITON,
    metrics={
        "waiting": (Metric(name="nv_inference_pending_request_count"),),
        "requests_finished": (Metric(name="nv_inference_request_success"),),
        "requests_failed": (Metric(name="nv_inference_request_failure"),),
        "seconds_worked": (Metric(name="nv_inference_compute_infer_duration_us", unit=1e-6),),
    },
    optional=frozenset({"requests_failed", "seconds_worked"}),
    marks=(),
    prompts_counted_at=CountedAt.DONE,
    answers_counted_at=CountedAt.DONE,
    work_unit="requests",
    model_label="model",
)
"""Triton with any backend: each request counts 1."""
