"""Finds what became of a body on its way into the cluster: fields that admission webhooks of others changed.

The API server records no owner of such a change: `managedFields` still says that the field is ours. Only its answer to
our apply shows another value than the one that was sent.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.api.names import FIELD_MANAGER_BODY
from tidegate.api.quantity import to_number
from tidegate.workloads.managed_fields import APPLY, FieldSet, Path, field_text, key_of_item, parts_of

_IDENTITY: frozenset[Path] = frozenset({("f:metadata", "f:resourceVersion"), ("f:metadata", "f:uid")})
"""Sent to compare and to name, not to be stored."""

_CLOSED: frozenset[Path] = frozenset({("f:spec", "f:selector")})
"""Maps that one key more turns into another thing: by it a Service finds other pods, or none."""


def fields_altered(body: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[str, ...]:
    """List the fields of an applied body that the answer to the apply has with another value, or not at all.

    What the API server itself does is no alteration: defaults beside our fields, quantities in its own notation
    (`1000m` is `1`), and empty values that are left out. Nor is what others add beside it: containers, volumes,
    environment variables, labels; but in a selector, what is added counts.

    Args:
        body: the document as it was applied.
        answer: the object as the API server has stored it, or would store it.

    Returns:
        The fields as text, in the body's order: `spec.template.spec.containers[name=engine].image`.
    """
    # Ours alone says by which keys the items of lists belong together.
    entries = [entry for entry in answer["metadata"].get("managedFields") or () if _is_ours(entry)]
    fields: FieldSet = entries[0].get("fieldsV1") or {} if entries else {}
    return tuple(field_text(path) for path in _altered(fields, body, answer, ()))


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return (entry["manager"], entry["operation"], entry.get("subresource", "")) == (FIELD_MANAGER_BODY, APPLY, "")


def _altered(fields: FieldSet, sent: Any, found: Any, path: Path) -> Iterator[Path]:
    if isinstance(sent, Mapping) and isinstance(found, Mapping):
        if path in _CLOSED and not found.keys() <= sent.keys():
            yield path
            return
        for key, value in parts_of(fields, sent):
            here = (*path, key)
            if here not in _IDENTITY:
                yield from _altered(fields.get(key, {}), value, found.get(key[2:]), here)
    elif isinstance(sent, list) and isinstance(found, list) and fields:
        items = {key_of_item(fields, item): item for item in found}
        for key, value in parts_of(fields, sent):
            yield from _altered(fields.get(key, {}), value, items.get(key), (*path, key))
    elif not _is_same(sent, found):
        yield path


def _is_same(sent: Any, found: Any) -> bool:
    if found is None:
        return not sent  # Left out, because it is empty.
    match sent:
        case dict():
            return isinstance(found, Mapping) and all(_is_same(part, found.get(key)) for key, part in sent.items())
        case list() if any(isinstance(item, Mapping) for item in sent):
            # Without keys, items are told apart by what is in them; others may stand beside them.
            return isinstance(found, list) and all(any(_is_same(item, other) for other in found) for item in sent)
        case list():
            return isinstance(found, list) and sent == found
        case bool():
            return sent is found
        case _:
            return sent == found or _is_same_number(sent, found)


def _is_same_number(sent: Any, found: Any) -> bool:
    try:
        return to_number(sent) == to_number(found)
    except ValueError:
        return False
