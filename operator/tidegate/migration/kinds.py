"""The parts of other people's objects that are read.

Sources: Kubernetes `autoscaling/v2` and `autoscaling/v1`; KEDA 2.20 `apis/keda/v1alpha1/scaledobject_types.go`; KServe
0.20 `pkg/apis/serving/v1beta1/component.go` and `predictor.go`.
"""

from typing import Annotated, Any

from pydantic import Field

from tidegate.api.model import ApiModel

Number = int | float | str
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]


class ScaleTarget(ApiModel):
    """`scaleTargetRef` of a HorizontalPodAutoscaler or a ScaledObject."""

    name: str
    kind: str = "Deployment"
    """KEDA's default; a HorizontalPodAutoscaler has to say it."""


class MetricTarget(ApiModel):
    """What a metric should be."""

    type: str = ""
    value: Number | None = None
    average_value: Number | None = None
    average_utilization: Int32 | None = None


class NamedMetric(ApiModel):
    """A metric of an adapter."""

    name: str


class MetricSource(ApiModel):
    """One metric; which of the names is there depends on its type."""

    name: str | None = None
    metric: NamedMetric | None = None
    target: MetricTarget = Field(default_factory=MetricTarget)


class Metric(ApiModel):
    """An item of `spec.metrics` of a HorizontalPodAutoscaler."""

    type: str
    pods: MetricSource | None = None
    external: MetricSource | None = None
    object_: MetricSource | None = Field(default=None, alias="object")
    resource: MetricSource | None = None
    container_resource: MetricSource | None = None

    @property
    def source(self) -> MetricSource:
        """The one of the five that is there."""
        sources = (self.pods, self.external, self.object_, self.resource, self.container_resource)
        return next((source for source in sources if source is not None), MetricSource())


class HorizontalPodAutoscalerSpec(ApiModel):
    """`spec` of `autoscaling/v2` and of `autoscaling/v1`."""

    scale_target_ref: ScaleTarget
    max_replicas: Int32
    min_replicas: Int32 | None = None
    metrics: list[Metric] | None = None
    behavior: Any = None
    target_cpu_utilization_percentage: Int32 | None = Field(default=None, alias="targetCPUUtilizationPercentage")


class Trigger(ApiModel):
    """A trigger of a ScaledObject."""

    type: str
    name: str | None = None
    metadata: dict[str, Any] | None = None
    metric_type: str | None = None
    authentication_ref: Any = None


class AutoscalerConfig(ApiModel):
    """`advanced.horizontalPodAutoscalerConfig` of a ScaledObject."""

    name: str | None = None
    behavior: Any = None


class Advanced(ApiModel):
    """`advanced` of a ScaledObject."""

    horizontal_pod_autoscaler_config: AutoscalerConfig | None = None
    restore_to_original_replica_count: bool | None = None
    scaling_modifiers: dict[str, Any] | None = None


class ScaledObjectSpec(ApiModel):
    """`spec` of a ScaledObject."""

    scale_target_ref: ScaleTarget
    triggers: list[Trigger]
    min_replica_count: Int32 | None = None
    max_replica_count: Int32 | None = None
    idle_replica_count: Int32 | None = None
    polling_interval: Int32 | None = None
    cooldown_period: Int32 | None = None
    initial_cooldown_period: Int32 | None = None
    fallback: Any = None
    advanced: Advanced | None = None


class KServeQuery(ApiModel):
    """The query of an external metric."""

    query: str = ""


class KServeMetricSource(ApiModel):
    """A resource or an external metric."""

    name: str | None = None
    metric: KServeQuery | None = None
    target: MetricTarget = Field(default_factory=MetricTarget)


class KServeMetric(ApiModel):
    """An item of `autoScaling.metrics`."""

    type: str
    resource: KServeMetricSource | None = None
    external: KServeMetricSource | None = None


class KServeAutoscaling(ApiModel):
    """`autoScaling` of a component."""

    metrics: list[KServeMetric] | None = None
    behavior: Any = None


class KServeModel(ApiModel):
    """`model` of a predictor: a runtime is chosen for it, and given these arguments."""

    model_format: NamedMetric | None = None
    runtime: str | None = None
    args: list[str] | None = None
    image: str | None = None


class Predictor(ApiModel):
    """`spec.predictor` of a KServe InferenceService."""

    name: str | None = None
    min_replicas: Int32 | None = None
    max_replicas: Int32 | None = None
    scale_target: Int32 | None = None
    scale_metric: str | None = None
    auto_scaling: KServeAutoscaling | None = None
    canary_traffic_percent: Int32 | None = None
    worker_spec: Any = None
    containers: list[dict[str, Any]] | None = None
    model: KServeModel | None = None


class KServeSpec(ApiModel):
    """`spec` of a KServe InferenceService."""

    predictor: Predictor
    transformer: Any = None
    explainer: Any = None
