"""What an operator learns of a service that works, in a real API server's status, and the operator after it."""

import json
import secrets
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess, running_operator

pytestmark = pytest.mark.cluster

LEARNS_SECONDS = 120
CLIENTS = 6
BODY = json.dumps({"model": "m", "prompt": "word " * 200, "max_tokens": 20}).encode()
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def working(address: str, port: int) -> Iterator[None]:
    """Clients who ask one engine for one answer after the other."""
    stop = threading.Event()

    def ask() -> None:
        url, headers = f"http://{address}:{port}/v1/completions", {"Content-Type": "application/json"}
        while not stop.is_set():
            request = urllib.request.Request(url, BODY, headers)
            with DIRECT.open(request, timeout=30) as response:
                response.read()

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        stop.set()
        for client in clients:
            client.join()


@contextmanager
def operated(here: OperatedNamespace, directory: Path) -> Iterator[OperatorProcess]:
    """An operator for this namespace alone."""
    log = directory / f"log-{secrets.token_hex(4)}"
    with running_operator(here.cluster.kubeconfig, log, f"--namespace={here.namespace}") as operator:
        yield operator


def looks(here: OperatedNamespace, least: int) -> int:
    """From how many looks the capacity in the status was learned; 0 while that is fewer than so many."""
    capacity = here.status().get("capacity") or [{}]
    samples: int = capacity[0].get("samples", 0)
    return samples if samples >= least and "unitsPerSecond" in capacity[0] else 0


def test_capacity_is_learned_and_the_next_operator_goes_on_with_it(here: OperatedNamespace, tmp_path: Path) -> None:
    """The first learns and is killed; the second has it from its first look on, and loses nothing of it."""
    here.apply(here.least(scaling={"maxReplicas": 1}))
    with operated(here, tmp_path) as operator:
        here.wait_serving(pods=1)
        (address,) = here.addresses()
        with working(address, here.port):
            first = here.wait("it is learned", lambda: looks(here, 2), LEARNS_SECONDS)
        operator.kill()
    (capacity,) = here.status()["capacity"]
    assert capacity["variant"] == "default"
    assert capacity["confidence"] in {"Low", "Medium", "High"}
    assert float(capacity["unitsPerSecond"]) > 0
    hashes = {pod["metadata"]["labels"]["pod-template-hash"] for pod in pods(here)}
    assert {capacity["templateHash"]} == hashes
    assert json.loads(here.status()["learned"])["learned"]["step_time"]["samples"] >= first

    with operated(here, tmp_path) as operator:
        with working(address, here.port):
            operator.wait_turns(8)
        assert looks(here, first)


def pods(here: OperatedNamespace) -> list[dict[str, dict[str, dict[str, str]]]]:
    """The pods of the namespace."""
    found: list[dict[str, dict[str, dict[str, str]]]] = here.cluster.api.get(here.path("pods")).document["items"]
    return found
