"""The engine of a service: which server answers in its pods, and how its metrics are read."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.model import ApiModel, Rule

Port = Annotated[int, Field(ge=1, le=65535)]
MetricName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]


class EngineType(StrEnum):
    """The engines whose metrics are known, and Custom for all others."""

    VLLM = "vLLM"
    LLAMA_CPP = "llamaCpp"
    CUSTOM = "Custom"


class MetricNames(ApiModel):
    """Names of a Custom engine's metrics, each summed over its label sets. At least one must be given."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "has(self.waiting) || has(self.running) || has(self.requestsReceived) || has(self.requestsFinished)"
            " || has(self.promptTokens) || has(self.generatedTokens) || has(self.workDone)",
            "names: name at least one metric, for example waiting: my_engine_queue_length",
        ),
    )

    waiting: MetricName | None = Field(default=None, description="Gauge: requests accepted but not started.")
    running: MetricName | None = Field(default=None, description="Gauge: requests being worked on.")
    requests_received: MetricName | None = Field(
        default=None, description="Counter: requests that arrived. The best way to see demand, where it exists."
    )
    requests_finished: MetricName | None = Field(default=None, description="Counter: requests that ended normally.")
    prompt_tokens: MetricName | None = Field(default=None, description="Counter: prompt tokens processed.")
    generated_tokens: MetricName | None = Field(default=None, description="Counter: tokens generated.")
    work_done: MetricName | None = Field(
        default=None, description="Counter: work units finished, in `workUnit`, where work is not counted in tokens."
    )


class EngineMetrics(ApiModel):
    """Where an engine's Prometheus page is."""

    port: Port | None = Field(default=None, description="Port of the metrics page. Default: the engine's port.")
    path: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        pattern=r"^/[!-~]*$",
        description="Path of the metrics page. Default: the engine's own, /metrics for all known so far.",
    )
    names: MetricNames | None = Field(
        default=None, description="Names of the metrics; for type Custom, and only there."
    )
    work_unit: str = Field(
        default="tokens",
        min_length=1,
        max_length=32,
        pattern=r"^[a-z][a-z-]*$",
        description="What an engine of type Custom does work in: tokens (default), requests, images, seconds, ... "
        "With requests every request counts 1; with tokens promptTokens and generatedTokens count; with any other "
        "unit workDone counts.",
    )


class ServingEngine(ApiModel):
    """An engine that runs already: what is needed to read it."""

    rules: ClassVar[Sequence[Rule]] = (
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
            " || self.metrics.workUnit == 'tokens'",
            "metrics.workUnit is for type Custom only: this engine's work is counted in tokens; remove it",
            ".metrics",
        ),
        Rule(
            "self.type != 'Custom' || has(self.port)",
            "port is required when type is Custom: no default is known",
            ".port",
        ),
    )

    type: EngineType = Field(description="The server in the pod: vLLM, llamaCpp, or Custom (name its metrics).")
    port: Port | None = Field(
        default=None,
        description="Port that the engine answers on. Default: the engine's own, 8000 for vLLM, 8080 for llamaCpp.",
    )
    metrics: EngineMetrics = Field(
        default_factory=EngineMetrics, description="Where and how the engine's metrics are read."
    )


class Engine(ServingEngine):
    """An engine that Tidegate runs."""

    image: str = Field(
        min_length=1,
        max_length=500,
        pattern=r"^[!-~]+$",
        description="Container image of the engine, for example vllm/vllm-openai:v0.11.0.",
    )
    args: list[Annotated[str, Field(max_length=4096)]] = Field(
        default_factory=list,
        max_length=128,
        description="Arguments of the engine. Those it needs to be found (port, served model name, metrics) are added "
        "unless given here.",
    )
    startup_timeout_seconds: int = Field(
        default=1200,
        ge=10,
        le=86_400,
        description="Seconds that loading the model may take before the pod is restarted. Default 1200.",
    )
