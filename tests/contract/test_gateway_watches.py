"""A gateway whose watches the API server refuses to go on with."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_process import PORT, GatewayProcess, ask, listens, running_gateway_process, sleeping_service
from operated_namespace import OperatedNamespace

from live_cluster import LiveCluster

pytestmark = pytest.mark.cluster

CRD = "inferenceservices.inference.tidegate.dev"
FILE = Path(__file__).resolve().parents[2] / "crds" / "inferenceservices.yaml"
ESTABLISHED = ("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=20s")


@pytest.fixture
def gateway(crds: LiveCluster, namespace: str) -> Iterator[GatewayProcess]:
    """A gateway for this test's namespace alone."""
    with (
        tempfile.TemporaryDirectory(prefix="tg") as made,
        running_gateway_process(crds.kubeconfig, namespace, Path(made), number=1) as running,
    ):
        yield running


@pytest.fixture
def restored(crds: LiveCluster) -> Iterator[None]:
    """The definition is there again afterwards, whatever happens."""
    yield
    crds.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={FILE}")


@pytest.mark.usefixtures("restored")
def test_a_definition_that_goes_and_comes_back_ends_no_gateway(
    gateway: GatewayProcess, here: OperatedNamespace, crds: LiveCluster
) -> None:
    """Kopf gives up then, and would take all tasks of its loop with it. Of what comes back the gateway hears again."""
    sleeping_service(here)
    gateway.wait("the service has a port", lambda: listens(gateway.address, PORT))
    assert ask(gateway.url)[0] == 200
    crds.kubectl("delete", "crd", CRD, "--wait=true")
    gateway.wait("it is told", lambda: "a watch is refused" in gateway.said())
    gateway.wait("it looks for it", lambda: "what is watched cannot be listed" in gateway.said())
    assert ask(gateway.shared_url)[0] == 404  # It answers: nobody ended what answers Envoy.
    crds.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={FILE}")
    deadline = time.monotonic() + 20
    while crds.kubectl(*ESTABLISHED, check=False).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    crds.kubectl("delete", "deployment", "chat", f"--namespace={here.namespace}", "--wait=true")
    sleeping_service(here)
    gateway.wait("it hears of the new one", lambda: ask(gateway.shared_url)[0] == 200, seconds=60)
    assert gateway.picker is not None
    assert gateway.picker.poll() is None
