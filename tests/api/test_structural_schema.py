from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import ConfigDict, Field, create_model

from tidegate.api.model import ApiModel, Rule
from tidegate.api.schema import SchemaError, structural_schema


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
NAME = {"description": "Name.", "type": "string", "maxLength": 9}


def node(annotation: Any, **field: Any) -> dict[str, Any]:
    """The schema of one field of a model, without the description that every field has."""
    model = create_model("Example", __base__=ApiModel, field=(annotation, Field(description="Text.", **field)))
    found = structural_schema(model)["properties"]["field"]
    assert found.pop("description") == "Text."
    return found


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


class TestDescriptions:
    """Where `kubectl explain` gets its sentences."""

    def test_a_field_speaks_for_itself(self) -> None:
        """What a field says of an object wins over what its class says of all such objects."""
        assert structural_schema(Leaf)["properties"]["size"]["description"] == "Its size."

    def test_a_class_speaks_for_fields_that_do_not(self) -> None:
        """Paragraphs stay, the line breaks of the source go."""
        model = create_model("Example", __base__=ApiModel, leaf=(Leaf, Field()))
        assert structural_schema(model)["properties"]["leaf"]["description"] == LEAF_TEXT


DEFAULTS = {
    "a number": (Annotated[int, Field(ge=0)], {"default": 3}, 3),
    "zero": (Annotated[int, Field(ge=0)], {"default": 0}, 0),
    "false": (bool, {"default": False}, False),
    "an enumeration's, as text": (Colour, {"default": Colour.BLUE}, "Blue"),
    "made by a factory": (
        Annotated[list[Annotated[str, Field(max_length=9)]], Field(max_length=9)],
        {"default_factory": lambda: ["a"]},
        ["a"],
    ),
    "an object's, written out": (Leaf, {"default_factory": Leaf}, {"size": 3}),
    "an object's that differs": (Leaf, {"default": Leaf(size=5, label="x")}, {"size": 5, "label": "x"}),
}
NO_DEFAULTS = {
    "none": (Leaf | None, {"default": None}),
    "an empty text": (Annotated[str, Field(max_length=9)], {"default": ""}),
    "an empty list": (Annotated[list[Leaf], Field(max_length=9)], {"default_factory": list}),
    "an empty map": (Annotated[dict[str, Leaf], Field(max_length=9)], {"default_factory": dict}),
    "an object without defaults of its own": (Bare, {"default_factory": Bare}),
}


class TestDefaults:
    """Defaults that the API server fills in."""

    @pytest.mark.parametrize(("annotation", "field", "expected"), DEFAULTS.values(), ids=DEFAULTS)
    def test_a_default_is_written(self, annotation: Any, field: dict[str, Any], expected: Any) -> None:
        """Those of objects in full: the API server checks them against the rules before it fills in what is inside."""
        assert node(annotation, **field)["default"] == expected

    @pytest.mark.parametrize(("annotation", "field"), NO_DEFAULTS.values(), ids=NO_DEFAULTS)
    def test_one_that_says_nothing_is_not(self, annotation: Any, field: dict[str, Any]) -> None:
        """Null and empty mean the same as absent, and would only clutter what users read back."""
        assert "default" not in node(annotation, **field)


class TestRules:
    """CEL rules."""

    def test_they_stand_on_the_object_that_has_them(self) -> None:
        """With the message, the field to blame and the value to quote."""
        model = create_model("Example", __base__=ApiModel, guarded=(Guarded | None, Field(default=None)))
        assert structural_schema(model)["properties"]["guarded"]["x-kubernetes-validations"] == [
            {"rule": "self.low <= self.high", "message": "low is above high", "fieldPath": ".low"},
            {
                "rule": "self.low != 7",
                "message": "is unlucky",
                "messageExpression": 'string(self.low) + " is unlucky"',
            },
        ]

    def test_subclasses_inherit_them(self) -> None:
        """Without naming them again."""
        more = create_model("More", __base__=Guarded)
        assert structural_schema(more)["x-kubernetes-validations"][0]["message"] == "low is above high"


REFUSED = {
    "a tuple": (tuple[int, int], {}, "Example.field is a tuple"),
    "a set": (set[int], {}, "Example.field is a set"),
    "a union of objects": (Leaf | Guarded, {}, "Example.field is a union"),
    "a union of an object and a word": (Leaf | Literal["none"], {}, "Example.field is a union"),
    "a float or a string": (float | str, {}, "Example.field is a union"),
    "bounded keys": (
        Annotated[dict[Annotated[str, Field(max_length=4)], Leaf], Field(max_length=9)],
        {},
        "Example.field bounds the keys of a map",
    ),
    "a step": (Annotated[int, Field(ge=0, multiple_of=5)], {}, "Example.field has a step"),
    "a keyword nobody knows": (
        Annotated[str, Field(max_length=9)],
        {"json_schema_extra": {"x-order": 1}},
        "Example.field has x-order, which no structural schema knows",
    ),
    "a string of any length": (str, {}, "Example.field has no maxLength"),
    "a list of any length": (list[Leaf], {}, "Example.field has no maxItems"),
    "a list of strings of any length": (
        Annotated[list[str], Field(max_length=9)],
        {},
        "Example.field[] has no maxLength",
    ),
    "a map of any size": (dict[str, Leaf], {}, "Example.field has no maxProperties"),
    "a map of strings of any length": (
        Annotated[dict[str, str], Field(max_length=9)],
        {},
        "Example.field.* has no maxLength",
    ),
    "an integer that may be negative": (int, {}, "Example.field has no minimum"),
    "an integer or a string of any length": (int | str, {}, "Example.field has no maxLength"),
    "a field nobody describes": (bool, {"description": None}, "Example.field has no description"),
}


class TestRefusals:
    """Models that cannot become a structural schema, or would break a promise of the API."""

    @pytest.mark.parametrize(("annotation", "field", "message"), REFUSED.values(), ids=REFUSED)
    def test_the_field_is_named(self, annotation: Any, field: dict[str, Any], message: str) -> None:
        """With its path, and with what is wrong."""
        model = create_model(
            "Example", __base__=ApiModel, field=(annotation, Field(**{"description": "Text.", **field}))
        )
        with pytest.raises(SchemaError) as raised:
            structural_schema(model)
        assert message in str(raised.value)

    def test_deep_in_other_objects_too(self) -> None:
        """The path leads through objects, lists and maps."""
        inner = create_model("Inner", __base__=ApiModel, bad=(str, Field(description="Text.")))
        outer = create_model(
            "Outer",
            __base__=ApiModel,
            inner=(Annotated[dict[str, list[inner]], Field(max_length=1)], Field(description="Text.")),
        )
        with pytest.raises(SchemaError, match=r"Outer\.inner\.\*\[\]\.bad has no maxLength"):
            structural_schema(outer)

    def test_all_broken_promises_are_told_at_once(self) -> None:
        """A line each, so that a new model is mended in one go."""
        model = create_model("Example", __base__=ApiModel, one=(str, Field()), two=(int, Field(description="Text.")))
        with pytest.raises(SchemaError) as raised:
            structural_schema(model)
        assert len(str(raised.value).splitlines()) == 3

    def test_a_model_that_contains_itself(self) -> None:
        """It has no end that could be written down."""
        with pytest.raises(SchemaError, match=r"Tree\.children\[\] contains itself \(Tree\)"):
            structural_schema(Tree)
