"""A namespace with models in it: what its users write, what they see, and the load that they put on it."""

import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from custom_resources import Document, changed
from operated_namespace import OperatedNamespace

from live_cluster import LiveCluster

IMAGE = os.environ.get("IMAGE", "tidegate:dev")
PORT = 8000
ADMINISTRATION_PORT = 9901
SECONDS = 90
"""Long enough for a pod to start on a busy machine; what is waited for is mostly there in two or three."""

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
LOAD_SCRIPT = Path(__file__).with_name("load.py")

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests on their way.

    Attributes:
        namespace: Where they are sent from.
        pod: The pod that sends them.
    """

    namespace: "ModelNamespace"
    pod: str

    def counts(self) -> Document:
        """What became of the requests so far: sent, answered, failed, failure. Empty before the first second."""
        log = self.namespace.cluster.api.get(f"{self.namespace.path('pods', self.pod)}/log", tailLines="1")
        return log.document if "sent" in log.document else {}

    def check_none_failed(self) -> None:
        """Make sure that no request failed so far, or say how the last one did."""
        counts = self.counts()
        assert counts["failed"] == 0, f"{counts['failed']} of {counts['sent']} requests failed: {counts['failure']}"

    def wait_answered(self, more: int = 1) -> None:
        """Wait until so many more requests are answered."""
        goal = self.counts().get("answered", 0) + more
        self.namespace.wait(f"{goal} answers", lambda: self.counts().get("answered", 0) >= goal)


@dataclass(frozen=True, slots=True)
class ModelNamespace(OperatedNamespace):
    """A namespace of a test's own, on a cluster with real pods."""

    port: int = PORT
    image: str = IMAGE
    """Of the simulated engines, and of the pods that send requests."""

    # What users write.

    def least(self, **changes: Any) -> Document:
        """The least spec that runs here, a simulated vLLM, with changes laid over it.

        A pod that is to end does so at once: by default it goes on serving for a minute.
        """
        spec = {
            "model": {"name": "m"},
            "engine": {"type": "vLLM", "image": self.image, "port": self.port, "args": []},
            "template": pod_that(),
        }
        return changed(spec, changes)

    def label(self, **labels: str) -> None:
        """Label the namespace. Underscores in names stand for dashes, and two of them for a slash."""
        named = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
        path = f"/api/v1/namespaces/{self.namespace}"
        answer = self.cluster.api.merge_patch(path, {"metadata": {"labels": named}}, manager="kubectl-label")
        assert answer.status == 200, answer.message

    # What is there.

    def pods(self, name: str = "chat") -> dict[str, int]:
        """The pods of a service that are not about to end: name to how often their containers were restarted."""
        return {pod["metadata"]["name"]: _restarts(pod) for pod in self.pod_documents(name)}

    def pod_documents(self, name: str = "chat") -> list[Document]:
        """The pods of a service that are not about to end."""
        selector = f"inference.tidegate.dev/service={name}"
        found = self.cluster.api.get(self.path("pods"), labelSelector=selector).document["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def sizes(self, name: str = "chat") -> list[tuple[int, int]]:
        """The changes of size in status, oldest first."""
        return [(change["from"], change["to"]) for change in reversed(self.status(name).get("changes", ()))]

    def engine(self, method: str, path: str, body: Document | None = None, name: str = "chat") -> None:
        """Ask the administration of each simulated engine of a service, such as `PUT /faults/all`."""
        for pod in self.pods(name):
            where = f"{self.path('pods', f'{pod}:{ADMINISTRATION_PORT}')}/proxy{path}"
            answer = self.cluster.api.request(method, where, body)
            assert answer.status == 200, answer.message

    def wait(self, what: str, look: Callable[[], Found], seconds: float = SECONDS) -> Found:
        """Look until something is so, and return it; say what did not come about otherwise."""
        return OperatedNamespace.wait(self, what, look, seconds)

    # Requests.

    @contextmanager
    def load(
        self, name: str = "chat", *, requests_per_second: float, prompt_tokens: int, answer_tokens: int
    ) -> Iterator[Load]:
        """Send requests to a service's address from a pod, until the block ends; some are answered when it begins."""
        numbers = {
            "URL": f"http://{name}.{self.namespace}.svc:{self.port}",
            "MODEL": self.read("inferenceservices", name)["spec"]["model"]["name"],
            "REQUESTS_PER_SECOND": str(requests_per_second),
            "PROMPT_TOKENS": str(prompt_tokens),
            "ANSWER_TOKENS": str(answer_tokens),
        }
        if self.find("configmaps", "load") is None:
            self.create(
                "/api/v1", "configmaps", {"metadata": {"name": "load"}, "data": {"load.py": LOAD_SCRIPT.read_text()}}
            )
        pod = f"load-{name}"
        self.create("/api/v1", "pods", _load_pod(pod, self.image, numbers))
        load = Load(self, pod)
        try:
            load.wait_answered()
            yield load
        finally:
            self.delete("pods", pod, gracePeriodSeconds=0)
            self.wait("the load has ended", lambda: self.find("pods", pod) is None)

    @contextmanager
    def forwarded(self, to: str = "deployment/chat") -> Iterator[str]:
        """`kubectl port-forward` to a pod until the block ends; gives the URL that leads there.

        Not to a Service: where gateways are in front, it has no pods of its own in that namespace.
        """
        command = [self.cluster.program, "--kubeconfig", self.cluster.kubeconfig, "--namespace", self.namespace]
        with subprocess.Popen(
            [*command, "port-forward", to, f":{self.port}"], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                told = process.stdout.readline()
                found = re.search(r"127\.0\.0\.1:(\d+)", told)
                assert found, f"kubectl port-forward said {told!r}"
                yield f"http://127.0.0.1:{found[1]}"
            finally:
                process.terminate()


@contextmanager
def own_namespace(cluster: LiveCluster) -> Iterator[ModelNamespace]:
    """A namespace that nobody else has, until the block ends."""
    name = f"e2e-{secrets.token_hex(3)}"
    make_namespace(cluster, name)
    yield ModelNamespace(cluster, name)
    cluster.api.request("DELETE", f"/api/v1/namespaces/{name}")


def make_namespace(cluster: LiveCluster, name: str, **labels: str) -> None:
    """Make a namespace, unless it is there, and wait until it is ready for pods."""
    path = "/api/v1/namespaces"
    made = cluster.api.request("POST", path, {"metadata": {"name": name, "labels": labels}})
    assert made.status in {201, 409}, made.message
    deadline = time.monotonic() + SECONDS
    while cluster.api.get(f"{path}/{name}/serviceaccounts/default").status != 200:
        assert time.monotonic() < deadline, f"namespace {name} got no default service account"
        time.sleep(0.05)


def pod_that(**engine: Any) -> Document:
    """A template that makes the engine's container a simulated vLLM, with changes laid over that container."""
    container = {
        "name": "engine",
        "command": ["tidegate", "engine", "--type=vLLM", *administration()],
        "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
        "readinessProbe": {"periodSeconds": 1},
        "startupProbe": {"periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    return {"spec": {"terminationGracePeriodSeconds": 5, "containers": [changed(container, engine)]}}


def administration(*arguments: str) -> list[str]:
    """Arguments of a simulated engine that lets itself be broken; it starts at once."""
    return ["--admin-host=0.0.0.0", f"--admin-port={ADMINISTRATION_PORT}", "--startup-seconds=0", *arguments]


def _load_pod(name: str, image: str, variables: dict[str, str]) -> Document:
    container = {
        "name": "load",
        "image": image,
        "command": ["python", "/load/load.py"],
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "volumeMounts": [{"name": "load", "mountPath": "/load"}],
        "securityContext": RESTRICTED,
    }
    volume = {"name": "load", "configMap": {"name": "load"}}
    spec = {"containers": [container], "volumes": [volume], "restartPolicy": "Never"}
    return {"metadata": {"name": name}, "spec": spec}


def _restarts(pod: Document) -> int:
    return sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ()))
