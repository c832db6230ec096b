"""Values of this room as JSON and back, exactly: what a decision was made of can be kept, and decided again.

Driven by type hints, so that a new field of a dataclass needs no line here. Floats keep every bit (JSON numbers are
written as `repr` does; NaN and the infinities, for which JSON has no number, as strings). Mappings keep their order,
for sums of floats depend on it; sets have none, and are sorted. A field that is None, as by default, is left out.
"""

import dataclasses
import math
import types
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]
Value = TypeVar("Value")

KIND = "kind"
"""The key that tells which dataclass of a union an object is."""

_PLAIN = (str, int, bool, types.NoneType)


@dataclasses.dataclass(frozen=True, slots=True)
class _Codec:
    encode: Encode
    decode: Decode


def encode(hint: Any, value: Any) -> Any:
    """Turn a value into what `json.dumps(..., allow_nan=False)` takes.

    Args:
        hint: the value's type: a dataclass, or what a field of one may be.
        value: such a value.

    Raises:
        TypeError: if there is a type below that cannot be told from its JSON; the message names the field.
    """
    return _codec(hint).encode(value)


def decode(hint: type[Value], document: Any) -> Value:
    """Turn it back. Fields that are not known are ignored, and defaults stand for those that are missing.

    Raises:
        ValueError: if the document is no such value: another version wrote it, or nobody did.
        TypeError: as `encode`.
    """
    codec: _Codec = _codec(hint)  # type: ignore[arg-type] # mypy: types cannot be hashed, says functools.cache
    value: Value = codec.decode(document)
    return value


@cache
def _codec(hint: Any) -> _Codec:
    for is_so, make in _MAKERS:
        if is_so(hint):
            return make(hint)
    raise TypeError(f"{hint!r} cannot be told from its JSON; give dataclasses, tuples, frozensets, mappings or enums")


def _is_class(hint: Any, *of: type) -> bool:
    return isinstance(hint, type) and issubclass(hint, of)


def _is_generic(hint: Any, of: type) -> bool:
    return _is_class(get_origin(hint), of)


def _plain(*kinds: type) -> _Codec:
    def decoded(document: Any) -> Any:
        if type(document) not in kinds:
            raise ValueError(f"{_short(document)} is no {' or '.join(kind.__name__ for kind in kinds)}")
        return document

    return _Codec(lambda value: value, decoded)


def _encode_float(value: float) -> float | str:
    return value if math.isfinite(value) else repr(float(value))


def _decode_float(document: Any) -> float:
    if isinstance(document, str) and document in {"nan", "inf", "-inf"}:
        return float(document)
    if type(document) not in {int, float}:
        raise ValueError(f"{_short(document)} is no number")
    number: float = document
    return number


def _tuple(*arguments: Any) -> _Codec:
    if len(arguments) == 2 and arguments[1] is ...:  # noqa: PLR2004 - tuple[X, ...]
        every = _codec(arguments[0])
        return _Codec(
            lambda value: [every.encode(each) for each in value],
            lambda document: tuple([every.decode(each) for each in _list(document)]),
        )
    parts = [_codec(argument) for argument in arguments]
    return _Codec(
        lambda value: [part.encode(each) for part, each in zip(parts, value, strict=True)],
        lambda document: tuple(part.decode(each) for part, each in zip(parts, _list(document), strict=True)),
    )


def _named_tuple(kind: Any) -> _Codec:
    fields = _tuple(*get_type_hints(kind, include_extras=True).values())
    return _Codec(fields.encode, lambda document: kind(*fields.decode(document)))


def _set(argument: Any) -> _Codec:
    every = _codec(argument)
    return _Codec(
        lambda value: sorted((every.encode(each) for each in value), key=repr),
        lambda document: frozenset(every.decode(each) for each in _list(document)),
    )


def _mapping(key: Any, value: Any) -> _Codec:
    keys, values = _codec(key), _codec(value)
    if _is_class(key, str):
        return _Codec(
            lambda given: {keys.encode(name): values.encode(each) for name, each in given.items()},
            lambda document: MappingProxyType(
                {keys.decode(name): values.decode(each) for name, each in _object(document).items()}
            ),
        )
    return _Codec(
        lambda given: [[keys.encode(name), values.encode(each)] for name, each in given.items()],
        lambda document: MappingProxyType({keys.decode(name): values.decode(each) for name, each in _list(document)}),
    )


