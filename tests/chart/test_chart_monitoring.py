"""What the chart makes for Prometheus Operator and Grafana."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_chart import CHART, Document, Helm, of_kind, only
from tidegate.api.inference_service import InferenceServiceSpec
from tidegate.api.names import SERVICE_LABEL, VARIANT_LABEL
from tidegate.workloads.deployment import deployment
from tidegate.workloads.owner import Owner

WITH_OPERATOR = "--api-versions=monitoring.coreos.com/v1"
KINDS = {"serviceMonitor": "ServiceMonitor", "podMonitor": "PodMonitor", "prometheusRule": "PrometheusRule"}
RULES = sorted((CHART / "files" / "rules").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))
LARGEST_CONFIG_MAP_BYTES = 1024 * 1024
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "monitoring.md").read_text()

each_kind = pytest.mark.parametrize("value", KINDS)


def rendered(helm: Helm, value: str, settings: dict[str, Any] | None = None, **others: Any) -> list[Document]:
    """All objects, with one piece of monitoring switched on."""
    return helm.render({"metrics": {value: {"enabled": True, **(settings or {})}}, **others}, WITH_OPERATOR)


def model_pod() -> Document:
    """A template of a pod that Tidegate makes."""
    spec = InferenceServiceSpec.model_validate({"model": {"name": "m"}, "engine": {"type": "vLLM", "image": "e:1"}})
    body = deployment(Owner(name="chat", namespace="team", uid="u"), spec, None)
    template: Document = body["spec"]["template"]
    return template


def snake(relabeling: dict[str, Any]) -> dict[str, Any]:
    """A relabeling as Prometheus writes it."""
    return {re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", key): value for key, value in relabeling.items()}


def test_nothing_of_it_is_there_unless_asked_for(helm: Helm) -> None:
    """Not even where Prometheus Operator is installed."""
    documents = helm.render({}, WITH_OPERATOR)
    assert of_kind(documents, *KINDS.values(), "ConfigMap") == []


@each_kind
def test_what_cannot_be_installed_is_refused_with_the_way_out(helm: Helm, value: str) -> None:
    """Monitoring that is silently left out is found missing on the day it is needed."""
    said = helm.refusal({"metrics": {value: {"enabled": True}}})
    for part in (f"metrics.{value}.enabled", "monitoring.coreos.com/v1", "Prometheus Operator", "docs/monitoring.md"):
        assert part in said


def test_all_that_is_wrong_is_told_at_once(helm: Helm) -> None:
    """Nobody wants to be refused four times."""
    values = {"metrics": {"enabled": False, **{value: {"enabled": True} for value in KINDS}}}
    said = helm.refusal(values)
    assert [name for name in (*KINDS, "enabled") if f"metrics.{name}" not in said] == []


@each_kind
def test_labels_to_be_selected_by_are_added(helm: Helm, value: str) -> None:
    """Prometheus Operator looks for some; the chart's own stay."""
    name = "additionalLabels" if value == "prometheusRule" else "labels"
    for made in of_kind(rendered(helm, value, {name: {"release": "kps"}}), KINDS[value]):
        labels = made["metadata"]["labels"]
        assert labels["release"] == "kps"
        assert labels["app.kubernetes.io/name"] == "tidegate"


