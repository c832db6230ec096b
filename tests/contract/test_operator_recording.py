"""A recording of an operator that works on a real API server, reads real pages and is killed."""

import json
import urllib.request
from pathlib import Path

import pytest
from operated_namespace import OperatedNamespace
from operator_process import running_operator, tidegate

pytestmark = pytest.mark.cluster

BODY = json.dumps({"model": "m", "prompt": "word " * 50, "max_tokens": 5}).encode()
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PROMISES = {"objectives": {"timeToFirstToken": {"percentile": 95, "milliseconds": 2000}}}


def ask(address: str, port: int) -> None:
    """Have an answer from an engine."""
    request = urllib.request.Request(
        f"http://{address}:{port}/v1/completions", BODY, {"Content-Type": "application/json"}
    )
    with DIRECT.open(request, timeout=30) as response:
        response.read()


def test_what_an_operator_recorded_is_decided_again_identically(here: OperatedNamespace, tmp_path: Path) -> None:
    """Two processes, the first of which is killed, of pods that come, work and are scaled by hand."""
    flight, log = tmp_path / "flight", tmp_path / "log"
    arguments = (f"--namespace={here.namespace}", f"--recording-directory={flight}")
    with running_operator(here.cluster.kubeconfig, log, *arguments) as operator:
        here.apply(here.least(scaling=PROMISES))
        here.wait_serving(pods=1)
        (address,) = here.addresses()
        for _ in range(3):
            ask(address, here.port)
            operator.wait_turns(2)
        operator.kill()
    with running_operator(here.cluster.kubeconfig, log, *arguments) as operator:
        here.scale("chat", 3)
        here.apply(here.least(replicas=2, scaling=PROMISES))
        here.wait_serving(pods=2)
        operator.wait_turns(3)
        assert 'tidegate_recorded_decisions_total{outcome="Recorded"}' in operator.page()
        assert operator.stop() == 0

    assert [path.name for path in sorted(flight.iterdir())] == ["recording-000001.jsonl", "recording-000002.jsonl"]
    text = "".join(path.read_text() for path in sorted(flight.iterdir()))
    assert '"first_token_seconds"' in text
    done = tidegate("simulate", "--recording", str(flight))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" decisions, all identical\n")


def test_advice_names_the_person_who_set_the_size(here: OperatedNamespace, tmp_path: Path) -> None:
    """As the API server keeps his name, next to what was advised."""
    here.make_deployment("legacy", replicas=1)
    with running_operator(here.cluster.kubeconfig, tmp_path / "log", f"--namespace={here.namespace}"):
        here.apply(here.targeting("legacy", scaling={"mode": "Advisory", "minReplicas": 2}))
        here.wait("advice", lambda: "1 → 2 advised" in here.status().get("decision", {}).get("message", ""))
        here.scale("legacy", 4)
        here.wait("the change is seen", lambda: here.status().get("changes"))

    (change, *_) = here.status()["changes"]
    assert (change["from"], change["to"], change["by"], change["reason"]) == (1, 4, "kubectl", "SetByAnother")
    assert change["message"] == "kubectl changed the replicas from 1 to 4; advised then: 2"
    assert f"; kubectl set 4 at {change['time']}" in here.status()["decision"]["message"]
    assert here.deployment("legacy")["spec"]["replicas"] == 4
