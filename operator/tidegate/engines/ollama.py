"""Ollama.

It has no metrics (`server/routes.go`, read at v0.33: no such route; ollama/ollama issue 3144 and pull requests 16998
and 18508 ask for them). A service of this type keeps the size that it has, within its bounds: it starts with its
minimum, or one, and follows changes of `minReplicas`, `maxReplicas` and `replicas`. Its condition MetricsAvailable is
False and says why.

Starting: the image's entrypoint is `ollama`, its command `serve` (`Dockerfile`); arguments given replace the command,
so `args` begin with `serve`, or are empty. Address and port are in OLLAMA_HOST. `/` answers as soon as the server
listens; models are loaded at the first request for them. It serves whatever names its models have.
"""

from tidegate.api.engine import EngineType
from tidegate.engines.table import EngineTable
from tidegate.scaling.sample import ArrivalMethod

OLLAMA = EngineTable(
    type=EngineType.OLLAMA,
    port=11434,
    metrics_port=11434,
    health_path="/",
    metrics={},
    arrivals=ArrivalMethod.TOKENS_ONLY,
    environment={"OLLAMA_HOST": "0.0.0.0:{port}"},
)
"""Ollama, any version."""
