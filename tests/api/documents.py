"""Documents as the API server accepts them: a hypothesis strategy made from a structural schema."""

import re
from typing import Any

from hypothesis import strategies as st

LONGEST_LIST = 2
INTEGERS_AND_STRINGS = st.one_of(
    st.integers(1, 10**9), st.integers(1, 10**6).map(str), st.integers(1, 999).map("{}m".format), st.just("0.5")
)
"""Within the rules of every quantity: a schema cannot tell them, they are CEL."""

EXTRAS = st.dictionaries(
    st.sampled_from(["resources", "volumes", "env", "x"]),
    st.recursive(
        st.one_of(st.booleans(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=2), st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=2)
        ),
        max_leaves=4,
    ),
    max_size=2,
)
"""What may stand beside the fields of an object that keeps unknown ones."""


def documents(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Everything that a structural schema lets through, CEL rules and list keys aside.

    Args:
        schema: a node of `openAPIV3Schema`.

    Returns:
        A strategy of JSON values; lists and maps are kept short.
    """
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return INTEGERS_AND_STRINGS
    return _BY_TYPE[schema["type"]](schema)


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "additionalProperties" in schema:
        return st.dictionaries(
            st.text("abc./-", min_size=1, max_size=9), documents(schema["additionalProperties"]), max_size=LONGEST_LIST
        )
    fields = {name: documents(field) for name, field in schema.get("properties", {}).items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    found = st.fixed_dictionaries(required, optional=fields)
    if not schema.get("x-kubernetes-preserve-unknown-fields"):
        return found
    return st.tuples(EXTRAS, found).map(lambda parts: {**parts[0], **parts[1]})


def _lists(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    least = schema.get("minItems", 0)
    return st.lists(
        documents(schema["items"]), min_size=least, max_size=max(least, min(schema["maxItems"], LONGEST_LIST))
    )


def _strings(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if schema.get("format") == "date-time":
        return st.just("2026-01-01T00:00:00Z")
    least, most = schema.get("minLength", 0), schema["maxLength"]
    if "pattern" not in schema:
        return st.text(min_size=least, max_size=min(most, 20))
    texts = st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
    return texts.filter(lambda text: least <= len(text) <= most)


def _integers(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.integers(schema["minimum"], schema.get("maximum", 2**63 - 1))


_BY_TYPE = {
    "object": _objects,
    "array": _lists,
    "string": _strings,
    "integer": _integers,
    "boolean": lambda _: st.booleans(),
}