class TestServiceMonitor:
    """The metrics of operator and gateways."""

    @pytest.mark.parametrize(
        ("component", "name"), [("operator", "tidegate"), ("gateway", "tidegate-gateway-metrics")], ids=str
    )
    def test_it_finds_the_service_and_its_port(self, helm: Helm, component: str, name: str) -> None:
        """It selects in its own namespace, by labels and a port that the Service has and no other one."""
        documents = rendered(helm, "serviceMonitor")
        monitor = only(documents, "ServiceMonitor", component=component)
        (endpoint,) = monitor["spec"]["endpoints"]
        found = [
            service["metadata"]["name"]
            for service in of_kind(documents, "Service")
            if monitor["metadata"]["namespace"] == service["metadata"]["namespace"]
            and monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            and endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        ]
        assert found == [name]

    def test_without_gateways_there_is_none_for_them(self, helm: Helm) -> None:
        """It would select nothing."""
        assert only(rendered(helm, "serviceMonitor", gateway={"enabled": False}), "ServiceMonitor")

    def test_series_keep_the_namespace_and_service_that_they_are_about(self, helm: Helm) -> None:
        """Otherwise every service would be called tidegate."""
        monitors = of_kind(rendered(helm, "serviceMonitor"), "ServiceMonitor")
        endpoints = {each["port"]: each for monitor in monitors for each in monitor["spec"]["endpoints"]}
        assert endpoints == {
            port: {"port": port, "path": "/metrics", "honorLabels": True} for port in ("http", "metrics")
        }

    def test_its_endpoint_can_be_set_up(self, helm: Helm) -> None:
        """As Prometheus Operator names these fields."""
        settings = {
            "interval": "1m30s",
            "scrapeTimeout": "10s",
            "honorLabels": False,
            "relabelings": [{"action": "labeldrop", "regex": "endpoint"}],
            "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "process_.*"}],
        }
        for monitor in of_kind(rendered(helm, "serviceMonitor", settings), "ServiceMonitor"):
            (endpoint,) = monitor["spec"]["endpoints"]
            assert endpoint == {"port": endpoint["port"], "path": "/metrics", **settings}

    def test_it_is_refused_without_the_service_it_needs(self, helm: Helm) -> None:
        """It would select nothing."""
        values = {"metrics": {"enabled": False, "serviceMonitor": {"enabled": True}}}
        assert "metrics.enabled" in helm.refusal(values, WITH_OPERATOR)


class TestPodMonitor:
    """The engines' metrics."""

    def test_it_selects_the_pods_that_tidegate_makes_by_a_port_they_have(self, helm: Helm) -> None:
        """As the operator renders them."""
        spec, pod = only(rendered(helm, "podMonitor"), "PodMonitor")["spec"], model_pod()
        (expression,) = spec["selector"]["matchExpressions"]
        assert expression == {"key": SERVICE_LABEL, "operator": "Exists"}
        assert expression["key"] in pod["metadata"]["labels"]
        (endpoint,), (container,) = spec["podMetricsEndpoints"], pod["spec"]["containers"]
        assert endpoint["port"] in {port["name"] for port in container["ports"]}

    def test_series_are_told_apart_by_service_and_variant(self, helm: Helm) -> None:
        """Namespace and pod come from Prometheus Operator itself."""
        (endpoint,) = only(rendered(helm, "podMonitor"), "PodMonitor")["spec"]["podMetricsEndpoints"]
        sources = {
            each["targetLabel"]: each["sourceLabels"]
            for each in endpoint["relabelings"]
            if not each.get("targetLabel", "__").startswith("__")
        }
        assert sources == {
            "service": [f"__meta_kubernetes_pod_label_{re.sub('[^a-z]', '_', SERVICE_LABEL)}"],
            "variant": [f"__meta_kubernetes_pod_label_{re.sub('[^a-z]', '_', VARIANT_LABEL)}"],
        }

    def test_it_looks_where_the_operator_does(self, helm: Helm) -> None:
        """Everywhere, or in the namespaces that are watched."""
        everywhere = only(rendered(helm, "podMonitor"), "PodMonitor")
        assert everywhere["spec"]["namespaceSelector"] == {"any": True}
        some = only(rendered(helm, "podMonitor", watchNamespaces=["a", "b"]), "PodMonitor")
        assert some["spec"]["namespaceSelector"] == {"matchNames": ["a", "b"]}

    def test_its_endpoint_can_be_set_up(self, helm: Helm) -> None:
        """Own relabelings come after the chart's."""
        relabelings = [{"targetLabel": "cluster", "replacement": "eu-1"}]
        settings = {"interval": "5s", "scrapeTimeout": "4s", "metricRelabelings": [{"action": "keep"}]}
        monitor = only(rendered(helm, "podMonitor", {**settings, "relabelings": relabelings}), "PodMonitor")
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert {name: endpoint[name] for name in settings} == settings
        assert endpoint["relabelings"][-1:] == relabelings
        assert len(endpoint["relabelings"]) > 1

    def test_the_page_shows_the_same_for_those_without_prometheus_operator(self, helm: Helm) -> None:
        """Its relabelings, in Prometheus' own spelling."""
        (endpoint,) = only(rendered(helm, "podMonitor"), "PodMonitor")["spec"]["podMetricsEndpoints"]
        blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
        jobs = {job["job_name"]: job for block in blocks for job in block.get("scrape_configs", ())}
        assert [snake(each) for each in endpoint["relabelings"]] == jobs["tidegate-models"]["relabel_configs"][3:]
        assert jobs["tidegate"]["honor_labels"] is True


