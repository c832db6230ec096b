import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from chart_values import documented

from helm_chart import CHART, Helm, containers, pods
from tidegate.api.crds import RESOURCES
from tidegate.api.names import GROUP, VERSION

ROOT = CHART.parents[1]
METADATA = yaml.safe_load((CHART / "Chart.yaml").read_text())
ANNOTATIONS = METADATA["annotations"]


class TestVersions:
    """What belongs together has one number."""

    def test_it_installs_the_version_that_it_comes_with(self) -> None:
        """Whoever raises the version in pyproject.toml raises it in Chart.yaml, too."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert METADATA["appVersion"] == project["version"]

    @pytest.mark.parametrize(
        ("version", "taken"), [("1.29.14", False), ("1.30.0-rc.1", True), ("1.30.0", True), ("1.34.4-gke.1", True)]
    )
    def test_it_is_for_kubernetes_from_1_30(self, helm: Helm, version: str, *, taken: bool) -> None:
        """Older ones drop fields of model pods without a word; the message names both versions."""
        if taken:
            assert helm.render(None, f"--kube-version={version}")
        else:
            said = helm.refusal(None, f"--kube-version={version}")
            assert "chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.29.14" in said


class TestArtifactHub:
    """What Artifact Hub shows."""

    def test_every_kind_is_listed(self) -> None:
        """Under its name, as `kubectl` takes it."""
        listed = {
            (each["kind"], each["name"], each["version"]) for each in yaml.safe_load(ANNOTATIONS["artifacthub.io/crds"])
        }
        assert listed == {(each.model.__name__, f"{each.plural}.{GROUP}", VERSION) for each in RESOURCES}

    def test_every_kind_has_an_example_that_it_takes(self) -> None:
        """Read by the models themselves."""
        examples = {each["kind"]: each for each in yaml.safe_load(ANNOTATIONS["artifacthub.io/crdsExamples"])}
        assert examples.keys() == {each.model.__name__ for each in RESOURCES}
        for each in RESOURCES:
            assert isinstance(each.model.model_validate(examples[each.model.__name__]), each.model)

    def test_the_images_are_those_that_are_installed(self, helm: Helm) -> None:
        """For scanners."""
        listed = {image["image"] for image in yaml.safe_load(ANNOTATIONS["artifacthub.io/images"])}
        assert listed == {container["image"] for pod in pods(helm.render()) for container in containers(pod)}

    def test_an_early_version_says_so(self) -> None:
        """Before 1.0 it is a pre-release."""
        assert ANNOTATIONS["artifacthub.io/prerelease"] == str(METADATA["version"].startswith("0.")).lower()


class TestReadme:
    """README.md of the chart."""

    def test_it_is_what_the_values_say(self, helm_docs: Path) -> None:
        """Whoever changes values.yaml runs `make chart-readme`."""
        answer = subprocess.run(  # noqa: S603 - our own program
            [helm_docs, f"--chart-search-root={CHART}", "--sort-values-order=file", "--dry-run"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout.strip() == (CHART / "README.md").read_text().strip()

    def test_every_value_is_described(self) -> None:
        """What has no comment is nobody's business, or everybody's puzzle."""
        assert [path for path, said in documented().items() if not said] == []
