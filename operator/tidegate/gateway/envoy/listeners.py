"""Envoy's listeners: one per service, the shared one, and the one where Envoy asks for another pod."""

from typing import Any

from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.http_connections import BODY_BYTES, http_filter_chain, removed, removed_prefix, set_to
from tidegate.gateway.envoy.names import (
    DESTINATION_HEADER,
    ENGINE_OR_REPICK_CLUSTER,
    ENGINES_CLUSTER,
    FIRST_PICK_HEADER,
    METADATA_NAMESPACE,
    MODEL_KEY,
    OWN_PREFIX,
    PICK_HEADER,
    PROBLEM_KEY,
    REPICK_LISTENER,
    SERVICE_HEADER,
    SHARED_LISTENER,
)
from tidegate.gateway.routed_service import Key

_BUFFER_BYTES = 64 * 1024

SHARED_BODY_SECONDS = 300
"""How long a request to the shared address may take to arrive: its body is read before it is held."""

UNREAD_SECONDS = 300
"""How long a client may leave the bytes of a response unread; then it counts as gone."""

_TYPE = "type.googleapis.com/"

Document = dict[str, Any]


def _socket_option(level: int, name: int, value: int) -> Document:
    return {"level": level, "name": name, "int_value": value, "state": "STATE_LISTENING"}


# Linux's numbers, by which Envoy takes them; accepted connections inherit them from the listening socket.
_GONE_CLIENTS = [
    _socket_option(1, 9, 1),  # SO_KEEPALIVE: notice machines that vanished, also while a request is held,
    _socket_option(6, 4, 60),  # TCP_KEEPIDLE: after a minute,
    _socket_option(6, 5, 20),  # TCP_KEEPINTVL,
    _socket_option(6, 6, 3),  # TCP_KEEPCNT.
    _socket_option(6, 18, UNREAD_SECONDS * 1000),  # TCP_USER_TIMEOUT: and those that never read.
]

_UNTRUSTED = [removed(PICK_HEADER), removed(DESTINATION_HEADER), removed_prefix(OWN_PREFIX), removed_prefix("x-envoy-")]
# In clusters all clients have private addresses, and those Envoy would obey: its x-envoy-* headers change timeouts.


def listener_name(key: Key, port: int) -> str:
    """Return the name of the listener of a service's own port."""
    return f"{key[0]}/{key[1]}:{port}"


def service_listener(key: Key, port: int, *, host: str = "0.0.0.0") -> Document:  # noqa: S104 - pods listen on all
    """Return the listener of a service's own port.

    It is the same for the same arguments, whatever else there is: Envoy cuts the streams of a listener that changes.
    """
    namespace, name = key
    chain = http_filter_chain(
        header_mutations=[*_UNTRUSTED, set_to(SERVICE_HEADER, f"{namespace}/{name}")],
        cluster=ENGINE_OR_REPICK_CLUSTER,
        retried=True,
        edge=True,
    )
    return _listener(listener_name(key, port), _socket_address(host, port), chain)


def shared_listener(port: int, *, host: str = "0.0.0.0") -> Document:  # noqa: S104 - pods listen on all
    """Return the listener of the address that all services share, where a body's `model` says which is meant."""
    chain = http_filter_chain(
        header_mutations=_UNTRUSTED,
        cluster=ENGINE_OR_REPICK_CLUSTER,
        retried=True,
        filters=(_body_buffer(), _model_reader()),
        receive_seconds=SHARED_BODY_SECONDS,
        edge=True,
    )
    return _listener(SHARED_LISTENER, _socket_address(host, port), chain)


def repick_listener(directory: Directory) -> Document:
    """Return the listener where Envoy sends what a first pod did not take, to ask the picker for another."""
    chain = http_filter_chain(
        header_mutations=[
            set_to(FIRST_PICK_HEADER, f"%REQ({PICK_HEADER})%"),
            removed(PICK_HEADER),
            removed(DESTINATION_HEADER),
        ],
        cluster=ENGINES_CLUSTER,
        retried=False,
        edge=False,
    )
    address = {"pipe": {"path": str(directory.repick_socket)}}
    return _listener(REPICK_LISTENER, address, chain) | {"ignore_global_conn_limit": True}


def _listener(name: str, address: Document, chain: Document) -> Document:
    return {
        "@type": _TYPE + "envoy.config.listener.v3.Listener",
        "name": name,
        "stat_prefix": "gateway",
        "address": address,
        "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
        "socket_options": _GONE_CLIENTS if "socket_address" in address else [],
        "filter_chains": [chain],
    }


def _socket_address(host: str, port: int) -> Document:
    return {"socket_address": {"address": host, "port_value": port}}


def _body_buffer() -> Document:
    # What reads the model would take no more than a connection's buffer.
    return {
        "name": "envoy.filters.http.buffer",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.filters.http.buffer.v3.Buffer",
            "max_request_bytes": BODY_BYTES,
        },
    }


def _model_reader() -> Document:
    def finding(key: str, **value: str) -> Document:
        return {"metadata_namespace": METADATA_NAMESPACE, "key": key, **value}

    return {
        "name": "envoy.filters.http.json_to_metadata",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
            "request_rules": {
                # Parameters of the type (`; charset=utf-8`) would otherwise make it another.
                "allow_content_types_regex": {"regex": r"(?i)application/([a-z.-]+\+)?json\s*(;.*)?"},
                "rules": [
                    {
                        "selectors": [{"key": "model"}],
                        "on_present": finding(MODEL_KEY),
                        "on_missing": finding(PROBLEM_KEY, value="missing"),
                        "on_error": finding(PROBLEM_KEY, value="invalid"),
                    }
                ],
            },
        },
    }
