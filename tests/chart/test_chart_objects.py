import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from helm_chart import CHART, Document, Helm, is_hook, of_kind, only, operator_container, operator_pod
from tidegate.cli.operator import operator

CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
LABELS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
}
ON_PROMETHEUS = {
    "operator": {"metricsSource": "Prometheus"},
    "prometheus": {
        "url": "https://prometheus.example.com",
        "matchers": {"cluster": "eu-1"},
        "bearerTokenSecret": {"name": "a"},
        "caSecret": {"name": "b", "key": "authority"},
        "clientCertificateSecret": {"name": "c"},
        "headerSecrets": [{"header": "X-Scope-OrgID", "name": "d", "key": "tenant"}],
    },
}
ON_DOUBTFUL_PROMETHEUS = {"prometheus": {"url": "https://prometheus.example.com", "insecureSkipVerify": True}}
LEFT_TO_EXTRA_ARGUMENTS = {
    "--kubeconfig": "a pod has an account",
    "--host": "the port must be reached from outside of the pod",
    "--no-leader-elect": "the default",
    "--help": "ends the program",
}


@pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.stem)
class TestAllObjects:
    """What holds for every object of every way to install it."""

    def test_they_are_labelled_as_kubernetes_recommends(self, helm: Helm, path: Path) -> None:
        """So that tools and people can tell what belongs to which release."""
        for document in helm.render(None, f"--values={path}"):
            if document["metadata"]["name"] not in {"tidegate-map", "tidegate-text"}:  # Somebody's own.
                assert document["metadata"]["labels"].keys() >= LABELS, document["metadata"]["name"]

    def test_they_are_in_the_namespace_of_the_release_or_in_a_watched_one(self, helm: Helm, path: Path) -> None:
        """No name of a namespace is written into the chart."""
        watched = yaml.safe_load(path.read_text()).get("watchNamespaces", [])
        for document in helm.render(None, f"--values={path}", namespace="somewhere"):
            extra = document["metadata"]["name"] in {"tidegate-map", "tidegate-text"}
            if document["kind"] not in CLUSTER_SCOPED and not extra:
                assert document["metadata"]["namespace"] in {"somewhere", *watched}, document["metadata"]["name"]

    def test_there_is_no_secret_and_no_object_of_a_kind_that_comes_with_the_release(
        self, helm: Helm, path: Path
    ) -> None:
        """Helm could not create the latter on the first install; nobody's secrets pass through values."""
        kinds = {document["kind"] for document in helm.render(None, f"--values={path}")}
        assert not kinds & {"Secret", "InferenceService", "AcceleratorProfile"}

    def test_pods_satisfy_pod_security_restricted(self, helm: Helm, path: Path) -> None:
        """The operator's and those of `helm test`."""
        documents = helm.render(None, f"--values={path}")
        pods = [operator_pod(documents), *(each["spec"] for each in documents if each["kind"] == "Pod")]
        assert len(pods) >= 2
        for pod in pods:
            (container,) = pod["containers"]
            assert pod["securityContext"]["runAsNonRoot"]
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert (container["securityContext"]["runAsUser"], pod["securityContext"]["runAsUser"]) == (65532, 65532)
            assert all("hostPath" not in volume for volume in pod.get("volumes", ()))


class TestImage:
    """Where the one image comes from."""

    @pytest.mark.parametrize(
        ("values", "image"),
        [
            ({}, "ghcr.io/tidegate/tidegate:0.1.0"),
            ({"image": {"tag": "dev"}}, "ghcr.io/tidegate/tidegate:dev"),
            ({"image": {"registry": "", "repository": "tidegate", "tag": "dev"}}, "tidegate:dev"),
            ({"image": {"registry": "example.com:5000/mirror"}}, "example.com:5000/mirror/tidegate/tidegate:0.1.0"),
            ({"global": {"imageRegistry": "mirror"}, "image": {"registry": "a"}}, "mirror/tidegate/tidegate:0.1.0"),
            (
                {"image": {"tag": "dev", "digest": "sha256:" + "a" * 64}},
                f"ghcr.io/tidegate/tidegate@sha256:{'a' * 64}",
            ),
        ],
    )
    def test_every_container_gets_it(self, helm: Helm, values: dict[str, Any], image: str) -> None:
        """The tests' and their simulated engine's, too: a mirror needs one image."""
        documents = helm.render(values)
        pods = [operator_pod(documents), *(each["spec"] for each in documents if each["kind"] == "Pod")]
        assert {container["image"] for pod in pods for container in pod["containers"]} == {image}
        (simulated,) = (
            variable["value"]
            for pod in pods
            for variable in pod["containers"][0]["env"]
            if variable["name"] == "INFERENCE_SERVICE"
        )
        assert yaml.safe_load(simulated)["spec"]["engine"]["image"] == image


