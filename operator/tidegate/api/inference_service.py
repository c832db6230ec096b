"""InferenceService: one model behind one address."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from tidegate.api.behavior import Behavior
from tidegate.api.engine import Engine, ServingEngine
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.api.model import ApiModel, Rule
from tidegate.api.quantity import PositiveQuantity

MAXIMUM_REPLICAS = 1000
Replicas = Annotated[int, Field(le=MAXIMUM_REPLICAS)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
LabelMap = Annotated[dict[str, Annotated[str, Field(max_length=65_536)]], Field(max_length=64)]


class Model(ApiModel):
    """The model that is served."""

    name: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$",
        description="The name that clients send as `model`. The engine is started to answer to it, and its metrics "
        "are read for it.",
    )


class TargetReference(ApiModel):
    """A Deployment that somebody else owns. Only its replicas are ever written."""

    kind: Literal["Deployment"] = Field(default="Deployment", description="Kind of the target: Deployment.")
    name: ObjectName = Field(description="Name of the Deployment, in this namespace.")
    engine: ServingEngine = Field(description="Which engine runs in its pods, and where its metrics are.")


class Accelerator(ApiModel):
    """Which accelerators each replica gets."""

    profile: ObjectName = Field(description="Name of the AcceleratorProfile that describes the hardware.")
    count: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Whole accelerators for each replica. Default 1.",
    )


class Container(ApiModel):
    """One container of the overlay; every field of a Kubernetes container may follow its name."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(min_length=1, max_length=63, description="Name of the container; `engine` is the main one.")


class PodSpecOverlay(ApiModel):
    """Parts of a PodSpec; every field of it may be given."""

    model_config = ConfigDict(extra="allow")

    containers: list[Container] = Field(
        default_factory=list,
        max_length=16,
        description="Containers, merged by name: `engine` is laid over the engine's container, others are added.",
    )


class PodMetadataOverlay(ApiModel):
    """Labels and annotations for the pods."""

    labels: LabelMap = Field(default_factory=dict, description="Labels added to the pods.")
    annotations: LabelMap = Field(default_factory=dict, description="Annotations added to the pods.")


class PodTemplateOverlay(ApiModel):
    """Any part of a PodTemplateSpec, laid over the one that Tidegate makes."""

    metadata: PodMetadataOverlay = Field(default_factory=PodMetadataOverlay, description="Labels and annotations.")
    spec: PodSpecOverlay = Field(default_factory=PodSpecOverlay, description="Parts of the PodSpec.")

    def to_overlay(self) -> dict[str, Any]:
        """Only what the user wrote: defaults of this model are no part of an overlay."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


class Mode(StrEnum):
    """What happens with a decision."""

    AUTOMATIC = "Automatic"
    ADVISORY = "Advisory"
    PAUSED = "Paused"


class TokenThroughput(ApiModel):
    """Scale on the work that arrives."""

    target_per_replica: PositiveQuantity = Field(
        description="Prompt and generated tokens per second, of arriving requests, that one replica is given. With an "
        "engine of type Custom: its workUnit per second. An integer, or a string such as '0.5'."
    )


class QueueDepth(ApiModel):
    """Scale on the requests that wait."""

    target_per_replica: PositiveQuantity = Field(
        default=4,
        description="Waiting requests per replica that are left to wait; what waits beyond them adds replicas. "
        "Default 4.",
    )
    drain_seconds: int = Field(
        default=30,
        ge=1,
        le=3600,
        description="Seconds within which the requests that wait beyond the target should have been started. "
        "Default 30.",
    )


class Scaling(ApiModel):
    """How the number of replicas follows demand. The largest of the terms' proposals wins."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "minReplicas must not be above maxReplicas: lower minReplicas or raise maxReplicas",
            ".minReplicas",
        ),
    )

    mode: Mode = Field(
        default=Mode.AUTOMATIC,
        description="Automatic (default): decide and scale. Advisory: decide and explain, never scale. Paused: "
        "neither decide nor scale. All of them keep the Deployment's body and the status up to date.",
    )
    min_replicas: Replicas = Field(default=1, ge=1, description="Fewest replicas. Default 1.")
    max_replicas: Replicas = Field(default=8, ge=1, description="Most replicas, 1 to 1000. Default 8.")
    token_throughput: TokenThroughput | None = Field(
        default=None, description="Scale on arriving tokens per second. Absent: this term proposes nothing."
    )
    queue_depth: QueueDepth = Field(default_factory=QueueDepth, description="Scale on waiting requests. Always on.")
    behavior: Behavior = Field(
        default_factory=Behavior,
        description="How fast the size may change: exactly the `behavior` of HorizontalPodAutoscaler autoscaling/v2.",
    )


