from typing import Annotated, Any, Literal

import pytest
from example_models import LEAF, Closed, Colour, Leaf, Open, node
from pydantic import Field, create_model

from tidegate.api.model import ApiModel
from tidegate.api.schema import structural_schema

NAME = {"description": "Name.", "type": "string", "maxLength": 9}


FIELDS = {
    "an integer of 32 bits": (
        Annotated[int, Field(ge=0, le=2**31 - 1)],
        {"type": "integer", "format": "int32", "minimum": 0, "maximum": 2**31 - 1},
    ),
    "an integer without a maximum": (
        Annotated[int, Field(ge=0)],
        {"type": "integer", "format": "int64", "minimum": 0},
    ),
    "an integer above 32 bits": (
        Annotated[int, Field(ge=0, le=2**31)],
        {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**31},
    ),
    "exclusive bounds": (
        Annotated[int, Field(gt=0, lt=9)],
        {
            "type": "integer",
            "format": "int32",
            "minimum": 0,
            "exclusiveMinimum": True,
            "maximum": 9,
            "exclusiveMaximum": True,
        },
    ),
    "a string": (
        Annotated[str, Field(min_length=1, max_length=9, pattern="^[a-z]+$")],
        {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 9},
    ),
    "a time": (
        Annotated[str, Field(json_schema_extra={"format": "date-time"})],
        {"type": "string", "format": "date-time"},
    ),
    "a truth value": (bool, {"type": "boolean"}),
    "an enumeration": (Colour, {"type": "string", "enum": ["Red", "Blue"]}),
    "one word": (Literal["Red"], {"type": "string", "enum": ["Red"]}),
    "some words": (Literal["Red", "Blue"], {"type": "string", "enum": ["Red", "Blue"]}),
    "an integer or a string": (
        Annotated[int, Field(ge=1, le=9)] | Annotated[str, Field(max_length=4, pattern="^[0-9]+m$")],
        {
            "pattern": "^[0-9]+m$",
            "maxLength": 4,
            "minimum": 1,
            "maximum": 9,
            "x-kubernetes-int-or-string": True,
        },
    ),
    "a list": (
        Annotated[list[Annotated[str, Field(max_length=4)]], Field(max_length=2)],
        {
            "type": "array",
            "maxItems": 2,
            "items": {"type": "string", "maxLength": 4},
            "x-kubernetes-list-type": "atomic",
        },
    ),
    "a list told apart by a key": (
        Annotated[
            list[Closed],
            Field(
                max_length=2,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ],
        {
            "type": "array",
            "maxItems": 2,
            "items": {
                "description": "Takes nothing else, as some models of other people do.",
                "type": "object",
                "required": ["name"],
                "properties": {"name": NAME},
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    ),
    "a map": (
        Annotated[dict[str, Annotated[str, Field(max_length=4)]], Field(max_length=2)],
        {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string", "maxLength": 4}},
    ),
    "any document": (dict[str, Any], {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    "an object": (Leaf, LEAF),
    "an object with anything beside its fields": (
        Open,
        {
            "type": "object",
            "required": ["name"],
            "properties": {"name": NAME},
            "x-kubernetes-preserve-unknown-fields": True,
        },
    ),
    "an object with nothing beside its fields": (
        Closed,
        {"type": "object", "required": ["name"], "properties": {"name": NAME}},
    ),
}


class TestFields:
    """What each kind of field becomes."""

    @pytest.mark.parametrize(("annotation", "expected"), FIELDS.values(), ids=FIELDS)
    def test_a_field_becomes_a_node(self, annotation: Any, expected: dict[str, Any]) -> None:
        """Everything is inline, and no keyword is there that the API server refuses."""
        assert node(annotation) == expected

    @pytest.mark.parametrize(("annotation", "expected"), FIELDS.values(), ids=FIELDS)
    def test_an_optional_field_is_the_same_node(self, annotation: Any, expected: dict[str, Any]) -> None:
        """Absent is how Kubernetes writes None: there is no null, neither as a type nor as a default."""
        assert node(annotation | None, default=None) == expected

    def test_keywords_are_written_in_one_order(self) -> None:
        """So that a change of a model shows as a change of one line."""
        assert list(node(Annotated[int, Field(le=9, ge=1)], default=3)) == [
            "type",
            "format",
            "minimum",
            "maximum",
            "default",
        ]

    def test_names_are_in_camel_case(self) -> None:
        """Outside, fields are called as Kubernetes calls them; an alias of its own wins."""
        model = create_model(
            "Example",
            __base__=ApiModel,
            idle_seconds=(int, Field(ge=0, description="Text.")),
            from_=(int, Field(ge=0, alias="from", description="Text.")),
        )
        schema = structural_schema(model)
        assert (list(schema["properties"]), schema["required"]) == (["idleSeconds", "from"], ["idleSeconds", "from"])
