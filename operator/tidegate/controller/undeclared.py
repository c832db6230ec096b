"""Fields of a status that the API server does not know: its CustomResourceDefinition is older than this operator. Pure.

It takes nothing of such a status, and names the fields. All the rest of it is worth having. Nothing tells when a newer
definition is there: now and then the whole status is tried again.
"""

import re
from collections.abc import Collection
from typing import Any

TRY_AGAIN_SECONDS = 600.0
"""How long fields are left out: with an older definition, one write in this time is refused."""

_UNDECLARED = re.compile(r"\.(status[^\s:]*): field not declared in schema")
_KEY = re.compile(r"\[[^\]]*\]")


class LeftOut:
    """The fields that are left out of all statuses for now."""

    def __init__(self) -> None:
        self._fields: frozenset[str] = frozenset()
        self._until = 0.0
        self._told: set[str] = set()

    def at(self, now: float) -> frozenset[str]:
        """The fields to leave out at a time, in seconds."""
        return self._fields if now < self._until else frozenset()

    def add(self, fields: Collection[str], now: float) -> set[str]:
        """Leave out more fields; those of them that were never left out before."""
        self._fields = self.at(now) | set(fields)
        self._until = now + TRY_AGAIN_SECONDS
        new = set(fields) - self._told
        self._told |= new
        return new


def undeclared_fields(message: str) -> set[str]:
    """Read from a refusal which fields are meant, without the positions in lists: `status.decision.limits[].name`."""
    return {_KEY.sub("[]", path) for path in _UNDECLARED.findall(message)}


def without_fields(part: Any, fields: Collection[str], path: str = "status") -> Any:
    """The same status without these fields."""
    if isinstance(part, dict):
        kept = {name: value for name, value in part.items() if f"{path}.{name}" not in fields}
        return {name: without_fields(value, fields, f"{path}.{name}") for name, value in kept.items()}
    if isinstance(part, list):
        return [without_fields(value, fields, f"{path}[]") for value in part]
    return part
