"""The engine of a service: which server answers in its pods, and how its metrics are read."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.model import ApiModel, Rule

Port = Annotated[int, Field(ge=1, le=65535)]
MetricName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
Argument = Annotated[str, Field(max_length=4096)]


class EngineType(StrEnum):
    """The engines that are known, and Custom for all others."""

    VLLM = "vLLM"
    SGLANG = "SGLang"
    TGI = "TGI"
    TENSORRT_LLM = "TensorRTLLM"
    TRITON = "Triton"
    LMDEPLOY = "LMDeploy"
    LLAMA_CPP = "llamaCpp"
    TEI = "TEI"
    INFINITY = "Infinity"
    OLLAMA = "Ollama"
    CUSTOM = "Custom"


class MetricNames(ApiModel):
    """Names of a Custom engine's metrics, each summed over its label sets. At least one must be given."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "has(self.waiting) || has(self.running) || has(self.kvUsage) || has(self.requestsReceived)"
            " || has(self.requestsEnded) || has(self.requestsFinished) || has(self.requestsFailed)"
            " || has(self.firstTokens) || has(self.promptTokens) || has(self.generatedTokens) || has(self.workDone)"
            " || has(self.steps) || has(self.secondsWorked)",
            "metrics.names is empty: name at least one metric, for example waiting: my_engine_queue_length",
        ),
    )

    waiting: MetricName | None = Field(
        default=None,
        description="Gauge of the requests that are accepted but not started. scaling.queueDepth needs it.",
    )
    running: MetricName | None = Field(default=None, description="Gauge of the requests that are being worked on.")
    kv_usage: MetricName | None = Field(
        default=None, description="Gauge of the share of the KV cache in use, 0 to 1. Shown in status."
    )
    requests_received: MetricName | None = Field(
        default=None,
        description="Counter of the requests that arrived. The best way to see demand: name it wherever it exists.",
    )
    requests_ended: MetricName | None = Field(
        default=None,
        description="Counter of the requests that ended in any way, those that their client gave up included. With "
        "waiting and running, as good as requestsReceived.",
    )
    requests_finished: MetricName | None = Field(
        default=None,
        description="Counter of the requests that ended normally. With waiting and running, it shows arrivals where "
        "neither of the above exists, though too few while clients give up.",
    )
    requests_failed: MetricName | None = Field(
        default=None,
        description="Counter of the requests that ended otherwise: given up by their client, or failed. Together with "
        "requestsFinished, waiting and running, as good as requestsReceived.",
    )
    first_tokens: MetricName | None = Field(
        default=None,
        description="Counter of the requests whose first token was generated, for example the _count of a histogram of "
        "the time to it. Makes the mean size of requests more exact.",
    )
    prompt_tokens: MetricName | None = Field(default=None, description="Counter of the prompt tokens processed.")
    generated_tokens: MetricName | None = Field(default=None, description="Counter of the tokens generated.")
    work_done: MetricName | None = Field(
        default=None, description="Counter of the workUnits done, for a workUnit other than tokens and requests."
    )
    steps: MetricName | None = Field(
        default=None,
        description="Counter of the engine's iterations, each of which carries all running requests one step further. "
        "Makes what is learned of a replica's capacity more exact.",
    )
    seconds_worked: MetricName | None = Field(
        default=None,
        description="Counter of the seconds that requests were worked on for, for example the _sum of a histogram of "
        "their duration. Stands in for running where there is no such gauge.",
    )


