"""Hugging Face's text-generation-inference (TGI), versions 2 and 3.

Names: `router/src/server.rs`, `router/src/infer/mod.rs`, `router/src/validation.rs`,
`backends/v3/src/{queue,backend}.rs` and the same of v2 (read at 3.3.7; the repository is in maintenance). No labels but
of methods and errors; no KV gauge.

- `tgi_request_count` counts requests to the OpenAI routes twice (in `chat_completions` and again in
  `generate_internal`) and refused ones too: it is not read. `tgi_request_success` and the failures `dropped` (the
  client left), `generation` and `incomplete` are the requests that ended; `overloaded`, `validation` and `template`
  never began.
- `tgi_request_input_length` observes a prompt when its request arrives, before it waits. An answer of more than 1,024
  tokens goes back to the queue after each 1,024 (`DEFAULT_GENERATION_LENGTH`), and its prompt, now longer, is observed
  again: that is work, and is counted as such. `tgi_request_generated_tokens` observes whole answers at their end.
- `tgi_batch_inference_count` counts prefills and decodes, each a pass of its own (`backends/v3/src/backend.rs`).
- No histogram shows the time to the first token, nor that between two: `tgi_request_mean_time_per_token_duration`
  divides the whole time of a request, its prefill included, by its tokens.
- A client that leaves while its request waits is noticed when its turn comes: until then it is in `tgi_queue_size`.
- While a batch is prefilled its requests are in neither gauge.
- A metric is on the page once it was set for the first time; before the first request a page shows at most
  `tgi_batch_max_total_tokens` (v3).

Starting: the image's entrypoint is the launcher (`Dockerfile`), which listens on port 3000, and by the image's
environment on 80; `--port` wins over both. Here it is 3000, because opening 80 takes a capability; a target that runs
with the image's own port needs `port: 80`. It takes the pod's name from HOSTNAME for an address, cannot parse it and
falls back to all addresses. It has no name for the model but `--model-id`, and serves whatever name is asked for. On
SIGTERM it finishes what runs (`shutdown_signal` in `server.rs`; how long it waits was not verified).
"""

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, Metric
from tidegate.scaling.sample import ArrivalMethod, CountedAt

TGI = EngineTable(
    type=EngineType.TGI,
    port=3000,
    metrics_port=3000,
    health_path="/health",
    metrics={
        "waiting": (Metric(name="tgi_queue_size"),),
        "running": (Metric(name="tgi_batch_current_size"),),
        "requests_finished": (Metric(name="tgi_request_success"),),
        "requests_failed": (Metric(name="tgi_request_failure", only={"err": ("dropped", "generation", "incomplete")}),),
        "prompt_tokens": (Metric(name="tgi_request_input_length_sum"),),
        "generated_tokens": (Metric(name="tgi_request_generated_tokens_sum"),),
        "steps": (Metric(name="tgi_batch_inference_count"),),
    },
    optional=frozenset({"steps"}),
    absent_is_zero=frozenset({"requests_finished", "requests_failed", "generated_tokens"}),
    starts_empty=True,
    marks=("tgi_batch_max_total_tokens",),
    arrivals=ArrivalMethod.ENDED_AND_GAUGES,
    prompts_counted_at=CountedAt.ARRIVAL,
    answers_counted_at=CountedAt.END,
    flags=(Flag(spellings=("--port", "-p"), value="{port}"),),
    batch_flags=("--max-batch-size",),
)
"""text-generation-inference, its CUDA and other builds; not the llama.cpp and TensorRT-LLM backends inside it."""
