"""Somebody else's mutating admission webhook: a real HTTPS server, registered at the real API server."""

import base64
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from live_cluster import LiveCluster

Document = dict[str, Any]
Patch = list[Document]
"""A JSON patch (RFC 6902)."""

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
SECONDS = 30
RULES = [
    {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]},
    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["services"]},
]


@dataclass(slots=True)
class Webhook:
    """It, while it is registered.

    Attributes:
        cluster: Where.
        name: Of its configuration.
        namespace: The one whose objects it is shown.
        change: What it does to an object that is about to be written.
        reviews: How often it was asked, dry runs left out: once per write that reaches admission.
        rehearsals: How often for a dry run.
    """

    cluster: LiveCluster
    name: str
    namespace: str
    change: Callable[[Document], Patch]
    reviews: list[str] = field(default_factory=list)
    rehearsals: list[str] = field(default_factory=list)

    def review(self, request: Document) -> Patch:
        """Answer one question."""
        seen = self.rehearsals if request.get("dryRun") else self.reviews
        seen.append(f"{request['operation']} {request['kind']['kind']}")
        return self.change(request["object"])

    def remove(self) -> None:
        """Take its configuration away, and wait until the API server asks no more."""
        self.cluster.api.request("DELETE", f"{CONFIGURATIONS}/{self.name}")
        self._wait(asked=False)

    def register(self, url: str, authority: bytes) -> None:
        """Put its configuration in place, and wait until the API server asks."""
        webhook = {
            "name": "change.example.com",
            "clientConfig": {"url": url, "caBundle": base64.b64encode(authority).decode()},
            "rules": RULES,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 5,
        }
        document = {"metadata": {"name": self.name}, "webhooks": [webhook]}
        made = self.cluster.api.request("POST", CONFIGURATIONS, document)
        assert made.status == 201, made.message
        self._wait(asked=True)

    def _wait(self, *, asked: bool) -> None:
        deadline = time.monotonic() + SECONDS
        while self._is_asked() != asked:
            assert time.monotonic() < deadline, f"the webhook is {'not ' if asked else ''}asked"
            time.sleep(0.1)
        self.reviews.clear()
        self.rehearsals.clear()

    def _is_asked(self) -> bool:
        before = len(self.rehearsals)
        probe = {"metadata": {"name": "probe"}, "spec": {"ports": [{"port": 80}]}}
        self.cluster.api.request("POST", f"/api/v1/namespaces/{self.namespace}/services", probe, dryRun="All")
        return len(self.rehearsals) > before


@contextmanager
def mutating_webhook(
    cluster: LiveCluster, namespace: str, directory: Path, change: Callable[[Document], Patch]
) -> Iterator[Webhook]:
    """Have one change the Deployments and Services of a namespace until the block ends, or it is removed."""
    key, certificate = directory / "webhook.key", directory / "webhook.crt"
    _make_certificate(key, certificate)
    webhook = Webhook(cluster, f"{namespace}-webhook", namespace, change)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(webhook))
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        webhook.register(f"https://127.0.0.1:{server.server_port}/", certificate.read_bytes())
        yield webhook
    finally:
        cluster.api.request("DELETE", f"{CONFIGURATIONS}/{webhook.name}")
        server.shutdown()
        server.server_close()
        thread.join()


def _make_certificate(key: Path, certificate: Path) -> None:
    """One that signs itself: the API server is told to trust just it."""
    name, address = "/CN=webhook", "subjectAltName=IP:127.0.0.1"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(  # noqa: S603 - arguments written here
        ["openssl", "req", "-x509", "-days", "1", "-subj", name, "-addext", address, *curve, *files],  # noqa: S607 - whichever is installed
        check=True,
        capture_output=True,
    )


def _handler(webhook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Review what is about to be written."""
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            patch = base64.b64encode(json.dumps(webhook.review(review["request"])).encode()).decode()
            response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
            body = json.dumps({**review, "response": response}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    return Handler
