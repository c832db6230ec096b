"""Prometheus in a pod, with a configuration made of the chart's monitors and rules as Prometheus Operator makes one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custom_resources import Document, changed

from helm_chart import Helm, only
from helm_release import CHART, Release
from model_namespace import RESTRICTED, ModelNamespace

NAME = "prometheus"
PORT = 9090
INTERVAL = "2s"
DISCOVERY_SCRIPT = Path(__file__).with_name("discovery.py")

MONITORING = {
    "metrics": {
        "serviceMonitor": {"enabled": True, "interval": INTERVAL},
        "podMonitor": {"enabled": True, "interval": INTERVAL},
        "prometheusRule": {"enabled": True},
    }
}
"""Values of the chart: what a cluster with Prometheus Operator would get."""

SERVICE_LABELS = {"namespace": "namespace", "service": "service_name", "pod": "pod_name", "job": "service_name"}
POD_LABELS = {"namespace": "namespace", "pod": "pod_name", "container": "pod_container_name"}
"""What every target is labelled with, by the discovered label that says so."""

GOES_ON = {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Failed|Succeeded", "action": "drop"}


@dataclass(frozen=True, slots=True)
class ClusterPrometheus:
    """A Prometheus in a namespace of a test.

    Attributes:
        here: The namespace.
        pod: Its pod.
    """

    here: ModelNamespace
    pod: Document

    @property
    def url(self) -> str:
        """Where it answers inside of the cluster."""
        return f"http://{NAME}.{self.here.namespace}.svc:{PORT}"

    def start(self) -> None:
        """Start it, and wait until it answers; it knows nothing yet."""
        self.here.create("/api/v1", "pods", self.pod)
        self.here.wait("Prometheus is asked by its Service", lambda: self._ask("query", query="1") is not None)

    def stop(self) -> None:
        """End it at once, with all it knows."""
        self.here.delete("pods", NAME, gracePeriodSeconds=0)
        self.here.wait("Prometheus is gone", lambda: self.here.find("pods", NAME) is None)

    def query(self, expression: str) -> list[Document]:
        """Ask it, as a person would."""
        data = self._ask("query", query=expression)
        assert data is not None, f"Prometheus does not answer {expression}"
        found: list[Document] = data["result"]
        return found

    def rules(self) -> dict[str, Document]:
        """Every rule as it sees it, by name."""
        data = self._ask("rules")
        assert data is not None, "Prometheus does not tell its rules"
        return {rule["name"]: rule for group in data["groups"] for rule in group["rules"]}

    def _ask(self, what: str, **query: str) -> Any | None:
        path = f"{self.here.path('services', f'{NAME}:{PORT}')}/proxy/api/v1/{what}"
        answer = self.here.cluster.api.get(path, **query)
        return answer.document["data"] if answer.status == 200 else None


@contextmanager
def cluster_prometheus(
    here: ModelNamespace, release: Release, image: str, directory: Path
) -> Iterator[ClusterPrometheus]:
    """Run one until the block ends; it scrapes what the monitors of a release and the pods in a namespace say.

    Args:
        here: Where it runs, and where model pods are.
        release: The operator's.
        image: Prometheus' image; its entry point is the server.
        directory: For Helm's files.
    """
    namespaces = (here.namespace, release.namespace)
    files = _files(release, directory)
    objects = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": here.namespace}},
        *(_may_look(namespace, here.namespace) for namespace in namespaces),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": here.namespace},
            "data": files,
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME, "namespace": here.namespace},
            "spec": {"selector": {"app": NAME}, "ports": [{"port": PORT}]},
        },
    ]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    here.cluster.kubectl("apply", "--filename=-", stdin=manifest)
    try:
        prometheus = ClusterPrometheus(here, _pod(image, here.image, namespaces))
        prometheus.start()
        yield prometheus
    finally:  # Not all of it is in the namespace that goes.
        here.cluster.kubectl("delete", "--filename=-", "--wait=false", stdin=manifest)


def jobs(documents: Sequence[Document]) -> list[Document]:
    """What Prometheus Operator makes of the chart's monitors; targets come from the files of our discovery."""
    of_services = [only(documents, "ServiceMonitor", component=component) for component in ("operator", "gateway")]
    pods = only(documents, "PodMonitor")
    (pod_endpoint,) = pods["spec"]["podMetricsEndpoints"]
    job = f"{pods['metadata']['namespace']}/{pods['metadata']['name']}"
    return [
        *map(_of_services, of_services),
        _job(
            *("pods", "pods", pod_endpoint),
            [
                GOES_ON,
                *_selected("pod", pods["spec"]["selector"]),
                _keep("pod_container_port_name", pod_endpoint["port"]),
                *_labelled(POD_LABELS),
                {"target_label": "job", "replacement": job},
            ],
        ),
    ]


