"""Fixtures for tests that need outside programs: `cluster`, `crds`, `namespace`, `api`; `helm`, `helm_docs`."""

import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import cluster as clusters
from api_server import ApiServer
from binaries import find
from building import GoMissingError, ToolsError
from helm_chart import Helm
from live_cluster import LiveCluster
from pins import CLUSTER_TOOLS

KEPT_NAME = "tidegate-test"
NAMESPACE_SECONDS = 30
CRDS = Path(__file__).resolve().parents[1] / "crds"
CRDS_SECONDS = 30
TOOLS_OF_FIXTURES = {"cluster": CLUSTER_TOOLS, "helm": ("helm",), "helm_docs": ("helm-docs",)}


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Build what the fixtures need before the first test, in plain sight and outside of any test's time limit."""
    fixtures = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    wanted = [tool for name, tools in TOOLS_OF_FIXTURES.items() if name in fixtures for tool in tools]
    if not wanted or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            find(wanted)
        except ToolsError:
            return  # The fixture meets it again, and skips or fails with it.


@pytest.fixture(scope="session")
def cluster() -> Iterator[LiveCluster]:
    """A kwok cluster for this session alone; with TIDEGATE_KEEP_CLUSTER=1 one that stays for the next session."""
    keep = os.environ.get("TIDEGATE_KEEP_CLUSTER") == "1"
    name = KEPT_NAME if keep else f"{KEPT_NAME}-{os.getpid()}"
    _remove_orphans()
    try:
        made = clusters.up(name)
    except GoMissingError as error:
        reason = str(error).partition(". Any")[0]
        pytest.skip(
            f"NOT TESTED against a real API server: {reason}; `python tools/binaries.py cluster` tells the ways out"
        )
    try:
        yield LiveCluster(name, made.kubeconfig, made.kubectl, made.api_server())
    finally:
        if not keep:
            clusters.down(name)


@pytest.fixture(scope="session")
def crds(cluster: LiveCluster) -> LiveCluster:
    """The same cluster, with our CustomResourceDefinitions as they are in `crds/`, ready for kubectl, too."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={CRDS}")
    deadline = time.monotonic() + CRDS_SECONDS
    established = ("wait", "--for=condition=Established", f"--filename={CRDS}", f"--timeout={CRDS_SECONDS}s")
    # kubectl gives up at once on a definition that the API server has not looked at yet: it has no conditions.
    while (answer := cluster.kubectl(*established, check=False)).returncode:
        assert time.monotonic() < deadline, answer.stderr
        time.sleep(0.1)
    # Names and schemas reach kubectl a little after the objects can be written.
    while any(cluster.kubectl("explain", kind, check=False).returncode for kind in ("infer", "accel")):
        assert time.monotonic() < deadline, "the API server does not describe the CustomResourceDefinitions"
        time.sleep(0.1)
    return cluster


@pytest.fixture
def api(cluster: LiveCluster) -> ApiServer:
    """A plain JSON client for the API server, for exact patch types and field managers."""
    return cluster.api


@pytest.fixture
def namespace(api: ApiServer) -> Iterator[str]:
    """A namespace of the test's own, ready for pods."""
    name = f"test-{secrets.token_hex(4)}"
    made = api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201, made.message
    deadline = time.monotonic() + NAMESPACE_SECONDS
    while api.get(f"/api/v1/namespaces/{name}/serviceaccounts/default").status != 200:
        assert time.monotonic() < deadline, f"namespace {name} got no default service account"
        time.sleep(0.02)
    yield name
    api.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm, with no plugins, registries or settings of the person who runs it."""
    return Helm(_program("helm"), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def helm_docs() -> Path:
    """What writes the chart's README."""
    return _program("helm-docs")


def _program(name: str) -> Path:
    try:
        return find([name])[name]
    except GoMissingError as error:
        reason = str(error).partition(". Any")[0]
        pytest.skip(f"NOT TESTED with {name}: {reason}; `python tools/binaries.py {name}` tells the ways out")


def _remove_orphans() -> None:
    """Remove clusters of test sessions that were killed before they could do it."""
    for directory in clusters.cluster_named(KEPT_NAME).directory.parent.glob(f"{KEPT_NAME}-*"):
        process = re.fullmatch(rf"{KEPT_NAME}-(\d+)", directory.name)
        if process and not _exists(int(process[1])):
            clusters.down(directory.name)


def _exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
