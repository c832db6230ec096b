"""What the operator must be allowed to do, and the question whether it is.

Asked once at the start, so that a missing verb is told by name to whoever installs, and not found at the first scaling.
Everybody with an account may ask it of themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate.cluster.resources import DEPLOYMENTS, EVENTS, INFERENCE_SERVICES, PODS, SERVICES, WATCHED, Resource

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


_TABLE: tuple[tuple[Resource, str, tuple[str, ...]], ...] = (
    *((resource, "", READING) for resource in WATCHED),
    (INFERENCE_SERVICES, "status", ("patch",)),
    (DEPLOYMENTS, "", ("create", "patch")),
    (DEPLOYMENTS, "scale", ("patch",)),
    (PODS, "", ("patch",)),
    (SERVICES, "", ("create", "patch")),
    (EVENTS, "", ("create",)),
)
"""Server-side apply is a patch, and a create as well where nothing is there yet."""


class Asked(Protocol):
    """Somebody who can answer."""

    async def may(self, right: Right) -> bool:
        """Whether the operator's account has a right."""


def needed(namespaces: tuple[str, ...]) -> Iterator[Right]:
    """List what the operator needs.

    Args:
        namespaces: those it looks after; empty for all.
    """
    for resource, subresource, verbs in _TABLE:
        for verb in verbs:
            for namespace in namespaces or ("",):
                yield Right(verb, resource, subresource, namespace if resource.namespaced else "")
                if not resource.namespaced:
                    break


async def missing(asked: Asked, namespaces: tuple[str, ...]) -> list[Right]:
    """List what the operator's account lacks.

    Raises:
        ClusterError: if the API server refuses to say, or cannot be reached.
    """
    return [right for right in needed(namespaces) if not await asked.may(right)]
