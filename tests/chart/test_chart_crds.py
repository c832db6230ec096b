import tarfile
from pathlib import Path
from typing import Any

import yaml

from helm_chart import CHART, Helm, of_kind
from tidegate.api.crds import manifests

ROOT = CHART.parents[1]
KEEP = "helm.sh/resource-policy"


def definitions(helm: Helm, **values: Any) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of an install."""
    return of_kind(helm.render({"crds": values}), "CustomResourceDefinition")


class TestContent:
    """What is installed is what the models say."""

    def test_the_charts_files_are_those_of_the_repository(self) -> None:
        """Whoever changes a model runs `make generate`, which writes both."""
        files = {path.name: path.read_text() for path in (CHART / "files" / "crds").iterdir()}
        assert files == {path.name: path.read_text() for path in (ROOT / "crds").iterdir()} == manifests()

    def test_helm_changes_no_word_of_them(self, helm: Helm) -> None:
        """But for the metadata: no number becomes a float, no text is taken for a template."""
        made = [{**document, "metadata": document["metadata"]["name"]} for document in definitions(helm)]
        documents = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").iterdir())]
        assert made == [{**document, "metadata": document["metadata"]["name"]} for document in documents]

    def test_they_are_templates(self) -> None:
        """What Helm finds in crds/ it installs once, and never upgrades."""
        assert not (CHART / "crds").exists()


class TestValues:
    """`crds.*`."""

    def test_they_are_kept_unless_told_otherwise(self, helm: Helm) -> None:
        """An uninstall must not delete every model of a cluster."""
        assert {document["metadata"]["annotations"][KEEP] for document in definitions(helm)} == {"keep"}
        assert all(
            KEEP not in document["metadata"].get("annotations", {}) for document in definitions(helm, keep=False)
        )

    def test_annotations_are_added(self, helm: Helm) -> None:
        """And do not take away the one that keeps them."""
        for document in definitions(helm, annotations={"a": "b"}):
            assert document["metadata"]["annotations"] == {"a": "b", KEEP: "keep"}

    def test_none_are_made_where_another_release_has_them(self, helm: Helm) -> None:
        """`crds.enabled` is for one release of a cluster."""
        assert definitions(helm, enabled=False) == []


def test_they_are_in_what_is_packaged(helm: Helm, tmp_path: Path) -> None:
    """So that an install from a registry has them; examples of values stay behind."""
    answer = helm.run("package", str(CHART), f"--destination={tmp_path}")
    assert answer.returncode == 0, answer.stderr
    (package,) = tmp_path.glob("*.tgz")
    assert helm.render(chart=package) == helm.render()
    with tarfile.open(package) as files:
        assert not [name for name in files.getnames() if "/ci/" in name]
