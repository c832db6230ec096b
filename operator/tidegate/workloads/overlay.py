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
    "resourceClaims": "name",
    "claims": "name",
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
DIRECTIVE = "$patch"
DELETE = "delete"
REPLACE = "replace"


def overlay(base: Mapping[str, Any], patch: Mapping[str, Any], *, field: str = TEMPLATE_FIELD) -> dict[str, Any]:
    """Lay one part of a PodTemplateSpec over another.

    Maps merge by key; lists merge as `MERGE_KEYS` and `APPENDED` say and are replaced otherwise. Ours keep their place
    in a list and new items follow, so that the engine stays the first container (`kubectl patch` puts new items first;
    nothing depends on it).

    What is not wanted is removed by null, or by `$patch: delete` inside a map or an item of a keyed list; `$patch:
    replace` inside a map keeps nothing of ours in it. The directives are there because null does not survive every
    way into the cluster: a second client-side `kubectl apply` of the same file drops it. (On a map `kubectl patch`
    leaves an empty one behind `$patch: delete`; kustomize removes it, as is done here.)

    Args:
        base: the template to lay it over.
        patch: what the user wrote.
        field: where `patch` stands in the user's object, for messages.

    Returns:
        A new document; neither argument is changed.

    Raises:
        TemplateConflictError: an item of a keyed list lacks its key, or a directive is not known.
    """
    merged = dict(base)
    for key, value in patch.items():
        path = f"{field}.{key}"
        if key.startswith("$"):
            raise TemplateConflictError(
                field=path,
                value=value,
                fix=f"known here are `{DIRECTIVE}: {DELETE}` inside a map or an item of a list that is merged by key, "
                f"and `{DIRECTIVE}: {REPLACE}` inside a map",
            )
        if value is None or _directive(value) == DELETE:
            merged.pop(key, None)
        else:
            merged[key] = _merge_value(key, merged.get(key), value, path)
    return merged


def _merge_value(key: str, ours: Any, theirs: Any, field: str) -> Any:
    if isinstance(theirs, Mapping):
        if _directive(theirs) == REPLACE:
            return overlay({}, _without_directive(theirs), field=field)
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
    return [
        overlay({}, item, field=f"{field}[{index}]") if isinstance(item, Mapping) else item
        for index, item in enumerate(theirs)
    ]


def _append(ours: Sequence[Any], theirs: Sequence[Any], field: str) -> list[Any]:
    appended = list(ours)
    for item in _replace((), theirs, field):
        if item not in appended:
            appended.append(item)
    return appended


def _merge_by(merge_key: str, ours: Sequence[Any], theirs: Sequence[Any], field: str) -> list[Any]:
    merged = {item[merge_key]: item for item in ours}
    # Not merged among themselves: one port number may be there twice, for TCP and for UDP.
    added: list[Any] = []
    for index, item in enumerate(theirs):
        path = f"{field}[{index}]"
        key = item.get(merge_key) if isinstance(item, Mapping) else None
        if not isinstance(key, str | int):
            raise TemplateConflictError(
                field=path, value=item, fix=f"give it a {merge_key}: items of this list are merged by it"
            )
        if _directive(item) == DELETE:
            merged.pop(key, None)
        elif key in merged:
            merged[key] = overlay(merged[key], item, field=path)
        else:
            added.append(overlay({}, item, field=path))
    return [*merged.values(), *added]


def _directive(value: Any) -> Any:
    return value.get(DIRECTIVE) if isinstance(value, Mapping) else None


def _without_directive(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if key != DIRECTIVE}