class EngineMetrics(ApiModel):
    """Where an engine's Prometheus page is, and what is on it."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "!has(self.names) || self.workUnit in ['tokens', 'requests'] || has(self.names.workDone)",
            "metrics.workUnit needs a counter: name it in metrics.names.workDone, or count in tokens or requests",
            ".workUnit",
        ),
        Rule(
            "!has(self.names) || self.workUnit != 'requests' || has(self.names.requestsReceived)"
            " || has(self.names.requestsEnded) || has(self.names.requestsFinished)",
            "metrics.workUnit is requests, but nothing counts them: name metrics.names.requestsReceived, requestsEnded "
            "or requestsFinished",
            ".workUnit",
        ),
    )

    port: Port | None = Field(
        default=None, description="Port of the metrics page, 1 to 65535. Default: the engine's port; 8002 for Triton."
    )
    path: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        pattern=r"^/[!-~]*$",
        description="Path of the metrics page. Default: /metrics; /prometheus/metrics for TensorRTLLM.",
    )
    names: MetricNames | None = Field(
        default=None,
        description="What the metrics are called. Required when type is Custom, and only there: the names of the other "
        "engines are known.",
    )
    work_unit: str = Field(
        default="tokens",
        min_length=1,
        max_length=32,
        pattern=r"^[a-z][a-z-]*$",
        description="What an engine of type Custom does its work in, in lower case: tokens (default; promptTokens plus "
        "generatedTokens), requests (each counts 1), or a unit of your own, such as images or seconds, that "
        "workDone counts. For Triton, requests reads the server's own metrics instead of the TensorRT-LLM backend's. "
        "The unit of other engines is known: requests for Infinity, tokens for all others.",
    )


class ServingEngine(ApiModel):
    """An engine that runs already: what is needed to read it."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "self.type != 'Custom' || has(self.port)",
            "port is required when type is Custom: no default is known",
            ".port",
        ),
        Rule(
            "self.type != 'Custom' || (has(self.metrics) && has(self.metrics.names))",
            "metrics.names is required when type is Custom: name the engine's metrics",
            ".metrics",
        ),
        Rule(
            "self.type == 'Custom' || !has(self.metrics) || !has(self.metrics.names)",
            "metrics.names is for type Custom only: the names of this engine's metrics are known; remove metrics.names",
            ".metrics",
        ),
        Rule(
            "self.type == 'Custom' || !has(self.metrics) || !has(self.metrics.workUnit)"
            " || self.metrics.workUnit == 'tokens'"
            " || (self.type == 'Triton' && self.metrics.workUnit == 'requests')",
            "metrics.workUnit is for type Custom, and requests for Triton: the unit of this engine is known; remove it",
            ".metrics",
        ),
    )

    type: EngineType = Field(
        description="The server in the pod: vLLM, SGLang, TGI (text-generation-inference), TensorRTLLM (trtllm-serve), "
        "Triton, LMDeploy, llamaCpp, TEI (text-embeddings-inference), Infinity, Ollama, or Custom for any other whose "
        "metrics.names you give. docs/engines.md says what Tidegate sees of each. Ollama has no metrics: a service of "
        "it keeps its size, within minReplicas and maxReplicas."
    )
    port: Port | None = Field(
        default=None,
        description="Port that the engine answers on, 1 to 65535. Default: 8000 for vLLM, TensorRTLLM and Triton, "
        "30000 for SGLang, 3000 for TGI and TEI (their images say 80), 23333 for LMDeploy, 8080 for llamaCpp, 7997 for "
        "Infinity, 11434 for Ollama; required for Custom.",
    )
    metrics: EngineMetrics = Field(
        default_factory=EngineMetrics,
        description="Where the engine's metrics are read. Default: /metrics on its own port; /prometheus/metrics for "
        "TensorRTLLM, port 8002 for Triton.",
    )


class Engine(ServingEngine):
    """An engine that Tidegate runs."""

    image: str = Field(
        min_length=1,
        max_length=500,
        pattern=r"^[!-~]+$",
        description="Container image of the engine, for example vllm/vllm-openai:v0.11.0. Its entrypoint must be the "
        "engine; otherwise set command in template.spec.containers.",
    )
    args: list[Argument] = Field(
        default_factory=list,
        max_length=128,
        description="Arguments for the engine's entrypoint, such as --model. What it needs to be found and read (port, "
        "name of the model, metrics) is added, unless it is here already. Default: none.",
    )
    startup_timeout_seconds: int = Field(
        default=1200,
        ge=10,
        le=86_400,
        description="How many seconds a pod may take to load the model before it is restarted: 10 to 86400. Default "
        "1200.",
    )
