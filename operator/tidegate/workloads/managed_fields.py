"""Reads `metadata.managedFields`: who set which field of an object.

A field set is a tree with the keys of the FieldsV1 format: `f:<name>` is a field of a map, `k:{...}` the item of a list
with these keys, `v:<value>` an item of a set; an empty tree is a leaf, or a list or map that is owned as a whole.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Union

FieldSet = Mapping[str, Union["FieldSet", Mapping[str, Any]]]
Path = tuple[str, ...]
"""Names of fields from the root; the item of a list is named `[key=value]`."""

APPLY = "Apply"
"""Operation of a server-side apply; every other write is an `Update`."""

_DISTINCT_FIELD_SETS = 4096
"""Services that set the same fields share one tree: thousands of them need a handful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldManager:
    """One writer of an object, as the API server has recorded it."""

    manager: str
    """Name that the writer gave itself: tidegate, kubectl-edit, helm, ..."""

    operation: str
    """Apply or Update."""

    subresource: str
    """`scale` for writes through /scale; empty for the object itself."""

    time: str
    """When it last changed what it owns (RFC 3339, whole seconds)."""

    fields: FieldSet

    def owns(self, *path: str) -> bool:
        """Whether it owns a field of maps, itself or through a parent that is owned as a whole."""
        return next(_owned(self.fields, path), False)


def field_managers(entries: Iterable[Mapping[str, Any]]) -> tuple[FieldManager, ...]:
    """Read `metadata.managedFields`.

    Entries of the subresource `status` are left out: what a Deployment's controllers report is nobody's intent, and
    their times change with every pod.
    """
    return tuple(
        FieldManager(
            manager=entry.get("manager", ""),
            operation=entry.get("operation", ""),
            subresource=entry.get("subresource", ""),
            time=entry.get("time", ""),
            fields=_shared(json.dumps(entry.get("fieldsV1") or {}, sort_keys=True)),
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
    return list(_missing(fields, {key: value for key, value in body.items() if key not in _IDENTITY}, ()))


_IDENTITY = frozenset({"apiVersion", "kind"})
"""Fields that name an object; nobody owns them. (In metadata: name and namespace.)"""

_IDENTITY_PATHS = frozenset({("metadata", "name"), ("metadata", "namespace")})


def _missing(fields: FieldSet, value: Any, path: Path) -> Iterator[Path]:
    if not fields:  # a leaf, or a map or list that is owned as a whole
        return
    if isinstance(value, Mapping):
        for key, part in value.items():
            here = (*path, key)
            if here in _IDENTITY_PATHS:
                continue
            if f"f:{key}" in fields:
                yield from _missing(fields[f"f:{key}"], part, here)
            else:
                yield here
    elif isinstance(value, list):
        for item in value:
            owned = next(((key, part) for key, part in fields.items() if _names(key, item)), None)
            if owned is None:
                yield (*path, f"[{_label(fields, item)}]")
            else:
                yield from _missing(owned[1], item, (*path, f"[{_label({owned[0]: {}}, item)}]"))


@lru_cache(maxsize=_DISTINCT_FIELD_SETS)
def _shared(text: str) -> FieldSet:
    tree: FieldSet = json.loads(text)
    return tree


@lru_cache(maxsize=_DISTINCT_FIELD_SETS)
def _key_of_item(key: str) -> Any:
    return json.loads(key[2:])


def _names(key: str, item: Any) -> bool:
    """Whether a key of a field set stands for this item of a list."""
    kind = key[:2]
    if kind == "v:":
        return bool(_key_of_item(key) == item)
    if kind != "k:" or not isinstance(item, Mapping):
        return False
    # A part of the key that the item does not give is one that the API server defaults (a port's protocol).
    return all(item.get(name, value) == value for name, value in _key_of_item(key).items())


def _label(fields: FieldSet, item: Any) -> str:
    if not isinstance(item, Mapping):
        return json.dumps(item)
    keys = next((list(_key_of_item(key)) for key in fields if key.startswith("k:")), [])
    return ",".join(f"{name}={item[name]}" for name in keys if name in item)


def _owned(fields: FieldSet, path: Path) -> Iterator[bool]:
    for name in path:
        if f"f:{name}" not in fields:
            return
        fields = fields[f"f:{name}"]
        if not fields:
            yield True
            return
    yield True
