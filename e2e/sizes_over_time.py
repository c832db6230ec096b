"""What becomes of a service, look by look: its size, its pods, and where its address leads."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from custom_resources import Document

from model_namespace import ModelNamespace
from tidegate.api.names import ROUTING_LABEL, ROUTING_SERVING

LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A service at one instant.

    Attributes:
        size: What its Deployment is asked to have.
        serving: Pods that the Service is to lead to.
        ready: Those of them that are ready.
        pods: All of its pods, those that end included.
        gateways: Addresses in the gateways' slice.
        reason: Of its condition Ready.
    """

    size: int
    serving: int
    ready: int
    pods: int
    gateways: frozenset[str]
    reason: str

    @property
    def is_asleep(self) -> bool:
        """No pod is there, and none is to be."""
        return not self.size and not self.pods


@dataclass(slots=True)
class Timeline:
    """All that changed, oldest first, each with its time in seconds since the epoch."""

    changes: list[tuple[float, Look]] = field(default_factory=list)

    def when(self, so: Callable[[Look], bool], *, after: float = 0.0) -> float:
        """When something was first so, at or after a time."""
        found = [at for at, look in self.changes if at >= after and so(look)]
        assert found, f"it never came about, after {after}: {self}"
        return found[0]

    def __str__(self) -> str:
        lines = []
        for at, look in self.changes:
            lines.append(
                f"{at - self.changes[0][0]:7.1f} s  size {look.size}, pods {look.pods}: {look.serving} serving, "
                f"{look.ready} ready; gateways in the slice {len(look.gateways)}; {look.reason}"
            )
        return "\n".join(lines)


@contextmanager
def timeline(here: ModelNamespace, name: str) -> Iterator[Timeline]:
    """Write down what becomes of a service until the block ends."""
    written, over = Timeline(), Event()

    def look_on() -> None:
        last = False
        while not last:
            last = over.wait(LOOK_SECONDS)  # And once more, after all that was waited for.
            now, seen = time.time(), look(here, name)
            if not written.changes or written.changes[-1][1] != seen:
                written.changes.append((now, seen))

    thread = Thread(target=look_on, daemon=True)
    thread.start()
    try:
        yield written
    finally:
        over.set()
        thread.join()


def look(here: ModelNamespace, name: str) -> Look:
    """A service as it is now."""
    selector = f"inference.tidegate.dev/service={name}"
    pods = here.cluster.api.get(here.path("pods"), labelSelector=selector).document["items"]
    serving = [
        pod
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"] and pod["metadata"]["labels"][ROUTING_LABEL] == ROUTING_SERVING
    ]
    return Look(
        size=here.size(name),
        serving=len(serving),
        ready=sum(is_ready(pod) for pod in serving),
        pods=len(pods),
        gateways=gateways_in_slice(here, name),
        reason=here.condition("Ready", name)[1],
    )


def gateways_in_slice(here: ModelNamespace, name: str) -> frozenset[str]:
    """Addresses in the slice that the gateways keep for a service; none where it is not there."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{here.namespace}/endpointslices/{name}-gateway"
    endpoints = here.cluster.api.get(path).document.get("endpoints") or ()
    return frozenset(address for endpoint in endpoints for address in endpoint["addresses"])


def is_ready(pod: Document) -> bool:
    """Whether the kubelet says so."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
