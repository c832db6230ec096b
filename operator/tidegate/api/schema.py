"""Turns an API model into the structural schema that a CustomResourceDefinition needs.

pydantic writes JSON Schema; the API server takes a dialect of it: nothing by reference, no `null` branches, no unions,
and keywords of its own. This generator is the bridge, and the place where the API's promises are kept: a model is
refused unless every field is described and every string, list, map and integer is bounded.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tidegate.api.model import ApiModel

Schema = dict[str, Any]

KEYWORDS = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "default",
    "required",
    "properties",
    "items",
    "additionalProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
"""What a node may carry, in the order in which it is written."""

REFUSED = {
    "anyOf": "is a union: use an object with optional fields, or int | str for a quantity",
    "oneOf": "is a union: use an object with optional fields",
    "prefixItems": "is a tuple: use an object with named fields",
    "uniqueItems": "is a set: use a list",
    "propertyNames": "bounds the keys of a map, which the API server cannot: bound them by a CEL rule",
    "multipleOf": "has a step, which people cannot guess: choose a unit",
}
"""Keywords of pydantic that have no counterpart, and what to do instead."""

NEEDED_BOUNDS = {"string": "maxLength", "array": "maxItems", "object": "maxProperties", "integer": "minimum"}
"""By type: the keyword without which a value can be of any size."""

LARGEST_INT32 = 2**31 - 1


class SchemaError(ValueError):
    """A model that cannot become a structural schema; the message names each field at fault and the fix."""


def structural_schema(model: type[ApiModel]) -> Schema:
    """Describe a model in the API server's dialect of OpenAPI v3.

    Args:
        model: the model of an object or of a part of one.

    Returns:
        A schema with everything inlined, defaults and CEL rules included, ready for `openAPIV3Schema`.

    Raises:
        SchemaError: the model uses what the dialect lacks, or a field lacks a description or a bound.
    """
    source = model.model_json_schema(schema_generator=_Source)
    schema = _Translation(source.pop("$defs", {})).node(source, (model.__name__,), ())
    faults = list(_faults(schema, (model.__name__,)))
    if faults:
        raise SchemaError("\n".join(faults))
    return schema


class _Source(GenerateJsonSchema):
    """pydantic's generator, told of what it leaves out: defaults made by factories, and our rules."""

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        """The default, made where it is made by a factory."""
        factory = schema.get("default_factory")
        return super().get_default_value(schema) if factory is None else factory()  # type: ignore[call-arg] # No factory of ours takes the other fields.

    def encode_default(self, dft: Any) -> Any:
        """A sub-object's default with all its fields: the API server checks it against the CEL rules as it stands."""
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", by_alias=True)
        return super().encode_default(dft)

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Nothing: the translation has its own order."""
        del parent_key
        return value

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The schema of a model, with its rules."""
        found = super().model_schema(schema)
        rules = getattr(schema["cls"], "rules", ())
        return {**found, "x-kubernetes-validations": [rule.to_document() for rule in rules]} if rules else found


