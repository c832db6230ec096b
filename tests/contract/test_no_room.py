"""When there is no room: what a real scheduler says, and what a real operator makes of it."""

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from accelerator_nodes import as_list, node
from custom_resources import Document, profile
from operated_namespace import AT_ONCE, OperatedNamespace
from operator_process import OperatorProcess, running_operator

from live_cluster import LiveCluster
from tidegate.workloads.live import live_deployment
from tidegate.workloads.placement import placement
from tidegate.workloads.pod_place import Cause, no_place

pytestmark = pytest.mark.cluster

GPU = "acme.example/gpu"
CARD = {"card": "acme"}
CLASSES = "/apis/resource.k8s.io/v1/deviceclasses"
CLAIMS = "/apis/resource.k8s.io/v1"
EMPTY_CLASS = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "DeviceClass",
    "metadata": {"name": "gpu.acme.example"},
    "spec": {"selectors": [{"cel": {"expression": "device.driver == 'acme.example'"}}]},
}


@pytest.fixture(scope="module")
def one_card(cluster: LiveCluster) -> Iterator[str]:
    """A node with one device, and another that has none; the name of the first."""
    made = [node("room-1", CARD, {GPU: 1}), node("room-0", CARD, {GPU: 0})]
    for number, each in enumerate(made):
        each["spec"]["podCIDR"] = f"127.{80 + number}.0.0/16"
    objects = as_list([*made, EMPTY_CLASS])
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=objects)
    cluster.kubectl("wait", "--for=condition=Ready", "node/room-1", "node/room-0", "--timeout=30s")
    yield "room-1"
    cluster.kubectl("delete", "--wait=false", "--filename=-", stdin=objects)


@pytest.fixture(scope="module")
def operator(crds: LiveCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """An operator that was told of gateways, which variants need, though none is there."""
    log = tmp_path_factory.mktemp("operator") / "log"
    with running_operator(crds.kubeconfig, log, "--gateway=default/gateways") as running:
        yield running


@pytest.fixture
def described(here: OperatedNamespace) -> Iterator[str]:
    """A profile of the test's own for the module's devices; its name."""
    name = f"acme-{here.namespace}"
    path = here.resources.path("AcceleratorProfile", name)
    document = profile({"resourceName": GPU, "nodeLabels": CARD}, name)
    assert here.cluster.api.apply(path, document, manager="kubectl", force=True).status == 201
    yield name
    here.cluster.kubectl("delete", "acceleratorprofile", name)


def asking(amount: int, resource: str = GPU, **spec: Any) -> Document:
    """The spec of a pod for one of the module's nodes."""
    container = {"name": "engine", "image": "e:1", "resources": {"limits": {resource: str(amount)}}}
    return {"nodeSelector": CARD, "containers": [container], **spec}


def claiming(template: str) -> Document:
    """The spec of a pod with a claim."""
    container = {"name": "engine", "image": "e:1", "resources": {"claims": [{"name": "gpu"}]}}
    return {"containers": [container], "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": template}]}


PODS: dict[Cause | str, Document] = {
    Cause.FULL: asking(1),
    Cause.NOWHERE: asking(1, "acme.example/unknown"),
    "more than a node has": asking(2),
    Cause.UNMATCHED: asking(1, nodeSelector={"card": "none"}),
    Cause.GATED: asking(1, schedulingGates=[{"name": "kueue.x-k8s.io/admission"}]),
    Cause.UNSEEN: asking(1, schedulerName="acme-scheduler"),
    Cause.CLAIM: claiming("empty-class"),
    Cause.NO_DRIVER: claiming("no-class"),
}
EXPECTED = {"more than a node has": Cause.NOWHERE}


@pytest.mark.usefixtures("one_card")
def test_what_the_scheduler_says_tells_why(here: OperatedNamespace) -> None:
    """Of each pod: all in use, nowhere to be had, other nodes, a gate, a claim, no scheduler at all."""
    for name, device_class in {"empty-class": "gpu.acme.example", "no-class": "mig.acme.example"}.items():
        request = {"name": "gpu", "exactly": {"deviceClassName": device_class}}
        spec = {"spec": {"devices": {"requests": [request]}}}
        here.create(CLAIMS, "resourceclaimtemplates", {"metadata": {"name": name}, "spec": spec})
    here.create("/api/v1", "pods", {"metadata": {"name": "first"}, "spec": asking(1)})
    here.wait("the device is taken", lambda: here.read("pods", "first")["spec"].get("nodeName"))
    assert no_place(here.read("pods", "first")) is None
    names = {f"p{number}": case for number, case in enumerate(PODS)}
    for name, case in names.items():
        here.create("/api/v1", "pods", {"metadata": {"name": name}, "spec": PODS[case]})

    def causes() -> dict[str, Cause | None]:
        found = {case: no_place(here.read("pods", name)) for name, case in names.items()}
        return {str(case): each and each.cause for case, each in found.items()}

    expected = {str(case): EXPECTED.get(str(case), case) for case in PODS}
    here.wait("each is told as it should be", lambda: causes() == expected)
    here.delete("pods", "first", gracePeriodSeconds=0)


REFUSING: dict[Cause, tuple[Document, str]] = {
    Cause.QUOTA: ({}, f"exceeded quota: few, requested: requests.{GPU}=1, used: requests.{GPU}=0"),
    Cause.RUNTIME_CLASS: ({"runtimeClassName": "acme"}, 'RuntimeClass "acme" not found'),
}


