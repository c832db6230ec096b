"""EndpointSlices that lead to the gateways: their bodies, and what there is to be written. Pure.

Kubernetes merges all slices of a Service by the name of the port; each gives a number of its own. So a gateway's port
can stand in for the engine's, or beside it, and clients see nothing but the Service.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import ip_address

from tidegate.api.names import API_VERSION, SERVICE_LABEL, SLICE_MANAGED_BY
from tidegate.api.routing import RoutingMode
from tidegate.cluster.resources import ENDPOINT_SLICES, Document, Key
from tidegate.gateway.members import Member, MemberState
from tidegate.gateway.routed_service import RoutedService
from tidegate.workloads.conflict import PORT_NAME

MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"

OWN_SLICES = f"{MANAGED_BY_LABEL}={SLICE_MANAGED_BY}"
"""Selects them."""

OVERLAP_SECONDS = 5.0
"""Direct: for so long the gateways stay beside a first pod that is ready. Not every node knows of it at once."""

_SUFFIXES: Mapping[int, tuple[str, str]] = {4: ("-gateway", "IPv4"), 6: ("-gateway-ipv6", "IPv6")}
"""IP version to the end of a slice's name and its type: no slice has addresses of both."""


class Wish(Enum):
    """Whether a service's slices are to be there."""

    HERE = auto()
    STAY = auto()
    """Where they are; none is made."""

    AWAY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSlice:
    """A slice of ours, as it is."""

    name: str
    service: Key
    uid: str
    version: int
    owner: str
    """uid of the InferenceService that it belongs to."""

    ports: frozenset[tuple[str, int]]
    endpoints: frozenset[tuple[str, str]]
    """Address and node of each endpoint that is ready."""

    @classmethod
    def of(cls, document: Document) -> "OwnSlice":
        """Read a slice."""
        metadata = document["metadata"]
        version = metadata.get("resourceVersion", "")
        return cls(
            name=metadata["name"],
            service=(metadata["namespace"], (metadata.get("labels") or {}).get(SERVICE_NAME_LABEL, "")),
            uid=metadata.get("uid", ""),
            version=int(version) if version.isdecimal() else 0,
            owner=next((owner["uid"] for owner in metadata.get("ownerReferences") or ()), ""),
            ports=frozenset((port.get("name", ""), port.get("port", 0)) for port in document.get("ports") or ()),
            endpoints=frozenset(
                (address, endpoint.get("nodeName", ""))
                for endpoint in document.get("endpoints") or ()
                if (endpoint.get("conditions") or {}).get("ready") is not False
                for address in endpoint["addresses"]
            ),
        )

    def says(self, other: "OwnSlice") -> bool:
        """Whether it leads to the same places as another one, for the same owner."""
        return (self.owner, self.ports, self.endpoints) == (other.owner, other.ports, other.endpoints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What there is to be written for a service; nothing where all is as it should be."""

    apply: tuple[Document, ...] = ()
    delete: tuple[OwnSlice, ...] = ()


def wish(service: RoutedService, *, standby: bool, ready_since: float | None, now: float) -> Wish:
    """Tell whether a service's slices are to be there.

    Args:
        service: how it is routed.
        standby: `status.routing.standby`: the last pod is about to leave.
        ready_since: since when a pod has been ready and serving, in seconds; None while none is.
        now: seconds of the same clock.
    """
    if service.deleting:
        return Wish.STAY  # They go with their owner.
    if service.mode is RoutingMode.GATEWAY:
        return Wish.HERE
    if service.mode is RoutingMode.NONE:
        return Wish.AWAY
    if ready_since is None or standby:
        return Wish.HERE
    return Wish.STAY if now - ready_since < OVERLAP_SECONDS else Wish.AWAY


def endpoints_of(members: Iterable[Member]) -> tuple[Member, ...]:
    """The gateways that take connections; where all leave, those: better a gateway that leaves than none.

    The API server takes no loopback address into a slice: gateways that have one are left out.
    """
    live = tuple(member for member in members if not ip_address(member.address).is_loopback)
    return tuple(member for member in live if member.state is MemberState.SERVING) or live


def bodies(service: RoutedService, members: Iterable[Member]) -> tuple[Document, ...]:
    """Make the slices of a service for server-side apply, one for each family of addresses.

    Args:
        service: it owns them.
        members: where they lead.
    """
    by_version: dict[int, list[Member]] = {}
    for member in members:
        by_version.setdefault(ip_address(member.address).version, []).append(member)
    return tuple(_body(service, version, of_family) for version, of_family in sorted(by_version.items()))


def plan(service: RoutedService, wanted: Wish, members: Iterable[Member], found: Mapping[str, OwnSlice]) -> Plan:
    """Tell what there is to be written.

    Args:
        service: whose slices.
        wanted: whether they are to be there.
        members: where they are to lead; where there is nobody, all stays as it is.
        found: its slices that are there, by name.
    """
    if wanted is Wish.AWAY:
        return Plan(delete=tuple(found.values()))
    made = {body["metadata"]["name"]: body for body in bodies(service, members)}
    if not made:
        return Plan()
    return Plan(
        apply=tuple(
            body
            for name, body in made.items()
            if (name in found and not found[name].says(OwnSlice.of(body)))
            or (name not in found and wanted is Wish.HERE)
        ),
        delete=tuple(each for name, each in found.items() if name not in made),
    )


def leads_to_all(service: RoutedService, members: Iterable[Member], found: Mapping[str, OwnSlice]) -> bool:
    """Whether the slices that are there have every gateway that takes connections, at the service's port."""
    wanted = {member.address for member in members}
    reached = {
        address for each in found.values() if (PORT_NAME, service.port) in each.ports for address, _ in each.endpoints
    }
    return bool(wanted) and wanted <= reached


def _body(service: RoutedService, version: int, members: list[Member]) -> Document:
    namespace, name = service.key
    suffix, address_type = _SUFFIXES[version]
    return {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": ENDPOINT_SLICES.kind,
        "metadata": {
            "namespace": namespace,
            "name": f"{name}{suffix}",
            "labels": {
                SERVICE_NAME_LABEL: name,
                MANAGED_BY_LABEL: SLICE_MANAGED_BY,
                SERVICE_LABEL: name,
            },
            "ownerReferences": [
                {"apiVersion": API_VERSION, "kind": "InferenceService", "name": name, "uid": service.uid}
            ],
        },
        "addressType": address_type,
        "ports": [{"name": PORT_NAME, "port": service.port, "protocol": "TCP"}],
        "endpoints": [_endpoint(member) for member in members],
    }


def _endpoint(member: Member) -> Document:
    # No targetRef: readers would look for a pod of the Service's own namespace.
    endpoint: Document = {
        "addresses": [member.address],
        "conditions": {"ready": True, "serving": True, "terminating": False},
    }
    if member.node:
        endpoint["nodeName"] = member.node
    return endpoint
