"""Objects of one kind that carry a label, followed: as they are, and then as they change.

For the few among many that the API server can pick out itself. kopf, which feeds the store, asks for all of a kind.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from tidegate.cluster.api_server import ApiServer
from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import Document, Resource

PAGE_SIZE = 500
WATCH_SECONDS = 60
"""The API server ends a watch after so long; the next one goes on where it was. A connection that died without a word
is noticed a little later."""

SILENCE_SECONDS = 75.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects."""

    resource: Resource
    labels: str
    """A selector: `app=chat`."""

    namespace: str | None = None
    """None: all of them."""

    def path(self, **query: str | int) -> str:
        """Where they are asked for."""
        return f"{self.resource.path(self.namespace)}?{urlencode({'labelSelector': self.labels, **query})}"


@dataclass(frozen=True, slots=True)
class Listed:
    """All that there are: what is not among them is gone."""

    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """One appeared or changed."""

    document: Document


@dataclass(frozen=True, slots=True)
class Gone:
    """One vanished, or lost its label."""

    document: Document


Change = Listed | Put | Gone


async def follow(server: ApiServer, selection: Selection) -> AsyncGenerator[Change, None]:
    """List, then watch, for ever; list again where the API server has forgotten what was in between.

    Raises:
        ClusterError: if the API server refuses, or cannot be reached.
    """
    while True:
        documents, version = await _list(server, selection)
        yield Listed(documents)
        try:
            async for change in _watch(server, selection, version):
                yield change
        except ClusterError as error:
            if error.status != HTTPStatus.GONE:
                raise


async def _list(server: ApiServer, selection: Selection) -> tuple[tuple[Document, ...], str]:
    documents: list[Document] = []
    query: dict[str, str | int] = {"limit": PAGE_SIZE}
    while True:
        page = await server.send("GET", selection.path(**query), None)
        documents += page.get("items") or ()
        metadata = page.get("metadata") or {}
        if not metadata.get("continue"):
            return tuple(documents), metadata.get("resourceVersion", "")
        query["continue"] = metadata["continue"]


async def _watch(server: ApiServer, selection: Selection, version: str) -> AsyncIterator[Change]:
    """Changes since a version of the collection, watch after watch."""
    while True:
        query: dict[str, str | int] = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": WATCH_SECONDS,
        }
        async for event in server.watch(selection.path(**query), silence_seconds=SILENCE_SECONDS):
            kind: str = event["type"]
            document: dict[str, Any] = event["object"]
            if kind == "ERROR":
                raise ClusterError(document.get("code", 0), document.get("reason", ""), document.get("message", ""))
            version = document["metadata"]["resourceVersion"]
            if kind != "BOOKMARK":
                yield Gone(document) if kind == "DELETED" else Put(document)
