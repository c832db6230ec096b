"""Shares of accelerators under a real operator: granted, told, kept while the profile is changed or taken away."""

from collections.abc import Iterator

import pytest
from accelerator_nodes import NODES, as_list, devices, node
from click.testing import CliRunner
from custom_resources import Document, profile
from operated_namespace import OperatedNamespace

from live_cluster import LiveCluster
from mechanism_rows import PROFILES
from tidegate.cli import main

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator", "nodes")]

PREFIX = "op-"
USED = {"sliced-in-4": 4, "claimed-a100": 0}
"""Kinds of nodes -> shares that each offers."""


@pytest.fixture(scope="module")
def nodes(cluster: LiveCluster) -> Iterator[None]:
    """A node that is shared in time, and one whose devices are claimed."""
    made = [node(PREFIX + name, *NODES[name], pods=10) for name in USED]
    for number, each in enumerate(made):
        each["spec"]["podCIDR"] = f"127.{90 + number}.0.0/16"
    objects = as_list([*made, *devices(PREFIX)])
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=objects)
    yield
    cluster.kubectl("delete", "--wait=false", "--filename=-", stdin=objects)


@pytest.fixture
def described(here: OperatedNamespace) -> Iterator[str]:
    """Name for a profile of the test's own, which is removed."""
    name = f"gpu-{here.namespace}"
    yield name
    here.cluster.kubectl("delete", "acceleratorprofile", name, "--ignore-not-found")


def describe(here: OperatedNamespace, name: str, spec: Document) -> None:
    """Write an AcceleratorProfile, or another one over it."""
    path = here.resources.path("AcceleratorProfile", name)
    answer = here.cluster.api.apply(path, profile(spec, name), manager="kubectl", force=True)
    assert answer.status in {200, 201}, answer.message


def wishing(here: OperatedNamespace, described: str, **asks: object) -> Document:
    """A spec with an accelerator."""
    return here.least(accelerator={"profile": described, **asks})


def pods(here: OperatedNamespace) -> set[str]:
    """The uids of the pods there are."""
    items = here.cluster.api.get(here.path("pods")).document["items"]
    return {item["metadata"]["uid"] for item in items}


def reason(here: OperatedNamespace) -> str:
    """Of the condition SpecValid."""
    conditions = here.status().get("conditions") or ()
    return next((each["reason"] for each in conditions if each["type"] == "SpecValid"), "")


def test_a_share_is_granted_told_and_kept(here: OperatedNamespace, described: str) -> None:
    """A profile that can no longer give it, and one that is gone, leave the pod that runs; a mended one goes on."""
    describe(here, described, PROFILES["time-slicing"])
    here.apply(wishing(here, described, fraction="0.2"))
    here.wait_serving(pods=1)
    told = here.status()["accelerator"]
    assert (told["resource"], told["fractionGranted"], told["enforced"]) == ("nvidia.com/gpu.shared: 1", "0.25", False)
    (container,) = here.deployment()["spec"]["template"]["spec"]["containers"]
    assert container["args"][-2:] == ["--gpu-memory-utilization", told["engineMemoryUtilization"]]
    running = pods(here)

    smaller = {**PROFILES["time-slicing"], "sharing": {"mechanism": "TimeSlicing", "replicas": 8, "renamed": True}}
    describe(here, described, smaller)
    here.wait("the condition says so", lambda: reason(here) == "AcceleratorImpossible")
    here.cluster.kubectl("delete", "acceleratorprofile", described)
    here.wait("the condition says so", lambda: reason(here) == "UnknownProfile")
    describe(here, described, PROFILES["time-slicing"] | {"costPerHour": "9"})
    here.wait("all is well again", lambda: reason(here) == "Accepted")
    assert pods(here) == running
    assert here.status()["accelerator"] == told


def test_a_claim_is_made_before_its_pods_and_goes_with_the_service(here: OperatedNamespace, described: str) -> None:
    """The scheduler allocates a slice by it; nothing is left of it."""
    templates = f"/apis/resource.k8s.io/v1/namespaces/{here.namespace}/resourceclaimtemplates"
    describe(here, described, PROFILES["dra-mig"])
    here.apply(wishing(here, described, memory="10Gi"))
    here.wait_serving(pods=1)
    (template,) = here.cluster.api.get(templates).document["items"]
    assert template["metadata"]["name"].startswith("chat-")
    assert here.status()["accelerator"]["resource"] == "claim of mig.nvidia.com 1g.20gb"
    here.delete("inferenceservices", "chat")
    here.wait("it goes with the service", lambda: not here.cluster.api.get(templates).document["items"], seconds=90)


def test_an_amount_that_this_api_server_would_drop_is_told(here: OperatedNamespace, described: str) -> None:
    """And not written: the pod would have a whole device."""
    describe(here, described, PROFILES["dra-shares"])
    here.apply(wishing(here, described, memory="10Gi"))
    here.wait("the condition says so", lambda: reason(here) == "RejectedByAPIServer")
    (message,) = (c["message"] for c in here.status()["conditions"] if c["type"] == "SpecValid")
    assert "DRAConsumableCapacity" in message
    assert here.find("deployments") is None


def test_profiles_are_proposed_that_the_api_server_takes(crds: LiveCluster) -> None:
    """From the nodes that are there; what could not be told is beside them."""
    ran = CliRunner().invoke(main, ["profiles", "detect", f"--kubeconfig={crds.kubeconfig}"])
    assert ran.exit_code == 0, ran.output
    assert "# - prices: set costPerHour" in ran.output
    assert "name: a100-sxm4-80gb-timeslicing" in ran.output
    applied = crds.kubectl("apply", "--dry-run=server", "--filename=-", stdin=ran.output).stdout
    assert "acceleratorprofile.inference.tidegate.dev/l4 created" in applied
