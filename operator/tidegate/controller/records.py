"""What the store holds of each object: a few fields, never the document.

A cluster of 5,000 services has 10,000 pods; their documents are 100 MB, these records 10.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf
from sys import intern
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from tidegate.api.accelerator_profile import AcceleratorProfileSpec
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import DEFAULT_VARIANT, MAX_COST_ANNOTATION, deployment_name
from tidegate.api.quantity import to_number
from tidegate.cluster.reading import is_leaving, is_ready, seconds
from tidegate.cluster.resources import Key, key_of
from tidegate.controller.pod_end import pod_end
from tidegate.controller.pod_marks import pod_marks
from tidegate.controller.pod_start import PodStart, pod_start
from tidegate.workloads.leaving import PodMarks
from tidegate.workloads.not_starting import Trouble, pod_trouble
from tidegate.workloads.pod_place import NoPlace, no_place

Document = dict[str, Any]
Spec = TypeVar("Spec", bound=BaseModel)

_GRACE_SECONDS = 30.0
"""A pod's `terminationGracePeriodSeconds` where nobody gave one (Kubernetes' default)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """An InferenceService."""

    key: Key
    uid: str
    version: str = field(compare=False)
    """Its `resourceVersion`; each write of a status makes another one, so it is no difference that matters."""

    generation: int
    created: float
    spec: InferenceServiceSpec | None
    """None where this operator cannot read it; `problem` says why."""

    problem: str
    target: str | None
    """Name of the Deployment in `targetRef`, also where the rest of the spec cannot be read: it stays claimed."""

    deleting: bool
    """Its deletion has begun; children that go before it must not be made anew."""

    status: Document
    variant: str = DEFAULT_VARIANT
    """The variant of which it speaks; see `of_variant`."""

    @property
    def workload(self) -> Key:
        """The Deployment that is scaled: our own bears the service's name, and those of its variants their names."""
        return self.workload_of(self.variant)

    def workload_of(self, variant: str) -> Key:
        """The Deployment of one of its variants."""
        return (self.key[0], self.target or deployment_name(self.key[1], variant))

    @property
    def workloads(self) -> tuple[Key, ...]:
        """All Deployments that are scaled, that of the variant default first."""
        if self.spec is None or not self.spec.variants:
            return (self.workload,)
        return tuple(self.workload_of(variant) for variant in self.spec.variant_names)

    @property
    def profiles(self) -> Iterator[tuple[Key, str]]:
        """The Deployments whose pods have accelerators, and the names of the profiles by which they are given."""
        if self.spec is None:
            return
        if self.spec.accelerator is not None:
            yield self.workload, self.spec.accelerator.profile
        for variant in self.spec.variants:
            if variant.accelerator is not None:
                yield self.workload_of(variant.name), variant.accelerator.profile

    def of_variant(self, variant: str, spec: InferenceServiceSpec) -> Self:
        """The same service as if it had but one way to run the model.

        Args:
            variant: the name of that way.
            spec: what `InferenceServiceSpec.of_variant` gives for it.
        """
        return replace(self, variant=variant, spec=spec)

    @property
    def shared_names(self) -> frozenset[str]:
        """The names of its model that it wants to answer to at the shared address."""
        if self.spec is None or self.spec.engine is None or not self.spec.routing.shared:
            return frozenset()
        return frozenset((self.spec.model.name, *self.spec.model.aliases))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRecord:
    """An AcceleratorProfile."""

    name: str
    spec: AcceleratorProfileSpec | None
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRecord:
    """A pod of some Deployment."""

    key: Key
    uid: str
    workload: Key
    address: str
    ready: bool
    leaving: bool
    created: float | None = None
    """When, in seconds since the epoch."""

    template: str = ""
    """Hash of the pod template that it is made of."""

    trouble: Trouble | None = None
    """Why it does not start, once that is known."""

    no_place: NoPlace | None = None
    """Why it has no place to run."""

    start: PodStart | None = None
    """How it got ready; None while it is not."""

    ended: float | None = None
    """When it ended for good, in seconds since the epoch; None while its containers may run."""

    marks: PodMarks = field(default_factory=PodMarks)
    grace_seconds: float = _GRACE_SECONDS
    """From its deletion until it is killed."""

    version: str = field(default="", compare=False)
    """Its `resourceVersion`: most changes of a pod are no difference that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceRecord:
    """A Namespace with a ceiling of cost."""

    name: str
    max_cost_per_hour: float | None
    """None where it cannot be read."""

    problem: str = ""
    """Why it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoscalerRecord:
    """A HorizontalPodAutoscaler on some Deployment."""

    key: Key
    workload: Key


