"""Infinity: embeddings, rerankers, classifiers (michaelfeil/infinity).

It has no metrics of its own. `/metrics` is what its web framework's instrumentation counts
(`libs/infinity_emb/infinity_emb/infinity_server.py`, prometheus-fastapi-instrumentator 7): HTTP requests that have
ended, by handler, method and status, and how long they took, by handler and method, their waiting included. So a
service sees the requests it serves, and neither a queue nor what is under way: in an overload it sees what its pods
manage, not what is asked of them. Its work is counted in requests, whatever is in them.

Every POST that is answered 2xx or 5xx is work: the paths may have a prefix (`--url-prefix`), so they are not looked at.
A client that left counts as 2xx (as with vLLM, see there). Any server with the same instrumentation would look the
same.

Starting: the image's entrypoint is `infinity_emb` (`Dockerfile.nvidia_auto`), so `args` begin with `v2`. It listens on
0.0.0.0:7997 (`env.py`). `--served-model-name` belongs to one `--model-id`: give both by hand to serve several.
"""

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable, Flag, Metric
from tidegate.scaling.sample import ArrivalMethod

_HTTP = "http_requests_total"

INFINITY = EngineTable(
    type=EngineType.INFINITY,
    port=7997,
    metrics_port=7997,
    health_path="/health",
    metrics={
        "requests_finished": (Metric(name=_HTTP, only={"method": ("POST",), "status": ("2xx", "5xx")}),),
        "seconds_worked": (Metric(name="http_request_duration_seconds_sum", only={"method": ("POST",)}),),
    },
    optional=frozenset({"seconds_worked"}),
    marks=(_HTTP,),
    arrivals=ArrivalMethod.TOKENS_ONLY,
    work_unit="requests",
    flags=(
        Flag(spellings=("--served-model-name",), value="{model}"),
        Flag(spellings=("--port",), value="{port}"),
    ),
)
"""Infinity, its command line v2."""
