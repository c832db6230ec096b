"""Hugging Face's text-embeddings-inference (TEI): embeddings, rerankers, classifiers.

Names: `core/src/{tokenization,queue,infer}.rs` and `router/src/http/server.rs` (v1.9). No labels but of methods and
errors. A request of several inputs is that many here: the queue holds inputs.

- `te_request_input_length` observes each input when it has been tokenized, before it waits: its count are inputs that
  arrived, its sum their tokens, exactly, also while clients give up. Refused requests (429) come before.
- `te_embed_success` and `te_predict_success` count inputs that are done; a model has one of the two.
- `te_queue_size` are inputs that wait. Those being computed are not shown; how long they took is, once they are done:
  `te_embed_inference_duration` and `te_predict_inference_duration` observe each input of a batch with the time of the
  batch. `te_batch_next_size` counts looks at an empty queue as batches of none.
- A metric is on the page once it was set for the first time: before the first request the page is empty.

Starting: the image's entrypoint is the router (`Dockerfile`); port 3000, and by the image's environment 80; `--port`
wins. Here it is 3000, because opening 80 takes a capability; a target that runs with the image's own port needs `port:
80`.
"""

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, Metric
from tidegate.scaling.sample import ArrivalMethod, CountedAt

TEI = EngineTable(
    type=EngineType.TEI,
    port=3000,
    metrics_port=3000,
    health_path="/health",
    metrics={
        "waiting": (Metric(name="te_queue_size"),),
        "requests_received": (Metric(name="te_request_input_length_count"),),
        "requests_finished": (Metric(name="te_embed_success"), Metric(name="te_predict_success")),
        "prompt_tokens": (Metric(name="te_request_input_length_sum"),),
        "seconds_worked": (
            Metric(name="te_embed_inference_duration_sum"),
            Metric(name="te_predict_inference_duration_sum"),
        ),
    },
    optional=frozenset({"seconds_worked"}),
    absent_is_zero=frozenset({"requests_finished"}),
    starts_empty=True,
    arrivals=ArrivalMethod.REQUEST_COUNTER,
    prompts_counted_at=CountedAt.ARRIVAL,
    answers_counted_at=CountedAt.END,
    flags=(
        Flag(spellings=("--served-model-name",), value="{model}"),
        Flag(spellings=("--port", "-p"), value="{port}"),
    ),
    batch_flags=("--max-batch-requests",),
)
"""text-embeddings-inference over HTTP; its gRPC build has other ports."""
