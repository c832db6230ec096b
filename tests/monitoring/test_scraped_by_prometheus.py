"""The chart's monitors, rules and dashboards in a real Prometheus that scrapes a real exporter and a real engine."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from cluster_objects import NAMESPACE
from expressions import Asked, alerts, dashboard_queries, filled_in, recordings
from scraped_gateway import ScrapedGateway
from scraped_operator import ScrapedOperator

from helm_chart import Helm, only
from prometheus_server import PrometheusMissingError, PrometheusServer, running_prometheus
from tidegate.simulator.fleet import Fleet, Listener
from tidegate.simulator.server import EngineServer
from tidegate.simulator.serving import listening

ADDRESS = "127.0.0.1"
RELEASE = {"namespace": "tidegate-system", "service": "tidegate", "pod": "tidegate-0"}
GATEWAY = {"namespace": "tidegate-system", "service": "tidegate-gateway-metrics", "pod": "tidegate-gateway-0"}
"""What Prometheus Operator says of a target by itself."""

VALUES = {"metrics": {name: {"enabled": True} for name in ("serviceMonitor", "podMonitor", "prometheusRule")}}
VALUES["metrics"]["serviceMonitor"]["interval"] = VALUES["metrics"]["podMonitor"]["interval"] = "1s"
SECONDS = 60


def job(name: str, endpoint: Mapping[str, Any], address: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """What Prometheus Operator makes of one endpoint of a monitor, for one target that was discovered."""
    relabelings = [
        {_snake(key): value for key, value in relabeling.items()} for relabeling in endpoint.get("relabelings", ())
    ]
    return {
        "job_name": name,
        "scrape_interval": endpoint["interval"],
        "metrics_path": endpoint["path"],
        "honor_labels": endpoint.get("honorLabels", False),
        "relabel_configs": relabelings,
        "static_configs": [{"targets": [address], "labels": dict(labels)}],
    }


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def model_pod(port: int) -> dict[str, str]:
    """A model's pod as Kubernetes discovery describes it; its metrics are elsewhere than its API."""
    kubernetes = {
        "pod_label_inference_tidegate_dev_service": "chat",
        "pod_label_inference_tidegate_dev_variant": "default",
        "pod_annotation_prometheus_io_port": str(port),
        "pod_annotation_prometheus_io_path": "/metrics",
    }
    labels = {f"__meta_kubernetes_{name}": value for name, value in kubernetes.items()}
    return {**labels, "namespace": NAMESPACE, "pod": "chat-abc-1"}


@asynccontextmanager
async def serving(operator: ScrapedOperator) -> AsyncIterator[tuple[int, int, int]]:
    """Ports of the operator's page, of a gateway's and of an engine, all of which go on working."""
    gateway = ScrapedGateway()
    fleet = Fleet(model_names=("m",))
    engine = EngineServer(fleet, Listener.parse("vLLM:8000:l4", startup_seconds=0)).application()
    async with (
        listening(_page(operator.exporter.page), ADDRESS, 0) as operator_port,
        listening(_page(gateway.exporter.page), ADDRESS, 0) as gateway_port,
        listening(engine, ADDRESS, 0) as engine_port,
        asyncio.TaskGroup() as tasks,
    ):
        working = [tasks.create_task(_work(operator)), tasks.create_task(_ask(engine_port))]
        try:
            yield operator_port, gateway_port, engine_port
        finally:
            for task in working:
                task.cancel()


def _page(write: Callable[[], Awaitable[bytes]]) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await write())

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    return application


async def _work(operator: ScrapedOperator) -> None:
    while True:
        await operator.work()
        await asyncio.sleep(0.5)


async def _ask(port: int) -> None:
    body = {"model": "m", "prompt": "word", "max_tokens": 2}
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.post(f"http://{ADDRESS}:{port}/v1/completions", json=body) as response:
                assert response.status == 200, await response.text()
            await asyncio.sleep(0.2)


def jobs(helm: Helm, operator_port: int, gateway_port: int, engine_port: int) -> list[dict[str, Any]]:
    """What the chart's monitors ask for."""
    documents = helm.render(VALUES, "--api-versions=monitoring.coreos.com/v1")
    (operator,) = only(documents, "ServiceMonitor", component="operator")["spec"]["endpoints"]
    (gateway,) = only(documents, "ServiceMonitor", component="gateway")["spec"]["endpoints"]
    (models,) = only(documents, "PodMonitor")["spec"]["podMetricsEndpoints"]
    return [
        job("tidegate", operator, f"{ADDRESS}:{operator_port}", RELEASE),
        job("tidegate-gateway", gateway, f"{ADDRESS}:{gateway_port}", GATEWAY),
        job("models", models, f"{ADDRESS}:1", model_pod(engine_port)),
    ]


def rules(helm: Helm, directory: Path) -> Path:
    """The chart's PrometheusRule as a file of rules."""
    documents = helm.render(VALUES, "--api-versions=monitoring.coreos.com/v1")
    path = directory / "rules.yaml"
    path.write_text(yaml.safe_dump(only(documents, "PrometheusRule")["spec"]))
    return path


def empty(prometheus: PrometheusServer, asked: Iterable[Asked]) -> list[str]:
    """The queries that have no answer."""
    variables = {"namespace": NAMESPACE, "service": "chat"}
    return [each.where for each in asked if not prometheus.query(filled_in(each.expression, **variables))]


def evaluated(prometheus: PrometheusServer) -> dict[str, dict[str, Any]]:
    """Every rule as Prometheus sees it, by name."""
    with urllib.request.urlopen(f"{prometheus.url}/api/v1/rules", timeout=5) as answer:  # noqa: S310 - loopback
        groups = json.load(answer)["data"]["groups"]
    return {rule["name"]: rule for group in groups for rule in group["rules"]}


async def test_every_panel_and_recording_has_data_and_alerts_see_what_is_wrong(helm: Helm, tmp_path: Path) -> None:
    """As the chart has it scraped; a service in trouble is one that an alert waits for."""
    operator = ScrapedOperator()
    directory = tmp_path / "prometheus"
    directory.mkdir()
    file = rules(helm, tmp_path)
    async with serving(operator) as ports:
        try:
            scraping = running_prometheus(directory, jobs=jobs(helm, *ports), rules=[file])
            with scraping as prometheus:
                ask = asyncio.to_thread
                await ask(prometheus.wait_until, 'tidegate_ready_replicas{service="chat"} > 0', SECONDS)
                operator.ask_for_more()
                grown = 'increase(tidegate_scale_changes_total{service="chat", direction="up"}[1m]) > 0'
                await ask(prometheus.wait_until, grown, SECONDS)
                for name in recordings():
                    await ask(prometheus.wait_until, name, SECONDS)
                assert await ask(empty, prometheus, dashboard_queries()) == []
                seen = await ask(evaluated, prometheus)
        except PrometheusMissingError as error:
            pytest.skip(f"NOT TESTED with Prometheus: {error}")
    assert {name: rule["lastError"] for name, rule in seen.items() if rule["health"] != "ok"} == {}
    waiting = {name: {alert["labels"]["service"] for alert in seen[name]["alerts"]} for name in IN_TROUBLE}
    assert waiting == IN_TROUBLE
    assert {name for name in alerts() if seen[name]["alerts"]} == IN_TROUBLE.keys()


IN_TROUBLE = {
    "InferenceServiceInvalidSpec": {"broken"},
    "InferenceServiceNotReady": {"broken", "lost"},
    "InferenceServicePodsNotStarting": {"lost"},
}
"""Alerts that are pending or fire, and the services that they are about."""
