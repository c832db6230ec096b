"""Who a child belongs to, and the metadata that every child has for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.api.names import API_VERSION, MANAGED_BY, MANAGED_BY_LABEL, SERVICE_LABEL

Document = dict[str, Any]
"""A Kubernetes object, or a part of one, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The InferenceService that a child belongs to."""

    name: str
    namespace: str
    uid: str
    kind: str = "InferenceService"
    api_version: str = API_VERSION

    def reference(self) -> Document:
        """The ownerReference of a child: it is deleted with its owner, and no other controller may adopt it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def child_metadata(owner: Owner, *, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Document:
    """The metadata of a child that has its owner's name.

    Args:
        owner: the service.
        labels: labels besides those that every child has.
        annotations: all its annotations.
    """
    return {
        "name": owner.name,
        "namespace": owner.namespace,
        "labels": {MANAGED_BY_LABEL: MANAGED_BY, SERVICE_LABEL: owner.name, **labels},
        "annotations": dict(annotations),
        "ownerReferences": [owner.reference()],
    }
