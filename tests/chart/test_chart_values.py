from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_values import CHANGES, documented, nested

from helm_chart import CHART, Helm

ON_PROMETHEUS = {"url": "https://prometheus.example.com"}
AUTHORIZATION = {"header": "Authorization", "name": "a", "key": "basic"}
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))

TYPOS = {
    "at the top": ({"watchNamespace": ["a"]}, "watchNamespace"),
    "in a component": ({"operator": {"replica": 2}}, "replica"),
    "in a group of a component": ({"operator": {"podDisruptionBudget": {"minAvailable": 1}}}, "minAvailable"),
    "in resources": ({"operator": {"resources": {"limit": {"cpu": 1}}}}, "limit"),
    "in a recording": ({"operator": {"recording": {"maxbytes": 1}}}, "maxbytes"),
    "in affinity": ({"operator": {"affinity": {"podAntiaffinity": {}}}}, "podAntiaffinity"),
    "in a spread constraint": (
        {"operator": {"topologySpreadConstraints": [{"topologyKey": "a", "maxSkew": 1, "whenUnsatisfied": "b"}]}},
        "whenUnsatisf",
    ),
    "in a strategy": ({"operator": {"strategy": {"rollingUpdates": {}}}}, "rollingUpdates"),
    "in a probe": ({"operator": {"livenessProbe": {"failureTreshold": 3}}}, "failureTreshold"),
    "in a pull secret": ({"imagePullSecrets": [{"nam": "a"}]}, "nam"),
    "of image": ({"image": {"tags": "a"}}, "tags"),
    "of crds": ({"crds": {"install": True}}, "install"),
    "of gateway": ({"gateway": {"sharedport": 1}}, "sharedport"),
    "of Envoy": ({"gateway": {"envoy": {"fromwheel": True}}}, "fromwheel"),
    "of Envoy's image": ({"gateway": {"envoy": {"image": {"name": "a"}}}}, "name"),
    "of the shared address": ({"gateway": {"service": {"ports": 1}}}, "ports"),
    "of admission": ({"admission": {"authors": {}}}, "authors"),
    "of a policy": ({"admission": {"author": {"enable": True}}}, "enable"),
    "of leaderElection": ({"leaderElection": {"leaseDuration": "15s"}}, "leaseDuration"),
    "of logging": ({"logging": {"levels": "info"}}, "levels"),
    "of prometheus": ({"prometheus": {"URL": "http://a"}}, "URL"),
    "of a secret": ({"prometheus": {"bearerTokenSecret": {"secret": "a"}}}, "secret"),
    "of the client certificate": ({"prometheus": {"clientCertificateSecret": {"key": "a"}}}, "key"),
    "of metrics": ({"metrics": {"servicemonitor": {}}}, "servicemonitor"),
    "of the metrics Service": ({"metrics": {"service": {"ports": 1}}}, "ports"),
    "of networkPolicy": ({"networkPolicy": {"enable": True}}, "enable"),
    "of rbac": ({"rbac": {"created": True}}, "created"),
    "of serviceAccount": ({"serviceAccount": {"create_": True}}, "create_"),
}

