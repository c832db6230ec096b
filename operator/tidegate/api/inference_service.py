"""InferenceService: one model behind one address."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from tidegate.api.accelerator import Accelerator
from tidegate.api.engine import Engine, ServingEngine
from tidegate.api.inference_service_status import InferenceServiceStatus
from tidegate.api.model import ApiModel, ObjectName, Rule
from tidegate.api.names import DEFAULT_VARIANT
from tidegate.api.quantity import NonNegativeQuantity
from tidegate.api.routing import Routing
from tidegate.api.scaling import MAXIMUM_REPLICAS, Scaling
from tidegate.api.template import PodTemplateOverlay
from tidegate.api.variant import MAXIMUM_VARIANTS, Variant

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
            "!has(self.variants) || self.variants.size() == 0 || (has(self.engine) && (!has(self.routing) ||"
            " !has(self.routing.mode) || self.routing.mode == 'Gateway'))",
            "variants need the gateway, which shares requests out among them: set routing.mode to Gateway, and use "
            "engine instead of targetRef",
            ".variants",
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
    cost_per_hour: NonNegativeQuantity | None = Field(
        default=None,
        description="What one replica costs for an hour, in your currency, for example 0.34. Absent (default): its "
        "share of the price in its AcceleratorProfile; on CPU, and with targetRef, it is not known.",
    )
    variants: list[Variant] = Field(
        default_factory=list,
        max_length=MAXIMUM_VARIANTS,
        description="Other ways to run the same model, each with a Deployment of its own, named NAME-VARIANT; what is "
        "said above is the variant default. Requests are served by the cheapest set of replicas that keeps up with "
        "them, and shared out by what each can do. Only with engine, and in routing.mode Gateway. At most 8. Default: "
        "none.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
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
    def variant_names(self) -> tuple[str, ...]:
        """Every way to run the model, the one that `engine` describes first."""
        return (DEFAULT_VARIANT, *(variant.name for variant in self.variants))

    def of_variant(self, name: str) -> Self:
        """The spec as it would be if the model were run in one way only.

        Its `scaling` bounds that variant alone; what bounds all of them together (minReplicas, schedules, maxReplicas,
        the pin, the budget) is in this spec.

        Args:
            name: one of `variant_names`.

        Raises:
            LookupError: there is no such variant.
        """
        if not self.variants:
            if name == DEFAULT_VARIANT:
                return self
            raise LookupError(f"variant {name!r}: there is none but {DEFAULT_VARIANT}")
        changes: dict[str, object] = {"variants": [], "replicas": None}
        bounds: dict[str, object] = {"min_replicas": 0, "schedules": []}
        if name != DEFAULT_VARIANT:
            variant = next((each for each in self.variants if each.name == name), None)
            if variant is None:
                raise LookupError(f"variant {name!r}: the spec has {', '.join(self.variant_names)}")
            most = self.scaling.max_replicas
            changes |= {
                "engine": variant.engine or self.engine,
                "template": variant.template or self.template,
                "accelerator": variant.accelerator,
                "cost_per_hour": variant.cost_per_hour,
            }
            bounds |= {
                "min_replicas": variant.min_replicas,
                "max_replicas": min(variant.max_replicas or most, most),
                "token_throughput": variant.token_throughput,
            }
        return self.model_copy(update={**changes, "scaling": self.scaling.model_copy(update=bounds)})

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
