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

    @pytest.mark.parametrize("values", [{}, {"watchNamespaces": ["a"]}, {"operator": {"replicas": 2}}])
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
