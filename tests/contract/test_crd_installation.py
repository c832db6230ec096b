"""The CustomResourceDefinitions themselves, on a real API server."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from live_cluster import LiveCluster

pytestmark = pytest.mark.cluster

FILES = sorted((Path(__file__).resolve().parents[2] / "crds").glob("*.yaml"))
ANNOTATION_BYTES = 262_144


def stored(crds: LiveCluster, written: dict[str, Any]) -> dict[str, Any]:
    """A CustomResourceDefinition as the API server has it."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{written['metadata']['name']}"
    return crds.api.get(path).document


def lost(written: Any, found: Any, path: str = "") -> list[str]:
    """Paths of what was written and is not, or otherwise, in what was stored."""
    if isinstance(written, dict) and isinstance(found, dict):
        return [fault for key in written for fault in lost(written[key], found.get(key), f"{path}.{key}")]
    if isinstance(written, list) and isinstance(found, list) and len(written) == len(found):
        pairs = enumerate(zip(written, found, strict=True))
        return [fault for index, (one, other) in pairs for fault in lost(one, other, f"{path}[{index}]")]
    return [] if written == found else [path]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
class TestInstallation:
    """`kubectl apply --server-side -f crds/`."""

    def test_the_api_server_serves_them(self, crds: LiveCluster, path: Path) -> None:
        """Established, under names that nobody else has, with a structural schema."""
        conditions = stored(crds, yaml.safe_load(path.read_text()))["status"]["conditions"]
        assert {found["type"]: found["status"] for found in conditions} == {
            "NamesAccepted": "True",
            "Established": "True",
        }

    def test_every_word_of_them_is_stored(self, crds: LiveCluster, path: Path) -> None:
        """A keyword that the API server does not know would be dropped without a word."""
        written = yaml.safe_load(path.read_text())
        assert lost(written, stored(crds, written)) == []

    def test_applying_them_again_changes_nothing(self, crds: LiveCluster, path: Path) -> None:
        """An upgrade to the same version writes nothing."""
        written = yaml.safe_load(path.read_text())
        before = stored(crds, written)["metadata"]["resourceVersion"]
        crds.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={path}")
        assert stored(crds, written)["metadata"]["resourceVersion"] == before

    def test_they_fit_into_an_annotation(self, crds: LiveCluster, path: Path) -> None:
        """So that `kubectl apply` without --server-side works as well, and tools that do the same."""
        answer = crds.kubectl("apply", "--server-side=false", "--dry-run=server", f"--filename={path}")
        assert "(server dry run)" in answer.stdout
        assert len(path.read_bytes()) < 0.75 * ANNOTATION_BYTES  # What is left is for versions to come.
