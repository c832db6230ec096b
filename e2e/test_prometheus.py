"""A Prometheus that scrapes what the chart's monitors say: what people see there, and what is scaled by it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_prometheus import ClusterPrometheus, cluster_prometheus
from helm_release import Release
from model_namespace import ModelNamespace

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "monitoring"))
from expressions import dashboard_queries, filled_in, names, recordings

AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 0}}
SCALING = {"maxReplicas": 3, "tokenThroughput": {"targetPerReplica": 100}, "behavior": AT_ONCE}
LOAD = {"requests_per_second": 4, "prompt_tokens": 90, "answer_tokens": 10}
TURNS = 5
EVENTFUL = {
    "tidegate_gateway_cold_start_seconds_bucket",
    "tidegate_gateway_rejected_total",
    "tidegate_gateway_unrouted_total",
    "tidegate_gateway_wakes_total",
}
"""What there is no series of until somebody has waited, or was turned away."""


@pytest.fixture
def prometheus(
    here: ModelNamespace, release: Release, prometheus_image: str, tmp_path: Path
) -> Iterator[ClusterPrometheus]:
    """One that scrapes the operator and the model pods of `here`."""
    with cluster_prometheus(here, release, prometheus_image, tmp_path) as running:
        yield running


def test_monitors_rules_and_dashboards_have_what_they_ask_for(
    here: ModelNamespace, prometheus: ClusterPrometheus
) -> None:
    """All model pods, the operator and the gateways are scraped, panels and recordings have data, rules evaluate."""
    here.apply(here.least(scaling=SCALING, costPerHour="2.40"))
    here.wait_serving(pods=1)
    with here.load(**LOAD):
        here.wait_serving(pods=3)
        scraped = f'count by (pod) (vllm:num_requests_running{{namespace="{here.namespace}", service="chat"}})'
        pods = here.pods().keys()
        here.wait("all pods are scraped", lambda: {row["metric"]["pod"] for row in prometheus.query(scraped)} == pods)
        seen = f'tidegate_ready_replicas{{namespace="{here.namespace}", service="chat"}} == 3'
        here.wait("the operator is scraped", lambda: prometheus.query(seen))
        variables = {"namespace": here.namespace, "service": "chat"}
        asked = {each.where: filled_in(each.expression, **variables) for each in dashboard_queries()}
        asked |= {name: f'{name}{{namespace="{here.namespace}"}}' for name in recordings()}
        for where, expression in asked.items():
            if names(expression) & EVENTFUL:
                prometheus.query(expression)  # It evaluates.
                continue
            here.wait(f"{where} has data: {expression}", lambda expression=expression: prometheus.query(expression))
    rules = prometheus.rules()
    assert recordings() < rules.keys()
    assert {name: rule["lastError"] for name, rule in rules.items() if rule["health"] != "ok"} == {}


def test_a_service_follows_what_prometheus_says(
    here: ModelNamespace, release: Release, prometheus: ClusterPrometheus
) -> None:
    """Up with load; held and told why while Prometheus is gone; down once it is back and says that the load is over."""
    release.install(prometheus={"url": prometheus.url})
    here.apply(here.least(metrics={"source": "Prometheus"}, scaling=SCALING))
    here.wait_serving(pods=1)
    with here.load(**LOAD):
        here.wait_serving(pods=3)
        prometheus.stop()
        here.wait_condition("MetricsAvailable", "False", "Missing")
        gone = "PrometheusUnreachable"
        here.wait("it is told why", lambda: gone in here.condition("MetricsAvailable")[2])
    here.wait_condition("ScalingLimited", "True", "MetricsHeld")
    operator = str(release.leader())
    goal = release.turns(operator) + TURNS
    here.wait("it looks a few times more", lambda: release.turns(operator) >= goal)
    assert here.size() == 3
    prometheus.start()
    here.wait_size(1)
    here.wait_serving(pods=1)
    assert here.condition("MetricsAvailable")[:2] == ("True", "Fresh")
