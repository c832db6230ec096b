import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tidegate.api.crds import HEADER, RESOURCES, manifests
from tidegate.cli.crds import crds

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {name: yaml.safe_load(text) for name, text in manifests().items()}


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a schema that is a named field, with its path."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from nodes(field, f"{path}.{name}")
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if inner is not None:
            yield from nodes(inner, f"{path}[]")


def root_schema(document: dict[str, Any]) -> dict[str, Any]:
    """The schema of the objects."""
    return document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


class TestGeneration:
    """`make generate`."""

    def test_the_committed_files_are_what_the_models_give(self) -> None:
        """Whoever changes a model runs `make generate`; nobody edits crds/ by hand."""
        committed = {path.name: path.read_text() for path in (ROOT / "crds").iterdir()}
        assert committed == manifests()

    def test_twice_gives_the_same_bytes(self, tmp_path: Path) -> None:
        """Over its own output, too."""
        for _ in range(2):
            answer = CliRunner().invoke(crds, ["--output", str(tmp_path)])
            assert (answer.exit_code, answer.output) == (0, "")
            assert {path.name: path.read_text() for path in tmp_path.iterdir()} == manifests()

    def test_the_directory_is_made(self, tmp_path: Path) -> None:
        """As far as it does not exist."""
        assert CliRunner().invoke(crds, ["--output", str(tmp_path / "a" / "b")]).exit_code == 0
        assert len(list((tmp_path / "a" / "b").iterdir())) == len(RESOURCES)

    def test_without_a_directory_they_are_printed_as_one_stream(self) -> None:
        """For `kubectl apply --server-side -f -`."""
        answer = CliRunner().invoke(crds)
        assert answer.exit_code == 0
        assert list(yaml.safe_load_all(answer.output)) == list(DOCUMENTS.values())


class TestText:
    """The files as people read them in a review."""

    @pytest.mark.parametrize("text", manifests().values(), ids=manifests())
    def test_the_first_line_says_where_they_come_from(self, text: str) -> None:
        """So that nobody mends the wrong file."""
        assert text.startswith(HEADER)
        assert "make generate" in HEADER

    @pytest.mark.parametrize("text", manifests().values(), ids=manifests())
    def test_nothing_is_written_by_reference(self, text: str) -> None:
        """YAML anchors would make a reader jump."""
        assert not any(line.rstrip().endswith(("&id001", "*id001")) for line in text.splitlines())


class TestNames:
    """Names that people type and clusters remember."""

    @pytest.mark.parametrize(
        ("file", "scope", "names"),
        [
            (
                "inferenceservices.yaml",
                "Namespaced",
                {
                    "kind": "InferenceService",
                    "listKind": "InferenceServiceList",
                    "plural": "inferenceservices",
                    "singular": "inferenceservice",
                    "shortNames": ["infer"],
                    "categories": ["inference"],
                },
            ),
            (
                "acceleratorprofiles.yaml",
                "Cluster",
                {
                    "kind": "AcceleratorProfile",
                    "listKind": "AcceleratorProfileList",
                    "plural": "acceleratorprofiles",
                    "singular": "acceleratorprofile",
                    "shortNames": ["accel"],
                },
            ),
        ],
    )
    def test_they_stay_as_they_are(self, file: str, scope: str, names: dict[str, Any]) -> None:
        """Changing one is a migration."""
        spec = DOCUMENTS[file]["spec"]
        assert (spec["group"], spec["scope"], spec["names"]) == ("inference.tidegate.dev", scope, names)
        assert [version["name"] for version in spec["versions"]] == ["v1alpha1"]

    def test_whoever_shares_the_plural_is_named(self) -> None:
        """`kubectl explain infer` says what to type where KServe or OME is installed too."""
        description = root_schema(DOCUMENTS["inferenceservices.yaml"])["description"]
        assert all(word in description for word in ("KServe", "OME", "kubectl get infer"))


def _written(default: object) -> str:
    """A default as YAML has it."""
    return str(default).lower() if isinstance(default, bool) else str(default)


class TestPromises:
    """What every field of the API keeps to."""

    @pytest.mark.parametrize(
        ("path", "node"),
        [
            (f"{name}{path}", node)
            for name, document in DOCUMENTS.items()
            for path, node in nodes(root_schema(document))
        ],
    )
    def test_there_are_no_floats(self, path: str, node: dict[str, Any]) -> None:
        """Quantities are integers or strings."""
        assert node.get("type") != "number", path

    @pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
    def test_a_default_is_named_in_the_description(self, document: dict[str, Any]) -> None:
        """`kubectl explain` shows no defaults by itself. Sub-objects leave that to their fields; so does status."""
        missing = [
            path
            for path, node in nodes(root_schema(document))
            if "default" in node and not isinstance(node["default"], dict) and not path.startswith(".status")
            if f"{_written(node['default'])} (default" not in node["description"]
            and f"Default {_written(node['default'])}" not in node["description"]
        ]
        assert missing == []

    @pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
    def test_times_are_integers_with_their_unit_in_the_name(self, document: dict[str, Any]) -> None:
        """A name that speaks of a time ends in Seconds, and what ends in Seconds is an integer."""
        for path, node in nodes(root_schema(document)):
            name = path.rpartition(".")[2]
            assert not name.lower().endswith(("timeout", "window", "period", "duration", "delay")), path
            assert not name.endswith("Seconds") or node["type"] == "integer", path

    @pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
    def test_a_document_is_the_callers_own(self, resource: Any) -> None:
        """Changing one changes no other."""
        before = copy.deepcopy(resource.to_document())
        resource.to_document()["spec"]["versions"][0]["schema"].clear()
        assert resource.to_document() == before
