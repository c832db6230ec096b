"""When a body is applied again: because it should be another one, or because somebody else changed it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidegate.api.names import (
    BODY_HASH_ANNOTATION,
    FIELD_MANAGER_BODY,
    INPUTS_HASH_ANNOTATION,
    RENDER_VERSION_ANNOTATION,
)
from tidegate.workloads.hashing import body_hash_of
from tidegate.workloads.live import LiveChild, LiveDeployment
from tidegate.workloads.managed_fields import APPLY, FieldManager, Path, field_text, fields_not_owned

_TEMPLATE: Path = ("f:spec", "f:template")
_BODY_HASH: Path = ("f:metadata", "f:annotations", f"f:{BODY_HASH_ANNOTATION}")
_MANAGED_FIELDS: Path = ("f:metadata", "f:managedFields")


class Cause(StrEnum):
    """Why a body is applied."""

    ABSENT = "Absent"
    """It is not there."""

    INPUTS_CHANGED = "InputsChanged"
    """The user, or the profile, wants another one. (Of a Service: any other body.)"""

    BODY_CHANGED = "BodyChanged"
    """This version makes another one from the same inputs, and no pod is restarted for it."""

    FOREIGN_CHANGE = "ForeignChange"
    """Somebody else changed fields of it."""

    ALTERED = "Altered"
    """An admission webhook changed fields of our own last apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A body must be applied (with force, and with the resourceVersion of what was looked at)."""

    cause: Cause
    fields: tuple[str, ...] = ()
    """The fields that somebody else changed, as text."""

    by: tuple[str, ...] = ()
    """Their field managers; empty where fields were removed, which leaves no trace of who did it."""

    @property
    def writer(self) -> str:
        """Who changed the fields, for messages."""
        if self.cause is Cause.ALTERED:
            return "an admission webhook"
        return " and ".join(self.by) or "somebody (removed fields leave no name)"


def needs_apply(live: LiveChild | None, body: Mapping[str, Any]) -> Need | None:
    """Say whether a body must be applied, and why.

    Args:
        live: the child as it is; None when it is not there.
        body: the body as it should be, from `deployment()` or `service()`.

    Returns:
        None when nothing is to be done; that includes a body that is held back (see `is_held_back`).
    """
    if live is None:
        return Need(cause=Cause.ABSENT)
    if live.deleting:
        return None
    disturbed = _disturbed(live, body)
    if disturbed:
        return _foreign(disturbed, live.managers)
    if live.body_hash == body_hash_of(body) or is_held_back(live, body):
        return None
    return Need(cause=Cause.BODY_CHANGED if _same_inputs(live, body) else Cause.INPUTS_CHANGED)


def is_held_back(live: LiveChild, body: Mapping[str, Any]) -> bool:
    """Whether a Deployment stays as an earlier version of this code made it, because only that version is old.

    Applying the new body would restart every pod of every service with each upgrade. A part of it cannot be applied
    either: server-side apply removes what it is no longer given. So nothing is applied until the inputs change; the
    new body then comes with them. One exception: when somebody else changes the pod template meanwhile, the pods
    have been restarted anyway, and the new body is applied to mend it.
    """
    if not isinstance(live, LiveDeployment):
        return False
    version = body["metadata"]["annotations"][RENDER_VERSION_ANNOTATION]
    return live.render_version != version and _same_inputs(live, body)


def _disturbed(live: LiveChild, body: Mapping[str, Any]) -> list[Path]:
    """The fields that are no longer as we applied them."""
    ours = next((m for m in live.managers if _is_ours(m)), None)
    if ours is None:
        return [_MANAGED_FIELDS]
    lost = fields_not_owned(ours.fields, body)
    if live.body_hash == body_hash_of(body):
        return lost
    # The body in the cluster is another one than this. What it has lost can only be told where another writer has
    # taken it; the rest may be fields that are new in this one.
    taken = [path for path in lost if _others(path, live.managers)]
    if is_held_back(live, body):
        return [path for path in taken if path[: len(_TEMPLATE)] == _TEMPLATE]
    return taken if _BODY_HASH in taken else []


def _same_inputs(live: LiveChild, body: Mapping[str, Any]) -> bool:
    """Whether the inputs are those of the body in the cluster; a Service does not record them."""
    if not isinstance(live, LiveDeployment):
        return False
    return bool(live.inputs_hash == body["metadata"]["annotations"][INPUTS_HASH_ANNOTATION])


def _is_ours(manager: FieldManager) -> bool:
    return (manager.name, manager.operation, manager.subresource) == (FIELD_MANAGER_BODY, APPLY, "")


def _foreign(paths: Iterable[Path], managers: Iterable[FieldManager]) -> Need:
    paths, managers = list(paths), list(managers)
    writers = {name: None for path in paths for name in _others(path, managers)}
    return Need(cause=Cause.FOREIGN_CHANGE, fields=tuple(field_text(path) for path in paths), by=tuple(writers))


def _others(path: Path, managers: Iterable[FieldManager]) -> list[str]:
    return [m.name for m in managers if not _is_ours(m) and m.owns(path)]
