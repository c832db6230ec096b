"""Fixtures: a kind cluster with our image on it, the operator that Helm installed there, and a namespace for each test.

IMAGE names the image (default `tidegate:dev`), E2E_CLUSTER the cluster (default `tidegate-e2e`). E2E_KEEP=1 keeps the
cluster, for a look or for the next run. What a failed test leaves behind is written to `e2e/.artifacts/`.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import kind_cluster
from binaries import find
from building import ToolsError
from cluster_clients import Clients, clients_in
from helm_release import Release
from live_cluster import LiveCluster
from model_namespace import IMAGE, ModelNamespace, make_namespace, own_namespace
from running_gateways import Gateways

CLUSTER = os.environ.get("E2E_CLUSTER", "tidegate-e2e")
ARTIFACTS = Path(__file__).parent / ".artifacts"
VALUES = {
    "image": {"registry": "", "repository": IMAGE.rpartition(":")[0], "tag": IMAGE.rpartition(":")[2]},
    "operator": {"tickSeconds": 1},
    "gateway": {"drainSeconds": 10, "envoy": {"fromWheel": True}},  # Nothing can be pulled, so `make e2e` builds it in.
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
    make_namespace(cluster, release.namespace, **{"pod-security.kubernetes.io/enforce": "restricted"})
    return release


@pytest.fixture(scope="session")
def _fresh(shared_release: Release) -> None:
    shared_release.uninstall()  # A kept cluster may have it, with an older image.


@pytest.fixture
def release(shared_release: Release, _fresh: None) -> Release:
    """The operator, looking after all namespaces. A test may do with it what it likes; the next finds it as it was."""
    if shared_release.installed != VALUES:
        shared_release.install()
    return shared_release


@pytest.fixture
def here(cluster: LiveCluster) -> Iterator[ModelNamespace]:
    """A namespace of the test's own."""
    with own_namespace(cluster) as made:
        yield made


@pytest.fixture
def there(cluster: LiveCluster) -> Iterator[ModelNamespace]:
    """Another one."""
    with own_namespace(cluster) as made:
        yield made


@pytest.fixture(scope="session")
def next_image(cluster: LiveCluster) -> str:  # noqa: ARG001 - there must be one
    """The same image by another tag, on the node."""
    name = f"{IMAGE.rpartition(':')[0]}:next"
    subprocess.run(["docker", "tag", IMAGE, name], check=True)  # noqa: S607 - as kind finds it
    kind_cluster.load(name, CLUSTER)
    return name


@pytest.fixture(scope="session")
def llama_image(cluster: LiveCluster) -> str:  # noqa: ARG001 - there must be one
    """llama.cpp's server with a tiny model, on the node."""
    return _build_and_load("llama")


@pytest.fixture(scope="session")
def prometheus_image(cluster: LiveCluster) -> str:  # noqa: ARG001 - there must be one
    """Debian's Prometheus, on the node."""
    return _build_and_load("prometheus")


@pytest.fixture(scope="session")
def clients_image(cluster: LiveCluster) -> str:  # noqa: ARG001 - there must be one
    """OpenAI's SDK, the version that tests have, and curl, on the node."""
    return _build_and_load("clients", OPENAI=version("openai"))


@pytest.fixture(scope="module")
def clients(cluster: LiveCluster, shared_release: Release, _fresh: None, clients_image: str) -> Iterator[Clients]:
    """Clients in a namespace of the module's own, where the operator and two gateways are at work."""
    if shared_release.installed != VALUES:
        shared_release.install()
    with own_namespace(cluster) as here, clients_in(here, clients_image) as made:
        here.wait("the gateways have settled", Gateways(shared_release).are_settled)
        yield made


def _build_and_load(folder: str, **arguments: str) -> str:
    """Build the image of a folder beside this file as `make image` builds ours, and load it; its name."""
    name = f"{folder}:e2e"
    options = shlex.split(os.environ.get("DOCKER_BUILD_OPTIONS", ""))
    if base := os.environ.get("BASE_IMAGE"):
        arguments["BASE_IMAGE"] = base
    options += [f"--build-arg={key}={value}" for key, value in arguments.items()]
    with TemporaryDirectory() as context:
        shutil.copytree(Path(__file__).with_name(folder), context, dirs_exist_ok=True)
        if authorities := os.environ.get("CA_BUNDLE"):
            shutil.copy(authorities, Path(context) / "ca-certificates.crt")
        command = ["docker", "build", "--quiet", *options, f"--tag={name}", context]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, f"{shlex.join(command)}: {built.stdout}{built.stderr}"
    kind_cluster.load(name, CLUSTER)
    return name


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
            "infer,accel,deployments,replicasets,pods,services,endpointslices,leases",
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
        "gateway.log": (
            *("logs", "--prefix", "--tail=-1", "--namespace=tidegate-system", "--all-containers"),
            "--selector=app.kubernetes.io/component=gateway",
        ),
    }
    for name, arguments in looks.items():
        answer = cluster.kubectl(*arguments, check=False)
        (directory / name).write_text(answer.stdout + answer.stderr)
