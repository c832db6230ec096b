"""Finds pods and endpoints for a Prometheus that was built without discovery of Kubernetes, as Debian builds it.

Runs in its pod. Describes targets by the labels that Prometheus' own discovery gives them, as far as monitors ask for
those, and writes them where Prometheus reads targets from files: `pods.json` and `endpoints.json`.
"""

import json
import os
import re
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAMESPACES = os.environ["NAMESPACES"].split()
DIRECTORY = Path(os.environ["DIRECTORY"])

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TLS = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))

Document = dict[str, Any]
Labels = dict[str, str]


def objects(plural: str) -> Iterator[Document]:
    """All objects of a kind in our namespaces."""
    for namespace in NAMESPACES:
        url = f"https://kubernetes.default.svc/api/v1/namespaces/{namespace}/{plural}"
        headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=10, context=TLS) as answer:  # noqa: S310 - https
            yield from json.load(answer)["items"]


def pods() -> Iterator[tuple[str, Labels]]:
    """Address and labels of each port of each container of each pod that has an address."""
    for pod in objects("pods"):
        if "podIP" in pod["status"]:
            described = of_pod(pod)
            for container in pod["spec"]["containers"]:
                for port in container.get("ports", ()):
                    named = {"pod_container_name": container["name"], "pod_container_port_name": port.get("name", "")}
                    yield f"{pod['status']['podIP']}:{port['containerPort']}", {**described, **named}


def endpoints() -> Iterator[tuple[str, Labels]]:
    """Address and labels of each port of each ready pod behind each Service."""
    services = {key(service): service for service in objects("services")}
    known = {key(pod): pod for pod in objects("pods")}
    for each in objects("endpoints"):
        if (service := services.get(key(each))) is None:
            continue
        of_service = {"service_name": service["metadata"]["name"], **listed("service_label", service, "labels")}
        for subset in each.get("subsets", ()):
            for address in subset.get("addresses", ()):
                target = address.get("targetRef", {})
                pod = known.get((target.get("namespace", ""), target.get("name", "")))
                described = {**(of_pod(pod) if pod else {}), **of_service, "namespace": each["metadata"]["namespace"]}
                for port in subset.get("ports", ()):
                    named = {"endpoint_port_name": port.get("name", "")}
                    yield f"{address['ip']}:{port['port']}", {**described, **named}


def key(document: Document) -> tuple[str, str]:
    """Namespace and name."""
    return document["metadata"]["namespace"], document["metadata"]["name"]


def of_pod(pod: Document) -> Labels:
    """What is said of a pod, whichever of its ports is scraped."""
    own = {"namespace": pod["metadata"]["namespace"], "pod_name": pod["metadata"]["name"]}
    own["pod_phase"] = pod["status"]["phase"]
    return {**own, **listed("pod_label", pod, "labels"), **listed("pod_annotation", pod, "annotations")}


def listed(prefix: str, document: Document, what: str) -> Labels:
    """Labels or annotations of an object, each also as one that says that it is there."""
    found = {re.sub(r"\W", "_", name): value for name, value in document["metadata"].get(what, {}).items()}
    there = {f"{prefix}present_{name}": "true" for name in found}
    return {**there, **{f"{prefix}_{name}": value for name, value in found.items()}}


def write(name: str, targets: Iterator[tuple[str, Labels]]) -> None:
    """Write targets so that no half of them is ever read, and only if they are others than before."""
    path, new = DIRECTORY / f"{name}.json", DIRECTORY / f"{name}.new"
    text = json.dumps([{"targets": [address], "labels": prefixed(labels)} for address, labels in targets])
    if not path.exists() or path.read_text() != text:
        new.write_text(text)
        new.rename(path)


def prefixed(labels: Mapping[str, str]) -> Labels:
    """Labels by the names that Prometheus' discovery gives them."""
    return {f"__meta_kubernetes_{name}": value for name, value in labels.items()}


while True:
    write("pods", pods())
    write("endpoints", endpoints())
    time.sleep(1)
