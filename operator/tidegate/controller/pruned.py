"""What the API server drops of a status, because its CustomResourceDefinition is older than this operator. Pure."""

from collections.abc import Iterator
from typing import Any


def pruned_fields(sent: Any, kept: Any, path: str = "status") -> Iterator[str]:
    """List the fields of a status that were not kept, the outermost of each.

    Args:
        sent: the status as it was sent.
        kept: the status as it was answered.
        path: where they stand.

    Yields:
        Paths without the positions in lists: `status.decision.limits[].name`.
    """
    if isinstance(sent, dict) and isinstance(kept, dict):
        for name, part in sent.items():
            if name not in kept:
                yield f"{path}.{name}"
            else:
                yield from pruned_fields(part, kept[name], f"{path}.{name}")
    elif isinstance(sent, list) and isinstance(kept, list):
        for part, other in zip(sent, kept, strict=False):
            yield from pruned_fields(part, other, f"{path}[]")
