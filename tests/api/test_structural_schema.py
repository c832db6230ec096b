from typing import Annotated, Any, Literal

import pytest
from example_models import LEAF_TEXT, Bare, Colour, Guarded, Leaf, Tree, node
from pydantic import Field, create_model

from tidegate.api.model import ApiModel
from tidegate.api.schema import SchemaError, structural_schema


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
