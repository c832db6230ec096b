"""Gateways write EndpointSlices at a real API server: one of them, only what differs, and as long as they live."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from custom_resources import LEAST, CustomResources
from gateways_under_test import (
    COLLECTED_SECONDS,
    INSTALL,
    GatewayUnderTest,
    gateway,
    model_pod,
    routing,
    status_of,
    until,
)

from tidegate.cluster.resources import INFERENCE_SERVICES, Document
from tidegate.gateway.members import MemberState
from tidegate.gateway.slices import OVERLAP_SECONDS

QUIET_SECONDS = 7.0
"""Longer than a renewal of the Leases, which must change nothing."""


class Fleet:
    """Gateways of one install in a namespace, and what the API server has of their slices."""

    def __init__(self, resources: CustomResources, stack: AsyncExitStack) -> None:
        self.resources = resources
        self._stack = stack
        self.gateways: list[GatewayUnderTest] = []
        self.service: Document = {}

    async def add(self, name: str, address: str) -> GatewayUnderTest:
        """Start one more."""
        made = await self._stack.enter_async_context(
            gateway(self.resources.cluster.kubeconfig, self.resources.namespace, name, address)
        )
        self.gateways.append(made)
        if self.service:
            made.takes(self.service)
        return made

    def route(self, name: str = "chat", **how: Any) -> None:
        """Say how the service is routed, as the operator does; all gateways hear of it."""
        self.service = status_of(self.resources.read(name), routing(**how))
        self.tell(self.service)

    def tell(self, document: Document) -> None:
        """Have all gateways hear of an object."""
        for each in self.gateways:
            each.takes(document)

    def slice(self, name: str = "chat-gateway") -> Document | None:
        """A slice, if it is there."""
        answer = self.resources.api.get(
            f"/apis/discovery.k8s.io/v1/namespaces/{self.resources.namespace}/endpointslices/{name}"
        )
        return answer.document if answer.status == 200 else None

    def addresses(self) -> list[str]:
        """Where the slice leads."""
        found = self.slice()
        return [address for each in (found or {}).get("endpoints") or () for address in each["addresses"]]

    def leaders(self) -> list[GatewayUnderTest]:
        """Those that lead."""
        return [each for each in self.gateways if each.elector.works]

    def writes(self) -> list[str]:
        """What all have written."""
        return [write for each in self.gateways for write in each.writes]


@pytest.fixture
async def fleet(resources: CustomResources) -> AsyncIterator[Fleet]:
    """No gateways yet, and a service that nobody has routed."""
    resources.create(LEAST)
    async with AsyncExitStack() as stack:
        yield Fleet(resources, stack)


async def test_a_slice_is_made_changed_and_removed_with_one_write_each(fleet: Fleet) -> None:
    """Whatever else happens, and however many gateways there are; at rest nothing is written."""
    await fleet.add("gateway-1", "10.7.0.1")
    fleet.route()
    await until("the slice is there", fleet.slice)
    await fleet.add("gateway-2", "10.7.0.2")
    await until("it leads to both", lambda: fleet.addresses() == ["10.7.0.1", "10.7.0.2"])
    assert fleet.writes() == ["apply chat-gateway"] * 2

    await asyncio.sleep(QUIET_SECONDS)
    assert len(fleet.writes()) == 2

    fleet.route(port=12_001)
    await until("it has the other port", lambda: (fleet.slice() or {})["ports"][0]["port"] == 12_001)
    fleet.route(mode="None")
    await until("it is gone", lambda: fleet.slice() is None)
    assert fleet.writes() == ["apply chat-gateway"] * 3 + ["delete chat-gateway"]


async def test_the_slice_is_what_kubernetes_makes_of_it(fleet: Fleet) -> None:
    """The port by its name, ready endpoints, the labels that kube-proxy and controllers go by, and an owner."""
    await fleet.add("gateway-1", "10.7.0.1")
    fleet.route()
    found = await until("the slice is there", fleet.slice)
    assert found["addressType"] == "IPv4"
    assert found["ports"] == [{"name": "http", "port": 12_000, "protocol": "TCP"}]
    conditions = {"ready": True, "serving": True, "terminating": False}
    assert found["endpoints"] == [{"addresses": ["10.7.0.1"], "conditions": conditions}]
    assert found["metadata"]["labels"] == {
        "kubernetes.io/service-name": "chat",
        "endpointslice.kubernetes.io/managed-by": "gateway.inference.tidegate.dev",
        "inference.tidegate.dev/service": "chat",
    }
    assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == [fleet.service["metadata"]["uid"]]
    assert {entry["manager"] for entry in found["metadata"]["managedFields"]} == {"tidegate-gateway"}


async def test_a_slice_goes_with_its_service(fleet: Fleet) -> None:
    """The garbage collector takes it, and nobody writes it anew."""
    await fleet.add("gateway-1", "10.7.0.1")
    fleet.route()
    await until("the slice is there", fleet.slice)
    path = fleet.resources.path(name="chat")
    assert fleet.resources.api.request("DELETE", path).status == 200
    for each in fleet.gateways:
        each.store.forget(INFERENCE_SERVICES, (fleet.resources.namespace, "chat"))
    await until("it is gone", lambda: fleet.slice() is None, COLLECTED_SECONDS)
    await asyncio.sleep(1)
    assert (fleet.slice(), fleet.writes()) == (None, ["apply chat-gateway"])


async def test_what_somebody_else_did_to_a_slice_is_undone(fleet: Fleet) -> None:
    """Deleted, or led astray, it is back with one write."""
    await fleet.add("gateway-1", "10.7.0.1")
    fleet.route()
    found = await until("the slice is there", fleet.slice)
    path = f"/apis/discovery.k8s.io/v1/namespaces/{fleet.resources.namespace}/endpointslices/chat-gateway"
    astray = {"endpoints": [{"addresses": ["10.9.9.9"]}]}
    assert fleet.resources.api.merge_patch(path, astray, manager="somebody").status == 200
    await until("it leads back", lambda: fleet.addresses() == ["10.7.0.1"])
    assert fleet.resources.api.request("DELETE", path).status == 200
    again = await until("it is there again", fleet.slice)
    assert again["metadata"]["uid"] != found["metadata"]["uid"]
    assert fleet.writes() == ["apply chat-gateway"] * 3


async def test_another_leader_goes_on_without_a_write(fleet: Fleet) -> None:
    """It finds what is there, and knows since when it has been complete."""
    first = await fleet.add("gateway-1", "10.7.0.1")
    fleet.route()
    await until("the slice is there", fleet.slice)
    second = await fleet.add("gateway-2", "10.7.0.2")
    await until("it leads to both", lambda: fleet.addresses() == ["10.7.0.1", "10.7.0.2"])
    key = (fleet.resources.namespace, "chat")
    await until("the leader says so", lambda: key in first.slices.since())
    assert dict(second.slices.since()) == {}

    written = fleet.writes()
    elector = next(task for task in first.tasks if "Elector.run" in repr(task))
    elector.cancel()
    await until("the other one leads", lambda: fleet.leaders() == [second])
    await until("and says so", lambda: key in second.slices.since())
    assert (dict(first.slices.since()), fleet.writes()) == ({}, written)


async def test_a_gateway_that_leaves_is_taken_out_at_once(fleet: Fleet) -> None:
    """It stays a member, as it still has requests; and the last one is never taken out."""
    first, second = await fleet.add("gateway-1", "10.7.0.1"), await fleet.add("gateway-2", "10.7.0.2")
    fleet.route()
    await until("the slice leads to both", lambda: fleet.addresses() == ["10.7.0.1", "10.7.0.2"])
    first.membership.change(MemberState.LEAVING)
    await until("it leads to the other", lambda: fleet.addresses() == ["10.7.0.2"], seconds=2)
    assert len(second.members.live()) == 2
    second.membership.change(MemberState.LEAVING)
    await until("it leads to both again: all leave", lambda: fleet.addresses() == ["10.7.0.1", "10.7.0.2"])
    await first.membership.leave()
    first.tasks[0].cancel()
    await until("it leads to the last one", lambda: fleet.addresses() == ["10.7.0.2"])


async def test_a_gateway_that_dies_is_taken_out_when_its_lease_has_run_out(fleet: Fleet) -> None:
    """By what the others have seen themselves; if it led, another one leads first."""
    first = await fleet.add("gateway-1", "10.7.0.1")
    fleet.route()
    await until("the first one leads", lambda: fleet.leaders() == [first])
    second = await fleet.add("gateway-2", "10.7.0.2")
    await until("the slice leads to both", lambda: fleet.addresses() == ["10.7.0.1", "10.7.0.2"])
    await first.die()
    await until("the other one leads", lambda: second.elector.works)
    await until("the slice leads to that one", lambda: fleet.addresses() == ["10.7.0.2"], seconds=40)
    assert [member.name for member in second.members.live()] == ["gateway-2"]


async def test_a_lease_says_who_it_is_and_goes_with_its_gateway(fleet: Fleet) -> None:
    """The operator finds the metrics by it."""
    only = await fleet.add("gateway-1", "10.7.0.1")
    path = f"/apis/coordination.k8s.io/v1/namespaces/{fleet.resources.namespace}/leases"
    selector = f"inference.tidegate.dev/gateway={INSTALL}"

    def leases() -> list[Document]:
        return list(fleet.resources.api.get(path, labelSelector=selector).document["items"])

    (lease,) = await until("the Lease is there", leases)
    assert lease["metadata"]["annotations"] == {
        "inference.tidegate.dev/gateway-address": "10.7.0.1",
        "inference.tidegate.dev/gateway-metrics": "10.7.0.1:9090",
        "inference.tidegate.dev/gateway-state": "serving",
    }
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseDurationSeconds"]) == ("gateway-1", 15)
    await until("it is known to be written", lambda: only.membership.joined)
    only.tasks[0].cancel()
    await only.membership.leave()
    assert leases() == []


async def test_direct_stands_in_while_no_pod_is_ready_and_a_little_longer(fleet: Fleet) -> None:
    """And stands by when the last pod is about to leave."""
    await fleet.add("gateway-1", "10.7.0.1")
    fleet.route(mode="Direct")
    await until("the slice is there", fleet.slice)
    loop = asyncio.get_running_loop()
    fleet.tell(model_pod(fleet.resources.namespace))
    ready_at = loop.time()
    await until("it is gone", lambda: fleet.slice() is None)
    assert OVERLAP_SECONDS <= loop.time() - ready_at < OVERLAP_SECONDS + 2
    fleet.route(mode="Direct", standby=True)
    await until("it is there again", fleet.slice)
    fleet.route(mode="Direct")
    await until("it is gone again", lambda: fleet.slice() is None)
    assert fleet.writes() == ["apply chat-gateway", "delete chat-gateway"] * 2
