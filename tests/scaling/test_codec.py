"""What is written as JSON is read back as it was, to the bit."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from types import MappingProxyType, NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.scaling.codec import decode, encode
from tidegate.scaling.decision import Decision
from tidegate.scaling.memory import Memory
from tidegate.scaling.observation import Observation


class Colour(StrEnum):
    """Some words."""

    RED = "Red"


class Point(NamedTuple):
    """A named tuple."""

    x: float
    y: int


ORIGIN = Point(0.0, 0)


@dataclass(frozen=True, slots=True)
class Cat:
    """One member of a union."""

    name: str


@dataclass(frozen=True, slots=True)
class Dog:
    """Another, of the same fields."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """A field of each kind that there may be."""

    required: float
    whole: int | None = 5
    either: int | float = 0
    animal: Cat | Dog | None = None
    cat_or_text: Cat | str = ""
    word: Literal["a", "b"] = "a"
    colour: Colour = Colour.RED
    point: Point = ORIGIN
    triple: tuple[int, str, float] = (0, "", 0.0)
    names: frozenset[str] = frozenset()
    cats: Mapping[str, tuple[Cat, ...]] = field(default_factory=lambda: MappingProxyType({}))
    grid: Mapping[tuple[int, int], bool] = field(default_factory=lambda: MappingProxyType({}))
    colours: Mapping[Colour, float | None] = field(default_factory=lambda: MappingProxyType({}))


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type; of a dataclass with every field drawn, whether it has a default or not."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return st.builds(hint, **{each.name: values(hints[each.name]) for each in fields(hint)})
    if hint is float:
        return st.floats() | st.integers(-10, 10)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3).map(MappingProxyType)
    if origin is tuple:
        endless = arguments[-1] is ...
        return st.lists(values(arguments[0]), max_size=3).map(tuple) if endless else st.tuples(*map(values, arguments))
    if origin not in {None, frozenset, Literal}:
        return st.one_of(*map(values, arguments))
    return st.from_type(hint)


def through_json(hint: Any, value: Any) -> Any:
    """A value after it was written and read."""
    return decode(hint, json.loads(json.dumps(encode(hint, value), allow_nan=False)))


def exactly(value: Any) -> str:
    """Tells values apart that are equal (0.0 and -0.0, 1 and 1.0), and takes one NaN for another."""
    if isinstance(value, frozenset):
        return repr(sorted(value))
    if is_dataclass(value) and not isinstance(value, type):
        parts = {each.name: exactly(getattr(value, each.name)) for each in fields(value)}
        return f"{type(value).__name__}{parts}"
    if isinstance(value, Mapping):
        return repr([(exactly(key), exactly(each)) for key, each in value.items()])
    if isinstance(value, tuple):
        return f"{type(value).__name__}{[exactly(each) for each in value]}"
    return repr(value)


@pytest.mark.parametrize("kind", [Memory, Observation, Decision, Everything], ids=lambda kind: kind.__name__)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_everything_comes_back_to_the_bit(kind: type, data: st.DataObject) -> None:
    """Each field of each type that a decision is made of, drawn from its hint: a new field needs no new test."""
    value = data.draw(values(kind))

    assert exactly(through_json(kind, value)) == exactly(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 0.1 + 0.2, 5e-324, 1.7e308, 1700000000.1234567])
def test_floats_keep_every_bit(value: float) -> None:
    """JSON has no number for some of them; all are valid JSON all the same."""
    assert repr(through_json(float, value)) == repr(value)


def test_a_mapping_keeps_its_order() -> None:
    """Sums of floats depend on it."""
    value = Everything(required=1.0, cats={"b": (), "a": (), "c": ()})

    assert list(through_json(Everything, value).cats) == ["b", "a", "c"]


def test_absent_values_take_no_room() -> None:
    """Most signals of most engines are absent."""
    assert "animal" not in encode(Everything, Everything(required=1.0))
    assert encode(Everything, Everything(required=1.0, whole=None))["whole"] is None


def test_what_another_version_wrote_is_read_as_far_as_it_goes() -> None:
    """Unknown fields are ignored, and defaults stand for missing ones."""
    assert decode(Everything, {"required": 2.5, "invented": 3}) == Everything(required=2.5)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "Everything.required is missing"),
        ([], "[] is no object"),
        ({"required": "much"}, "Everything.required: 'much' is no number"),
        ({"required": [1]}, "Everything.required: [1] is no number"),
        ({"required": 1, "whole": 1.5}, "Everything.whole: 1.5 is no int"),
        ({"required": 1, "colour": "Blue"}, "Everything.colour: 'Blue' is not a valid Colour"),
        ({"required": 1, "names": "abc"}, "Everything.names: 'abc' is no list"),
        ({"required": 1, "triple": [1, "a"]}, "Everything.triple: "),
        ({"required": 1, "animal": {"kind": "Bird", "name": "a"}}, "Everything.animal: "),
        ({"required": 1, "animal": "Cat"}, "Everything.animal: 'Cat' is none of"),
        ({"required": 1, "cats": {"a": [{"name": 1}]}}, "Everything.cats: Cat.name: 1 is no str"),
    ],
)
def test_what_is_no_such_value_is_refused_by_the_name_of_its_field(document: Any, says: str) -> None:
    """Whoever reads a broken file is told where it is broken."""
    with pytest.raises(ValueError, match=re.escape(says)):
        decode(Everything, document)


@pytest.mark.parametrize("hint", [set, object, int | str, Cat | Mapping[str, int], tuple[object, ...]], ids=str)
def test_what_could_not_be_told_apart_is_refused_at_once(hint: Any) -> None:
    """A field of such a type fails this room's tests, not a recording."""

    @dataclass
    class Holder:
        field: hint

    with pytest.raises(TypeError, match=r"Holder\.field: .* cannot be told"):
        encode(Holder, Holder(NoneType))
