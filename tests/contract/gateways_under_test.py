"""Gateways without Envoy in the process of a test, at a real API server: members that lead, write slices and wake."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tidegate.api.names import API_VERSION
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.clocks import boot_clock
from tidegate.cluster.connection import load_configuration
from tidegate.cluster.elector import Elector
from tidegate.cluster.lease import Candidate, LeaseTimes
from tidegate.cluster.lease_client import LeaseClient
from tidegate.cluster.resources import INFERENCE_SERVICES, PODS, Document, Key, Resource
from tidegate.cluster.write_budget import Urgency
from tidegate.gateway.members import Member, Members
from tidegate.gateway.membership import Membership
from tidegate.gateway.routed_service import ModelPod, RoutedService
from tidegate.gateway.slice_keeper import SliceKeeper
from tidegate.gateway.store import Store

INSTALL = "under-test"
QUICKLY = LeaseTimes(lease_duration_seconds=3, renew_deadline_seconds=2, retry_period_seconds=0.5)
SECONDS = 30.0
COLLECTED_SECONDS = 90.0
"""The garbage collector looks for new kinds of objects every half minute, and ours is new."""

Found = TypeVar("Found")


class Deaf:
    """A policy that is told much and does nothing: there are no requests here."""

    def put_service(self, service: RoutedService) -> None:
        """A service."""

    def forget_service(self, key: Key) -> None:
        """No service."""

    def put_pods(self, key: Key, pods: tuple[ModelPod, ...]) -> None:
        """Pods."""


class WritingDown(ClusterClient):
    """Writes down what it writes."""

    writes: list[str]

    async def apply_as(self, manager: str, resource: Resource, body: Document, *, urgency: Urgency) -> Document:
        """Apply."""
        self.writes.append(f"apply {body['metadata']['name']}")
        return await super().apply_as(manager, resource, body, urgency=urgency)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str, urgency: Urgency) -> None:
        """Delete."""
        self.writes.append(f"delete {name}")
        await super().delete(resource, namespace, name, uid=uid, urgency=urgency)


@dataclass(slots=True)
class GatewayUnderTest:
    """One gateway.

    Attributes:
        name: Of itself and its Lease.
        store: What it knows of services.
        members: What it knows of the others.
        membership: Its Lease.
        slices: Its slices, while it leads.
        elector: Whether it does.
        writes: What it has written of slices.
        tasks: All that goes on.
    """

    name: str
    store: Store
    members: Members
    membership: Membership
    slices: SliceKeeper
    elector: Elector
    writes: list[str]
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def start(self, *works: Coroutine[Any, Any, None]) -> None:
        """Let these go on until the end."""
        self.tasks += [asyncio.create_task(work) for work in works]

    async def die(self) -> None:
        """Stop dead: nothing is released and nothing said."""
        for task in self.tasks:
            # An elector that is cancelled gives its Lease back, which the dead do not.
            self.elector._release = _nothing  # type: ignore[method-assign]  # noqa: SLF001
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()

    def takes(self, document: Document) -> None:
        """Hear of an InferenceService or a pod from a watch."""
        kind = INFERENCE_SERVICES if document["kind"] == INFERENCE_SERVICES.kind else PODS
        self.store.put(kind, document)


async def _nothing() -> None:
    """Release nothing."""


@asynccontextmanager
async def gateway(
    kubeconfig: Path, namespace: str, name: str, address: str, *, times: LeaseTimes = QUICKLY
) -> AsyncIterator[GatewayUnderTest]:
    """A gateway that is a member, follows the others and stands for leader, until the block ends."""
    configuration = await load_configuration(str(kubeconfig))
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(aclosing(ClusterClient(configuration)))
        leases = await stack.enter_async_context(aclosing(ClusterClient(configuration, timeout_seconds=2)))
        elector = Elector(
            LeaseClient(leases, namespace, f"{INSTALL}-gateways"),
            Candidate(identity=name, times=times),
            notify=lambda _: None,
            clock=boot_clock,
        )
        writing = await stack.enter_async_context(aclosing(WritingDown(configuration, fence=elector.may_write)))
        writing.writes = []
        store = Store(Deaf(), changed=lambda key: slices.touch(key), clock=time.time)  # noqa: PLW0108 - made below
        members = Members(name, clock=boot_clock, changed=lambda: slices.touch_all())  # noqa: PLW0108 - as above
        slices = SliceKeeper(
            writing,
            store=store,
            members=members,
            is_urgent=lambda _: False,
            listens=lambda _: True,
            clock=time.time,
            namespaces=(namespace,),
            lease_namespace=namespace,
        )
        own = Member(name=name, address=address, metrics=f"{address}:9090")
        membership = Membership(client, namespace=namespace, install=INSTALL, own=own, members=members)
        made = GatewayUnderTest(name, store, members, membership, slices, elector, writing.writes)
        made.start(membership.keep(), membership.follow(), elector.run(slices.run))
        try:
            yield made
        finally:
            for task in made.tasks:
                task.cancel()
            await asyncio.gather(*made.tasks, return_exceptions=True)


async def until(what: str, look: Callable[[], Found], seconds: float = SECONDS) -> Found:
    """Look until something is so, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)
    return found


def routing(mode: str = "Gateway", port: int = 12_000, *, standby: bool = False, **plan: Any) -> Document:
    """The part of a status that an operator writes for gateways."""
    wake_plan = {"deployment": "chat", "allowed": True, "reason": "Asleep", **plan}
    return {"routing": {"mode": mode, "port": port, "standby": standby}, "wakePlan": wake_plan}


def model_pod(namespace: str, *, ready: bool = True, name: str = "chat-1") -> Document:
    """A pod of the service `chat`, as a watch brings it."""
    labels = {"inference.tidegate.dev/service": "chat", "inference.tidegate.dev/routing": "serving"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "uid": name, "labels": labels},
        "status": {
            "podIP": "10.0.0.9",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def status_of(document: Document, status: Document) -> Document:
    """An InferenceService with another status."""
    return {**document, "apiVersion": API_VERSION, "kind": INFERENCE_SERVICES.kind, "status": status}