WRONG_VALUES = {
    "text for a list": {"watchNamespaces": "team-a"},
    "a pattern for a namespace": {"watchNamespaces": ["team-*"]},
    "the same namespace twice": {"watchNamespaces": ["team-a", "team-a"]},
    "text for a boolean": {"crds": {"enabled": "yes"}},
    "a number for an annotation": {"crds": {"annotations": {"a": 1}}},
    "a registry with a scheme": {"image": {"registry": "https://ghcr.io"}},
    "a tag in the repository": {"image": {"repository": "tidegate/tidegate:dev"}},
    "a short digest": {"image": {"digest": "sha256:0123"}},
    "a number for a tag": {"image": {"tag": 1.2}},
    "an unknown pull policy": {"image": {"pullPolicy": "IfAbsent"}},
    "a name for a pull secret": {"imagePullSecrets": ["pull"]},
    "half an operator": {"operator": {"replicas": 0.5}},
    "fewer than none": {"operator": {"replicas": -1}},
    "another source": {"operator": {"metricsSource": "prometheus"}},
    "a tick of nothing": {"operator": {"tickSeconds": 0}},
    "a duration as text": {"operator": {"tickSeconds": "5s"}},
    "one file of a recording": {"operator": {"recording": {"files": 1}}},
    "a size as text": {"operator": {"recording": {"maxBytes": "256Mi"}}},
    "two volumes for a recording": {"operator": {"recording": {"volume": {"emptyDir": {}, "hostPath": {}}}}},
    "one argument": {"operator": {"extraArgs": "--tick-seconds=1"}},
    "a variable without a name": {"operator": {"extraEnv": [{"value": "a"}]}},
    "variables as a map": {"operator": {"extraEnv": {"A": "b"}}},
    "a label of a selector": {"operator": {"podLabels": {"app.kubernetes.io/name": "a"}}},
    "a label of the chart": {"commonLabels": {"helm.sh/chart": "a"}},
    "a label with a space": {"commonLabels": {"team": "a b"}},
    "more than all": {"operator": {"podDisruptionBudget": {"maxUnavailable": "all"}}},
    "another way to route": {"gateway": {"routingMode": "Proxy"}},
    "a shared port for root": {"gateway": {"sharedPort": 80}},
    "the port of the metrics": {"gateway": {"sharedPort": 8080}},
    "no time to drain": {"gateway": {"drainSeconds": 0}},
    "bytes as text": {"gateway": {"maximumHeldBytes": "256Mi"}},
    "Envoy without threads": {"gateway": {"envoy": {"concurrency": 0}}},
    "a Service that leads out": {"gateway": {"service": {"type": "ExternalName"}}},
    "an address for a range": {"gateway": {"service": {"loadBalancerSourceRanges": ["10.0.0.1"]}}},
    "a ceiling in words": {"budget": {"maxCostPerHourPerNamespace": "little"}},
    "a negative ceiling": {"budget": {"maxCostPerHourPerNamespace": -1}},
    "a Lease of one second, which looks released": {"leaderElection": {"leaseDurationSeconds": 1}},
    "another log format": {"logging": {"format": "text"}},
    "another log level": {"logging": {"level": "trace"}},
    "a URL without a scheme": {"prometheus": {"url": "prometheus:9090"}},
    "a URL with a query": {"prometheus": {"url": "http://prometheus:9090/?a=b"}},
    "a URL with a password": {"prometheus": {"url": "https://user:password@prometheus"}},
    "a URL of one API": {"prometheus": {"url": "https://prometheus/api/v1"}},
    "half a second of a Lease": {"leaderElection": {"leaseDurationSeconds": 15.5}},
    "a header without a key": {"prometheus": {**ON_PROMETHEUS, "headerSecrets": [{"header": "a", "name": "b"}]}},
    "no patience": {"prometheus": {**ON_PROMETHEUS, "timeoutSeconds": 0}},
    "no label's name": {"prometheus": {**ON_PROMETHEUS, "matchers": {"a-b": "c"}}},
    "a port beyond all": {"metrics": {"service": {"port": 65536}}},
    "no port of the API server": {"networkPolicy": {"apiServerPorts": []}},
    "an account's name in capitals": {"serviceAccount": {"name": "Operator"}},
    "a name in capitals": {"fullnameOverride": "Tidegate"},
    "a name that is too long for its suffixes": {"fullnameOverride": "a" * 41},
}

