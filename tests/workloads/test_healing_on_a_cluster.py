"""The same on a real API server: it takes our bodies, and its managedFields betray every foreign change."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from test_golden_bodies import INPUTS, bodies

from api_server import ApiServer
from live_cluster import LiveCluster
from tidegate.workloads.healing import Cause, Need, needs_apply
from tidegate.workloads.live import live_deployment, live_service

pytestmark = pytest.mark.cluster

ENGINE = "spec.template.spec.containers[name=engine]"


@dataclass(frozen=True, slots=True)
class Child:
    """The CPU service's Deployment on a cluster, as we applied it."""

    cluster: LiveCluster
    namespace: str
    body: dict[str, Any]

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/chat"

    def need(self) -> Need | None:
        """What we would do now."""
        return needs_apply(live_deployment(self.cluster.api.get(self.path).document), self.body)

    def apply(self) -> None:
        """Apply the body as the operator does."""
        answer = self.cluster.api.apply(self.path, self.body, manager="tidegate", force=True)
        assert answer.status in {200, 201}, answer.message

    def kubectl(self, *arguments: str, stdin: str | None = None) -> None:
        """Have somebody else do something."""
        self.cluster.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)


def in_namespace(body: dict[str, Any], namespace: str) -> dict[str, Any]:
    """A golden body, moved; without its owner, whom the garbage collector would look for and not find."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "ownerReferences"}
    return {**body, "metadata": {**metadata, "namespace": namespace}}


@pytest.fixture
def child(cluster: LiveCluster, namespace: str) -> Child:
    """One that was just created."""
    deployment, _ = bodies("cpu-llama-cpp")
    made = Child(cluster, namespace, in_namespace(deployment, namespace))
    made.apply()
    return made


@pytest.mark.parametrize("name", INPUTS)
def test_bodies_are_taken_as_they_are(api: ApiServer, namespace: str, name: str) -> None:
    """The API server accepts every golden body under strict validation, and we own each field of it."""
    deployment, service = (in_namespace(body, namespace) for body in bodies(name))
    paths = {
        f"/apis/apps/v1/namespaces/{namespace}/deployments/chat": (deployment, live_deployment),
        f"/api/v1/namespaces/{namespace}/services/chat": (service, live_service),
    }
    for path, (body, project) in paths.items():
        answer = api.request(
            "PATCH",
            path,
            body,
            content_type="application/apply-patch+yaml",
            fieldManager="tidegate",
            fieldValidation="Strict",
        )
        assert answer.status == 201, answer.message
        assert needs_apply(project(answer.document), body) is None


FOREIGN: list[tuple[str, list[str], tuple[str, ...], tuple[str, ...]]] = [
    ("image", ["set", "image", "deployment/chat", "engine=other:1"], (f"{ENGINE}.image",), ("kubectl-set",)),
    (
        "arguments removed",
        [
            "patch",
            "deployment/chat",
            "--type=json",
            '--patch=[{"op":"remove","path":"/spec/template/spec/containers/0/args"}]',
        ],
        (f"{ENGINE}.args",),
        (),
    ),
    (
        "limits",
        ["set", "resources", "deployment/chat", "--limits=cpu=3"],
        (f"{ENGINE}.resources.limits.cpu",),
        ("kubectl-set",),
    ),
    (
        "strategy",
        ["patch", "deployment/chat", '--patch={"spec":{"strategy":{"rollingUpdate":{"maxSurge":"50%"}}}}'],
        ("spec.strategy.rollingUpdate.maxSurge",),
        ("kubectl-patch",),
    ),
    (
        "label removed",
        ["label", "deployment/chat", "app.kubernetes.io/managed-by-"],
        ("metadata.labels[app.kubernetes.io/managed-by]",),
        (),
    ),
    (
        "our annotation",
        ["annotate", "--overwrite", "deployment/chat", "inference.tidegate.dev/body-hash=x"],
        ("metadata.annotations[inference.tidegate.dev/body-hash]",),
        ("kubectl-annotate",),
    ),
]


@pytest.mark.parametrize(("name", "command", "fields", "by"), FOREIGN, ids=[row[0] for row in FOREIGN])
def test_a_foreign_change_is_seen_named_and_mended(
    child: Child, name: str, command: list[str], fields: tuple[str, ...], by: tuple[str, ...]
) -> None:
    """The fields are those that were changed, the name is the writer's, and one apply is enough."""
    assert child.need() is None, name
    child.kubectl(*command)
    assert child.need() == Need(cause=Cause.FOREIGN_CHANGE, fields=fields, by=by)
    child.apply()
    assert child.need() is None


HARMLESS = [
    ["scale", "deployment/chat", "--replicas=2"],
    ["rollout", "restart", "deployment/chat"],
    ["annotate", "deployment/chat", "example.com/note=hello"],
    ["set", "image", "deployment/chat", "engine=ghcr.io/ggml-org/llama.cpp:server"],
    ["set", "env", "deployment/chat", "DEBUG=1"],
]


@pytest.mark.parametrize("command", HARMLESS, ids=lambda command: " ".join(command[:2]))
def test_what_takes_nothing_from_us_is_left_alone(child: Child, command: list[str]) -> None:
    """Replicas, a restart, fields we do not set, and equal values are no reason to apply."""
    child.kubectl(*command)
    assert child.need() is None


def test_another_applier_that_forces_its_way_is_named(child: Child) -> None:
    """Somebody's own manifest over ours, by server-side apply."""
    container = {"name": "engine", "image": "mine:1"}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    command = ["apply", "--server-side", "--force-conflicts", "--field-manager=flux", "--filename=-"]
    child.kubectl(*command, stdin=json.dumps(manifest))
    assert child.need() == Need(cause=Cause.FOREIGN_CHANGE, fields=(f"{ENGINE}.image",), by=("flux",))
