"""Reads and writes the one Lease."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

from tidegate.cluster.client import ClusterClient
from tidegate.cluster.error import ClusterError
from tidegate.cluster.lease import Document, Lease
from tidegate.cluster.resources import LEASES

_REMEDIES: dict[int, str] = {
    HTTPStatus.UNPROCESSABLE_ENTITY: "choose another --lease-name",
    HTTPStatus.NOT_FOUND: "create the namespace, or choose another --lease-namespace",
}
"""What helps against a refusal that is none for want of rights."""


class Leases(Protocol):
    """What an elector needs. Tests give it one in memory."""

    async def read(self) -> Lease | None:
        """The Lease, if there is one."""

    async def write(self, lease: Lease) -> Lease:
        """Create or replace it, if nobody has in between; what is there then."""


class MissingRightsError(Exception):
    """The Lease cannot be had until somebody grants what is missing, which the message says."""


class LeaseClient:
    """`Leases`, over HTTP.

    Args:
        client: for the Lease alone: renewals must not wait behind other writes, nor be fenced.
        namespace: of the Lease.
        name: of the Lease.
    """

    def __init__(self, client: ClusterClient, namespace: str, name: str) -> None:
        self._client = client
        self._metadata: Document = {"namespace": namespace, "name": name}
        self._worked: set[str] = set()

    async def read(self) -> Lease | None:
        """The Lease, if there is one.

        Raises:
            ClusterError: if the API server cannot be reached, or fails.
            MissingRightsError: if it refuses, and never did otherwise.
        """
        try:
            found = await self._client.find(LEASES, self._metadata["namespace"], self._metadata["name"])
        except ClusterError as error:
            self._give_up(error, "get")
            raise
        self._worked.add("get")
        return None if found is None else Lease.of(found)

    async def write(self, lease: Lease) -> Lease:
        """Create or replace it, if nobody has in between; what is there then.

        Raises:
            ClusterError: 409 if somebody has; others if the API server cannot be reached, or fails.
            MissingRightsError: if it refuses, and never did otherwise.
        """
        document = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, **lease.to_document()}
        if lease.uid:
            verb, send = "update", self._client.replace
        else:
            verb, send = "create", self._client.create
            document["metadata"] = self._metadata
        try:
            answer = await send(LEASES, document)
        except ClusterError as error:
            self._give_up(error, verb)
            raise
        self._worked.add(verb)
        return Lease.of(answer)

    def _give_up(self, error: ClusterError, verb: str) -> None:
        """A refusal of what has worked before passes, as when the API server starts; any other one stays."""
        refused = error.is_refusal or (verb == "create" and error.is_absent)
        if not refused or verb in self._worked:
            return
        namespace, name = self._metadata["namespace"], self._metadata["name"]
        remedy = _REMEDIES.get(error.status, "grant get, create and update on leases there")
        raise MissingRightsError(
            f"cannot {verb} leases.coordination.k8s.io {name!r} in namespace {namespace!r} (--lease-name, "
            f"--lease-namespace): {error.message}; {remedy}"
        ) from error


def timestamp() -> str:
    """The time as a Lease has it: for people, nobody reckons with it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
