"""Fields of a status that the API server does not know: its CustomResourceDefinition is older than this operator. Pure.

It takes nothing of such a status, and names the fields. All the rest of it is worth having.
"""

import re
from collections.abc import Collection
from typing import Any

_UNDECLARED = re.compile(r"\.(status[^\s:]*): field not declared in schema")
_KEY = re.compile(r"\[[^\]]*\]")


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
