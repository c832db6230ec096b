"""`tidegate explain` at a real API server: of a running operator's service, by people with few rights, by kubectl."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess, tidegate
from test_chart_rights import kubeconfig_of, token

from live_cluster import LiveCluster
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.connection import load_configuration
from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import Resource

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
READ_ONE = {"apiGroups": ["inference.tidegate.dev"], "resources": ["inferenceservices"], "verbs": ["get"]}


def somebody(cluster: LiveCluster, namespace: str, directory: Path, *rules: dict[str, list[str]]) -> Path:
    """The kubeconfig of an account with these rights in the namespace."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "it"}, "rules": [*rules]}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "it"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "it"},
        "subjects": [{"kind": "ServiceAccount", "name": "it", "namespace": namespace}],
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "it"}}
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": [account, role, binding]})
    cluster.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=manifest)
    (authority,) = cluster.kubeconfig.read_text().partition("certificate-authority: ")[2].splitlines()[:1]
    document = kubeconfig_of(cluster.api.url, token(cluster, namespace, "it"))
    document["clusters"][0]["cluster"]["certificate-authority"] = authority
    file = directory / "kubeconfig"
    file.write_text(json.dumps(document))
    return file


def test_a_service_that_runs_is_explained(here: OperatedNamespace, operator: OperatorProcess) -> None:
    """To people and to programs, alike."""
    del operator
    here.apply(here.least(scaling={"minReplicas": 2}))
    here.wait_serving(pods=2)
    where = (f"--namespace={here.namespace}", f"--kubeconfig={here.cluster.kubeconfig}")
    text = tidegate("explain", "chat", *where)
    assert text.returncode == 0, text.stderr
    assert text.stdout.startswith(
        f"{here.namespace}/chat: m on vLLM\n2 replicas, 2 ready, 2 decided; scaled automatically"
    )
    assert "scaling.minReplicas is lowered below 2: it is reached" in text.stdout
    found = json.loads(tidegate("explain", "chat", *where, "--output=json").stdout)
    assert found["decision"] == here.status()["decision"]


def test_the_right_to_get_it_is_enough(here: OperatedNamespace, tmp_path: Path) -> None:
    """Nothing else is read, and a service that no operator has seen says so."""
    here.apply(here.least(), name="unseen")
    kubeconfig = somebody(here.cluster, here.namespace, tmp_path, READ_ONE)
    answer = tidegate("explain", "unseen", f"--namespace={here.namespace}", f"--kubeconfig={kubeconfig}")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"{here.namespace}/unseen: m on vLLM\n")


def test_without_that_right_the_missing_one_is_named(here: OperatedNamespace, tmp_path: Path) -> None:
    """In the API server's words, with what would help."""
    kubeconfig = somebody(here.cluster, here.namespace, tmp_path)
    answer = tidegate("explain", "chat", f"--namespace={here.namespace}", f"--kubeconfig={kubeconfig}")
    assert answer.returncode == 1
    assert 'cannot get resource "inferenceservices"' in answer.stderr
    assert "ClusterRole `view`" in answer.stderr


def test_kubectl_runs_it_as_its_own(here: OperatedNamespace, tmp_path: Path) -> None:
    """As a plugin, whose words are kubectl's; a service that is not there is told as such."""
    program = tmp_path / "kubectl-tidegate"
    run = "from tidegate.cli import kubectl_plugin; kubectl_plugin()"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{run}" "$@"\n')
    program.chmod(0o755)
    variables = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "operator"),
        "KUBECONFIG": str(here.cluster.kubeconfig),
    }

    def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [here.cluster.program, "tidegate", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})  # noqa: S603 - as in `LiveCluster`

    assert "Usage: kubectl tidegate explain" in kubectl("explain", "--help").stdout
    missing = kubectl("explain", "chat", "-n", here.namespace)
    assert missing.returncode == 1
    assert f"there is no InferenceService 'chat' in namespace '{here.namespace}'" in missing.stderr


async def test_a_kind_that_is_not_known_is_another_answer_than_an_object_that_is_not_there(
    crds: LiveCluster, namespace: str
) -> None:
    """By that they are told apart: only of a known kind the API server says NotFound."""
    client = ClusterClient(await load_configuration(str(crds.kubeconfig)))
    reasons = []
    for resource in (
        Resource("inference.tidegate.dev", "v1alpha1", "inferenceservices", "InferenceService"),
        Resource("nobody.has.this", "v1", "things", "Thing"),
    ):
        with pytest.raises(ClusterError) as raised:
            await client.read(resource, namespace, "chat")
        assert raised.value.is_absent
        reasons.append(raised.value.reason)
    await client.aclose()
    assert reasons == ["NotFound", ""]
