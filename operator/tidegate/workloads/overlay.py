"""Lays the user's part of a pod template over ours, as a strategic merge patch does. The user's part wins."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate.workloads.conflict import TemplateConflictError

MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
}
"""List to the field that tells its items apart: items of the same key are merged, others are added.

The keys are those of strategic merge (`patchMergeKey` in `k8s.io/api/core/v1/types.go`). Its further keyed lists
(imagePullSecrets, hostAliases, ...) are absent here because the template they are laid over never has them.
"""

APPENDED = frozenset({"tolerations"})
"""Lists to which items are added, without duplicates.

On purpose unlike strategic merge, which replaces tolerations: those of an AcceleratorProfile let the pod onto the
nodes it needs, and a user who tolerates one more taint does not mean to lose them.
"""

TEMPLATE_FIELD = "template"


def overlay(base: Mapping[str, Any], patch: Mapping[str, Any], *, field: str = TEMPLATE_FIELD) -> dict[str, Any]:
    """Lay one part of a PodTemplateSpec over another.

    Maps merge by key and an explicit null removes the key; lists merge as `MERGE_KEYS` and `APPENDED` say and are
    replaced otherwise. Ours keep their place in a list and new items follow, so that the engine stays the first
    container (`kubectl patch` puts new items first; nothing depends on it).

    Args:
        base: the template to lay it over.
        patch: what the user wrote.
        field: where `patch` stands in the user's object, for messages.

    Returns:
        A new document; neither argument is changed.

    Raises:
        TemplateConflictError: an item of a keyed list lacks its key, or a directive such as `$patch` is used.
    """
    merged = dict(base)
    for key, value in patch.items():
        path = f"{field}.{key}"
        if key.startswith("$"):
            raise TemplateConflictError(
                field=path, value=value, fix="directives of strategic merge are not known here; null removes a key"
            )
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_value(key, merged.get(key), value, path)
    return merged


def _merge_value(key: str, ours: Any, theirs: Any, field: str) -> Any:
    if isinstance(theirs, Mapping):
        # Over an empty map when ours is none: the nulls inside must go either way.
        return overlay(ours if isinstance(ours, Mapping) else {}, theirs, field=field)
    if isinstance(theirs, list):
        merge = _list_merge(key)
        return merge(ours if isinstance(ours, list) else [], theirs, field)
    return theirs


def _list_merge(key: str) -> Callable[[Sequence[Any], Sequence[Any], str], list[Any]]:
    if key in APPENDED:
        return _append
    merge_key = MERGE_KEYS.get(key)
    if merge_key is None:
        return _replace
    return lambda ours, theirs, field: _merge_by(merge_key, ours, theirs, field)


def _replace(_ours: Sequence[Any], theirs: Sequence[Any], field: str) -> list[Any]:
    return [_clean(item, f"{field}[{index}]") for index, item in enumerate(theirs)]


def _append(ours: Sequence[Any], theirs: Sequence[Any], field: str) -> list[Any]:
    appended = list(ours)
    for item in _replace((), theirs, field):
        if item not in appended:
            appended.append(item)
    return appended


def _merge_by(merge_key: str, ours: Sequence[Any], theirs: Sequence[Any], field: str) -> list[Any]:
    merged = list(ours)
    places = {item[merge_key]: place for place, item in enumerate(merged)}
    for index, item in enumerate(theirs):
        path = f"{field}[{index}]"
        key = item.get(merge_key) if isinstance(item, Mapping) else None
        if not isinstance(key, str | int):
            raise TemplateConflictError(
                field=path, value=item, fix=f"give it a {merge_key}: items of this list are merged by it"
            )
        if key in places:
            merged[places[key]] = overlay(merged[places[key]], item, field=path)
        else:
            places[key] = len(merged)
            merged.append(overlay({}, item, field=path))
    return merged


def _clean(item: Any, field: str) -> Any:
    return overlay({}, item, field=field) if isinstance(item, Mapping) else item
