"""How the chart runs gateways: a picker and Envoy in one pod, Services, and what happens when they go."""

from pathlib import Path
from typing import Any

import pytest

from helm_chart import Document, Helm, component_of, gateway_containers, is_hook, of_kind, only, pod_of
from tidegate.gateway.envoy.directory import Directory
from tidegate.gateway.envoy.program import command

FROM_WHEEL = {"gateway": {"envoy": {"fromWheel": True}}}
DIRECTORY = "/run/tidegate"


def envoy_arguments(documents: list[Document]) -> list[str]:
    """The command and arguments of Envoy's container."""
    container = gateway_containers(documents)["envoy"]
    return [*container.get("command", ()), *container["args"]]


class TestPod:
    """One gateway."""

    def test_envoy_outlives_the_picker_that_it_started_before(self, helm: Helm) -> None:
        """A native sidecar: an init container that is restarted, after the one that writes what it starts with."""
        pod = pod_of(helm.render(), "gateway")
        assert [(each["name"], each.get("restartPolicy")) for each in pod["initContainers"]] == [
            ("bootstrap", None),
            ("envoy", "Always"),
        ]
        assert [each["name"] for each in pod["containers"]] == ["gateway"]

    def test_all_of_them_meet_in_one_directory(self, helm: Helm) -> None:
        """Theirs alone, and of bounded size."""
        documents = helm.render()
        for container in gateway_containers(documents).values():
            assert {"name": "gateway", "mountPath": DIRECTORY} in container["volumeMounts"]
            assert any(DIRECTORY in argument for argument in container["args"])
        (volume,) = (each for each in pod_of(documents, "gateway")["volumes"] if each["name"] == "gateway")
        assert volume["emptyDir"].keys() == {"sizeLimit"}

    def test_its_own_image_is_started_as_ours_would_start_it(self, helm: Helm) -> None:
        """Argument by argument; only the program is found elsewhere."""
        expected = command(Path("envoy"), Directory(Path(DIRECTORY)), concurrency=2)
        assert envoy_arguments(helm.render()) == expected

    def test_from_the_wheel_it_is_configured_alike(self, helm: Helm) -> None:
        """What the init container writes and what the sidecar writes anew when it is restarted are the same."""
        containers = gateway_containers(helm.render(FROM_WHEEL))
        written = [argument for argument in containers["bootstrap"]["args"] if argument != "--bootstrap-only"]
        assert [*written, "--concurrency=2"] == containers["envoy"]["args"]
        assert containers["envoy"]["image"] == containers["gateway"]["image"]

    @pytest.mark.parametrize(
        ("values", "image"),
        [
            ({}, "docker.io/envoyproxy/envoy:v1.40.0"),
            ({"gateway": {"envoy": {"image": {"registry": "", "tag": "dev"}}}}, "envoyproxy/envoy:dev"),
            ({"global": {"imageRegistry": "mirror:5000"}}, "mirror:5000/envoyproxy/envoy:v1.40.0"),
            (
                {"gateway": {"envoy": {"image": {"digest": "sha256:" + "a" * 64}}}},
                f"docker.io/envoyproxy/envoy@sha256:{'a' * 64}",
            ),
        ],
    )
    def test_envoys_image_can_come_from_elsewhere(self, helm: Helm, values: dict[str, Any], image: str) -> None:
        """A mirror, another version, a digest."""
        assert gateway_containers(helm.render(values))["envoy"]["image"] == image

    def test_it_is_given_the_time_to_finish_its_answers(self, helm: Helm) -> None:
        """What the picker waits for, and some for Envoy, which is ended after it."""
        documents = helm.render({"gateway": {"drainSeconds": 1200}})
        assert "--drain-seconds=1200" in gateway_containers(documents)["gateway"]["args"]
        assert pod_of(documents, "gateway")["terminationGracePeriodSeconds"] == 1230

    def test_an_upgrade_takes_none_away_before_another_is_ready(self, helm: Helm) -> None:
        """Nor does a size of one."""
        deployment = only(helm.render({"gateway": {"replicas": 1}}), "Deployment", component="gateway")
        assert deployment["spec"]["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        }

    def test_no_probe_ends_an_envoy_that_drains(self, helm: Helm) -> None:
        """It listens no more, and has answers to finish; nor does the picker wait for it when it starts."""
        containers = gateway_containers(helm.render({"gateway": {"sharedPort": 9000}}))
        probes = {name for name in containers["envoy"] if name.endswith("Probe")}
        assert probes == {"readinessProbe"}
        assert containers["envoy"]["readinessProbe"]["tcpSocket"] == {"port": 9000}
        assert containers["gateway"]["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert containers["gateway"]["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}

    def test_the_operator_looks_for_those_of_its_own_install(self, helm: Helm) -> None:
        """By the name that they give themselves; without gateways it looks for none."""
        name = "tidegate-system/tidegate-gateway"
        documents = helm.render({"gateway": {"routingMode": "Direct"}})
        (operator,) = pod_of(documents, "operator")["containers"]
        wanted = {f"--gateway={name}", "--routing-mode=Direct", "--gateway-ports=10000-32767"}
        assert wanted <= set(operator["args"])
        assert f"--install={name}" in gateway_containers(documents)["gateway"]["args"]
        (alone,) = pod_of(helm.render({"gateway": {"enabled": False}}), "operator")["containers"]
        assert not [each for each in alone["args"] if each.startswith(("--gateway", "--routing-mode"))]


class TestServices:
    """How clients and Prometheus reach them."""

    def test_the_shared_address_leads_to_the_shared_port(self, helm: Helm) -> None:
        """On which Envoy listens and which its probe asks."""
        documents = helm.render({"gateway": {"sharedPort": 9000, "service": {"port": 81}}})
        service = only(documents, "Service", "tidegate-gateway")["spec"]
        assert service["ports"] == [{"name": "http", "port": 81, "targetPort": 9000, "protocol": "TCP"}]
        assert service["type"] == "ClusterIP"
        assert "--shared-port=9000" in gateway_containers(documents)["bootstrap"]["args"]

    def test_a_load_balancer_gets_what_is_said_of_it(self, helm: Helm) -> None:
        """And nothing that the cluster decides."""
        bare = only(helm.render({"gateway": {"service": {"type": "LoadBalancer"}}}), "Service", "tidegate-gateway")
        assert not {"loadBalancerClass", "loadBalancerSourceRanges"} & bare["spec"].keys()
        said = {"type": "LoadBalancer", "loadBalancerClass": "a/b", "loadBalancerSourceRanges": ["10.0.0.0/8"]}
        made = only(helm.render({"gateway": {"service": said}}), "Service", "tidegate-gateway")
        assert made["spec"].items() >= said.items()

    def test_each_gateway_is_scraped_by_itself(self, helm: Helm) -> None:
        """Its counts are its own; one that is not ready has some, too."""
        service = only(helm.render(), "Service", "tidegate-gateway-metrics")["spec"]
        assert service["clusterIP"] == "None"
        assert service["publishNotReadyAddresses"] is True


class TestNetworkPolicy:
    """What gateways may be reached by and reach, where it is asked for."""

    def test_requests_come_to_their_ports_and_metrics_to_theirs(self, helm: Helm) -> None:
        """The shared port and one for each service; who may ask for which is told apart."""
        clients, monitoring = ({"podSelector": {"matchLabels": {"a": name}}} for name in ("clients", "monitoring"))
        values: dict[str, Any] = {
            "networkPolicy": {"enabled": True, "ingressFrom": [monitoring]},
            "gateway": {"networkPolicy": {"requestsFrom": [clients]}},
        }
        policy = only(helm.render(values), "NetworkPolicy", component="gateway")["spec"]
        requests, metrics = policy["ingress"]
        assert requests["ports"] == [
            {"port": 8000, "protocol": "TCP"},
            {"port": 10000, "endPort": 32767, "protocol": "TCP"},
        ]
        assert requests["from"][0] == clients
        assert metrics["ports"] == [{"port": "http", "protocol": "TCP"}]
        components = [
            peer["podSelector"]["matchLabels"].get("app.kubernetes.io/component") for peer in metrics["from"][1:]
        ]
        assert (metrics["from"][0], components) == (monitoring, ["operator", "gateway", "test"])

    def test_they_reach_each_other(self, helm: Helm) -> None:
        """Whoever wakes a service asks the others first how many requests they hold for it."""
        documents = helm.render({"networkPolicy": {"enabled": True}, "watchNamespaces": ["a"]})
        labels = only(documents, "Deployment", component="gateway")["spec"]["template"]["metadata"]["labels"]
        rules = only(documents, "NetworkPolicy", component="gateway")["spec"]["egress"]
        selectors = [peer.get("podSelector", {}) for rule in rules for peer in rule.get("to", ())]
        assert any(each and each["matchLabels"].items() <= labels.items() for each in selectors)

    def test_the_operator_reaches_their_metrics(self, helm: Helm) -> None:
        """Also where it looks after other namespaces than its own."""
        values = {"networkPolicy": {"enabled": True}, "watchNamespaces": ["a"]}
        documents = helm.render(values)
        peers = [
            peer
            for rule in only(documents, "NetworkPolicy", component="operator")["spec"]["egress"]
            for peer in rule.get("to", ())
        ]
        labels = only(documents, "Deployment", component="gateway")["spec"]["template"]["metadata"]["labels"]
        assert any(
            peer["podSelector"]["matchLabels"].items() <= labels.items() for peer in peers if "podSelector" in peer
        )


class TestWithout:
    """`gateway.enabled: false`."""

    def test_nothing_of_them_is_there(self, helm: Helm) -> None:
        """No pod, no account, no right, no policy about them, no hook."""
        documents = helm.render({"gateway": {"enabled": False}})
        assert [each["metadata"]["name"] for each in documents if component_of(each) == "gateway"] == []
        assert not [each for each in documents if "gateway" in each["metadata"]["name"]]
        assert not [each for each in documents if component_of(each) == "uninstall"]

    @pytest.mark.parametrize(
        ("values", "asked"),
        [
            ({}, True),
            ({"gateway": {"refuseUninstall": False}}, False),
            ({"crds": {"keep": False}}, False),
            ({"crds": {"enabled": False, "keep": False}}, True),
        ],
        ids=str,
    )
    def test_an_uninstall_is_asked_about_where_services_would_outlive_it(
        self, helm: Helm, values: dict[str, Any], *, asked: bool
    ) -> None:
        """Where the definitions go, services go; then there is nothing to refuse."""
        jobs = [each for each in helm.render(values) if each["kind"] == "Job" and is_hook(each)]
        assert bool(jobs) is asked
        for job in jobs:
            assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
            account = job["spec"]["template"]["spec"]["serviceAccountName"]
            assert account in {each["metadata"]["name"] for each in of_kind(helm.render(values), "ServiceAccount")}
