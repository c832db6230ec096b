"""Where a person's commands go."""

from pathlib import Path

import pytest
import yaml

from tidegate.cluster import connection
from tidegate.cluster.connection import NoClusterError, current_namespace


def kubeconfig(path: Path, **context: str) -> str:
    """A kubeconfig whose current context says this."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [
            {"name": "other", "context": {"cluster": "c", "user": "u", "namespace": "elsewhere"}},
            {"name": "now", "context": {"cluster": "c", "user": "u", **context}},
        ],
        "current-context": "now",
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


@pytest.mark.parametrize(
    ("context", "namespace"), [({"namespace": "models"}, "models"), ({}, "default"), ({"namespace": ""}, "default")]
)
def test_the_contexts_namespace_is_meant(tmp_path: Path, context: dict[str, str], namespace: str) -> None:
    """As kubectl does: whoever says `kubectl config set-context` need not say it to `tidegate pin` again."""
    assert current_namespace(kubeconfig(tmp_path / "config", **context)) == namespace


def test_in_a_pod_its_own_namespace_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubeconfig that is named is used there all the same."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setattr(connection, "POD_NAMESPACE", tmp_path / "namespace")
    (tmp_path / "namespace").write_text("mine\n")

    assert current_namespace() == "mine"
    assert current_namespace(kubeconfig(tmp_path / "config", namespace="models")) == "models"


@pytest.mark.parametrize("text", ["", "a: [", "hello", "kind: Config\ncurrent-context: none\ncontexts: []\n"])
def test_without_a_context_there_is_no_cluster(tmp_path: Path, text: str) -> None:
    """The message says where it was looked for."""
    path = tmp_path / "config"
    path.write_text(text)

    with pytest.raises(NoClusterError, match=str(path)):
        current_namespace(str(path))
