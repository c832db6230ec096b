"""Small models for tests of the schema, and what becomes of one of them."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, create_model

from tidegate.api.model import ApiModel, Rule
from tidegate.api.schema import structural_schema


class Colour(StrEnum):
    """A colour."""

    RED = "Red"
    BLUE = "Blue"


class Leaf(ApiModel):
    """A leaf.

    It says more
    in a second paragraph.
    """

    size: int = Field(default=3, ge=1, le=9, description="Its size.")
    label: str | None = Field(default=None, max_length=9, description="Its label.")


class Guarded(ApiModel):
    """With a rule."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.low <= self.high", "low is above high", ".low"),
        Rule("self.low != 7", "is unlucky", subject="string(self.low)"),
    )

    low: int = Field(default=1, ge=0, le=9, description="Low.")
    high: int = Field(default=2, ge=0, le=9, description="High.")


class Open(ApiModel):
    """Takes anything beside its name."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(max_length=9, description="Name.")


class Closed(ApiModel):
    """Takes nothing else, as some models of other people do."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=9, description="Name.")


class Bare(ApiModel):
    """Has no defaults but empty ones."""

    label: str | None = Field(default=None, max_length=9, description="Its label.")
    labels: list[Leaf] = Field(default_factory=list, max_length=9, description="Its labels.")


class Tree(ApiModel):
    """Contains itself."""

    children: list["Tree"] = Field(default_factory=list, max_length=2, description="More of it.")


LEAF = {
    "type": "object",
    "properties": {
        "size": {
            "description": "Its size.",
            "type": "integer",
            "format": "int32",
            "minimum": 1,
            "maximum": 9,
            "default": 3,
        },
        "label": {"description": "Its label.", "type": "string", "maxLength": 9},
    },
}
LEAF_TEXT = "A leaf.\n\nIt says more in a second paragraph."


def node(annotation: Any, **field: Any) -> dict[str, Any]:
    """The schema of one field of a model, without the description that every field has."""
    model = create_model("Example", __base__=ApiModel, field=(annotation, Field(description="Text.", **field)))
    found = structural_schema(model)["properties"]["field"]
    assert found.pop("description") == "Text."
    return found
