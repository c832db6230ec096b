"""What is made of shares of accelerators, at a real API server and a real scheduler."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from accelerator_nodes import NODES, as_list, devices, node
from custom_resources import profile as profile_document
from custom_resources import service as service_document

from api_server import APPLY
from hardware_bodies import CASES, Document, bodies, spec_of
from live_cluster import LiveCluster
from mechanism_rows import PROFILES, profile_of
from tidegate.api.names import FIELD_MANAGER_BODY
from tidegate.workloads.altered import fields_altered
from tidegate.workloads.claim_template import claim_template
from tidegate.workloads.deployment import deployment
from tidegate.workloads.granted import granted
from tidegate.workloads.owner import Owner

pytestmark = pytest.mark.cluster

SECONDS = 30
PREFIX = "hw-"
PATHS = {"Deployment": "/apis/apps/v1", "ResourceClaimTemplate": "/apis/resource.k8s.io/v1"}
CAPACITY = "spec.spec.devices.requests"


@pytest.fixture(scope="module")
def nodes(cluster: LiveCluster) -> Iterator[None]:
    """Nodes of each kind, and none of them twice."""
    made = [node(PREFIX + name, labels, resources) for name, (labels, resources) in NODES.items()]
    objects = as_list([*made, *devices(PREFIX)])
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=objects)
    names = [f"node/{PREFIX}{name}" for name in NODES]
    cluster.kubectl("wait", "--for=condition=Ready", *names, f"--timeout={SECONDS}s")
    yield
    cluster.kubectl("delete", "--wait=false", "--filename=-", stdin=objects)


def path(body: Document, namespace: str) -> str:
    """Of an object of ours."""
    return f"{PATHS[body['kind']]}/namespaces/{namespace}/{body['kind'].lower()}s/{body['metadata']['name']}"


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_every_body_as_it_is(cluster: LiveCluster, case: str) -> None:
    """A dry run of the server-side apply changes no field, so that nothing is applied over and over."""
    for body in bodies(case):
        url = path(body, "default")
        answer = cluster.api.request(
            "PATCH", url, body, content_type=APPLY, fieldManager=FIELD_MANAGER_BODY, force="true", dryRun="All"
        )
        assert answer.status == 201, answer.message
        altered = fields_altered(body, answer.document)
        if case == "dra-shares" and body["kind"] == "ResourceClaimTemplate":
            # Amounts are a feature that 1.34 has switched off: it is left out, and the operator says so.
            assert altered
            assert all(field.startswith(CAPACITY) for field in altered)
        else:
            assert altered == ()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_api_server_takes_every_profile(crds: LiveCluster, profile: str) -> None:
    """As it is, and a service that names it."""
    url = "/apis/inference.tidegate.dev/v1alpha1/acceleratorprofiles"
    answer = crds.api.request("POST", url, profile_document(PROFILES[profile], profile), dryRun="All")
    assert answer.status == 201, answer.message
    services = "/apis/inference.tidegate.dev/v1alpha1/namespaces/default/inferenceservices"
    for case, (named, _) in CASES.items():
        if named == profile:
            document = service_document(spec_of(case).model_dump(mode="json", by_alias=True, exclude_unset=True))
            answer = crds.api.request("POST", services, document, dryRun="All")
            assert answer.status == 201, answer.message


PLACED: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "a whole device, and no shared one": ("whole", {"count": 2}, ("whole", "a100-0")),
    "one of four shares": ("time-slicing", {"fraction": "0.25"}, ("sliced-in-4",)),
    "a share that is large enough": ("time-slicing-by-label", {"fraction": "0.5"}, ("sliced-in-2",)),
    "the smallest share that is": ("time-slicing-by-label", {"fraction": "0.12"}, ("sliced-in-8",)),
    "a share that a daemon keeps": ("mps", {"fraction": "0.2"}, ("mps-in-4",)),
    "a slice by its name": ("mig-mixed", {"memory": "10Gi"}, ("mig-mixed",)),
    "a slice by its product": ("mig-single", {"fraction": "0.25"}, ("mig-2g",)),
    "a partition": ("amd-partitions", {"fraction": "0.1"}, ("mi300x-cpx",)),
    "a core": ("neuron-cores", {"fraction": "0.5"}, ("inf2",)),
    "a device for several": ("intel-shared", {"fraction": "0.25"}, ("intel",)),
    "chips of one kind": ("tpu", {"count": 8}, ("v5e-2x4",)),
    "a claim of a device with so much memory": ("dra", {"memory": "40Gi"}, ("claimed-a100",)),
    "a claim of a slice": ("dra-mig", {"memory": "10Gi"}, ("claimed-a100",)),
}
"""What is asked for -> the nodes that have it; all others are there as well."""


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(("profile", "asks", "expected"), PLACED.values(), ids=PLACED)
def test_the_scheduler_finds_the_node(
    cluster: LiveCluster, namespace: str, profile: str, asks: dict[str, Any], expected: tuple[str, ...]
) -> None:
    """By resources, labels or claims; what looks like it is not taken."""
    place(cluster, namespace, profile, asks)
    found = wait_for_node(cluster, namespace)
    assert found.removeprefix(PREFIX) in expected


@pytest.mark.usefixtures("nodes")
def test_a_slice_that_nothing_is_cut_into_is_the_schedulers_to_say(cluster: LiveCluster, namespace: str) -> None:
    """It names the resource, which the condition Ready then passes on."""
    place(cluster, namespace, "mig-mixed", {"memory": "60Gi"})
    deadline = time.monotonic() + SECONDS
    while not (message := why_not(cluster, namespace)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "Insufficient nvidia.com/mig-7g.80gb" in message


def place(cluster: LiveCluster, namespace: str, profile: str, asks: dict[str, Any]) -> None:
    """Create what a service with an accelerator needs, without an operator."""
    owner = Owner(name="chat", namespace=namespace, uid="u")
    case = next(case for case, (named, _) in CASES.items() if named == profile)
    document = spec_of(case).to_document()
    spec = spec_of(case).model_validate({**document, "accelerator": {"profile": profile, **asks}})
    objects = [*claim_templates(owner, spec, profile), deployment(owner, spec, profile_of(profile))]
    for body in objects:
        bare = {**body, "metadata": {key: part for key, part in body["metadata"].items() if key != "ownerReferences"}}
        answer = cluster.api.apply(path(bare, namespace), bare, manager=FIELD_MANAGER_BODY, force=True)
        assert answer.status == 201, answer.message


def claim_templates(owner: Owner, spec: Any, profile: str) -> list[Document]:
    """The templates of the claims of a service, if it has one."""
    claim = granted(spec, profile_of(profile)).allocation.additions.claim
    return [claim_template(owner, claim)] if claim else []


def pods(cluster: LiveCluster, namespace: str) -> list[Document]:
    """All that are there."""
    found: list[Document] = cluster.api.get(f"/api/v1/namespaces/{namespace}/pods").document["items"]
    return found


def why_not(cluster: LiveCluster, namespace: str) -> str:
    """The scheduler's message about the pod; empty while it says nothing."""
    conditions = [c for pod in pods(cluster, namespace) for c in pod.get("status", {}).get("conditions") or ()]
    return next((c["message"] for c in conditions if c["type"] == "PodScheduled" and c["status"] == "False"), "")


def wait_for_node(cluster: LiveCluster, namespace: str) -> str:
    """The node that the only pod is put on."""
    deadline = time.monotonic() + SECONDS
    while True:
        names = [pod["spec"].get("nodeName") for pod in pods(cluster, namespace)]
        if names and names[0]:
            return str(names[0])
        assert time.monotonic() < deadline, why_not(cluster, namespace) or "the scheduler says nothing"
        time.sleep(0.1)
