"""The CustomResourceDefinitions: names, columns and subresources around the schemas of the models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tidegate.api.accelerator_profile import AcceleratorProfile
from tidegate.api.inference_service import InferenceService
from tidegate.api.model import ApiModel
from tidegate.api.names import GROUP, VERSION
from tidegate.api.schema import structural_schema

HEADER = "# Generated from operator/tidegate/api by `make generate`: edit the models there, not this file.\n"
LINE_WIDTH = 120

OBJECT_PROPERTIES: Final[Mapping[str, Any]] = {
    "apiVersion": {"description": f"{GROUP}/{VERSION}.", "type": "string"},
    "kind": {"description": "The kind of this object.", "type": "string"},
    "metadata": {"type": "object"},
}
"""What every object has. The API server fills in the schema of `metadata`."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`.

    Attributes:
        name: its heading.
        type: string, integer or date.
        path: JSON path of its value.
        is_wide: shown only by `kubectl get --output wide`.
        description: shown to programs that read the table.
    """

    name: str
    type: str
    path: str
    description: str
    is_wide: bool = False

    def to_document(self) -> dict[str, Any]:
        """The column as `additionalPrinterColumns` has it."""
        column = {"name": self.name, "type": self.type, "description": self.description, "jsonPath": self.path}
        return {**column, "priority": 1} if self.is_wide else column


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object, as clients name it.

    Attributes:
        model: its fields; the model's class is named as the kind.
        plural: as in URLs and `kubectl get`.
        short_names: other names for `kubectl get`.
        categories: names that list this kind among others.
        scope: Namespaced or Cluster.
        columns: columns of `kubectl get`, after the name.
        subresources: as in the CustomResourceDefinition.
    """

    model: type[ApiModel]
    plural: str
    short_names: tuple[str, ...]
    scope: str
    columns: tuple[Column, ...]
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Any] | None = None

    def to_document(self) -> dict[str, Any]:
        """The CustomResourceDefinition, ready to be applied."""
        kind = self.model.__name__
        names: dict[str, Any] = {
            "kind": kind,
            "listKind": f"{kind}List",
            "plural": self.plural,
            "singular": kind.lower(),
            "shortNames": list(self.short_names),
        }
        if self.categories:
            names["categories"] = list(self.categories)
        version: dict[str, Any] = {"name": VERSION, "served": True, "storage": True}
        if self.subresources is not None:
            version["subresources"] = dict(self.subresources)
        version["additionalPrinterColumns"] = [column.to_document() for column in self.columns]
        schema = structural_schema(self.model)
        schema["properties"] = {**OBJECT_PROPERTIES, **schema["properties"]}
        version["schema"] = {"openAPIV3Schema": schema}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{GROUP}"},
            "spec": {"group": GROUP, "names": names, "scope": self.scope, "versions": [version]},
        }


AGE = Column("Age", "date", ".metadata.creationTimestamp", "When the object was created.")

INFERENCE_SERVICES = Resource(
    model=InferenceService,
    plural="inferenceservices",
    short_names=("infer",),
    categories=("inference",),
    scope="Namespaced",
    subresources={
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    },
    columns=(
        Column("Model", "string", ".spec.model.name", "The model that is served."),
        Column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether the service answers."),
        Column("Replicas", "integer", ".status.replicas", "Pods there are, ready or not."),
        Column("Desired", "integer", ".status.desiredReplicas", "Pods there should be."),
        Column(
            "Tokens/s",
            "string",
            ".status.signals.arrivingPerSecond",
            "Work that arrives per second: prompt and generated tokens, or the workUnit of a Custom engine.",
        ),
        Column("Queue", "integer", ".status.signals.waiting", "Requests that wait in the engines."),
        Column("Cost/h", "string", ".status.cost.perHour", "What the pods that are there cost for an hour."),
        Column("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', "Why it is ready or is not."),
        Column("Min", "integer", ".spec.scaling.minReplicas", "Fewest replicas.", is_wide=True),
        Column("Max", "integer", ".spec.scaling.maxReplicas", "Most replicas.", is_wide=True),
        Column("Mode", "string", ".spec.scaling.mode", "Automatic, Advisory or Paused.", is_wide=True),
        Column("Pinned", "integer", ".spec.replicas", "The size it is pinned to by hand, if it is.", is_wide=True),
        Column("URL", "string", ".status.url", "Address inside the cluster.", is_wide=True),
        AGE,
    ),
)

ACCELERATOR_PROFILES = Resource(
    model=AcceleratorProfile,
    plural="acceleratorprofiles",
    short_names=("accel",),
    scope="Cluster",
    columns=(
        Column("Resource", "string", ".spec.resourceName", "The extended resource that pods ask for."),
        Column("Runtime-Class", "string", ".spec.runtimeClassName", "RuntimeClass of the pods.", is_wide=True),
        AGE,
    ),
)

RESOURCES = (INFERENCE_SERVICES, ACCELERATOR_PROFILES)


def manifests() -> dict[str, str]:
    """Every CustomResourceDefinition as the text of a file.

    Returns:
        File name to YAML; the same models give the same bytes.
    """
    return {f"{resource.plural}.yaml": HEADER + _yaml(resource.to_document()) for resource in RESOURCES}


class _Dumper(yaml.SafeDumper):
    """YAML for people: no anchors, and long sentences as folded blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        """Repeat what occurs twice: a reader should not have to look up an anchor."""
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Indent lists below their key."""
        del indentless
        super().increase_indent(flow, indentless=False)


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = ">" if len(text) > LINE_WIDTH // 2 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=LINE_WIDTH, allow_unicode=True)
