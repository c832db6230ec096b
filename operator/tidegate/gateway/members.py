"""Which gateways there are: each keeps a Lease of its own, and all read them.

A Lease says where the gateway's listeners and metrics are, and whether it takes connections. It needs no pod, so that a
gateway that is a mere process is a member like any other.

Nobody compares clocks: a gateway counts as dead when its Lease stood still while this process has seen its *own* Lease
renewed for longer than the duration. Where the API server is away, or the watch is late, nobody renews, nothing is seen
to be renewed, and so nobody dies.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from tidegate.api.names import (
    GATEWAY_ADDRESS_ANNOTATION,
    GATEWAY_LABEL,
    GATEWAY_METRICS_ANNOTATION,
    GATEWAY_STATE_ANNOTATION,
    GROUP,
)
from tidegate.cluster.lease import Lease
from tidegate.cluster.resources import LEASES, Document

LEASE_SECONDS = 15
"""A gateway whose Lease was not renewed for so long is dead."""

RENEW_SECONDS = 5.0
FORGOTTEN_SECONDS = 60.0
"""After so long the Lease of a dead gateway is deleted."""

NODE_ANNOTATION = f"{GROUP}/gateway-node"
"""On the Lease: the node where the gateway runs, for slices."""


_LONG_AGO = datetime.fromtimestamp(0, UTC)


class MemberState(StrEnum):
    """Whether a gateway takes connections."""

    SERVING = "serving"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One gateway."""

    name: str
    """Of the gateway and of its Lease: the pod's, where there is one."""

    address: str
    """IP address of its listeners."""

    metrics: str
    """`IP:port` of its metrics."""

    state: MemberState = MemberState.SERVING
    node: str = ""
    """Where it runs; empty where that is not known."""

    @classmethod
    def of(cls, document: Document) -> "Member | None":
        """Read a Lease; None for one that gives no address."""
        annotations = document["metadata"].get("annotations") or {}
        address = annotations.get(GATEWAY_ADDRESS_ANNOTATION, "")
        try:
            ip_address(address)
        except ValueError:
            return None
        leaving = annotations.get(GATEWAY_STATE_ANNOTATION) == MemberState.LEAVING
        return cls(
            name=document["metadata"]["name"],
            address=address,
            metrics=annotations.get(GATEWAY_METRICS_ANNOTATION, ""),
            state=MemberState.LEAVING if leaving else MemberState.SERVING,
            node=annotations.get(NODE_ANNOTATION, ""),
        )

    def lease(self, *, namespace: str, install: str, acquired: str, renewed: str) -> Document:
        """The body of its Lease, for server-side apply.

        Args:
            namespace: where the install's Leases are.
            install: the gateways that belong together.
            acquired: when this process came, as a Lease writes times.
            renewed: now.
        """
        annotations: dict[str, Any] = {
            GATEWAY_ADDRESS_ANNOTATION: self.address,
            GATEWAY_METRICS_ANNOTATION: self.metrics,
            GATEWAY_STATE_ANNOTATION: self.state.value,
        }
        if self.node:
            annotations[NODE_ANNOTATION] = self.node
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {
                "namespace": namespace,
                "name": self.name,
                "labels": {GATEWAY_LABEL: install},
                "annotations": annotations,
            },
            "spec": {
                "holderIdentity": self.name,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": acquired,
                "renewTime": renewed,
            },
        }


@dataclass(frozen=True, slots=True)
class _Seen:
    lease: Lease
    member: Member
    since: float
    """When it was first seen as it is."""


class Members:
    """All gateways of an install, as this one has seen them.

    Args:
        own: this gateway's name.
        clock: seconds that go on while the machine sleeps.
        changed: called after the members that live are others, or others of them leave.
    """

    def __init__(self, own: str, *, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self._own = own
        self._clock = clock
        self._changed = changed
        self._seen: dict[str, _Seen] = {}
        self._heard_at: float | None = None
        """When the own Lease was last seen to be renewed."""

        self._told: tuple[Member, ...] = ()
        self.synced = False
        """Whether the Leases have been listed."""

    def replace(self, documents: Iterable[Document]) -> None:
        """Take in all Leases there are. What happened since the last one is not known: each lives on from now.

        But for those that are left over from gateways of before: nobody is to be led to them for a whole duration. One
        that lives all the same, with a clock far behind, is a member again with its next renewal.
        """
        self._seen.clear()
        self._heard_at = None
        listed = tuple(documents)
        for document in listed:
            self._take(document)
        newest = max((_renewed(seen) for seen in self._seen.values()), default=None)
        for name, seen in self._seen.items():
            if newest is not None and (newest - _renewed(seen)).total_seconds() > _duration(seen) + FORGOTTEN_SECONDS:
                self._seen[name] = replace(seen, since=seen.since - 2 * _duration(seen))
        self.synced = True
        self._tell()

    def put(self, document: Document) -> None:
        """Take in a Lease that is new or was changed."""
        self._take(document)
        self._tell()

    def forget(self, name: str) -> None:
        """Take out a Lease that is gone."""
        self._seen.pop(name, None)
        self._tell()

    def live(self) -> tuple[Member, ...]:
        """All that are not dead, by name; those that leave as well."""
        return tuple(
            sorted(
                (seen.member for seen in self._seen.values() if self._silence(seen) <= _duration(seen)),
                key=lambda member: member.name,
            )
        )

    def forgotten(self) -> list[tuple[str, str]]:
        """Name and uid of each Lease whose gateway has been dead for long."""
        return [
            (name, seen.lease.uid)
            for name, seen in sorted(self._seen.items())
            if self._silence(seen) > _duration(seen) + FORGOTTEN_SECONDS
        ]

    def _take(self, document: Document) -> None:
        name, member, lease, now = document["metadata"]["name"], Member.of(document), Lease.of(document), self._clock()
        if member is None:
            self._seen.pop(name, None)
            return
        before = self._seen.get(name)
        since = before.since if before is not None and before.lease == lease else now
        self._seen[name] = _Seen(lease, member, since)
        if name == self._own:
            self._heard_at = since

    def _silence(self, seen: _Seen) -> float:
        """How long it stood still, in time that the own Lease bears witness to."""
        return 0.0 if self._heard_at is None else self._heard_at - seen.since

    def _tell(self) -> None:
        live = self.live()
        if live != self._told:
            self._told = live
            self._changed()


def _renewed(seen: _Seen) -> datetime:
    """When it was renewed last, by its holder's clock; long ago where it does not say so."""
    try:
        time = datetime.fromisoformat(seen.lease.renew_time)
    except ValueError:
        return _LONG_AGO
    return time if time.tzinfo is not None else _LONG_AGO


def _duration(seen: _Seen) -> float:
    return float(max(LEASE_SECONDS, seen.lease.duration_seconds))