@pytest.mark.parametrize("cause", REFUSING)
def test_pods_that_may_not_be_created(here: OperatedNamespace, cause: Cause) -> None:
    """A quota on devices, and a runtime that is not installed: the Deployment says so."""
    spec, says = REFUSING[cause]
    with_quota(here, 0)
    labels = {"app": "refused"}
    template = {"metadata": {"labels": labels}, "spec": asking(1, **spec)}
    wanted = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    here.create("/apis/apps/v1", "deployments", {"metadata": {"name": "refused"}, "spec": wanted})

    def found() -> str:
        place = placement([], live_deployment(here.deployment("refused")), 1e10)
        assert place.refused in {0, 2}
        return place.message if [kept.cause for kept in place.without] == [cause] else ""

    assert says in here.wait("it is refused", found)


def with_quota(here: OperatedNamespace, devices: int) -> None:
    """Room for so many devices."""
    here.create("/api/v1", "resourcequotas", {"metadata": {"name": "few"}, "spec": quota(devices)})
    here.wait("the quota counts", lambda: "used" in here.read("resourcequotas", "few").get("status", {}))


def quota(devices: int) -> Document:
    """Its spec."""
    return {"hard": {f"requests.{GPU}": str(devices)}}


@contextmanager
def load(here: OperatedNamespace) -> Iterator[None]:
    """Twenty short requests a second, to whichever pod is ready."""
    stop = threading.Event()
    body = b'{"model": "m", "prompt": "word", "max_tokens": 5}'
    (address,) = here.addresses()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def send() -> None:
        while not stop.wait(0.05):
            request = urllib.request.Request(
                f"http://{address}:{here.port}/v1/completions", body, {"Content-Type": "application/json"}
            )
            with opener.open(request, timeout=5) as answer:
                answer.read()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


def a_node_more(here: OperatedNamespace) -> None:
    """With eight devices."""
    made = node("room-8", CARD, {GPU: 8})
    made["spec"]["podCIDR"] = "127.82.0.0/16"
    here.cluster.kubectl("apply", "--server-side", "--filename=-", stdin=as_list([made]))


def more_quota(here: OperatedNamespace) -> None:
    """For eight devices."""
    here.patch("resourcequotas", "few", {"spec": quota(8)})


NO_ROOM: dict[str, tuple[str, str, Callable[[OperatedNamespace], None]]] = {
    "NoRoom": ("1 of 2 pods without a node, since ", "Insufficient acme.example/gpu", a_node_more),
    "QuotaExceeded": (
        "1 of 2 pods not allowed to be created, since ",
        "exceeded quota: few, requested: requests.acme.example/gpu=1",
        more_quota,
    ),
}


@pytest.mark.usefixtures("operator", "one_card")
@pytest.mark.parametrize("reason", ["QuotaExceeded", "NoRoom"])
def test_a_service_waits_for_room_and_goes_on_by_itself(here: OperatedNamespace, described: str, reason: str) -> None:
    """The condition has the numbers and the words; load orders no more pods; room is found without anybody's help."""
    begins, says, mend = NO_ROOM[reason]
    if reason == "QuotaExceeded":
        a_node_more(here)
        with_quota(here, 1)
    try:
        scaling = {**AT_ONCE["scaling"], "minReplicas": 2, "maxReplicas": 6, "tokenThroughput": {"targetPerReplica": 1}}
        here.apply(here.least(accelerator={"profile": described}, routing={"mode": "None"}, scaling=scaling))
        here.wait_condition("AcceleratorAvailable", "False", reason)
        here.wait("the others have left", lambda: here.condition("AcceleratorAvailable")[2].startswith(begins))
        assert says in here.condition("AcceleratorAvailable")[2]
        assert here.events(reason)
        here.wait("one pod answers", lambda: len(here.addresses()) == 1)
        with load(here):
            limited = here.wait_condition("ScalingLimited", "True", "InsufficientCapacity")
            assert "of 2 that were ordered, 1 pod" in limited
            assert here.size() == 2
            mend(here)
            here.wait_condition("AcceleratorAvailable", "True", "Available")
            here.wait("it grows as load asks for", lambda: here.size() > 2)
    finally:
        here.delete("inferenceservices", "chat")
        here.cluster.kubectl("delete", "node", "room-8", "--ignore-not-found", "--wait=false")


@pytest.mark.usefixtures("operator", "one_card")
def test_a_variant_that_no_node_can_ever_take_is_named(here: OperatedNamespace, described: str) -> None:
    """With who steps in, in the condition; beside the variant, since when. The other variant serves."""
    pair = {"name": "pair", "accelerator": {"profile": described, "count": 64}, "minReplicas": 1}
    here.apply(here.least(variants=[pair], routing={"mode": "Gateway"}, scaling={"minReplicas": 1}))
    message = here.wait_condition("AcceleratorAvailable", "False", "NoDevicePlugin")
    assert message.startswith("variant pair: 1 of 1 pod without a node that has as much even when empty, since ")
    assert message.endswith("; default steps in 180 s after that")
    told = {each["name"]: each for each in here.status()["variants"]}
    assert told["pair"]["unavailableSince"] in message
    assert "unavailableSince" not in told["default"]
    here.wait("the other one serves", here.addresses)