WRONG_TOGETHER = {
    "Prometheus without a URL": (
        {"operator": {"metricsSource": "Prometheus"}},
        "operator.metricsSource is Prometheus and prometheus.url is empty",
    ),
    "a token for nobody": (
        {"prometheus": {"bearerTokenSecret": {"name": "a"}}},
        "prometheus has settings and no prometheus.url",
    ),
    "labels for nobody": ({"prometheus": {"matchers": {"a": "b"}}}, "prometheus has settings and no prometheus.url"),
    "two authorities": (
        {"prometheus": {**ON_PROMETHEUS, "caConfigMap": {"name": "a"}, "caSecret": {"name": "b"}}},
        "prometheus.caConfigMap.name and prometheus.caSecret.name are both set",
    ),
    "an authority without TLS": (
        {"prometheus": {"url": "http://prometheus", "caSecret": {"name": "b"}}},
        "prometheus.url is http:// and prometheus has certificates",
    ),
    "a client certificate without TLS, beside a token": (
        {
            "prometheus": {
                "url": "http://prometheus",
                "bearerTokenSecret": {"name": "a"},
                "clientCertificateSecret": {"name": "b"},
            }
        },
        "prometheus.url is http:// and prometheus has certificates",
    ),
    "a leader that stops too late": (
        {"leaderElection": {"leaseDurationSeconds": 10, "renewDeadlineSeconds": 10}},
        "leaderElection.renewDeadlineSeconds must be less than leaseDurationSeconds",
    ),
    "a leader that tries once": (
        {"leaderElection": {"renewDeadlineSeconds": 2.4, "retryPeriodSeconds": 2}},
        "leaderElection.renewDeadlineSeconds must be more than 1.2 times retryPeriodSeconds",
    ),
    "an authority that nobody asks": (
        {"prometheus": {**ON_PROMETHEUS, "caSecret": {"name": "b"}, "insecureSkipVerify": True}},
        "prometheus.insecureSkipVerify is true and prometheus has a certificate authority",
    ),
    "two credentials": (
        {"prometheus": {**ON_PROMETHEUS, "bearerTokenSecret": {"name": "b"}, "headerSecrets": [AUTHORIZATION]}},
        "prometheus.bearerTokenSecret.name and a header Authorization in prometheus.headerSecrets are both set",
    ),
    "a header twice": (
        {"prometheus": {**ON_PROMETHEUS, "headerSecrets": [AUTHORIZATION, {**AUTHORIZATION, "name": "b"}]}},
        "prometheus.headerSecrets has the same header twice",
    ),
    "files that could hold nothing": (
        {"operator": {"recording": {"enabled": True, "maxBytes": 8388607, "files": 8}}},
        "operator.recording.maxBytes must be 1048576 or more for each of operator.recording.files",
    ),
    "a place for nothing": (
        {"operator": {"recording": {"volume": {"emptyDir": {}}}}},
        "operator.recording.volume is set and operator.recording.enabled is false",
    ),
    "one account for both": (
        {"gateway": {"serviceAccount": {"name": "tidegate"}}},
        "gateway.serviceAccount and serviceAccount are the same account",
    ),
    "two accounts that nobody makes": (
        {"serviceAccount": {"create": False}, "gateway": {"serviceAccount": {"create": False}}},
        "gateway.serviceAccount and serviceAccount are the same account",
    ),
    "no port for any service": (
        {"gateway": {"servicePorts": {"first": 20000, "last": 19999}}},
        "gateway.servicePorts.last must not be less than first",
    ),
    "a shared port among the services'": (
        {"gateway": {"sharedPort": 10000}},
        "gateway.sharedPort is among gateway.servicePorts",
    ),
    "the metrics' port among the services'": (
        {"gateway": {"sharedPort": 9000, "servicePorts": {"first": 8000, "last": 8999}}},
        "gateway.servicePorts has 8080 in it",
    ),
    "two Envoys": (
        {"gateway": {"envoy": {"fromWheel": True, "image": {"repository": "mine/envoy"}}}},
        "gateway.envoy.fromWheel is true and gateway.envoy.image is set",
    ),
    "an image without a version": (
        {"gateway": {"envoy": {"image": {"tag": ""}}}},
        "gateway.envoy.image has neither a tag nor a digest",
    ),
    "a class of no load balancer": (
        {"gateway": {"service": {"loadBalancerClass": "internal"}}},
        "gateway.service has settings of a load balancer and gateway.service.type is not LoadBalancer",
    ),
    "local to nothing": (
        {"gateway": {"service": {"externalTrafficPolicy": "Local"}}},
        "gateway.service.externalTrafficPolicy is Local and gateway.service.type is ClusterIP",
    ),
    "two writers": (
        {"operator": {"replicas": 2}, "leaderElection": {"enabled": False}},
        "operator.replicas is more than 1 and leaderElection.enabled is false",
    ),
    "two writers during an upgrade": (
        {"operator": {"strategy": {"type": "RollingUpdate"}}, "leaderElection": {"enabled": False}},
        "operator.strategy.type is RollingUpdate and leaderElection.enabled is false",
    ),
}


