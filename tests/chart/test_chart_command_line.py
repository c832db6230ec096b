from pathlib import Path
from typing import Any

import click
import pytest

from helm_chart import Helm, operator_container, operator_pod
from tidegate.cli.operator import operator

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
RECORDED = {"operator": {"recording": {"enabled": True}}}
BOUNDED = {"budget": {"maxCostPerHourPerNamespace": 0}}
"""No ceiling and one of nothing are not the same."""
LEFT_TO_EXTRA_ARGUMENTS = {
    "--kubeconfig": "a pod has an account",
    "--host": "the port must be reached from outside of the pod",
    "--no-leader-elect": "the default",
    "--gateway-ports": "the usual ones do, and the network policy names them",
    "--help": "ends the program",
}


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
            RECORDED,
            BOUNDED,
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
        ways: list[dict[str, Any]] = [
            ON_PROMETHEUS,
            ON_DOUBTFUL_PROMETHEUS,
            {"watchNamespaces": ["a"]},
            RECORDED,
            BOUNDED,
        ]
        installs = [helm.render(values) for values in ways]
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

    def test_a_recording_has_a_place_that_is_large_enough(self, helm: Helm) -> None:
        """A kubelet evicts a pod whose emptyDir outgrows its limit; another volume is taken as it is given."""
        sized = {"operator": {"recording": {"enabled": True, "maxBytes": 1_000_000_000}}}
        documents = helm.render(sized)
        arguments = operator_container(documents)["args"]
        assert "--recording-max-bytes=1000000000" in arguments
        (directory,) = (each.partition("=")[2] for each in arguments if each.startswith("--recording-directory="))
        assert {"name": "recording", "mountPath": directory} in operator_container(documents)["volumeMounts"]
        (volume,) = (each for each in operator_pod(documents)["volumes"] if each["name"] == "recording")
        assert int(volume["emptyDir"]["sizeLimit"]) > 1_000_000_000

        claim = {"persistentVolumeClaim": {"claimName": "flights"}}
        documents = helm.render({"operator": {"recording": {"enabled": True, "volume": claim}}})
        assert {"name": "recording", **claim} in operator_pod(documents)["volumes"]

    def test_extra_arguments_come_last(self, helm: Helm) -> None:
        """So that they win."""
        assert operator_container(helm.render({"operator": {"extraArgs": ["--port=1"]}}))["args"][-1] == "--port=1"
