"""Requests and answers: what every request to the API server has in common, whatever it is about."""

import contextlib
import copy
import json
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from tidegate.cluster.error import ClusterError
from tidegate.cluster.fence import Fence, NotLeadingError, fencing
from tidegate.cluster.resources import Resource

Document = dict[str, Any]


class ApiServer:
    """The API server, over connections that are kept."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        asks_for_rest: Callable[[float], None],
        fence: Fence | None,
        timeout_seconds: float,
    ) -> None:
        """Connect to nothing yet.

        Args:
            configuration: where it is.
            asks_for_rest: told the seconds for which an overloaded server wants to be left in peace.
            fence: asked just before each write is sent; where it says no, the write fails with `NotLeading`.
            timeout_seconds: of each request.
        """
        if fence is not None:
            configuration = copy.copy(configuration)
            configuration.trace_configs = [fencing(fence)]
        self._client = ApiClient(configuration)
        self._host = str(configuration.host).rstrip("/")
        self._asks_for_rest = asks_for_rest
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def list_items(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        page_size: int,
        accept: str,
        labels: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Document]:
        """Every object of a kind, or those with some labels, asked for page by page.

        Raises:
            ClusterError: if the API server refuses, or cannot be reached.
        """
        query: dict[str, str | int] = {"limit": page_size}
        if labels:
            query["labelSelector"] = ",".join(f"{name}={value}" for name, value in labels.items())
        while True:
            page = await self.send("GET", f"{resource.path(namespace)}?{urlencode(query)}", None, accept=accept)
            for item in page.get("items") or ():  # An empty list is null.
                yield item
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return
            query["continue"] = token

    async def watch(self, path: str, *, silence_seconds: float) -> AsyncIterator[Document]:
        """The events of a watch, one after another, until the API server ends it.

        Args:
            path: of the collection, with the query that makes it a watch.
            silence_seconds: a connection on which nothing came for so long is taken for dead.

        Raises:
            ClusterError: if the API server refuses, cannot be reached, or goes away in between.
        """
        headers = {"Accept": "application/json"}
        try:
            await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
            response = await self._client.call_api(
                "GET",
                f"{self._host}{path}",
                header_params=headers,
                _request_timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._timeout.total, sock_read=silence_seconds
                ),
            )
            with contextlib.closing(response.response):  # Whoever listens no more closes the connection.
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise _refusal(response.status, response.reason, await response.read())
                async for line in _lines(response.response.content):
                    yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ClusterError(0, "Unreachable", f"GET {path}: {str(error) or repr(error)}") from error

    async def send(
        self,
        method: str,
        path: str,
        body: Document | None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Document:
        """Send one request; the answer.

        Raises:
            ClusterError: if the API server refuses, cannot be reached, or may not be written to by now.
        """
        headers = {"Content-Type": content_type, "Accept": accept}
        try:
            await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
            response = await self._client.call_api(
                method,
                f"{self._host}{path}",
                header_params=headers,
                body=body,
                _request_timeout=self._timeout,
            )
            content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error.__cause__, NotLeadingError):
                raise ClusterError(0, "NotLeading", f"{method} {path} was not sent: {error.__cause__}") from error
            raise ClusterError(0, "Unreachable", f"{method} {path}: {str(error) or repr(error)}") from error
        answer = _document(content)
        if response.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            # Every write of this process would be one too many: they all wait, whoever they are for.
            self._asks_for_rest(_retry_after_seconds(response.headers.get("Retry-After", "")))
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _refusal(response.status, response.reason, content)
        if answer is None:
            # Proxies and captive portals answer 200, too.
            said = content[:500].decode("utf-8", "replace")
            raise ClusterError(response.status, "NoDocument", f"{method} {path} was answered with {said!r}")
        return answer


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length: the reader's own are no longer than its buffer."""
    rest = b""
    async for part in content.iter_any():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line:
                yield line


def _refusal(status: int, phrase: str, content: bytes) -> ClusterError:
    words = _document(content) or {}
    message = words.get("message") or content[:500].decode("utf-8", "replace") or phrase
    return ClusterError(status, words.get("reason", ""), message)


def _retry_after_seconds(header: str) -> float:
    """How long to wait; 0 where nothing, or a date, is said: the API server says seconds."""
    return float(header) if header.isdecimal() else 0.0


def _document(content: bytes) -> Document | None:
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
