from typing import Any

import pytest
import yaml

from helm_chart import CHART, Helm
from tidegate.api.inference_service import InferenceService

WARNINGS = {
    "definitions that are not kept": ({"crds": {"keep": False}}, "crds.keep is false"),
    "definitions of nobody": ({"crds": {"enabled": False}}, "crds.enabled is false"),
    "no election": ({"leaderElection": {"enabled": False}}, "leaderElection.enabled is false"),
    "any certificate": (
        {"prometheus": {"url": "https://prometheus", "insecureSkipVerify": True}},
        "prometheus.insecureSkipVerify is true",
    ),
    "gateways that can do anything": (
        {"admission": {"gatewayScale": {"enabled": False}}},
        "admission.gatewayScale.enabled is false",
    ),
    "authors who can do anything": ({"admission": {"author": {"enabled": False}}}, "admission.author.enabled is false"),
    "an open address": ({"gateway": {"service": {"type": "LoadBalancer"}}}, "gateway.service.type is LoadBalancer"),
    "an uninstall that asks nobody": ({"gateway": {"refuseUninstall": False}}, "gateway.refuseUninstall is false"),
    "no roles": ({"rbac": {"create": False}}, "rbac.create is false"),
}


def notes(helm: Helm, values: dict[str, Any], *arguments: str) -> str:
    """What an install says when it is done."""
    answer = helm.run("install", "mine", str(CHART), "--namespace=here", "--dry-run=client", *arguments, values=values)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.partition("NOTES:\n")[2]


class TestNotes:
    """NOTES.txt."""

    @pytest.mark.parametrize(("values", "warning"), WARNINGS.values(), ids=WARNINGS)
    def test_what_is_risky_is_warned_of(self, helm: Helm, values: dict[str, Any], warning: str) -> None:
        """Once, in words that name the value; and nothing else is."""
        said = notes(helm, values)
        assert f"WARNING: {warning}" in said
        assert said.count("WARNING") == 1

    @pytest.mark.parametrize(
        "values",
        [{}, {"watchNamespaces": ["a"]}, {"operator": {"replicas": 2}}, {"gateway": {"enabled": False}}],
        ids=str,
    )
    def test_what_is_not_risky_is_not(self, helm: Helm, values: dict[str, Any]) -> None:
        """A warning that is always there is read by nobody."""
        assert "WARNING" not in notes(helm, values)

    @pytest.mark.parametrize(
        ("crds", "stops_no_pod"),
        [({}, True), ({"keep": False}, False), ({"enabled": False}, True), ({"enabled": False, "keep": False}, True)],
    )
    def test_what_an_uninstall_does_is_told(self, helm: Helm, crds: dict[str, Any], *, stops_no_pod: bool) -> None:
        """It takes pods away only where it takes away the definitions, which are this release's and not to be kept."""
        said = notes(helm, {"crds": crds})
        assert ("Uninstalling stops no pod" in said) is stops_no_pod
        assert ("`helm uninstall` will delete" in said) is not stops_no_pod

    @pytest.mark.parametrize(
        ("gateway", "refused"), [({}, True), ({"refuseUninstall": False}, False), ({"enabled": False}, False)], ids=str
    )
    def test_that_an_uninstall_may_be_refused_is_told(
        self, helm: Helm, gateway: dict[str, Any], *, refused: bool
    ) -> None:
        """With the command that comes first; where there is nothing to ask, nothing is said."""
        said = notes(helm, {"gateway": gateway})
        assert ("It is refused while services are reached through the gateways" in said) is refused
        assert (
            "helm upgrade mine CHART --namespace here --reuse-values --set gateway.routingMode=None" in said
        ) is refused

    @pytest.mark.parametrize(
        ("gateway", "address"),
        [
            ({}, "http://mine-tidegate-gateway.here/v1"),
            ({"service": {"port": 8000}}, "http://mine-tidegate-gateway.here:8000/v1"),
            ({"service": {"enabled": False}}, ""),
            ({"enabled": False}, ""),
        ],
        ids=str,
    )
    def test_the_shared_address_is_told(self, helm: Helm, gateway: dict[str, Any], address: str) -> None:
        """Where there is one."""
        said = notes(helm, {"gateway": gateway})
        assert (address in said) if address else ("by the `model` of a request" not in said)

    @pytest.mark.parametrize(("watched", "namespace"), [([], "default"), (["team-a", "team-b"], "team-a")])
    def test_the_first_service_can_be_applied_as_it_stands(
        self, helm: Helm, watched: list[str], namespace: str
    ) -> None:
        """Where this install looks after it."""
        said = notes(helm, {"watchNamespaces": watched})
        example = yaml.safe_load(said.partition("<<'EOF'\n")[2].partition("  EOF")[0])
        assert example["metadata"]["namespace"] == namespace
        assert InferenceService.model_validate(example).spec.engine

    def test_commands_name_this_install(self, helm: Helm) -> None:
        """To be copied."""
        said = notes(helm, {})
        assert "kubectl --namespace here rollout status deployment/mine-tidegate" in said
        assert "helm test mine --namespace here" in said
