"""`tidegate explain`: where it looks, what it prints, and what it says when there is nothing to print."""

import asyncio
import json
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner, Result
from explained import service

from metrics.loopback import http_pod
from tidegate.cli import main

ROOT = Path(__file__).resolve().parents[2]
PATH = "/apis/inference.tidegate.dev/v1alpha1/namespaces/{}/inferenceservices/chat"

Answer = Callable[[], web.Response]


def _kubeconfig(directory: Path, url: str) -> str:
    file = directory / "kubeconfig"
    context = {"cluster": "it", "user": "it", "namespace": "shop"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": context}],
        "clusters": [{"name": "it", "cluster": {"server": url}}],
        "users": [{"name": "it", "user": {}}],
    }
    file.write_text(json.dumps(document))
    return str(file)


async def _explain(directory: Path, answer: Answer, *arguments: str) -> tuple[Result, list[tuple[str, str]]]:
    """Run the command against a server that answers so; what it printed, and what it asked for."""
    asked: list[tuple[str, str]] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append((request.method, request.path))
        return answer()

    async with http_pod(handle) as port:
        command = ["explain", "chat", f"--kubeconfig={_kubeconfig(directory, f'http://127.0.0.1:{port}')}", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, main, command), asked


def _found() -> web.Response:
    return web.json_response(service())


def _refused(code: int, reason: str, message: str) -> Answer:
    """A failure as the API server words it."""
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return lambda: web.json_response(body, status=code)


@pytest.mark.parametrize(
    ("arguments", "namespace"), [((), "shop"), (("-n", "other"), "other")], ids=["context", "given"]
)
async def test_it_reads_one_object_and_writes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], namespace: str
) -> None:
    """In the namespace that is given, or that of the kubeconfig's context."""
    result, asked = await _explain(tmp_path, _found, *arguments)
    assert result.exit_code == 0, result.output
    assert asked == [("GET", PATH.format(namespace))]
    assert result.output.startswith("shop/chat: llama on vLLM\n")
    assert "What would change it" in result.output


async def test_programs_read_json(tmp_path: Path) -> None:
    """One document, and nothing beside it."""
    result, _ = await _explain(tmp_path, _found, "--output=json")
    assert json.loads(result.output)["now"]["desiredReplicas"] == 5


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            _refused(404, "NotFound", 'inferenceservices "chat" not found'),
            "there is no InferenceService 'chat' in namespace 'shop'; `kubectl get infer -A` lists",
        ),
        (
            lambda: web.Response(status=404, text="404 page not found\n"),
            "this cluster does not know InferenceServices: the CustomResourceDefinition is missing",
        ),
        (
            _refused(403, "Forbidden", "jane cannot get it"),
            "you may not see it: jane cannot get it; the ClusterRole",
        ),
        (_refused(401, "Unauthorized", "no"), "the cluster does not know you: no; log in again"),
        (_refused(500, "InternalError", "etcd is away"), "InternalError: etcd is away"),
        (lambda: web.json_response({**service(), "spec": {}}), "chat cannot be read: model: Field required"),
    ],
    ids=["no such service", "no such kind", "forbidden", "unauthorized", "broken", "of another version"],
)
async def test_what_goes_wrong_is_told_with_a_way_out(tmp_path: Path, answer: Answer, says: str) -> None:
    """In one sentence, with exit code 1, and without a traceback."""
    result, _ = await _explain(tmp_path, answer)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert says in result.output


def test_without_a_cluster_it_says_what_was_tried(tmp_path: Path) -> None:
    """A kubeconfig that leads nowhere, and one that is none."""
    nowhere = CliRunner().invoke(
        main, ["explain", "chat", f"--kubeconfig={_kubeconfig(tmp_path, 'http://127.0.0.1:9')}"]
    )
    assert (nowhere.exit_code, "Unreachable" in nowhere.output) == (1, True)
    broken = tmp_path / "broken"
    broken.write_text("not: [a, kubeconfig")
    none = CliRunner().invoke(main, ["explain", "chat", f"--kubeconfig={broken}"])
    assert (none.exit_code, none.output.startswith("Error: ")) == (1, True)


def test_kubectl_finds_the_same_commands() -> None:
    """Its plugins are executables in the PATH whose name begins with kubectl-."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["kubectl-tidegate"].partition(":")
    with pytest.MonkeyPatch.context() as patch:
        called: list[str] = []
        patch.setattr("tidegate.cli.main", lambda **given: called.append(given["prog_name"]))
        getattr(import_module(module), name)()
    assert called == ["kubectl tidegate"]