def _of_services(monitor: Document) -> Document:
    (endpoint,) = monitor["spec"]["endpoints"]
    return _job(
        *(monitor["metadata"]["name"], "endpoints", endpoint),
        [
            *_selected("service", monitor["spec"]["selector"]),
            _keep("namespace", monitor["metadata"]["namespace"]),  # Its own: it selects no others.
            _keep("endpoint_port_name", endpoint["port"]),
            *_labelled(SERVICE_LABELS),
        ],
    )


def _files(release: Release, directory: Path) -> dict[str, str]:
    values = changed(release.installed or release.values, MONITORING)
    documents = Helm(release.helm, directory).render(
        *(values, "--api-versions=monitoring.coreos.com/v1"),
        release=release.name,
        namespace=release.namespace,
        chart=CHART,
    )
    configuration = {
        "global": {"evaluation_interval": INTERVAL},
        "rule_files": ["/configuration/rules.yaml"],
        "scrape_configs": jobs(documents),
    }
    return {  # JSON is YAML.
        "prometheus.yaml": json.dumps(configuration),
        "rules.yaml": json.dumps(only(documents, "PrometheusRule")["spec"]),
        "discovery.py": DISCOVERY_SCRIPT.read_text(),
    }


def _job(name: str, targets: str, endpoint: Mapping[str, Any], found: list[Document]) -> Document:
    given = [{_snake(key): value for key, value in each.items()} for each in endpoint.get("relabelings", ())]
    return {
        "job_name": name,
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["interval"],
        "metrics_path": endpoint["path"],
        "honor_labels": endpoint.get("honorLabels", False),
        "relabel_configs": [*found, *given],
        "file_sd_configs": [{"files": [f"/targets/{targets}.json"], "refresh_interval": INTERVAL}],
    }


def _selected(what: str, selector: Mapping[str, Any]) -> list[Document]:
    """The two forms of selectors that the chart uses."""
    wanted = [_keep(f"{what}_label_{_fit(key)}", value) for key, value in selector.get("matchLabels", {}).items()]
    for each in selector.get("matchExpressions", ()):
        assert each["operator"] == "Exists", each
        wanted.append(_keep(f"{what}_labelpresent_{_fit(each['key'])}", "true"))
    assert wanted
    return wanted


def _labelled(labels: Mapping[str, str]) -> list[Document]:
    return [{"source_labels": [f"__meta_kubernetes_{source}"], "target_label": to} for to, source in labels.items()]


def _keep(label: str, regex: str) -> Document:
    return {"source_labels": [f"__meta_kubernetes_{label}"], "regex": regex, "action": "keep"}


def _fit(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _may_look(namespace: str, owner: str) -> Document:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{NAME}-of-{owner}", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": owner}],
    }


def _pod(image: str, python_image: str, namespaces: Sequence[str]) -> Document:
    mounts = [
        {"name": "configuration", "mountPath": "/configuration"},
        {"name": "targets", "mountPath": "/targets"},
    ]
    server = {
        "name": NAME,
        "image": image,
        "args": [
            "--config.file=/configuration/prometheus.yaml",
            "--storage.tsdb.path=/data",
            f"--web.listen-address=:{PORT}",
        ],
        "env": [{"name": "GOMAXPROCS", "value": "1"}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": PORT}, "periodSeconds": 1},
        "volumeMounts": [*mounts, {"name": "data", "mountPath": "/data"}],
        "securityContext": RESTRICTED,
    }
    discovery = {
        "name": "discovery",
        "image": python_image,
        "command": ["python", "/configuration/discovery.py"],
        "env": [{"name": "NAMESPACES", "value": " ".join(namespaces)}, {"name": "DIRECTORY", "value": "/targets"}],
        "volumeMounts": mounts,
        "securityContext": RESTRICTED,
    }
    volumes: list[Document] = [{"name": name, "emptyDir": {}} for name in ("targets", "data")]
    spec = {
        "serviceAccountName": NAME,
        "containers": [server, discovery],
        "volumes": [*volumes, {"name": "configuration", "configMap": {"name": NAME}}],
    }
    return {"metadata": {"name": NAME, "labels": {"app": NAME}}, "spec": spec}
