"""Any part of a PodTemplateSpec, laid over the one that Tidegate makes."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from tidegate.api.model import ApiModel, LabelValue

AnnotationValue = Annotated[str, Field(max_length=65_536)]


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
