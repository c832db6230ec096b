"""InferenceService: one model behind one address."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from tidegate.api.accelerator_profile import MemorySize
from tidegate.api.engine import Engine, ServingEngine
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.api.model import ApiModel, Rule
from tidegate.api.routing import Routing
from tidegate.api.scaling import MAXIMUM_REPLICAS, Scaling

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
AnnotationValue = Annotated[str, Field(max_length=65_536)]


ModelName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]
MAXIMUM_ALIASES = 16


class Model(ApiModel):
    """The model that is served."""

    name: ModelName = Field(
        description="The name that clients send as model, for example llama-3.1-8b. The engine is started to answer to "
        "it, and its metrics are read under it.",
    )
    aliases: list[ModelName] = Field(
        default_factory=list,
        max_length=MAXIMUM_ALIASES,
        description="Other names that clients may send as model at the shared address, at most 16. The engine has to "
        "know them as well, if it checks the name (vLLM: --served-model-name NAME ALIAS). Default: none.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class TargetReference(ApiModel):
    """A Deployment that somebody else owns. Only its replicas are ever written."""

    kind: Literal["Deployment"] = Field(
        default="Deployment", description="Kind of the target. Only Deployment (default) is known."
    )
    name: ObjectName = Field(description="Name of the Deployment, in the namespace of this object.")
    engine: ServingEngine = Field(description="Which engine runs in its pods, and where its metrics are.")


FRACTION_RULE = Rule(
    r"self.matches('^(0?[.](0[1-9]|[1-9][0-9]?)|1([.]00?)?)$')",
    "is not a fraction: write a string above 0 and up to 1 with at most two decimals, such as '0.5' or '0.33'",
    subject="self",
)
Fraction = Annotated[
    str,
    Field(max_length=16, json_schema_extra={"x-kubernetes-validations": [FRACTION_RULE.to_document()]}),
]
"""A share of a device, in whole percent: `"0.5"`, `"0.33"`."""


class Placement(StrEnum):
    """How replicas are laid over nodes."""

    PACK = "Pack"
    SPREAD = "Spread"
    NONE = "None"


class Accelerator(ApiModel):
    """Which accelerators each replica gets."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "!has(self.fraction) || !has(self.memory)",
            "fraction and memory both say how much of a device: keep one of them",
            ".fraction",
        ),
    )

    profile: ObjectName = Field(
        description="Name of the AcceleratorProfile that describes the hardware; `kubectl get accel` lists them."
    )
    count: int = Field(
        default=1,
        ge=1,
        le=64,
        description="How many accelerators each replica gets, or how many it gets a share of: 1 to 64. Default 1.",
    )
    fraction: Fraction | None = Field(
        default=None,
        description="Share of each accelerator, above 0 and up to 1 with at most two decimals, as a string: '0.5'. The "
        "profile must say how its devices are shared; status.accelerator says what was granted. Default: all of it.",
    )
    memory: MemorySize | None = Field(
        default=None,
        description="The same as an amount of memory on each accelerator, for example 10Gi. Give either this or "
        "fraction. With a profile that is not shared: the least that a whole device must have.",
    )
    placement: Placement | None = Field(
        default=None,
        description="Pack: on nodes that others have a share of already, so that whole devices stay free. Spread: over "
        "as many nodes as possible. None: as the scheduler does by itself. Absent (default): Pack for shares, None "
        "for whole devices, of which the scheduler prefers to spread those of one service anyway.",
    )


class Container(ApiModel):
    """One container of the overlay; every field of a Kubernetes container may follow its name."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(
        min_length=1,
        max_length=63,
        description="Name of the container. engine is the main one; every other name adds a container.",
    )


class PodSpecOverlay(ApiModel):
    """Parts of a PodSpec; every field of one may be given."""

    model_config = ConfigDict(extra="allow")

    containers: list[Container] = Field(
        default_factory=list,
        max_length=16,
        description="Containers, each with any field of a Kubernetes container. They merge by name: engine is laid "
        "over the engine's own, for example to give it resources; others are added beside it.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class PodMetadataOverlay(ApiModel):
    """Labels and annotations for the pods."""

    labels: dict[str, LabelValue] = Field(
        default_factory=dict,
        max_length=64,
        description="Labels added to the pods. Those under inference.tidegate.dev/ are taken.",
    )
    annotations: dict[str, AnnotationValue] = Field(
        default_factory=dict, max_length=64, description="Annotations added to the pods."
    )


class PodTemplateOverlay(ApiModel):
    """Any part of a PodTemplateSpec, laid over the one that Tidegate makes."""

    metadata: PodMetadataOverlay = Field(
        default_factory=PodMetadataOverlay, description="Labels and annotations for the pods."
    )
    spec: PodSpecOverlay = Field(
        default_factory=PodSpecOverlay, description="Parts of a PodSpec; any field of one may be given."
    )

    def to_overlay(self) -> dict[str, Any]:
        """Only what the user wrote: defaults of this model are no part of an overlay."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


class MetricsSource(StrEnum):
    """Where the engines' metrics come from."""

    POD_SCRAPE = "PodScrape"
    PROMETHEUS = "Prometheus"


