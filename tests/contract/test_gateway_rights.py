"""A gateway with the chart's account and roles, at a real API server: they are enough, and none is idle."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_process import PORT, ask, listens, running_gateway_process, sleeping_service
from operated_namespace import OperatedNamespace
from recording_api_server import Right, recording_api_server, rights_in
from test_chart_rights import RIGHTS, kubeconfig_of, token

from helm_chart import Document, Helm, is_hook
from live_cluster import LiveCluster

NOT_SEEN_IN_REQUESTS: set[Right] = {("discovery.k8s.io", "endpointslices", "create")}
"""Asked for behind a patch of what is not there yet."""

EVERYBODYS: set[Right] = {("authorization.k8s.io", "selfsubjectaccessreviews", "create")}
SECONDS = 60


@pytest.fixture
def documents(helm: Helm, namespace: str) -> list[Document]:
    """The chart's account and roles of gateways, for one namespace."""
    found = helm.render({"watchNamespaces": [namespace]}, release="rights", namespace=namespace)
    return [
        each for each in found if each["kind"] in RIGHTS and not is_hook(each) and "gateway" in each["metadata"]["name"]
    ]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a short path: a socket's has at most 107 characters."""
    with tempfile.TemporaryDirectory(prefix="tg") as made:
        yield Path(made)


def test_they_are_enough_and_none_is_idle(
    crds: LiveCluster, here: OperatedNamespace, documents: list[Document], directory: Path
) -> None:
    """Watching, its Leases, a slice that is made and one that is removed, and a wake: nothing is refused."""
    crds.kubectl(
        "apply",
        "--server-side",
        "--filename=-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}),
    )
    (account,) = (each["metadata"]["name"] for each in documents if each["kind"] == "ServiceAccount")
    kubeconfig = directory / "kubeconfig"
    with recording_api_server(crds.kubeconfig) as recording:
        kubeconfig.write_text(json.dumps(kubeconfig_of(recording.url, token(crds, here.namespace, account))))
        with running_gateway_process(kubeconfig, here.namespace, directory, number=3) as gateway:
            sleeping_service(here)
            gateway.wait("the service has a port", lambda: listens(gateway.address, PORT))
            status, _, body = ask(gateway.url)
            assert status == 200, (body, gateway.said())
            slices = f"/apis/discovery.k8s.io/v1/namespaces/{here.namespace}/endpointslices/chat-gateway"
            gateway.wait("it has a slice", lambda: crds.api.get(slices).status == 200, SECONDS)
            here.patch("inferenceservices", "chat/status", {"status": {"routing": {"mode": "None"}}}, "tidegate")
            gateway.wait("the slice is gone", lambda: crds.api.get(slices).status == 404, SECONDS)
            gateway.ask_picker_to_leave()
            assert gateway.picker is not None
            gateway.picker.wait(SECONDS)
            time.sleep(0.1)
    given = {
        right for each in documents if each["kind"] in {"Role", "ClusterRole"} for right in rights_in(each["rules"])
    }
    assert recording.refused == []
    assert recording.used <= given | EVERYBODYS
    assert given - recording.used == NOT_SEEN_IN_REQUESTS