def _dataclass(kind: Any, *, tagged: bool = False) -> _Codec:
    hints = get_type_hints(kind, include_extras=True)
    fields = []
    for each in dataclasses.fields(kind):
        try:
            fields.append((each, _codec(hints[each.name])))
        except TypeError as error:
            raise TypeError(f"{kind.__name__}.{each.name}: {error}") from None
    rows = [(field.name, codec, field.default is None) for field, codec in fields]
    codecs = {field.name: codec for field, codec in fields}
    required = [field.name for field, _ in fields if _is_required(field)]

    def encoded(value: Any) -> dict[str, Any]:
        document = {KIND: kind.__name__} if tagged else {}
        for name, codec, may_be_left_out in rows:
            given = getattr(value, name)
            if given is not None or not may_be_left_out:
                document[name] = codec.encode(given)
        return document

    def decoded(document: Any) -> Any:
        given = {name: (codecs[name], value) for name, value in _object(document).items() if name in codecs}
        missing = [name for name in required if name not in given]
        if missing:
            raise ValueError(f"{kind.__name__}.{missing[0]} is missing")
        return kind(**{name: _decode_field(kind, name, codec, value) for name, (codec, value) in given.items()})

    return _Codec(encoded, decoded)


def _decode_field(kind: type, name: str, codec: _Codec, document: Any) -> Any:
    try:
        return codec.decode(document)
    except ValueError as error:
        raise ValueError(f"{kind.__name__}.{name}: {error}") from None


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _union(*members: Any) -> _Codec:
    """None, dataclasses, and at most one kind of anything else: what JSON can tell apart."""
    kinds = [member for member in members if isinstance(member, type) and dataclasses.is_dataclass(member)]
    others = [member for member in members if member not in kinds and member is not types.NoneType]
    if float in others and int in others:
        others.remove(int)  # A number either way: which one, JSON tells.
    if len(others) > 1 or (others and kinds and not _is_no_object(others[0])):
        raise TypeError(f"{Union[members]} cannot be told apart in JSON")  # noqa: UP007 - made at run time
    other = _codec(others[0]) if others else None
    by_type = {kind: _dataclass(kind, tagged=len(kinds) > 1) for kind in kinds}
    by_name = {kind.__name__: codec for kind, codec in by_type.items()}

    def encoded(value: Any) -> Any:
        if value is None:
            return None
        codec = by_type.get(type(value), other)
        if codec is None:
            raise TypeError(f"{type(value).__name__} is none of {', '.join(by_name)}")
        return codec.encode(value)

    def decoded(document: Any) -> Any:
        if document is None and types.NoneType in members:
            return None
        if isinstance(document, dict) and kinds:
            codec = by_name.get(str(document.get(KIND, ""))) if len(kinds) > 1 else next(iter(by_name.values()))
        else:
            codec = other
        if codec is None:
            raise ValueError(f"{_short(document)} is none of {', '.join(str(member) for member in members)}")
        return codec.decode(document)

    return _Codec(encoded, decoded)


def _is_no_object(hint: Any) -> bool:
    """Whether no JSON object is made of it."""
    return hint in {*_PLAIN, float} or get_origin(hint) is tuple or _is_class(hint, Enum)


def _list(document: Any) -> Collection[Any]:
    if not isinstance(document, list):
        raise ValueError(f"{_short(document)} is no list")  # noqa: TRY004 - bad data, not a bad call
    return document


def _object(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise ValueError(f"{_short(document)} is no object")  # noqa: TRY004 - as above
    return document


def _short(document: Any) -> str:
    text = repr(document)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - enough to find it


_MAKERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], _Codec]], ...] = (
    (lambda hint: hint in _PLAIN, _plain),
    (lambda hint: hint is float, lambda _: _Codec(_encode_float, _decode_float)),
    (lambda hint: _is_class(hint, Enum), lambda hint: _Codec(lambda value: value.value, hint)),
    (lambda hint: isinstance(hint, type) and dataclasses.is_dataclass(hint), _dataclass),
    (lambda hint: get_origin(hint) is Annotated, lambda hint: _codec(get_args(hint)[0])),
    (lambda hint: get_origin(hint) is Literal, lambda hint: _plain(*{type(each) for each in get_args(hint)})),
    (lambda hint: get_origin(hint) in {Union, types.UnionType}, lambda hint: _union(*get_args(hint))),
    (lambda hint: get_origin(hint) is tuple, lambda hint: _tuple(*get_args(hint))),
    (lambda hint: _is_class(hint, tuple), _named_tuple),
    (lambda hint: _is_generic(hint, Mapping), lambda hint: _mapping(*get_args(hint))),
    (lambda hint: _is_generic(hint, AbstractSet), lambda hint: _set(*get_args(hint))),
)
"""What makes the codec of a type, the first that fits."""
