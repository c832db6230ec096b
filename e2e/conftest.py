"""Fixtures: a kind cluster with our image on it, the operator that Helm installed there, and a namespace for each test.

IMAGE names the image (default `tidegate:dev`). E2E_KEEP=1 keeps the cluster, for a look or for the next run. What a
failed test leaves behind is written to `e2e/.artifacts/`.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import kind_cluster
from binaries import find
from building import ToolsError
from helm_release import Release
from live_cluster import LiveCluster
from model_namespace import PORT, ModelNamespace

CLUSTER = "tidegate-e2e"
IMAGE = os.environ.get("IMAGE", "tidegate:dev")
ARTIFACTS = Path(__file__).parent / ".artifacts"
NAMESPACE_SECONDS = 30
VALUES = {
    "image": {"registry": "", "repository": IMAGE.rpartition(":")[0], "tag": IMAGE.rpartition(":")[2]},
    "operator": {"tickSeconds": 1},
    "leaderElection": {"enabled": False},
}


_CLUSTER = pytest.StashKey[LiveCluster]()


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[LiveCluster]:
    """A kind cluster with our image on its node."""
    shutil.rmtree(ARTIFACTS, ignore_errors=True)
    try:
        made = kind_cluster.up(CLUSTER)
        kind_cluster.load(IMAGE, CLUSTER)
    except ToolsError as error:
        pytest.exit(str(error), returncode=1)
    (kubectl,) = find(["kubectl"]).values()
    pytestconfig.stash[_CLUSTER] = running = LiveCluster(CLUSTER, made.kubeconfig, kubectl, made.api_server())
    yield running
    if os.environ.get("E2E_KEEP") != "1":
        kind_cluster.down(CLUSTER)


@pytest.fixture(scope="session")
def shared_release(cluster: LiveCluster) -> Release:
    """The operator that most tests share, perhaps not installed; its namespace lets in restricted pods alone."""
    (helm,) = find(["helm"]).values()
    release = Release(cluster, helm, VALUES)
    _make_namespace(cluster, release.namespace, **{"pod-security.kubernetes.io/enforce": "restricted"})
    return release


@pytest.fixture(scope="session")
def _installed(shared_release: Release) -> None:
    shared_release.uninstall()  # A kept cluster may have it, from an older image.
    shared_release.install()


@pytest.fixture
def release(shared_release: Release, _installed: None) -> Iterator[Release]:
    """The operator, looking after all namespaces. A test may do with it what it likes; the next finds it mended."""
    before = shared_release.pods()
    yield shared_release
    if shared_release.pods() != before or len(shared_release.ready_pods()) != 1:
        shared_release.install()


@pytest.fixture
def namespace(cluster: LiveCluster) -> Iterator[str]:
    """A namespace of the test's own, ready for pods."""
    name = f"e2e-{secrets.token_hex(3)}"
    _make_namespace(cluster, name)
    yield name
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def here(cluster: LiveCluster, namespace: str) -> ModelNamespace:
    """The test's namespace, as its users see it."""
    return ModelNamespace(cluster, namespace, PORT, IMAGE)


@pytest.fixture
def there(cluster: LiveCluster) -> Iterator[ModelNamespace]:
    """Another namespace of the test's own."""
    name = f"e2e-{secrets.token_hex(3)}"
    _make_namespace(cluster, name)
    yield ModelNamespace(cluster, name, PORT, IMAGE)
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Write down what a failed test leaves behind, before its namespace is deleted."""
    report = yield
    if report.failed and (cluster := item.config.stash.get(_CLUSTER, None)):
        _write_down(cluster, ARTIFACTS / re.sub(r"\W+", "-", item.name))
    return report


def _write_down(cluster: LiveCluster, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    looks = {
        "objects.txt": (
            "get",
            "infer,accel,deployments,replicasets,pods,services,leases",
            "--all-namespaces",
            "-owide",
        ),
        "services.yaml": ("get", "infer", "--all-namespaces", "--output=yaml"),
        "pods.txt": ("describe", "pods", "--all-namespaces"),
        "events.txt": ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
        "operator.log": (
            *("logs", "--prefix", "--tail=-1", "--namespace=tidegate-system"),
            "--selector=app.kubernetes.io/component=operator",
        ),
    }
    for name, arguments in looks.items():
        answer = cluster.kubectl(*arguments, check=False)
        (directory / name).write_text(answer.stdout + answer.stderr)


def _make_namespace(cluster: LiveCluster, name: str, **labels: str) -> None:
    path = "/api/v1/namespaces"
    made = cluster.api.request("POST", path, {"metadata": {"name": name, "labels": labels}})
    assert made.status in {201, 409}, made.message
    deadline = time.monotonic() + NAMESPACE_SECONDS
    while cluster.api.get(f"{path}/{name}/serviceaccounts/default").status != 200:
        assert time.monotonic() < deadline, f"namespace {name} got no default service account"
        time.sleep(0.05)
