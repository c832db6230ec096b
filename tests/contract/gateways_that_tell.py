"""Gateways as the operator sees them: a Lease that is renewed, and a page. No request passes them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from live_cluster import LiveCluster

INSTALL = "tide"
RENEW_SECONDS = 1.0
LONG_AGO = 1_000_000_000.0

Key = tuple[str, str]
Numbers = dict[str, float]


@dataclass(slots=True)
class TellingGateway:
    """One gateway, and what it says.

    Attributes:
        cluster: Where its Lease is.
        namespace: The Lease's.
        numbers: Of each service, what differs from one that nobody has used for long.
        slices: Since when each slice is in place.
    """

    cluster: LiveCluster
    namespace: str
    numbers: dict[Key, Numbers] = field(default_factory=dict)
    slices: dict[Key, float] = field(default_factory=dict)
    port: int = 0
    _ends: threading.Event = field(default_factory=threading.Event)

    def says(self, key: Key, **numbers: float) -> None:
        """Of a service, from now on."""
        self.numbers[key] = numbers

    def page(self) -> str:
        """Its metrics."""
        usual: Numbers = {
            "requests_total": 0.0,
            "in_flight": 0.0,
            "held": 0.0,
            "abandoned_total": 0.0,
            "last_use_timestamp_seconds": LONG_AGO,
        }
        lines = [
            f'tidegate_gateway_{name}{{namespace="{key[0]}",service="{key[1]}"}} {value}'
            for key, numbers in list(self.numbers.items())
            for name, value in {**usual, **numbers}.items()
        ]
        lines += [
            f'tidegate_gateway_slice_since_timestamp_seconds{{namespace="{key[0]}",service="{key[1]}"}} {since}'
            for key, since in list(self.slices.items())
        ]
        return "\n".join(lines) + "\n"

    def renew_until_it_ends(self) -> None:
        """Keep its Lease."""
        while not self._ends.is_set():
            self._renew()
            self._ends.wait(RENEW_SECONDS)

    def end(self) -> None:
        """Renew no more."""
        self._ends.set()

    def _renew(self) -> None:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/gateway"
        body: dict[str, Any] = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": "gateway",
                "labels": {"inference.tidegate.dev/gateway": INSTALL},
                "annotations": {"inference.tidegate.dev/gateway-metrics": f"127.0.0.1:{self.port}"},
            },
            "spec": {
                "holderIdentity": "gateway",
                "leaseDurationSeconds": 5,
                "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
        self.cluster.api.apply(path, body, manager="tidegate-gateway", force=True)


@contextmanager
def telling_gateway(cluster: LiveCluster, namespace: str) -> Iterator[TellingGateway]:
    """Run a gateway until the block ends."""
    gateway = TellingGateway(cluster, namespace)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = gateway.page().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway.port = server.server_address[1]
    threads = [
        threading.Thread(target=server.serve_forever, daemon=True),
        threading.Thread(target=gateway.renew_until_it_ends, daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield gateway
    finally:
        gateway.end()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join()
