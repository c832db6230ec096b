"""How Envoy treats HTTP: the part of a listener that all of ours have in common."""

from typing import Any

from tidegate.gateway.envoy.local_replies import local_reply_config
from tidegate.gateway.envoy.names import (
    PICK_HEADER,
    PICKER_CLUSTER,
    SERVICE_HEADER,
)
from tidegate.gateway.policy.headers import COLD_START_HEADER, HELD_HEADER

BODY_BYTES = 32 * 1024 * 1024
"""How much of a body is kept for a second pod; at the shared address also the largest body."""

HEADER_KILOBYTES = 32

_HEADERS = 128
# A hundred of the client's, and those that are added on the way.

LONGEST_HOLD_SECONDS = 3600
"""The largest `holdTimeoutSeconds`."""

_BEYOND_HOLD_SECONDS = LONGEST_HOLD_SECONDS + 300
"""Bounds that a held request must not meet: the policy answers it before."""

SILENCE_SECONDS = 3600
"""How long neither side of a forwarded request may send a byte."""

_TYPE = "type.googleapis.com/"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

Document = dict[str, Any]


def http_filter_chain(
    *,
    header_mutations: list[Document],
    cluster: str,
    retried: bool,
    filters: tuple[Document, ...] = (),
    edge: bool,
    receive_seconds: int = _BEYOND_HOLD_SECONDS,
) -> Document:
    """Return the filter chain of a listener.

    Args:
        header_mutations: Applied before anything else sees the request.
        cluster: Where a request with a pick id goes.
        retried: Whether one that reached no pod is tried there once more.
        filters: In front of the picker.
        edge: Whether clients come here, rather than this Envoy itself.
        receive_seconds: How long a request may take to arrive; where its body is not read before it is held, that
            includes the hold.
    """
    manager: Document = {
        "@type": _TYPE + _MANAGER,
        # One name for all: statistics are kept by name, and thousands of listeners would each have their own.
        "stat_prefix": "gateway" if edge else "repick",
        "use_remote_address": edge,
        "preserve_external_request_id": True,
        "server_header_transformation": "PASS_THROUGH",
        "max_request_headers_kb": HEADER_KILOBYTES if edge else 4 * HEADER_KILOBYTES,
        "stream_idle_timeout": f"{_BEYOND_HOLD_SECONDS}s",
        "request_timeout": f"{receive_seconds}s",
        "request_headers_timeout": "30s",
        "common_http_protocol_options": {
            "idle_timeout": "600s",
            "max_headers_count": _HEADERS if edge else 4 * _HEADERS,
        },
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": "gateway"},
        "http2_protocol_options": {
            "max_concurrent_streams": 1000,
            "initial_stream_window_size": 64 * 1024,
            "initial_connection_window_size": 1024 * 1024,
            # A proxy may send many clients' requests on one connection: what one of them gets wrong ends its own alone.
            "override_stream_error_on_invalid_http_message": True,
        },
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {
                    "@type": _TYPE + "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    "mutations": header_mutations,
                },
            }
        ],
        "local_reply_config": local_reply_config(),
        "route_config": _routes(cluster, retried=retried, edge=edge),
        "http_filters": [*filters, _picker(), _router()],
        "access_log": [_access_log()],
    }
    return {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}


def removed(header: str) -> Document:
    """Return a mutation that removes a header."""
    return {"remove": header}


def removed_prefix(prefix: str) -> Document:
    """Return a mutation that removes all headers of a prefix."""
    return {"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}}


def set_to(header: str, value: str) -> Document:
    """Return a mutation that sets a header; nothing is set where the value comes out empty."""
    return {"append": {"header": {"key": header, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}


def _routes(cluster: str, *, retried: bool, edge: bool) -> Document:
    route: Document = {
        "cluster": cluster,
        "timeout": "0s",
        "idle_timeout": f"{SILENCE_SECONDS}s",
    }
    if retried:
        route["retry_policy"] = {
            # None of these can happen after an engine has seen the request.
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 1,
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.010s"},
            "retry_priority": {
                "name": "envoy.retry_priorities.previous_priorities",
                "typed_config": {
                    "@type": _TYPE + "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                    "update_frequency": 1,
                },
            },
        }
    picked = {"prefix": "/", "headers": [{"name": PICK_HEADER, "present_match": True}]}
    return {
        "name": "picked",
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "include_request_attempt_count": retried,
                "response_headers_to_add": [_told(header) for header in (COLD_START_HEADER, HELD_HEADER)]
                if edge
                else [],
                "routes": [
                    {"match": picked, "route": route, "request_body_buffer_limit": BODY_BYTES},
                    {
                        # Where the picker has not answered: Envoy would go on, to whatever the client asked for.
                        "match": {"prefix": "/"},
                        "direct_response": {"status": 503},
                        "request_body_buffer_limit": BODY_BYTES,
                    },
                ],
            }
        ],
    }


def _told(header: str) -> Document:
    """Tell the client, too, what a pod is told; nothing of requests that no pod has."""
    return {"header": {"key": header, "value": f"%REQ({header})%"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _picker() -> Document:
    return {
        "name": "envoy.filters.http.ext_proc",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
            "grpc_service": _picker_service(),
            "failure_mode_allow": False,
            "status_on_error": {"code": "ServiceUnavailable"},
            "message_timeout": f"{LONGEST_HOLD_SECONDS}s",
            "route_cache_action": "CLEAR",
            "metadata_options": {"forwarding_namespaces": {"untyped": ["tidegate"]}},
            "processing_mode": {
                "request_header_mode": "SEND",
                "response_header_mode": "SKIP",
                "request_body_mode": "NONE",
                "response_body_mode": "NONE",
                "request_trailer_mode": "SKIP",
                "response_trailer_mode": "SKIP",
            },
        },
    }


def _router() -> Document:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": True,
        },
    }


def _access_log() -> Document:
    return {
        "name": "envoy.access_loggers.http_grpc",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
            "common_config": {
                "log_name": "requests",
                "transport_api_version": "V3",
                "grpc_service": _picker_service(),
                "buffer_size_bytes": 1,
            },
            "additional_request_headers_to_log": [PICK_HEADER, SERVICE_HEADER],
        },
    }


def _picker_service() -> Document:
    return {"envoy_grpc": {"cluster_name": PICKER_CLUSTER}}
