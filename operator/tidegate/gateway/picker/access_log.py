"""Envoy's access log: each line says that a request is over."""

from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry, ResponseFlags

from tidegate.cluster.reading import joined
from tidegate.gateway.envoy.names import PICK_HEADER
from tidegate.gateway.exchange import Ended
from tidegate.gateway.picker.warm_up import WARM_UP

_CLIENT_LEFT = frozenset({"downstream_connection_termination", "downstream_remote_reset"})


def ended_of(entry: HTTPAccessLogEntry) -> Ended | None:
    """Return the end of a request that was forwarded; None for all others."""
    pick_id = entry.request.request_headers.get(PICK_HEADER)
    if not pick_id or pick_id == WARM_UP.pick_id:
        return None
    common = entry.common_properties
    flags = _flags(common.response_flags)
    return Ended(
        pick_id=pick_id,
        address=_address(entry),
        status=entry.response.response_code.value,
        flags=flags,
        client_left=not flags.isdisjoint(_CLIENT_LEFT),
    )


def _address(entry: HTTPAccessLogEntry) -> str | None:
    upstream = entry.common_properties.upstream_remote_address
    if upstream.WhichOneof("address") != "socket_address":
        return None  # None at all, or this Envoy's own socket, where it asks for another pod.
    socket = upstream.socket_address
    return joined(socket.address, socket.port_value)


def _flags(flags: ResponseFlags) -> frozenset[str]:
    return frozenset(field.name for field, value in flags.ListFields() if value)