def service_record(document: Document) -> ServiceRecord:
    """Project an InferenceService. A spec that cannot be read becomes a problem, not an error."""
    metadata = document["metadata"]
    spec, problem = _parsed(InferenceServiceSpec, _with_shared_texts(document.get("spec") or {}))
    return ServiceRecord(
        key=key_of(document),
        uid=metadata["uid"],
        version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        created=seconds(metadata.get("creationTimestamp")),
        spec=spec,
        problem=problem,
        target=_target(document.get("spec")),
        deleting="deletionTimestamp" in metadata,
        status=_with_shared_texts(document.get("status") or {}),
    )


def profile_record(document: Document) -> ProfileRecord:
    """Project an AcceleratorProfile."""
    spec, problem = _parsed(AcceleratorProfileSpec, document.get("spec") or {})
    return ProfileRecord(name=document["metadata"]["name"], spec=spec, problem=problem)


def pod_record(document: Document) -> PodRecord | None:
    """Project a pod; None for one that no Deployment made.

    A Deployment's ReplicaSet is named `<deployment>-<pod-template-hash>`, so the pod alone tells its Deployment,
    whoever owns it and whatever its selector.
    """
    metadata, status = document["metadata"], document.get("status") or {}
    template_hash = (metadata.get("labels") or {}).get("pod-template-hash")
    owners = metadata.get("ownerReferences") or ()
    replica_set = next((owner["name"] for owner in owners if owner.get("kind") == "ReplicaSet"), None)
    if not template_hash or replica_set is None or not replica_set.endswith(f"-{template_hash}"):
        return None
    namespace = metadata["namespace"]
    return PodRecord(
        key=(namespace, metadata["name"]),
        uid=metadata["uid"],
        workload=(namespace, replica_set.removesuffix(f"-{template_hash}")),
        address=status.get("podIP", ""),
        ready=is_ready(document),
        leaving=is_leaving(document),
        created=seconds(metadata.get("creationTimestamp")) or None,
        template=intern(template_hash),
        trouble=pod_trouble(status),
        no_place=no_place(document),
        start=pod_start(status),
        ended=pod_end(document),
        marks=pod_marks(metadata),
        grace_seconds=(document.get("spec") or {}).get("terminationGracePeriodSeconds", _GRACE_SECONDS),
        version=metadata.get("resourceVersion", ""),
    )


def autoscaler_record(document: Document) -> AutoscalerRecord | None:
    """Project a HorizontalPodAutoscaler; None for one that scales something else than a Deployment."""
    target = document["spec"]["scaleTargetRef"]
    if target.get("kind") != "Deployment":
        return None
    key = key_of(document)
    return AutoscalerRecord(key=key, workload=(key[0], target["name"]))


def namespace_record(document: Document) -> NamespaceRecord | None:
    """Project a Namespace; None for one without a ceiling."""
    metadata = document["metadata"]
    name, written = metadata["name"], (metadata.get("annotations") or {}).get(MAX_COST_ANNOTATION)
    if written is None:
        return None
    try:
        value = to_number(written)
    except ValueError:
        value = -1.0
    if 0 <= value < inf:
        return NamespaceRecord(name=name, max_cost_per_hour=value)
    problem = (
        f"annotation {MAX_COST_ANNOTATION} of namespace {name}: {written[:40]!r} is not a number, or is negative, and "
        "is ignored; write one such as '12.50'"
    )
    return NamespaceRecord(name=name, max_cost_per_hour=None, problem=problem)


def timestamp(now: float) -> str:
    """A time as Kubernetes writes it."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _with_shared_texts(value: Any) -> Any:
    """Make each text one with its equals: thousands of services are made of the same words."""
    match value:
        case dict():
            return {intern(key): _with_shared_texts(part) for key, part in value.items()}
        case list():
            return [_with_shared_texts(part) for part in value]
        case str():
            return intern(value)
        case _:
            return value


def _target(spec: object) -> str | None:
    reference = spec.get("targetRef") if isinstance(spec, dict) else None
    name = reference.get("name") if isinstance(reference, dict) else None
    return name if isinstance(name, str) and name else None


def _parsed(model: type[Spec], document: Document) -> tuple[Spec | None, str]:
    try:
        return model.model_validate(document), ""
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in ("spec", *first["loc"]))
        found = str(first["input"])[:80]
        return None, f"{field}: {first['msg']} (found {found!r}); mend it, or upgrade an operator older than the CRD"
