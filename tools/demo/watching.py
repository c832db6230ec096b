"""What the demo sees of the cluster: pods to send requests to, and what the operator says in status."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, CoreV1Api, CustomObjectsApi
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import load_kube_config
from kubernetes.aio.watch import Watch

from demo.scenario import NAMESPACE, Document, Part

RETRY_SECONDS = 1.0

Seen = Callable[[str, Document], None]
"""(ADDED, MODIFIED, DELETED or RESTARTED; the object) -> None."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that may take requests."""

    name: str
    address: str


@dataclass(slots=True)
class Pods:
    """The ready pods of each part, as the API server tells them."""

    parts: Iterable[Part]
    ready: dict[str, dict[str, Pod]] = field(default_factory=dict)
    """Name of the part to pods by uid."""

    arrives: Callable[[str], None] = lambda _address: None
    """Called with a pod's address before it is handed out for the first time."""

    _arrived: set[str] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, kind: str, document: Document) -> None:
        """Take one event in."""
        self._changed.set()
        if kind == "RESTARTED":
            self.ready.clear()
            return
        metadata = document["metadata"]
        labels = metadata.get("labels") or {}
        for part in self.parts:
            pods = self.ready.setdefault(part.name, {})
            belongs = part.pod_labels.items() <= labels.items()
            if belongs and kind != "DELETED" and _takes_requests(document):
                if metadata["uid"] not in self._arrived:
                    self._arrived.add(metadata["uid"])
                    self.arrives(document["status"]["podIP"])
                pods[metadata["uid"]] = Pod(metadata["name"], document["status"]["podIP"])
            else:
                pods.pop(metadata["uid"], None)

    def of(self, part: Part) -> list[Pod]:
        """The pods that may be sent requests now."""
        return list(self.ready.get(part.name, {}).values())

    async def some(self, part: Part) -> list[Pod]:
        """The same, but waits while there are none."""
        while not (pods := self.of(part)):
            self._changed.clear()
            await self._changed.wait()
        return pods


def _takes_requests(document: Document) -> bool:
    status = document.get("status") or {}
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions") or ()}
    leaving = "deletionTimestamp" in document["metadata"]
    return not leaving and conditions.get("Ready") == "True" and bool(status.get("podIP"))


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[ApiClient]:
    """A client for the demo's cluster."""
    configuration = Configuration()
    await load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as client:
        yield client


async def watch_pods(client: ApiClient, see: Seen) -> None:
    """Tell every change of every pod, for ever."""
    await _watch(CoreV1Api(client).list_namespaced_pod, {"namespace": NAMESPACE}, see)


async def watch_services(client: ApiClient, see: Seen) -> None:
    """Tell every change of every InferenceService, for ever."""
    which = {
        "group": "inference.tidegate.dev",
        "version": "v1alpha1",
        "namespace": NAMESPACE,
        "plural": "inferenceservices",
    }
    await _watch(CustomObjectsApi(client).list_namespaced_custom_object, which, see)


async def _watch(function: Callable[..., Awaitable[object]], arguments: Mapping[str, str], see: Seen) -> None:
    while True:
        see("RESTARTED", {})
        try:
            async for event in Watch(return_type="object").stream(function, **arguments):
                see(event["type"], event["raw_object"])
        except (ApiException, aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(RETRY_SECONDS)
