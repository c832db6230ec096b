"""Reads `metadata.managedFields`: who set which field of an object.

A field set is a tree with the keys of the FieldsV1 format: `f:<name>` is a field of a map, `k:{...}` the item of a list
with these keys, `v:<value>` an item of a set, `.` the thing itself; an empty tree is a leaf, or a list or map that is
owned as a whole.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from sys import intern
from typing import Any, Union

FieldSet = Mapping[str, Union["FieldSet", Mapping[str, Any]]]

Path = tuple[str, ...]
"""Keys of a field set from its root to one field, such as `("f:spec", "f:replicas")`."""

APPLY = "Apply"
"""Operation of a server-side apply; every other write is an `Update`."""

_DISTINCT_TEXTS = 4096
"""Of parts of trees that are kept to be shared."""

_IDENTITY: frozenset[Path] = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace")}
)
"""Fields that name an object; nobody owns them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldManager:
    """One writer of an object, as the API server has recorded it.

    The time that is recorded beside it is left out: writes through /scale have none.
    """

    name: str
    """What the writer called itself: tidegate, kubectl-edit, helm, ..."""

    operation: str
    """Apply or Update."""

    subresource: str
    """`scale` for writes through /scale; empty for the object itself."""

    fields: FieldSet

    def owns(self, path: Path) -> bool:
        """Whether it owns a field, by itself or through a parent that is owned as a whole."""
        fields = self.fields
        for key in path:
            if key not in fields:
                return False
            fields = fields[key]
            if not fields:
                return True
        return True


def field_managers(entries: Iterable[Mapping[str, Any]]) -> tuple[FieldManager, ...]:
    """Read `metadata.managedFields`.

    Entries of the subresource `status` are left out: what a Deployment's controllers report is nobody's intent.
    """
    return tuple(
        FieldManager(
            name=intern(entry.get("manager", "")),
            operation=intern(entry.get("operation", "")),
            subresource=intern(entry.get("subresource", "")),
            fields=_with_shared_parts(entry.get("fieldsV1") or {}),
        )
        for entry in entries
        if entry.get("subresource") != "status"
    )


def fields_not_owned(fields: FieldSet, body: Mapping[str, Any]) -> list[Path]:
    """List the fields of an applied body that are missing from a field set.

    Server-side apply records every field it was given. One that is missing later was changed or removed by another
    writer since: an equal value written by others takes nothing away.

    Args:
        fields: what the body's field manager owns now.
        body: the document as it was applied.

    Returns:
        Paths of the outermost missing fields, in the body's order.
    """
    return list(_missing(fields, body, ()))


def field_text(path: Path) -> str:
    """Write a path as people do: `spec.template.spec.containers[name=engine].image`."""
    text = ""
    for key in path:
        kind, name = key[:2], key[2:]
        if kind == "k:":
            text += "[" + ",".join(f"{part}={value}" for part, value in _parsed(name).items()) + "]"
        elif kind == "v:":
            text += f"[{_parsed(name)}]"
        elif "." in name or "/" in name:
            text += f"[{name}]"
        else:
            text += f".{name}" if text else name
    return text


def parts_of(fields: FieldSet, value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a map or list, each with its key in the field set (or the one it would have there)."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield f"f:{name}", part
    elif isinstance(value, list):
        for item in value:
            yield key_of_item(fields, item) or _key_like(fields, item), item


def key_of_item(fields: FieldSet, item: Any) -> str | None:
    """The key under which a field set knows an item of a list; None if it does not."""
    return next((key for key in fields if _names(key, item)), None)


def _missing(fields: FieldSet, value: Any, path: Path) -> Iterator[Path]:
    if not fields:  # a leaf, or a map or list that is owned as a whole
        return
    for key, part in parts_of(fields, value):
        here = (*path, key)
        if here in _IDENTITY:
            continue
        if key in fields:
            yield from _missing(fields[key], part, here)
        elif part != []:  # an empty list whose items have keys leaves nothing to own
            yield here


def _names(key: str, item: Any) -> bool:
    """Whether a key of a field set stands for this item of a list."""
    kind, name = key[:2], key[2:]
    if kind == "v:":
        return bool(_parsed(name) == item)
    if kind != "k:" or not isinstance(item, Mapping):
        return False
    # A part of the key that the item does not give is one that the API server defaults (a port's protocol).
    return all(item.get(part, value) == value for part, value in _parsed(name).items())


def _key_like(fields: FieldSet, item: Any) -> str:
    """The key of an item that is missing, after the pattern of those that are there."""
    sibling = next((_parsed(key[2:]) for key in fields if key.startswith("k:")), None)
    if sibling is None or not isinstance(item, Mapping):
        return "v:" + json.dumps(item, separators=(",", ":"))
    return "k:" + json.dumps({part: item[part] for part in sibling if part in item}, separators=(",", ":"))


def _with_shared_parts(tree: Mapping[str, Any]) -> FieldSet:
    """Make what is two levels down one with the same of other objects.

    Thousands of services that set the same fields then need a handful of parts. Whole trees are never the same: each
    names its owner's uid.
    """
    return {
        intern(key): {intern(name): _shared(json.dumps(part, sort_keys=True)) for name, part in parts.items()}
        for key, parts in tree.items()
    }


@lru_cache(maxsize=_DISTINCT_TEXTS)
def _shared(text: str) -> FieldSet:
    tree: FieldSet = json.loads(text)
    return tree


@lru_cache(maxsize=_DISTINCT_TEXTS)
def _parsed(text: str) -> Any:
    return json.loads(text)
