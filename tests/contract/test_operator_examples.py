"""What people copy can be carried out: the operator makes Deployments of it that the API server takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from operated_namespace import OperatedNamespace
from operator_process import OperatorProcess, running_operator

from live_cluster import LiveCluster
from tidegate.api.names import deployment_name

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator", "profiles")]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCUMENTS = [
    (path.stem, document)
    for path in sorted(EXAMPLES.rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
    if isinstance(document, dict) and "kind" in document
]
PROFILES = [document for _, document in DOCUMENTS if document["kind"] == "AcceleratorProfile"]
SERVICES: dict[str, dict[str, Any]] = {
    name: document
    for name, document in DOCUMENTS
    if document["kind"] == "InferenceService" and "engine" in document["spec"]
}
"""Those that run pods of their own, by file."""


@pytest.fixture(scope="module")
def operator(crds: LiveCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """An operator that was told of gateways, which variants need, though none is there."""
    log = tmp_path_factory.mktemp("operator") / "log"
    with running_operator(crds.kubeconfig, log, "--gateway=default/gateways") as running:
        yield running


@pytest.fixture(scope="module")
def profiles(crds: LiveCluster) -> Iterator[None]:
    """The profiles of the examples, for as long as they are needed."""
    path = "/apis/inference.tidegate.dev/v1alpha1/acceleratorprofiles"
    for each in PROFILES:
        answer = crds.api.apply(f"{path}/{each['metadata']['name']}", each, manager="kubectl", force=True)
        assert answer.status in {200, 201}, answer.message
    yield
    for each in PROFILES:
        crds.api.request("DELETE", f"{path}/{each['metadata']['name']}")


def test_there_are_some() -> None:
    """An empty list would pass everything below."""
    assert {
        "chat-gpu",
        "sleeping",
        "sleeping-direct",
        "sleeping-at-night",
        "model-cache",
        "variants",
    } <= SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_the_operator_carries_it_out(here: OperatedNamespace, name: str) -> None:
    """Its templates are no conflict, its profiles are there, and its Deployments are taken, with a pod at first."""
    document = SERVICES[name]
    service = document["metadata"]["name"]
    here.apply(document["spec"], service)
    here.wait_condition("SpecValid", "True", "Accepted", service)
    deployment = here.wait("it has a Deployment", lambda: here.find("deployments", service))
    assert deployment["spec"]["replicas"] >= 1
    for variant in document["spec"].get("variants", []):
        of_it = deployment_name(service, variant["name"])
        here.wait(f"it has a Deployment {of_it}", lambda of_it=of_it: here.find("deployments", of_it))
