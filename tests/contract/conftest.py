"""Fixtures for what we rely on at a real API server."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from custom_resources import CustomResources
from deployment_under_test import Deployment
from gateway_process import GatewayProcess, running_gateway_process
from operated_namespace import OperatedNamespace
from operator_process import Engines, OperatorProcess, running_engines, running_operator

from live_cluster import LiveCluster
from running_envoy import free_port


@pytest.fixture
def deployment(cluster: LiveCluster, namespace: str) -> Deployment:
    """A Deployment that does not exist yet."""
    return Deployment(cluster, namespace)


@pytest.fixture
def resources(crds: LiveCluster, namespace: str) -> CustomResources:
    """Our objects: none exists yet, but for what other tests left of the cluster-scoped ones."""
    return CustomResources(crds, namespace)


@pytest.fixture(scope="session")
def trial(crds: LiveCluster) -> CustomResources:
    """Our objects in a namespace that all tests share: for dry runs, which leave nothing behind."""
    return CustomResources(crds, "default")


@pytest.fixture
def editor(tmp_path: Path) -> Callable[[int], str]:
    """Makes an editor for `kubectl edit` that changes replicas to a number."""

    def make(replicas: int) -> str:
        path = tmp_path / "editor"
        path.write_text(
            f'#!/bin/sh\nsed "s/^  replicas: .*/  replicas: {replicas}/" "$1" >"$1.new" && mv "$1.new" "$1"\n'
        )
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """Simulated engines on every address that a pod can have."""
    with running_engines() as running:
        yield running


@pytest.fixture(scope="module")
def operator(crds: LiveCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The operator, for all tests of a module: others want to see objects that nobody touches."""
    log = tmp_path_factory.mktemp("operator") / "log"
    with running_operator(crds.kubeconfig, log) as running:
        yield running


@pytest.fixture
def here(crds: LiveCluster, namespace: str, engines: Engines) -> OperatedNamespace:
    """The test's namespace; a test that wants an operator in it asks for one as well."""
    return OperatedNamespace(crds, namespace, engines.port)


@pytest.fixture(scope="module")
def second_port() -> Iterator[int]:
    """Port at which every address has an engine of another kind."""
    port = free_port()
    with running_engines(f"--listen=SGLang:{port}:l4"):
        yield port


@pytest.fixture
def gateway(crds: LiveCluster, namespace: str) -> Iterator[GatewayProcess]:
    """A gateway for this test's namespace alone, in a directory with a short path."""
    with (
        tempfile.TemporaryDirectory(prefix="tg") as directory,
        running_gateway_process(crds.kubeconfig, namespace, Path(directory), number=1) as running,
    ):
        yield running
