"""Envoy's bootstrap: its clusters, its bounds, and where its listeners come from."""

from typing import Any

from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.names import (
    DESTINATION_HEADER,
    ENGINE_OR_REPICK_CLUSTER,
    ENGINES_CLUSTER,
    PICKER_CLUSTER,
    REPICK_CLUSTER,
)

_UNBOUNDED = 1_000_000
# Envoy's own default, 1,024, would refuse what is held; the policy bounds that, by count and by bytes.

_BUFFER_BYTES = 64 * 1024

ENGINE_KEEP_ALIVE_SECONDS = 4
"""How long a connection to an engine is kept unused: less than uvicorn's 5 s, so that none is used as it closes."""

_RETRY_BUDGET = {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 256}

_CUT_AT = {"scaling_threshold": 0.95, "saturation_threshold": 0.99}
"""Shares of the heap between which ever more requests are cut whose bodies fill it."""

_LARGE_STREAM = 20
"""Power of two of the bytes from which on a request may be one of those: a mebibyte."""

Document = dict[str, Any]


def bootstrap(directory: Directory, *, maximum_connections: int, maximum_heap_bytes: int | None = None) -> Document:
    """Return Envoy's bootstrap.

    Args:
        directory: Shared with the picker.
        maximum_connections: How many connections of clients it takes at once; one more is closed at once. Each may need
            two descriptors, one to the client and one to the pod.
        maximum_heap_bytes: Beyond nine tenths of it new requests are answered 503, and soon after that those whose
            bodies still come are cut; absent, memory is not bounded.
    """
    return {
        "node": {"id": "tidegate-gateway", "cluster": "tidegate-gateway"},
        "admin": {"address": _pipe(directory.admin_socket)},
        "dynamic_resources": {
            "lds_config": {
                "resource_api_version": "V3",
                "path_config_source": {
                    "path": str(directory.listener_file),
                    "watched_directory": {"path": str(directory.listeners)},
                },
            }
        },
        "static_resources": {"clusters": _clusters(directory)},
        "overload_manager": _overload_manager(maximum_connections, maximum_heap_bytes),
    }


def _clusters(directory: Directory) -> list[Document]:
    return [
        {
            "name": PICKER_CLUSTER,
            "type": "STATIC",
            "connect_timeout": "1s",
            "circuit_breakers": _circuit_breakers(),
            # Ten thousand held requests are released in one burst of frames.
            "typed_extension_protocol_options": _protocol(
                explicit_http_config={
                    "http2_protocol_options": {
                        "max_outbound_control_frames": _UNBOUNDED,
                        "max_outbound_frames": _UNBOUNDED,
                    }
                }
            ),
            "load_assignment": _one_endpoint(PICKER_CLUSTER, directory.picker_socket),
        },
        {
            "name": ENGINES_CLUSTER,
            "type": "ORIGINAL_DST",
            "lb_policy": "CLUSTER_PROVIDED",
            "connect_timeout": "2s",
            "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
            "circuit_breakers": _circuit_breakers(),
            # Requests go round by the repick listener while this cluster has no hosts.
            "cleanup_interval": "3600s",
            "original_dst_lb_config": {"use_http_header": True, "http_header_name": DESTINATION_HEADER},
            "typed_extension_protocol_options": _protocol(
                explicit_http_config={"http_protocol_options": {}},
                common_http_protocol_options={"idle_timeout": f"{ENGINE_KEEP_ALIVE_SECONDS}s"},
            ),
        },
        {
            "name": REPICK_CLUSTER,
            "type": "STATIC",
            "connect_timeout": "1s",
            "per_connection_buffer_limit_bytes": _BUFFER_BYTES,
            "circuit_breakers": _circuit_breakers(),
            "load_assignment": _one_endpoint(REPICK_CLUSTER, directory.repick_socket),
        },
        {
            # A retry goes to the next of these clusters: to a listener of this Envoy, which asks the picker again.
            "name": ENGINE_OR_REPICK_CLUSTER,
            "connect_timeout": "2s",
            "lb_policy": "CLUSTER_PROVIDED",
            "circuit_breakers": _circuit_breakers(),
            "cluster_type": {
                "name": "envoy.clusters.aggregate",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                    "clusters": [ENGINES_CLUSTER, REPICK_CLUSTER],
                },
            },
        },
    ]


def _overload_manager(maximum_connections: int, maximum_heap_bytes: int | None) -> Document:
    document: Document = {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/"
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": maximum_connections,
                },
            }
        ],
    }
    if maximum_heap_bytes is not None:
        document["resource_monitors"].append(
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": maximum_heap_bytes,
                },
            }
        )
        document["actions"] = [
            _heap_action("shrink_heap", 0.85),
            _heap_action("stop_accepting_requests", 0.9),
            _heap_action("stop_accepting_connections", 0.95),
            # Of HTTP/2, where one connection carries many requests: those that take most memory.
            {"name": "envoy.overload_actions.reset_high_memory_stream", "triggers": [_heap_trigger(scaled=_CUT_AT)]},
        ]
        document["buffer_factory_config"] = {"minimum_account_to_track_power_of_two": _LARGE_STREAM}
        # Of HTTP/1.1: what still sends. Nothing else bounds bodies that are read before the picker is asked, and if the
        # kernel ended Envoy all streams were cut.
        document["loadshed_points"] = [
            {
                "name": "envoy.load_shed_points.http1_server_abort_dispatch",
                "triggers": [_heap_trigger(threshold={"value": _CUT_AT["scaling_threshold"]})],
            }
        ]
    return document


def _heap_action(action: str, share: float) -> Document:
    return {"name": f"envoy.overload_actions.{action}", "triggers": [_heap_trigger(threshold={"value": share})]}


def _heap_trigger(**when: Document) -> Document:
    return {"name": "envoy.resource_monitors.fixed_heap", **when}


def _circuit_breakers() -> Document:
    bounds = ("max_connections", "max_pending_requests", "max_requests")
    return {"thresholds": [dict.fromkeys(bounds, _UNBOUNDED) | {"retry_budget": _RETRY_BUDGET}]}


def _protocol(**options: Document) -> Document:
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {name: {"@type": f"type.googleapis.com/{name}", **options}}


def _one_endpoint(cluster: str, socket: object) -> Document:
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _pipe(socket)}}]}]}


def _pipe(socket: object) -> Document:
    return {"pipe": {"path": str(socket)}}
