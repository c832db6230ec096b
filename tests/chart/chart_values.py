"""Each value of the chart, with another value than its default and what else must be set for that to be seen."""

import re
from typing import Any

from helm_chart import CHART

Values = dict[str, Any]

ON_PROMETHEUS = {"prometheus.url": "https://prometheus.example.com"}
ON_POLICY = {"networkPolicy.enabled": True}
TWO = {"operator.replicas": 2}
RECORDED = {"operator.recording.enabled": True}
TOKEN = {**ON_PROMETHEUS, "prometheus.bearerTokenSecret.name": "token"}
AUTHORITY = {**ON_PROMETHEUS, "prometheus.caConfigMap.name": "authority"}
SECRET_AUTHORITY = {**ON_PROMETHEUS, "prometheus.caSecret.name": "authority"}
CERTIFICATE = {**ON_PROMETHEUS, "prometheus.clientCertificateSecret.name": "certificate"}
BALANCED = {"gateway.service.type": "LoadBalancer"}
PROBE = {"failureThreshold": 99}
MONITORED = {"metrics.serviceMonitor.enabled": True}
PODS_MONITORED = {"metrics.podMonitor.enabled": True}
RULES = {"metrics.prometheusRule.enabled": True}
DASHBOARDS = {"metrics.dashboards.enabled": True}
RELABELING: list[Values] = [{"action": "labeldrop", "regex": "pod"}]
PEER: list[Values] = [{"podSelector": {}}]