class Metrics(ApiModel):
    """How the engines' metrics reach Tidegate."""

    source: MetricsSource | None = Field(
        default=None,
        description="PodScrape: Tidegate reads the metrics page of each pod itself. Prometheus: it asks the Prometheus "
        "that the operator was told of, which must scrape the pods; sizes then follow demand later, by that "
        "Prometheus' scrape interval. Absent (default): the operator's --metrics-source, PodScrape unless set.",
    )


class InferenceServiceSpec(ApiModel):
    """What the user wants."""

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "has(self.engine) != has(self.targetRef)",
            "give exactly one of engine (Tidegate runs the pods) and targetRef (it scales a Deployment that exists)",
        ),
        Rule(
            "has(self.engine) == has(oldSelf.engine)",
            "engine and targetRef cannot be exchanged for one another: pods and Service would change hands under "
            "traffic; create another InferenceService, and delete this one when that serves",
        ),
        Rule(
            "!has(self.targetRef) || (!has(self.template) && !has(self.accelerator))",
            "template and accelerator are for pods that Tidegate runs: remove them, or use engine instead of targetRef",
            ".targetRef",
        ),
        Rule(
            "!has(self.targetRef) || !has(self.routing) || !has(self.routing.mode) || self.routing.mode == 'None'",
            "with targetRef requests go the way that its owner gave them: remove routing.mode, or use engine instead",
            ".targetRef",
        ),
        Rule(
            "!has(self.scaling) || self.scaling.minReplicas != 0 || (!has(self.targetRef) && (!has(self.routing) ||"
            " !has(self.routing.mode) || self.routing.mode != 'None'))",
            "minReplicas is 0, and without a gateway in the way nobody would wake the service: set it to 1, or "
            "routing.mode to Gateway or Direct (not with targetRef)",
            ".scaling",
        ),
        Rule(
            "!has(self.template) || !has(self.template.metadata) || !has(self.template.metadata.labels)"
            " || !self.template.metadata.labels.exists(l, l.startsWith('inference.tidegate.dev/'))",
            "labels under inference.tidegate.dev/ are taken: selectors are made of them; remove them from the template",
            ".template.metadata.labels",
        ),
    )

    model: Model = Field(description="The model that is served.")
    engine: Engine | None = Field(
        default=None,
        description="The engine to run: Tidegate makes a Deployment and a Service for it, named after this object. "
        "Give either this or targetRef.",
    )
    target_ref: TargetReference | None = Field(
        default=None,
        description="A Deployment that exists, to scale: nothing but its replicas is touched. To watch first, set "
        "scaling.mode to Advisory. Give either this or engine.",
    )
    template: PodTemplateOverlay | None = Field(
        default=None,
        description="Any part of a PodTemplateSpec, laid over the one that Tidegate makes; what is here wins. Maps "
        "merge by key; containers, env and volumes merge by name, ports by containerPort, volumeMounts by mountPath; "
        "tolerations are added; other lists replace. null removes a key, but only `kubectl apply --server-side` sends "
        "nulls. Only with engine.",
    )
    accelerator: Accelerator | None = Field(
        default=None,
        description="Accelerators for each replica. Absent (default): the engine runs on CPU. Only with engine.",
    )
    replicas: Annotated[int, Field(ge=0, le=MAXIMUM_REPLICAS)] | None = Field(
        default=None,
        description="Set: the size is pinned by hand to this number, 0 to 1000, whatever demand, minReplicas and "
        "maxReplicas say; 0 switches the service off. Only mode Automatic carries it out. Absent (default): the size "
        "follows demand. `kubectl scale` sets it; to unset it: tidegate unpin NAME, or "
        'kubectl patch infer NAME --type=merge -p \'{"spec":{"replicas":null}}\'',
    )
    routing: Routing = Field(
        default_factory=Routing,
        description="How requests reach the pods, and what becomes of them while there is none.",
    )
    metrics: Metrics = Field(
        default_factory=Metrics,
        description="How the engines' metrics reach Tidegate. Where they are in the pod is said in engine.metrics.",
    )
    scaling: Scaling = Field(
        default_factory=Scaling,
        description="How the number of replicas follows demand. Each term (tokenThroughput, queueDepth, "
        "kvCache, objectives) proposes a size; the largest wins, within minReplicas, schedules and maxReplicas, no "
        "faster than behavior allows.",
    )

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
    """One model behind one address, on pods that follow its demand.

    KServe and OME have a resource of the same plural. Where one of them is installed too, say `kubectl get infer`, or
    the full name, inferenceservices.inference.tidegate.dev.
    """

    rules: ClassVar[Sequence[Rule]] = (
        Rule(
            "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "is not a fit metadata.name: take at most 40 lower-case letters, digits and '-', a letter first, no '-' "
            "last; its Service and Deployments are named after it",
            subject="self.metadata.name",
        ),
    )

    spec: InferenceServiceSpec = Field(description="What is wanted: a model, the engine that serves it, how it scales.")
    status: InferenceServiceStatus | None = Field(default=None, description="What is, and why. Written by Tidegate.")