class InferenceServiceSpec(ApiModel):
    """What the user wants."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "has(self.engine) != has(self.targetRef)",
            "give exactly one of engine (Tidegate runs the pods) and targetRef (it scales a Deployment that exists)",
        ),
        Rule(
            "!has(self.targetRef) || (!has(self.template) && !has(self.accelerator))",
            "template and accelerator are for pods that Tidegate runs: remove them, or use engine instead of targetRef",
        ),
        Rule(
            "!has(self.template) || !has(self.template.spec) || !has(self.template.spec.containers)"
            " || self.template.spec.containers.filter(c, c.name == 'engine').size() <= 1",
            "template.spec.containers names `engine` twice: it is one container; merge the two entries",
            ".template",
        ),
        Rule(
            "!has(self.template) || !has(self.template.metadata) || !has(self.template.metadata.labels)"
            " || !self.template.metadata.labels.exists(l, l.startsWith('inference.tidegate.dev/'))",
            "template.metadata.labels must not set labels under inference.tidegate.dev/: the selector is made of them",
            ".template",
        ),
    )

    model: Model = Field(description="The model that is served.")
    engine: Engine | None = Field(
        default=None, description="The engine to run. Exactly one of engine and targetRef is given."
    )
    target_ref: TargetReference | None = Field(
        default=None,
        description="An existing Deployment to scale: nothing but its replicas is touched. Exactly one of engine and "
        "targetRef is given.",
    )
    template: PodTemplateOverlay | None = Field(
        default=None,
        description="Any part of a PodTemplateSpec, laid over the generated one: maps merge by key; containers, env "
        "and volumes by name; ports by containerPort; mounts by mountPath; tolerations are added; other lists replace.",
    )
    accelerator: Accelerator | None = Field(
        default=None, description="Accelerators of each replica. Absent: the engine runs on CPU."
    )
    replicas: Annotated[int, Field(ge=0, le=MAXIMUM_REPLICAS)] | None = Field(
        default=None,
        description="Set: the size is pinned by hand to this number, whatever demand and bounds say; 0 switches the "
        "service off. Unset (default): the size is decided from demand. `kubectl scale` sets it; to unset it: "
        'kubectl patch infer NAME --type=merge -p \'{"spec":{"replicas":null}}\'.',
    )
    scaling: Scaling = Field(default_factory=Scaling, description="How the number of replicas follows demand.")

    @property
    def serving_engine(self) -> ServingEngine:
        """The engine that answers in the pods, whoever owns them.

        Raises:
            ValueError: if the spec has neither; the API server refuses such a spec.
        """
        if self.engine is not None:
            return self.engine
        if self.target_ref is not None:
            return self.target_ref.engine
        raise ValueError("spec: give exactly one of engine and targetRef")


class InferenceService(ApiModel):
    """One model behind one address, on pods that follow its demand."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name must be at most 40 lower-case letters, digits or '-', starting with a letter: its Service "
            "and Deployments are named after it",
        ),
    )

    spec: InferenceServiceSpec = Field(description="What is wanted.")
    status: InferenceServiceStatus | None = Field(default=None, description="What is, and why. Written by Tidegate.")