CHANGES: dict[str, tuple[Any, Values]] = {
    "watchNamespaces": (["team-a"], {}),
    "crds.enabled": (False, {}),
    "crds.keep": (False, {}),
    "crds.annotations": ({"a": "b"}, {}),
    "image.registry": ("example.com", {}),
    "image.repository": ("mine/tidegate", {}),
    "image.tag": ("dev", {}),
    "image.digest": ("sha256:" + "0" * 64, {}),
    "image.pullPolicy": ("Never", {}),
    "imagePullSecrets": ([{"name": "pull"}], {}),
    "operator.replicas": (0, {}),
    "operator.metricsSource": ("Prometheus", ON_PROMETHEUS),
    "operator.tickSeconds": (2.5, {}),
    "operator.recording.enabled": (True, {}),
    "operator.recording.maxBytes": (8_388_608, RECORDED),
    "operator.recording.files": (4, RECORDED),
    "operator.recording.volume": ({"persistentVolumeClaim": {"claimName": "flights"}}, RECORDED),
    "operator.resources": ({"requests": {"cpu": 2}}, {}),
    "operator.priorityClassName": ("high", {}),
    "operator.nodeSelector": ({"a": "b"}, {}),
    "operator.tolerations": ([{"operator": "Exists"}], {}),
    "operator.affinity": ({"podAffinity": {}}, {}),
    "operator.topologySpreadConstraints": ([], {}),
    "operator.strategy": ({"type": "Recreate"}, {}),
    "operator.podDisruptionBudget.enabled": (False, TWO),
    "operator.podDisruptionBudget.maxUnavailable": ("50%", TWO),
    "operator.terminationGracePeriodSeconds": (60, {}),
    "operator.startupProbe": (PROBE, {}),
    "operator.livenessProbe": (PROBE, {}),
    "operator.readinessProbe": (PROBE, {}),
    "operator.extraArgs": (["--tick-seconds=7"], {}),
    "operator.extraEnv": ([{"name": "A", "value": "b"}], {}),
    "operator.extraVolumes": ([{"name": "more", "emptyDir": {}}], {}),
    "operator.extraVolumeMounts": ([{"name": "tmp", "mountPath": "/more"}], {}),
    "operator.podAnnotations": ({"a": "b"}, {}),
    "operator.podLabels": ({"a": "b"}, {}),
    "operator.deploymentAnnotations": ({"a": "b"}, {}),
    "operator.podSecurityContext": ({"runAsUser": 1}, {}),
    "operator.securityContext": ({"runAsUser": 1}, {}),
    "gateway.enabled": (False, {}),
    "gateway.routingMode": ("Direct", {}),
    "gateway.replicas": (3, {}),
    "gateway.sharedPort": (8001, {}),
    "gateway.servicePorts.first": (20000, {}),
    "gateway.servicePorts.last": (20000, {}),
    "gateway.maximumHeldBytes": (1_048_576, {}),
    "gateway.drainSeconds": (60, {}),
    "gateway.envoy.image.registry": ("example.com", {}),
    "gateway.envoy.image.repository": ("mine/envoy", {}),
    "gateway.envoy.image.tag": ("dev", {}),
    "gateway.envoy.image.digest": ("sha256:" + "0" * 64, {}),
    "gateway.envoy.image.pullPolicy": ("Never", {}),
    "gateway.envoy.fromWheel": (True, {}),
    "gateway.envoy.concurrency": (1, {}),
    "gateway.envoy.maximumHeapBytes": (2_147_483_648, {}),
    "gateway.envoy.resources": ({"requests": {"cpu": 2}}, {}),
    "gateway.envoy.extraArgs": (["--log-level=info"], {}),
    "gateway.envoy.securityContext": ({"runAsUser": 1}, {}),
    "gateway.envoy.readinessProbe": (PROBE, {}),
    "gateway.resources": ({"requests": {"cpu": 2}}, {}),
    "gateway.service.enabled": (False, {}),
    "gateway.service.type": ("NodePort", {}),
    "gateway.service.port": (8000, {}),
    "gateway.service.annotations": ({"a": "b"}, {}),
    "gateway.service.labels": ({"a": "b"}, {}),
    "gateway.service.loadBalancerClass": ("internal", BALANCED),
    "gateway.service.loadBalancerSourceRanges": (["10.0.0.0/8"], BALANCED),
    "gateway.service.externalTrafficPolicy": ("Local", BALANCED),
    "gateway.networkPolicy.requestsFrom": (PEER, ON_POLICY),
    "gateway.networkPolicy.extraIngress": ([{"from": PEER}], ON_POLICY),
    "gateway.networkPolicy.extraEgress": ([{"to": PEER}], ON_POLICY),
    "gateway.priorityClassName": ("high", {}),
    "gateway.nodeSelector": ({"a": "b"}, {}),
    "gateway.tolerations": ([{"operator": "Exists"}], {}),
    "gateway.affinity": ({"podAffinity": {}}, {}),
    "gateway.topologySpreadConstraints": ([], {}),
    "gateway.podDisruptionBudget.enabled": (False, {}),
    "gateway.podDisruptionBudget.maxUnavailable": ("50%", {}),
    "gateway.startupProbe": (PROBE, {}),
    "gateway.livenessProbe": (PROBE, {}),
    "gateway.readinessProbe": (PROBE, {}),
    "gateway.extraArgs": (["--log-level=debug"], {}),
    "gateway.extraEnv": ([{"name": "A", "value": "b"}], {}),
    "gateway.podAnnotations": ({"a": "b"}, {}),
    "gateway.podLabels": ({"a": "b"}, {}),
    "gateway.deploymentAnnotations": ({"a": "b"}, {}),
    "gateway.podSecurityContext": ({"runAsUser": 1}, {}),
    "gateway.securityContext": ({"runAsUser": 1}, {}),
    "gateway.serviceAccount.create": (False, {}),
    "gateway.serviceAccount.name": ("mine", {}),
    "gateway.serviceAccount.annotations": ({"a": "b"}, {}),
    "gateway.refuseUninstall": (False, {}),
    "admission.gatewayScale.enabled": (False, {}),
    "admission.author.enabled": (False, {}),
    "budget.maxCostPerHourPerNamespace": (12.5, {}),
    "leaderElection.enabled": (False, {}),
    "leaderElection.leaseDurationSeconds": (30, {}),
    "leaderElection.renewDeadlineSeconds": (9, {}),
    "leaderElection.retryPeriodSeconds": (1, {}),
    "logging.format": ("console", {}),
    "logging.level": ("debug", {}),
    "prometheus.url": ("http://prometheus.example.com", {}),
    "prometheus.timeoutSeconds": (3, ON_PROMETHEUS),
    "prometheus.matchers": ({"cluster": "eu-1"}, ON_PROMETHEUS),
    "prometheus.bearerTokenSecret.name": ("other", ON_PROMETHEUS),
    "prometheus.bearerTokenSecret.key": ("other", TOKEN),
    "prometheus.headerSecrets": ([{"header": "X-Scope-OrgID", "name": "a", "key": "b"}], ON_PROMETHEUS),
    "prometheus.caConfigMap.name": ("other", ON_PROMETHEUS),
    "prometheus.caConfigMap.key": ("other", AUTHORITY),
    "prometheus.caSecret.name": ("other", ON_PROMETHEUS),
    "prometheus.caSecret.key": ("other", SECRET_AUTHORITY),
    "prometheus.clientCertificateSecret.name": ("other", ON_PROMETHEUS),
    "prometheus.clientCertificateSecret.certificateKey": ("other", CERTIFICATE),
    "prometheus.clientCertificateSecret.privateKeyKey": ("other", CERTIFICATE),
    "prometheus.insecureSkipVerify": (True, ON_PROMETHEUS),
    "metrics.enabled": (False, {}),
    "metrics.service.port": (80, {}),
    "metrics.service.annotations": ({"a": "b"}, {}),
    "metrics.service.labels": ({"a": "b"}, {}),
    "metrics.serviceMonitor.enabled": (True, {}),
    "metrics.serviceMonitor.interval": ("5s", MONITORED),
    "metrics.serviceMonitor.scrapeTimeout": ("4s", MONITORED),
    "metrics.serviceMonitor.labels": ({"a": "b"}, MONITORED),
    "metrics.serviceMonitor.honorLabels": (False, MONITORED),
    "metrics.serviceMonitor.relabelings": (RELABELING, MONITORED),
    "metrics.serviceMonitor.metricRelabelings": (RELABELING, MONITORED),
    "metrics.podMonitor.enabled": (True, {}),
    "metrics.podMonitor.interval": ("5s", PODS_MONITORED),
    "metrics.podMonitor.scrapeTimeout": ("4s", PODS_MONITORED),
    "metrics.podMonitor.labels": ({"a": "b"}, PODS_MONITORED),
    "metrics.podMonitor.relabelings": (RELABELING, PODS_MONITORED),
    "metrics.podMonitor.metricRelabelings": (RELABELING, PODS_MONITORED),
    "metrics.prometheusRule.enabled": (True, {}),
    "metrics.prometheusRule.additionalLabels": ({"a": "b"}, RULES),
    "metrics.prometheusRule.extraRules": ([{"record": "a", "expr": "b"}], RULES),
    "metrics.dashboards.enabled": (True, {}),
    "metrics.dashboards.labels": ({"a": "b"}, DASHBOARDS),
    "metrics.dashboards.annotations": ({"a": "b"}, DASHBOARDS),
    "metrics.dashboards.namespace": ("grafana", DASHBOARDS),
    "networkPolicy.enabled": (True, {}),
    "networkPolicy.apiServerPorts": ([16443], ON_POLICY),
    "networkPolicy.ingressFrom": (PEER, ON_POLICY),
    "networkPolicy.extraIngress": ([{"from": PEER}], ON_POLICY),
    "networkPolicy.extraEgress": ([{"to": PEER}], ON_POLICY),
    "rbac.create": (False, {}),
    "rbac.aggregateClusterRoles": (False, {}),
    "serviceAccount.create": (False, {}),
    "serviceAccount.name": ("mine", {}),
    "serviceAccount.annotations": ({"a": "b"}, {}),
    "extraObjects": ([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}}], {}),
    "commonLabels": ({"team": "a"}, {}),
    "nameOverride": ("other", {}),
    "fullnameOverride": ("other", {}),
    "global.imageRegistry": ("example.com", {}),
    "global.imagePullSecrets": ([{"name": "pull"}], {}),
}


def nested(values: Values) -> Values:
    """Values by dotted path, as the chart takes them."""
    made: Values = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        node = made
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return made


def documented() -> dict[str, str]:
    """Each value in the README's table, with what is said about it."""
    rows = re.findall(r"^\| ([\w.]+) \| \w+ \| .* \|(.*)\|$", (CHART / "README.md").read_text(), re.MULTILINE)
    return {path: said.strip() for path, said in rows if path != "Key"}
