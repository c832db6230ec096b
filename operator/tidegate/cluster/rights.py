"""What the operator and the gateways must be allowed to do, and the question whether they are.

Asked once at the start, so that a missing verb is told by name to whoever installs, and not found at the first scaling.
Everybody with an account may ask it of themselves.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate.cluster.resources import (
    CLAIM_TEMPLATES,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    EVENTS,
    INFERENCE_SERVICES,
    LEASES,
    NAMESPACES,
    PODS,
    SERVICES,
    WATCHED,
    Resource,
)

READING = ("list", "watch")


@dataclass(frozen=True, slots=True)
class Right:
    """Something that a Role must allow."""

    verb: str
    resource: Resource
    subresource: str = ""
    namespace: str = ""
    """Empty: in all of them, or of a kind that lives in none."""

    @property
    def is_reading(self) -> bool:
        """Whether nothing can begin without it: a half-filled store decides wrongly."""
        return self.verb in READING

    def __str__(self) -> str:
        """As people say it: `patch deployments.apps/scale in namespace team-a`."""
        name = ".".join(filter(None, (self.resource.plural, self.resource.group)))
        where = f" in namespace {self.namespace}" if self.namespace else " in all namespaces"
        tail = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {name}{tail}{where if self.resource.namespaced else ''}"

    def question(self) -> dict[str, Any]:
        """The SelfSubjectAccessReview that asks for it."""
        attributes = {
            "verb": self.verb,
            "group": self.resource.group,
            "resource": self.resource.plural,
            "subresource": self.subresource,
            "namespace": self.namespace,
        }
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }


Table = tuple[tuple[Resource, str, tuple[str, ...]], ...]
"""Kind, subresource (empty: none) and verbs."""

OPERATOR: Table = (
    *((resource, "", READING) for resource in WATCHED),
    (INFERENCE_SERVICES, "status", ("patch",)),
    (DEPLOYMENTS, "", ("create", "patch", "delete")),
    (DEPLOYMENTS, "scale", ("patch",)),
    (PODS, "", ("patch",)),
    (SERVICES, "", ("create", "patch")),
    (CLAIM_TEMPLATES, "", ("create", "patch")),
    (EVENTS, "", ("create",)),
)
"""Server-side apply is a patch, and a create as well where nothing is there yet."""

GATEWAY: Table = (
    (INFERENCE_SERVICES, "", READING),
    (PODS, "", READING),
    (ENDPOINT_SLICES, "", (*READING, "create", "patch", "delete")),
    (DEPLOYMENTS, "scale", ("get", "patch")),
)
"""In the namespaces that gateways look after."""

GATEWAY_LEASES: Table = ((LEASES, "", (*READING, "get", "create", "update", "patch", "delete")),)
"""In the namespace where gateways run: each keeps a Lease of its own, and they have one leader."""


class Asked(Protocol):
    """Somebody who can answer."""

    async def may(self, right: Right) -> bool:
        """Whether the account has a right."""


def needed(table: Table, namespaces: tuple[str, ...]) -> Iterator[Right]:
    """List what a process needs.

    Args:
        table: `OPERATOR` or `GATEWAY`.
        namespaces: those it looks after; empty for all.
    """
    for resource, subresource, verbs in table:
        if namespaces and resource is NAMESPACES:
            continue
        for verb in verbs:
            for namespace in namespaces or ("",):
                yield Right(verb, resource, subresource, namespace if resource.namespaced else "")
                if not resource.namespaced:
                    break


async def missing(asked: Asked, rights: Collection[Right]) -> list[Right]:
    """List which of these an account lacks.

    Raises:
        ClusterError: if the API server refuses to say, or cannot be reached.
    """
    return [right for right in rights if not await asked.may(right)]