class TestSchema:
    """`values.schema.json`, as `helm install` applies it."""

    @pytest.mark.parametrize(("values", "typo"), TYPOS.values(), ids=TYPOS)
    def test_a_key_that_is_not_known_is_refused_by_name(self, helm: Helm, values: dict[str, Any], typo: str) -> None:
        """A typo must not look like a setting."""
        said = helm.refusal(values)
        assert "values don't meet the specifications" in said
        assert typo in said

    @pytest.mark.parametrize("values", WRONG_VALUES.values(), ids=WRONG_VALUES)
    def test_a_wrong_value_is_refused(self, helm: Helm, values: dict[str, Any]) -> None:
        """Before anything is installed."""
        assert "values don't meet the specifications" in helm.refusal(values)

    def test_every_object_of_ours_is_closed(self) -> None:
        """No level takes any key, but `global`, which other charts share, and what Kubernetes defines."""
        schema = yaml.safe_load((CHART / "values.schema.json").read_text())
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        open_levels = {path for path, node in _levels(schema, values) if node.get("additionalProperties", True) is True}
        of_kubernetes = {path for path in open_levels if path.endswith("ecurityContext")}
        assert open_levels - of_kubernetes == {"global"}

    def test_what_other_charts_share_is_taken(self, helm: Helm) -> None:
        """As a dependency the chart gets a condition and the globals of all."""
        assert helm.render({"enabled": True, "global": {"storageClass": "fast"}})


class TestChecks:
    """What a schema cannot say: values that do not go together."""

    @pytest.mark.parametrize(("values", "problem"), WRONG_TOGETHER.values(), ids=WRONG_TOGETHER)
    def test_they_are_refused_with_the_fix(self, helm: Helm, values: dict[str, Any], problem: str) -> None:
        """The message names both fields."""
        assert f"  - {problem}" in helm.refusal(values)

    def test_all_problems_are_told_at_once(self, helm: Helm) -> None:
        """Nobody mends one mistake to meet the next."""
        leader = {"enabled": False, "renewDeadlineSeconds": 20}
        said = helm.refusal({"operator": {"replicas": 2, "metricsSource": "Prometheus"}, "leaderElection": leader})
        assert said.count("\n  - ") == 2  # The deadline matters to nobody while there is no election.


class TestEffects:
    """Values that are there do something."""

    def test_the_table_has_every_value(self) -> None:
        """Whoever adds a value says here what else makes it visible."""
        assert set(CHANGES) == set(documented())

    @pytest.mark.parametrize("path", CHANGES)
    def test_another_value_gives_another_install(self, helm: Helm, path: str) -> None:
        """No value is decoration."""
        value, context = CHANGES[path]
        known = "--api-versions=monitoring.coreos.com/v1"
        assert helm.render(nested({**context, path: value}), known) != helm.render(nested(context), known)


@pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.stem)
class TestExamples:
    """The values files in ci/, each a way that people install it."""

    def test_lint_has_nothing_to_say(self, helm: Helm, path: Path) -> None:
        """Neither errors nor warnings."""
        answer = helm.run("lint", "--strict", "--quiet", str(CHART), f"--values={path}")
        assert answer.returncode == 0, answer.stdout

    def test_every_object_has_its_own_name(self, helm: Helm, path: Path) -> None:
        """Nothing overwrites something else."""
        made = helm.render(None, f"--values={path}")
        names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in made]
        assert len(names) == len(set(names))


def _levels(schema: dict[str, Any], values: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each level of values.yaml that is a map with keys of its own, by path, with its schema."""

    def walk(node: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if reference := node.get("$ref"):
            node = schema["definitions"][reference.rpartition("/")[2]]
        yield path, node
        for key, inner in value.items():
            known = node.get("properties", {})
            if isinstance(inner, dict) and inner and key in known:
                yield from walk(known[key], inner, f"{path}.{key}".lstrip("."))

    return walk(schema, values, "")
