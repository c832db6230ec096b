"""Services whose metrics come from a real Prometheus that scrapes their pods: scaled, held, told."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flood import flood
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import Engines, OperatorProcess, running_engines, running_operator

from live_cluster import LiveCluster
from prometheus_server import PrometheusMissingError, PrometheusServer, running_prometheus

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    """Engines whose series name the model from the start; unless told, they learn its name from the first request."""
    with running_engines("--model-name=m") as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(
    crds: LiveCluster, engines: Engines, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """A Prometheus that scrapes every pod there is, and labels series as Prometheus Operator's monitors do."""
    over = threading.Event()
    try:
        with running_prometheus(tmp_path_factory.mktemp("prometheus"), interval="2s") as server:
            discovery = threading.Thread(target=_discover, args=(crds, server, engines.port, over))
            discovery.start()
            yield server
            over.set()
            discovery.join()
    except PrometheusMissingError as error:
        pytest.skip(f"NOT TESTED with a real Prometheus: {error}")


def _discover(cluster: LiveCluster, server: PrometheusServer, port: int, over: threading.Event) -> None:
    """Do what Prometheus does itself elsewhere: Debian builds it without its discovery of pods."""
    known: dict[str, dict[str, str]] = {}
    while not over.wait(0.5):
        pods = {
            f"{pod['status']['podIP']}:{port}": {
                "namespace": pod["metadata"]["namespace"],
                "pod": pod["metadata"]["name"],
            }
            for pod in cluster.api.get("/api/v1/pods").document["items"]
            if pod["status"].get("podIP")
        }
        if pods != known:
            server.scrape(pods)
            known = pods


@pytest.fixture(scope="module")
def operator(
    crds: LiveCluster, prometheus: PrometheusServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator, told to ask it."""
    log = tmp_path_factory.mktemp("operator") / "log"
    options = ("--metrics-source=Prometheus", f"--prometheus-url={prometheus.url}", "--prometheus-timeout-seconds=1")
    with running_operator(crds.kubeconfig, log, *options) as running:
        yield running


@pytest.fixture
def least(here: OperatedNamespace, operator: OperatorProcess) -> dict[str, Any]:
    """The least spec of a service that shrinks at once."""
    del operator
    return here.least(**AT_ONCE)


def test_a_queue_adds_replicas_and_its_end_takes_them_away(
    here: OperatedNamespace, least: dict[str, Any], engines: Engines
) -> None:
    """As from the pods' own pages; nothing in the spec says where the numbers come from."""
    here.apply(least)
    here.wait_serving(pods=1)
    (address,) = here.addresses()
    engines.break_(address, slow=200)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, flood(f"http://{address}:{engines.port}", clients=300))
        try:
            here.wait("it has grown", lambda: here.size() > 1)
            here.wait("it is told", lambda: here.status()["changes"])
            change = here.status()["changes"][0]
            assert (change["from"], change["reason"], "wait" in change["message"]) == (1, "ScaledUp", True)
            assert here.status()["signals"]["waiting"] > 0
        finally:
            engines.reset(address)
            engines.mend(address)
    here.wait_size(1)


def test_two_services_may_have_two_sources(here: OperatedNamespace, least: dict[str, Any]) -> None:
    """One reads its pods itself, whatever the model is called there; one of the same pods' series is told it is not."""
    other = {**least, "model": {"name": "n"}}
    here.apply({**other, "metrics": {"source": "PodScrape"}}, "by-page")
    here.apply({**other, "metrics": {"source": "Prometheus"}}, "by-store")
    here.wait_serving("by-page")
    message = here.wait_condition("MetricsAvailable", "False", "Missing", "by-store")
    assert "AnotherModel: Prometheus 127.0.0.1:" in message
    assert "model_name='m' and none 'n'" in message


def test_a_prometheus_that_hangs_and_one_that_is_gone_hold_the_size(
    here: OperatedNamespace, least: dict[str, Any], prometheus: PrometheusServer, operator: OperatorProcess
) -> None:
    """The condition tells one from the other, nothing shrinks meanwhile, and what comes back is believed."""
    here.apply({**least, "replicas": 2})
    here.wait_serving(pods=2)
    # Until they have been scraped twice, nobody knows how soon a scrape is old; and the operator must look after that.
    prometheus.wait_until(f'count(count_over_time(up{{namespace="{here.namespace}"}}[1m]) >= 5) == 2')
    here.wait("both are read", lambda: here.status()["signals"]["podsSampled"] == 2)
    prometheus.pause()
    message = here.wait_condition("MetricsAvailable", "False", "Missing")
    here.wait("it times out", lambda: "PrometheusTimeout" in here.condition("MetricsAvailable")[2])
    assert f"Prometheus 127.0.0.1:{prometheus.port}: no complete answer within 1 s" in message
    here.apply(least)
    operator.wait_turns(4)
    assert here.size() == 2
    assert here.condition("ScalingLimited")[:2] == ("True", "MetricsHeld")
    prometheus.resume()
    here.wait_size(1)
    here.wait_condition("MetricsAvailable", "True", "Fresh")
    here.apply({**least, "replicas": 2})
    here.wait("there are two again", lambda: here.status()["signals"]["podsSampled"] == 2)
    prometheus.kill()
    here.wait("it is gone", lambda: "PrometheusUnreachable" in here.condition("MetricsAvailable")[2])
    here.apply(least)
    operator.wait_turns(4)
    assert here.size() == 2
    assert "Traceback" not in operator.said()
