"""Clients that keep their connections, while a service grows and shrinks: who gets what, and what breaks."""

import time
from collections import Counter

import pytest

from cluster_clients import Asking, Clients
from model_namespace import ModelNamespace

MODES = {"gateway": "Gateway", "direct": "Direct"}
CONNECTIONS = 50
SETTLE_SECONDS = 30
WINDOW_SECONDS = 30
"""Together the minute after which new pods are to have their share."""

LEAST_SHARE = 0.20
KEEPING = {
    "httpx": {"connections": CONNECTIONS, "seconds_between": 1},
    "openai": {"connections": 10, "seconds_between": 0.5},
    "curl": {"connections": 1, "seconds_between": 0.25},
}
"""Clients, each at its own pace."""

SECONDS = 240


def finished(here: ModelNamespace, name: str) -> dict[str, float]:
    """How many requests each pod of a service has answered."""
    found = {}
    for pod in here.pods(name):
        page = here.cluster.api.get(f"{here.path('pods', f'{pod}:{here.port}')}/proxy/metrics").message
        lines = [line for line in page.splitlines() if line.startswith("vllm:request_success_total{")]
        found[pod] = sum(float(line.rpartition(" ")[2]) for line in lines)
    return found


def shares(here: ModelNamespace, seconds: float) -> dict[str, list[float]]:
    """Each pod's part of the answers of some seconds, the smallest first, for each service."""
    before = {name: finished(here, name) for name in MODES}
    time.sleep(seconds)
    found = {}
    for name in MODES:
        after = finished(here, name)
        new = {pod: number - before[name][pod] for pod, number in after.items()}
        found[name] = sorted(number / sum(new.values()) for number in new.values())
    return found


@pytest.fixture(scope="module")
def keeping(clients: Clients) -> dict[str, dict[str, Asking]]:
    """All kinds of clients at work on a service in each mode, which has one pod."""
    here = clients.here
    for name, mode in MODES.items():
        here.apply(here.least(replicas=1, routing={"mode": mode}), name)
    for name in MODES:
        here.wait_serving(name, pods=1)
    common = {"model": "m", "tokens": 4, "seconds": SECONDS}
    return {
        name: {
            client: clients.start("keep_asking.py", client=client, url=clients.url(name), **common, **own)
            for client, own in KEEPING.items()
        }
        for name in MODES
    }


def test_new_pods_get_their_share_and_leaving_ones_cut_nothing(
    clients: Clients, keeping: dict[str, dict[str, Asking]]
) -> None:
    """In mode Gateway. In mode Direct connections stay where they are, and some break: how many is published."""
    here = clients.here
    for replicas in (4, 1):
        for name in MODES:
            here.kubectl("scale", f"infer/{name}", f"--replicas={replicas}")
        for name in MODES:
            here.wait_serving(name, pods=replicas)
        if replicas == 4:
            time.sleep(SETTLE_SECONDS)
            found = shares(here, WINDOW_SECONDS)
    for name in MODES:
        here.wait(f"{name} has one pod", lambda name=name: len(here.pods(name)) == 1)
    time.sleep(3)
    results = {
        name: {client: Counter(asking.lines[-1]) for client, asking in those.items()} for name, those in keeping.items()
    }
    for name in MODES:
        print(name, "shares", [f"{share:.0%}" for share in found[name]], {k: dict(v) for k, v in results[name].items()})  # noqa: T201 - published
    assert len(found["gateway"]) == 4
    assert found["gateway"][0] >= LEAST_SHARE
    for client, counts in results["gateway"].items():
        assert counts.keys() == {"200"}, client
    for client, counts in results["direct"].items():
        assert counts["200"] > 0.95 * counts.total(), client