class _Translation:
    """Translates one node after the other, children first."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions

    def node(self, source: Schema, path: tuple[str, ...], ancestors: tuple[str, ...]) -> Schema:
        """Translate a node.

        Args:
            source: pydantic's schema of it.
            path: names of the fields from the root to it, for error messages.
            ancestors: definitions that it is a part of, to notice one that contains itself.
        """
        source, ancestors = self._inlined(source, path, ancestors)
        found = _constants(_integer_or_string(source))
        for keyword, reason in REFUSED.items():
            if keyword in found:
                raise SchemaError(f"{_name(path)} {reason}")
        self._fill(found, path, ancestors)
        unknown = sorted(set(found) - set(KEYWORDS) - {"title"})
        if unknown:
            raise SchemaError(f"{_name(path)} has {', '.join(unknown)}, which no structural schema knows: remove it")
        return {keyword: found[keyword] for keyword in KEYWORDS if keyword in found}

    def _inlined(
        self, source: Schema, path: tuple[str, ...], ancestors: tuple[str, ...]
    ) -> tuple[Schema, tuple[str, ...]]:
        """What the node refers to, with what the field itself says laid over it; optional fields lose their `null`."""
        while True:
            branches = [branch for branch in source.get("anyOf", ()) if branch.get("type") != "null"]
            if "$ref" in source:
                name = source["$ref"].rpartition("/")[2]
                if name in ancestors:
                    raise SchemaError(f"{_name(path)} contains itself ({name}): structural schemas end somewhere")
                ancestors = (*ancestors, name)
                inner = self.definitions[name]
            elif len(branches) == 1:
                inner = branches[0]
            else:
                return source, ancestors
            source = {**inner, **{key: value for key, value in source.items() if key not in {"$ref", "anyOf"}}}

    def _fill(self, found: Schema, path: tuple[str, ...], ancestors: tuple[str, ...]) -> None:
        """Translate the children, then what depends on them."""
        if "description" in found:
            found["description"] = _paragraphs(found["description"])
        if "properties" in found:
            found["properties"] = {
                name: self.node(field, (*path, name), ancestors) for name, field in found["properties"].items()
            }
        if "items" in found:
            found["items"] = self.node(found["items"], (*path, "[]"), ancestors)
            found.setdefault("x-kubernetes-list-type", "atomic")
        if "additionalProperties" in found:
            values = found.pop("additionalProperties")
            if values is True:
                found["x-kubernetes-preserve-unknown-fields"] = True
            elif values is not False:  # False is how the API server treats unknown fields anyway: it prunes them.
                found["additionalProperties"] = self.node(values, (*path, "*"), ancestors)
        if found.get("type") == "integer":
            found.setdefault("format", "int32" if found.get("maximum", LARGEST_INT32 + 1) <= LARGEST_INT32 else "int64")
        default = _substance(found.pop("default", None))
        if default is not None:
            found["default"] = default


def _integer_or_string(source: Schema) -> Schema:
    """`int | str`: the bounds of both stand side by side, each applies to its own type."""
    branches = [branch for branch in source.get("anyOf", ()) if branch.get("type") != "null"]
    if [branch.get("type") for branch in branches] != ["integer", "string"]:
        return dict(source)
    bounds = {key: value for branch in branches for key, value in branch.items() if key != "type"}
    rest = {key: value for key, value in source.items() if key != "anyOf"}
    return {**bounds, **rest, "x-kubernetes-int-or-string": True}


def _constants(source: Schema) -> Schema:
    """Keywords that only change their form: `const`, and exclusive bounds, which are flags beside a bound here."""
    found = dict(source)
    if "const" in found:
        found["enum"] = [found.pop("const")]
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in found:
            found[bound], found[exclusive] = found[exclusive], True
    return found


def _substance(default: Any) -> Any:
    """What of a default says more than an absent field does; None if nothing: null and empty do not."""
    if isinstance(default, dict):
        fields = {name: _substance(value) for name, value in default.items()}
        default = {name: value for name, value in fields.items() if value is not None}
    return None if default in ("", [], {}) else default


def _faults(schema: Schema, path: tuple[str, ...]) -> Iterator[str]:
    """What a schema lacks of the API's promises, a sentence each."""
    kind = schema.get("type", "string" if "x-kubernetes-int-or-string" in schema else "")
    needed = NEEDED_BOUNDS.get(kind, "")
    # Names of fields bound an object, values an enumeration, and the format a time.
    is_bounded = {"enum", "properties", "x-kubernetes-preserve-unknown-fields"} & set(schema) or (
        schema.get("format") == "date-time"
    )
    if needed and needed not in schema and not is_bounded:
        yield f"{_name(path)} has no {needed}: bound it"
    for name, field in schema.get("properties", {}).items():
        if not field.get("description"):
            yield f"{_name((*path, name))} has no description: say what it is, its unit and its default"
        yield from _faults(field, (*path, name))
    if "items" in schema:
        yield from _faults(schema["items"], (*path, "[]"))
    if "additionalProperties" in schema:
        yield from _faults(schema["additionalProperties"], (*path, "*"))


def _paragraphs(text: str) -> str:
    """A docstring's text, without the line breaks of its source."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _name(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(".[]", "[]")