class TestCommandLine:
    """What the operator is started with."""

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"watchNamespaces": ["a", "b"]},
            ON_PROMETHEUS,
            ON_DOUBTFUL_PROMETHEUS,
            {"leaderElection": {"enabled": False}},
        ],
    )
    def test_the_operator_knows_every_flag(self, helm: Helm, values: dict[str, Any], tmp_path: Path) -> None:
        """Parsed by the command itself, with the files that flags name where they would be mounted."""
        container = operator_container(helm.render(values))
        name, *arguments = container["args"]
        for file in ("token", "ca.crt", "tls.crt", "tls.key", "headers/X-Scope-OrgID"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text("x")
        arguments = [argument.replace("/etc/tidegate/prometheus", str(tmp_path)) for argument in arguments]
        assert name == "operator"
        assert operator.make_context("operator", arguments).params["port"] == 8080

    def test_every_flag_of_the_operator_can_be_set(self, helm: Helm) -> None:
        """By a value, or there is a reason why not."""
        installs = [
            helm.render(values) for values in (ON_PROMETHEUS, ON_DOUBTFUL_PROMETHEUS, {"watchNamespaces": ["a"]})
        ]
        given = {argument.partition("=")[0] for made in installs for argument in operator_container(made)["args"][1:]}
        known = {
            option
            for parameter in operator.get_params(click.Context(operator))
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert known - given - set(LEFT_TO_EXTRA_ARGUMENTS) == set()

    def test_files_that_flags_name_are_mounted(self, helm: Helm) -> None:
        """Each from the object and the key that the values name, in one volume that follows them."""
        documents = helm.render(ON_PROMETHEUS)
        (volume,) = (each for each in operator_pod(documents)["volumes"] if each["name"] == "prometheus")
        (mount,) = (each for each in operator_container(documents)["volumeMounts"] if each["name"] == "prometheus")
        mounted = {
            f"{mount['mountPath']}/{item['path']}": (source["secret"]["name"], item["key"])
            for source in volume["projected"]["sources"]
            for item in source["secret"]["items"]
        }
        named = {each.rpartition("=")[2] for each in operator_container(documents)["args"] if "=/etc/" in each}
        assert mounted == {
            "/etc/tidegate/prometheus/token": ("a", "token"),
            "/etc/tidegate/prometheus/headers/X-Scope-OrgID": ("d", "tenant"),
            "/etc/tidegate/prometheus/ca.crt": ("b", "authority"),
            "/etc/tidegate/prometheus/tls.crt": ("c", "tls.crt"),
            "/etc/tidegate/prometheus/tls.key": ("c", "tls.key"),
        }
        assert named == set(mounted)

    def test_extra_arguments_come_last(self, helm: Helm) -> None:
        """So that they win."""
        assert operator_container(helm.render({"operator": {"extraArgs": ["--port=1"]}}))["args"][-1] == "--port=1"


class TestPod:
    """How the operator runs."""

    def test_two_never_write_at_a_time(self, helm: Helm) -> None:
        """By the Lease, or by stopping the old one before the new one starts."""
        with_lease, without = helm.render(), helm.render({"leaderElection": {"enabled": False}})
        assert only(with_lease, "Deployment")["spec"]["strategy"]["type"] == "RollingUpdate"
        assert "--leader-elect" in operator_container(with_lease)["args"]
        assert only(without, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
        assert "--leader-elect" not in operator_container(without)["args"]
        assert not [role for role in of_kind(without, "Role") if role["metadata"]["name"].endswith("-leader")]

    def test_probes_have_the_paths_that_it_serves(self, helm: Helm) -> None:
        """Being alive is about its own loop; being ready about its picture of the cluster."""
        container = operator_container(helm.render())
        assert {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")} == {
            "startupProbe": {"path": "/healthz", "port": "http"},
            "livenessProbe": {"path": "/healthz", "port": "http"},
            "readinessProbe": {"path": "/readyz", "port": "http"},
        }

    def test_a_budget_is_there_for_two_and_not_for_one(self, helm: Helm) -> None:
        """For one it would block every drain of its node."""
        assert of_kind(helm.render(), "PodDisruptionBudget") == []
        budget = only(helm.render({"operator": {"replicas": 2}}), "PodDisruptionBudget")
        assert budget["spec"]["maxUnavailable"] == 1

    def test_the_token_is_mounted_there_alone(self, helm: Helm) -> None:
        """Who uses the account by mistake gets none."""
        documents = helm.render()
        assert only(documents, "ServiceAccount")["automountServiceAccountToken"] is False
        assert operator_pod(documents)["automountServiceAccountToken"] is True

    def test_it_can_write_to_its_own_tmp_only(self, helm: Helm) -> None:
        """Of bounded size."""
        documents = helm.render()
        assert operator_pod(documents)["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]
        assert operator_container(documents)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108

    def test_values_reach_the_pod(self, helm: Helm) -> None:
        """As they are in the example that sets everything."""
        pod = operator_pod(helm.render(None, f"--values={CHART / 'ci' / 'everything-values.yaml'}"))
        assert pod["imagePullSecrets"] == [{"name": "mirror"}, {"name": "other"}]
        assert pod["priorityClassName"] == "system-cluster-critical"
        assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
        assert pod["tolerations"] == [{"key": "control", "operator": "Exists", "effect": "NoSchedule"}]
        assert list(pod["affinity"]) == ["nodeAffinity"]
        assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "more"]
        assert pod["serviceAccountName"] == "operator"


class TestService:
    """The Service of the operator's metrics."""

    def test_it_selects_the_operators_pods_and_no_others(self, helm: Helm) -> None:
        """Not the pods of `helm test`, which have the labels of the release too."""
        documents = helm.render()
        selector = only(documents, "Service")["spec"]["selector"].items()
        assert selector <= only(documents, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
        for pod in (each for each in documents if each["kind"] == "Pod"):
            assert not selector <= pod["metadata"]["labels"].items()

    def test_its_port_has_the_name_that_monitors_use(self, helm: Helm) -> None:
        """`http`, of the Service and of the container."""
        documents = helm.render({"metrics": {"service": {"port": 80}}})
        assert only(documents, "Service")["spec"]["ports"] == [
            {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
        ]
        assert operator_container(documents)["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]


class TestNetworkPolicy:
    """What the operator may reach, where it is asked for."""

    def test_there_is_none_by_default(self, helm: Helm) -> None:
        """Not every network plugin takes them well."""
        assert of_kind(helm.render(), "NetworkPolicy") == []

    @pytest.mark.parametrize(
        ("values", "ports", "peers"),
        [
            ({}, {443, 6443, 53}, [{"namespaceSelector": {}}]),
            ({"prometheus": {"url": "http://p"}}, {443, 6443, 53, 80}, [{"namespaceSelector": {}}]),
            ({"prometheus": {"url": "https://p:9091/q"}}, {443, 6443, 53, 9091}, [{"namespaceSelector": {}}]),
            (
                {"watchNamespaces": ["a"]},
                {443, 6443, 53},
                [
                    {
                        "namespaceSelector": {
                            "matchExpressions": [
                                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a"]}
                            ]
                        }
                    }
                ],
            ),
        ],
    )
    def test_it_leads_to_the_api_server_names_pods_and_prometheus(
        self, helm: Helm, values: dict[str, Any], ports: set[int], peers: list[Document]
    ) -> None:
        """Pods on any port: each engine has its own."""
        policy = only(helm.render({"networkPolicy": {"enabled": True}, **values}), "NetworkPolicy")["spec"]
        assert {port["port"] for rule in policy["egress"] for port in rule.get("ports", ())} == ports
        assert [peer for rule in policy["egress"] for peer in rule.get("to", ())] == peers
        assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]

    def test_whoever_may_come_in_helm_test_may(self, helm: Helm) -> None:
        """Where only some may read the metrics, too."""
        peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        documents = helm.render({"networkPolicy": {"enabled": True, "ingressFrom": [peer]}})
        (rule,) = only(documents, "NetworkPolicy")["spec"]["ingress"]
        first, second = rule["from"]
        assert first == peer
        for pod in (each for each in documents if each["kind"] == "Pod"):
            assert second["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


class TestRoles:
    """Rights, as far as the roles themselves show them; tests/contract/test_chart_rights.py tries them out."""

    @pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.stem)
    def test_there_is_no_wildcard_and_no_secret(self, helm: Helm, path: Path) -> None:
        """Not even for the tests."""
        rules = [
            rule
            for document in helm.render(None, f"--values={path}")
            if document["kind"] in {"Role", "ClusterRole"}
            for rule in document["rules"]
        ]
        assert rules
        for rule in rules:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not words & {"*", "secrets", "pods/exec", "escalate", "bind", "impersonate"}

    def test_with_namespaces_nothing_in_others_is_allowed(self, helm: Helm) -> None:
        """Outside of them the operator reads AcceleratorProfiles, which are in no namespace."""
        documents = helm.render({"watchNamespaces": ["a", "b"], "rbac": {"aggregateClusterRoles": False}})
        bound = {binding["roleRef"]["name"] for binding in of_kind(documents, "ClusterRoleBinding")}
        (role,) = (role for role in of_kind(documents, "ClusterRole") if role["metadata"]["name"] in bound)
        assert role["rules"] == [
            {"apiGroups": ["inference.tidegate.dev"], "resources": ["acceleratorprofiles"], "verbs": ["list", "watch"]}
        ]
        everywhere = helm.render()
        (wide,) = (role for role in of_kind(everywhere, "ClusterRole") if role["metadata"]["name"].endswith("-manager"))
        for namespace in ("a", "b"):
            (narrow,) = (role for role in of_kind(documents, "Role") if role["metadata"]["namespace"] == namespace)
            assert [*role["rules"], *narrow["rules"]] == wide["rules"]

    def test_only_its_own_lease_can_be_written(self, helm: Helm) -> None:
        """But for creating one, which has no name yet when it is allowed."""
        documents = helm.render()
        (role,) = (role for role in of_kind(documents, "Role") if role["metadata"]["name"].endswith("-leader"))
        named = {rule["resourceNames"][0] for rule in role["rules"] if "resourceNames" in rule}
        assert [f"--lease-name={name}" in operator_container(documents)["args"] for name in named] == [True]
        assert [rule["verbs"] for rule in role["rules"] if "resourceNames" not in rule] == [["create"]]

    def test_people_get_theirs_by_aggregation_if_that_is_wanted(self, helm: Helm) -> None:
        """`view` reads, `edit` writes too."""
        aggregated = {"rbac.authorization.k8s.io/aggregate-to-view", "rbac.authorization.k8s.io/aggregate-to-edit"}

        def labels(aggregate: bool) -> set[str]:  # noqa: FBT001 - it is the value
            roles = of_kind(helm.render({"rbac": {"aggregateClusterRoles": aggregate}}), "ClusterRole")
            return {label for role in roles for label in role["metadata"]["labels"]}

        assert labels(aggregate=True) >= aggregated
        assert not labels(aggregate=False) & aggregated


class TestSideBySide:
    """Several installs in one cluster."""

    def test_cluster_scoped_names_differ_between_namespaces(self, helm: Helm) -> None:
        """The same release name in two namespaces, and two names whose parts could be read either way."""
        installs = [("tidegate", "a"), ("tidegate", "b"), ("tidegate-b", "a"), ("a-tidegate", "a"), ("tidegate", "a-a")]
        names = [
            (document["kind"], document["metadata"]["name"])
            for release, namespace in installs
            for document in helm.render({"crds": {"enabled": False}}, release=release, namespace=namespace)
            if document["kind"] in CLUSTER_SCOPED
        ]
        assert names
        assert len(names) == len(set(names))

    def test_two_releases_share_a_namespace(self, helm: Helm) -> None:
        """Nothing of one is named as something of the other, nor selected by it."""
        one, two = (helm.render({"crds": {"enabled": False}}, release=release) for release in ("one", "two"))
        assert not {(each["kind"], each["metadata"]["name"]) for each in one} & {
            (each["kind"], each["metadata"]["name"]) for each in two
        }
        assert only(one, "Deployment")["spec"]["selector"] != only(two, "Deployment")["spec"]["selector"]

    @pytest.mark.parametrize("release", ["a" * 53, "tidegate", "x-tidegate-x", "a-b"])
    def test_names_fit(self, helm: Helm, release: str) -> None:
        """Those of Services are the shortest that Kubernetes takes; the longest release name has 53 letters."""
        for document in helm.render(release=release):
            if document["kind"] in {"Service", "Deployment", "Pod"}:
                assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", document["metadata"]["name"])
            for label in document["metadata"]["labels"].values():
                assert len(label) <= 63


class TestHelmTests:
    """What `helm test` makes."""

    def test_their_scripts_are_whole(self, helm: Helm) -> None:
        """The file, character by character."""
        pods = [each for each in helm.render() if each["kind"] == "Pod"]
        scripts = sorted(pod["spec"]["containers"][0]["command"][2].rstrip() for pod in pods)
        assert scripts == sorted(path.read_text().rstrip() for path in (CHART / "files" / "tests").iterdir())

    def test_the_service_is_made_where_the_operator_looks(self, helm: Helm) -> None:
        """In the release's namespace if that is watched, else in the first that is."""

        def namespace(*watched: str) -> str:
            (variable,) = (
                variable
                for each in helm.render({"watchNamespaces": list(watched)})
                if each["kind"] == "Pod"
                for variable in each["spec"]["containers"][0]["env"]
                if variable["name"] == "INFERENCE_SERVICE"
            )
            return str(yaml.safe_load(variable["value"])["metadata"]["namespace"])

        assert namespace() == "tidegate-system"
        assert namespace("a", "tidegate-system") == "tidegate-system"
        assert namespace("b", "a") == "b"

    def test_nothing_of_them_stays(self, helm: Helm) -> None:
        """Each is deleted after a success and before the next run."""
        hooks = [each for each in helm.render() if is_hook(each)]
        assert {each["kind"] for each in hooks} == {"Pod", "ServiceAccount", "Role", "RoleBinding"}
        for each in hooks:
            annotations = each["metadata"]["annotations"]
            assert annotations["helm.sh/hook"] == "test"
            assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
