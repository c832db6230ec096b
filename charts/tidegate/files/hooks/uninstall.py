"""Run before an uninstall: refuses it while clients reach services through the gateways, which would be gone."""

import json
import os
import ssl
import urllib.request
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API_SERVER = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
NAMESPACES = json.loads(os.environ["WATCH_NAMESPACES"])
RELEASE, REVISION, PLACE = (os.environ[name] for name in ("RELEASE", "REVISION", "RELEASE_NAMESPACE"))


def services(namespace: str | None) -> list[Any]:
    """The InferenceServices of a namespace, or of all."""
    place = f"/namespaces/{namespace}" if namespace else ""
    url = f"{API_SERVER}/apis/inference.tidegate.dev/v1alpha1{place}/inferenceservices"
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - always https
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=30, context=trusted) as response:  # noqa: S310 - always https
        return list(json.load(response)["items"])


def needs_the_gateways(service: Any) -> str:
    """Why nobody could reach a service without the gateways; empty if everybody could."""
    status = service.get("status", {})
    routing = status.get("routing", {})
    if routing.get("mode") == "Gateway":
        return "all its requests go through the gateways"
    if routing.get("mode") == "Direct" and (routing.get("standby") or not status.get("readyReplicas")):
        return "no pod of it is ready, and the gateways hold its requests"
    return ""


found = [each for namespace in NAMESPACES or [None] for each in services(namespace)]
reasons = {f"{each['metadata']['namespace']}/{each['metadata']['name']}": needs_the_gateways(each) for each in found}
needed = {name: reason for name, reason in reasons.items() if reason}
if needed:
    print(f"NOT UNINSTALLED: without the gateways nothing would answer at {len(needed)} services:")
    for name, reason in sorted(needed.items()):
        print(f"  {name}: {reason}")
    print("Take the uninstall back: what Helm has begun to uninstall it upgrades no more. Then let them be reached")
    print("without, which wakes those that sleep:")
    print(f"  helm rollback {RELEASE} {REVISION} --namespace {PLACE}")
    print(f"  helm upgrade {RELEASE} CHART --namespace {PLACE} --reuse-values --set gateway.routingMode=None")
    print("and set spec.routing.mode to None where a service has one of its own.")
    print(
        "When `kubectl get infer -A` shows them all serving, uninstall. To do it at once, and leave them unreachable:"
    )
    print(f"  helm uninstall {RELEASE} --namespace {PLACE} --no-hooks")
    raise SystemExit(1)
print(f"none of {len(found)} services needs the gateways")
