from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_chart import (
    CHART,
    CLUSTER_SCOPED,
    Document,
    Helm,
    component_of,
    containers,
    gateway_containers,
    is_hook,
    of_kind,
    only,
    operator_container,
    operator_pod,
    pod_of,
    pods,
)

CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
LABELS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
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
        """The operator's and the gateways', and those of `helm test` and of an uninstall."""
        made = pods(helm.render(None, f"--values={path}"))
        assert len(made) >= 2
        for pod in made:
            assert pod["securityContext"]["runAsNonRoot"]
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert pod["securityContext"]["runAsUser"] == 65532
            assert all("hostPath" not in volume for volume in pod.get("volumes", ()))
            for container in containers(pod):
                assert container["securityContext"]["readOnlyRootFilesystem"]
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
                assert container["securityContext"]["runAsUser"] == 65532


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
        made = pods(helm.render({**values, "gateway": {"envoy": {"fromWheel": True}}}))
        assert {container["image"] for pod in made for container in containers(pod)} == {image}
        (simulated,) = (
            variable["value"]
            for pod in made
            for variable in pod["containers"][0].get("env", ())
            if variable["name"] == "INFERENCE_SERVICE"
        )
        assert yaml.safe_load(simulated)["spec"]["engine"]["image"] == image


class TestPod:
    """How the operator runs."""

    def test_two_never_write_at_a_time(self, helm: Helm) -> None:
        """By the Lease, or by stopping the old one before the new one starts."""
        with_lease, without = helm.render(), helm.render({"leaderElection": {"enabled": False}})
        assert only(with_lease, "Deployment", component="operator")["spec"]["strategy"]["type"] == "RollingUpdate"
        assert "--leader-elect" in operator_container(with_lease)["args"]
        assert only(without, "Deployment", component="operator")["spec"]["strategy"] == {"type": "Recreate"}
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
        for component in ("operator", "gateway"):
            one, two = (
                [
                    each["spec"]["maxUnavailable"]
                    for each in of_kind(helm.render({component: {"replicas": replicas}}), "PodDisruptionBudget")
                    if component_of(each) == component
                ]
                for replicas in (1, 2)
            )
            assert (one, two) == ([], [1])

    @pytest.mark.parametrize("component", ["operator", "gateway"])
    def test_the_token_is_mounted_where_it_is_needed_alone(self, helm: Helm, component: str) -> None:
        """Who uses the account by mistake gets none."""
        documents = helm.render()
        account = only(documents, "ServiceAccount", component=component)
        assert account["automountServiceAccountToken"] is False
        pod = pod_of(documents, component)
        assert pod["automountServiceAccountToken"] is (component == "operator")
        with_token = [
            container["name"]
            for container in (*pod.get("initContainers", ()), *pod["containers"])
            if component == "operator" or any(mount["name"] == "token" for mount in container["volumeMounts"])
        ]
        assert with_token == [component]  # Not Envoy, which faces clients.
        assert pod_of(documents, component)["serviceAccountName"] == account["metadata"]["name"]

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
        assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "recording", "more"]
        assert pod["serviceAccountName"] == "operator"


class TestService:
    """The Services of the operator's and the gateways' metrics, and of the shared address."""

    def test_each_selects_the_pods_of_its_part_and_no_others(self, helm: Helm) -> None:
        """Not the pods of `helm test`, which have the labels of the release too."""
        documents = helm.render()
        of_pods = {
            component_of(each): each["spec"]["template"]["metadata"]["labels"]
            for each in documents
            if each["kind"] in {"Deployment", "Job"}
        } | {each["metadata"]["name"]: each["metadata"]["labels"] for each in documents if each["kind"] == "Pod"}
        services = of_kind(documents, "Service")
        assert len(services) == 3
        for service in services:
            selector = service["spec"]["selector"].items()
            assert [name for name, labels in of_pods.items() if selector <= labels.items()] == [component_of(service)]

    def test_its_port_has_the_name_that_monitors_use(self, helm: Helm) -> None:
        """`http`, of the Service and of the container."""
        documents = helm.render({"metrics": {"service": {"port": 80}}})
        assert only(documents, "Service", component="operator")["spec"]["ports"] == [
            {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
        ]
        for container in (operator_container(documents), gateway_containers(documents)["gateway"]):
            assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]


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
        documents = helm.render({"networkPolicy": {"enabled": True}, "gateway": {"enabled": False}, **values})
        policy = only(documents, "NetworkPolicy")["spec"]
        assert {port["port"] for rule in policy["egress"] for port in rule.get("ports", ())} == ports
        assert [peer for rule in policy["egress"] for peer in rule.get("to", ())] == peers
        assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]

    def test_whoever_may_come_in_helm_test_may(self, helm: Helm) -> None:
        """Where only some may read the metrics, too."""
        peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        documents = helm.render({"networkPolicy": {"enabled": True, "ingressFrom": [peer]}})
        (rule,) = only(documents, "NetworkPolicy", component="operator")["spec"]["ingress"]
        first, second = rule["from"]
        assert first == peer
        for pod in (each for each in documents if each["kind"] == "Pod"):
            assert second["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


class TestHelmTests:
    """What `helm test` makes."""

    def test_their_scripts_are_whole(self, helm: Helm) -> None:
        """The file, character by character."""
        moments = [pod["containers"][0] for pod in pods(helm.render()) if pod.get("restartPolicy") == "Never"]
        scripts = sorted(container["command"][2].rstrip() for container in moments)
        files = [path for folder in ("tests", "hooks") for path in (CHART / "files" / folder).iterdir()]
        assert scripts == sorted(path.read_text().rstrip() for path in files)

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
        hooks = [each for each in helm.render() if is_hook(each) and component_of(each) == "test"]
        assert {each["kind"] for each in hooks} == {"Pod", "ServiceAccount", "Role", "RoleBinding"}
        for each in hooks:
            annotations = each["metadata"]["annotations"]
            assert annotations["helm.sh/hook"] == "test"
            assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