class TestPrometheusRule:
    """Recordings and alerts."""

    def test_it_holds_the_rules_of_the_files_as_they_are(self, helm: Helm) -> None:
        """Those that promtool has tested, with Prometheus' own templates in them."""
        groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
        assert groups
        assert only(rendered(helm, "prometheusRule"), "PrometheusRule")["spec"]["groups"] == groups

    def test_own_rules_are_a_group_beside_them(self, helm: Helm) -> None:
        """Named after the release."""
        rules = [{"alert": "Mine", "expr": "vector(1) > 0", "annotations": {"summary": "{{ $value }}"}}]
        groups = only(rendered(helm, "prometheusRule", {"extraRules": rules}), "PrometheusRule")["spec"]["groups"]
        assert groups[-1] == {"name": "tidegate-extra", "rules": rules}
        assert len({group["name"] for group in groups}) == len(groups)

    def test_own_rules_that_are_none_are_refused(self, helm: Helm) -> None:
        """Either an alert or a recording, with an expression."""
        for rule in ({"alert": "A"}, {"expr": "1"}, {"alert": "A", "record": "b", "expr": "1"}):
            assert "extraRules" in helm.refusal({"metrics": {"prometheusRule": {"extraRules": [rule]}}}, WITH_OPERATOR)


class TestDashboards:
    """ConfigMaps for Grafana's sidecar; they need no Prometheus Operator."""

    @staticmethod
    def config_maps(helm: Helm, **settings: Any) -> list[Document]:
        """All of them."""
        return of_kind(helm.render({"metrics": {"dashboards": {"enabled": True, **settings}}}), "ConfigMap")

    def test_each_file_is_one_as_it_is(self, helm: Helm) -> None:
        """Under a file name that no other chart's dashboard has in Grafana's folder."""
        found = {name: text for each in self.config_maps(helm) for name, text in each["data"].items()}
        assert {name: json.loads(text) for name, text in found.items()} == {
            f"tidegate-{path.name}": json.loads(path.read_text()) for path in DASHBOARDS
        }
        assert all(len(text.encode()) < LARGEST_CONFIG_MAP_BYTES for text in found.values())

    def test_the_sidecar_finds_them_by_its_usual_label(self, helm: Helm) -> None:
        """In the release's namespace."""
        for each in self.config_maps(helm):
            assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
            assert each["metadata"]["namespace"] == "tidegate-system"
            assert "annotations" not in each["metadata"]

    def test_they_can_be_put_elsewhere(self, helm: Helm) -> None:
        """Where the sidecar looks, into a folder."""
        settings = {"namespace": "monitoring", "annotations": {"grafana_folder": "AI"}, "labels": {"dash": "yes"}}
        for each in self.config_maps(helm, **settings):
            assert each["metadata"]["namespace"] == "monitoring"
            assert each["metadata"]["annotations"] == {"grafana_folder": "AI"}
            assert each["metadata"]["labels"]["dash"] == "yes"


@pytest.mark.parametrize(
    "values",
    [
        {"serviceMonitor": {"interval": "30"}},
        {"podMonitor": {"scrapeTimeout": "5 seconds"}},
        {"serviceMonitor": {"honorLabels": "yes"}},
        {"podMonitor": {"honorLabels": True}},
        {"prometheusRule": {"labels": {"a": "b"}}},
        {"dashboards": {"namespace": "Monitoring"}},
        {"dashboards": {"labels": {"grafana_dashboard": 1}}},
    ],
    ids=str,
)
def test_values_that_mean_nothing_are_refused(helm: Helm, values: dict[str, Any]) -> None:
    """By their place."""
    (place,) = values
    assert place in helm.refusal({"metrics": values}, WITH_OPERATOR)
