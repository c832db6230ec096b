"""What passes between Envoy's side and the policy: a request, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.gateway.routed_service import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as far as its headers tell."""

    service: Key | None
    """Whose port it came to; None at the shared address."""

    method: str
    path: str
    """With its query."""

    headers: Mapping[str, str]
    """By name in lower case."""

    content_length: int | None = None
    model: str | None = None
    """At the shared address: what its body names."""

    model_problem: str = ""
    """At the shared address: why its body names no model."""

    attempt: int = 1
    """2 where a first pod did not take it."""

    pick_id: str | None = None
    """Of the first attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Send it to a pod."""

    pick_id: str
    """Names this request until it has ended."""

    address: str
    headers_to_add: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Answer it here."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A request that was forwarded is over, one way or another."""

    pick_id: str | None
    address: str | None
    """The pod it was with last; None where it reached none."""

    status: int
    """Of the response; 0 where there was none."""

    flags: frozenset[str] = frozenset()
    """Envoy's response flags, by their names in the access log's protocol: `upstream_connection_failure`, ..."""

    client_left: bool = False
