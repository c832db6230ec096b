"""Where a person's commands go."""

import asyncio
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from loopback_api_server import loopback_api_server

from tidegate.cli import main
from tidegate.cluster import connection
from tidegate.cluster.connection import NoClusterError, current_namespace


def kubeconfig(path: Path, server: str = "https://127.0.0.1:1", **context: str) -> str:
    """A kubeconfig whose current context says this."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
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


@pytest.mark.parametrize(
    ("command", "option", "namespace"),
    [(("pin", "chat", "2"), (), "models"), (("unpin", "chat"), (), "models"), (("unpin", "chat"), ("-n", "n"), "n")],
)
async def test_pin_and_unpin_go_where_kubectl_would(
    tmp_path: Path, command: tuple[str, ...], option: tuple[str, ...], namespace: str
) -> None:
    """The service of that name in another namespace is somebody else's."""
    async with loopback_api_server() as server:
        file = kubeconfig(tmp_path / "config", server.url, namespace="models")
        told = await asyncio.to_thread(CliRunner().invoke, main, [*command, *option, "--kubeconfig", file])

    assert told.exit_code == 0, told.output
    assert [request.path.split("/")[5] for request in server.requests] == [namespace]
