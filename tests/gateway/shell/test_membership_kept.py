"""A gateway's own Lease while the API server does not take it, in fake time."""

import asyncio

from gateway_objects import in_fake_time, lease, member, now

from tidegate.cluster.error import ClusterError
from tidegate.cluster.resources import Document, Resource
from tidegate.cluster.write_budget import Urgency
from tidegate.gateway.members import RENEW_SECONDS, Members, MemberState
from tidegate.gateway.membership import AGAIN_SECONDS, Membership


class Scripted:
    """An API server that is away while a test says so."""

    def __init__(self) -> None:
        self.is_away = False
        self.writes: list[tuple[float, str]] = []
        self.deleted: list[str] = []

    async def apply_as(self, manager: str, resource: Resource, body: Document, *, urgency: Urgency) -> Document:
        """Apply."""
        del manager, resource, urgency
        if self.is_away:
            raise ClusterError(0, "Unreachable", "away")
        self.writes.append((round(now(), 1), body["metadata"]["annotations"]["inference.tidegate.dev/gateway-state"]))
        return lease(member(), "0")

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str, urgency: Urgency) -> None:
        """Delete."""
        del resource, namespace, urgency
        if self.is_away:
            raise ClusterError(0, "Unreachable", "away")
        self.deleted.append(f"{name} {uid}")


def made(server: Scripted) -> Membership:
    """The membership of `gateway-1`."""
    members = Members("gateway-1", clock=now, changed=lambda: None)
    return Membership(
        server,  # type: ignore[arg-type] # the part of a client that it uses
        namespace="models",
        install="here",
        own=member(),
        members=members,
    )


def test_the_lease_is_renewed_and_a_change_is_told_at_once() -> None:
    """Whoever leaves is not to be sent any more."""

    async def story() -> None:
        server = Scripted()
        membership = made(server)
        task = asyncio.create_task(membership.keep())
        await asyncio.sleep(RENEW_SECONDS + 1)
        membership.change(MemberState.LEAVING)
        membership.change(MemberState.LEAVING)
        await asyncio.sleep(1)
        assert server.writes == [(0.0, "serving"), (5.0, "serving"), (6.0, "leaving")]
        task.cancel()

    in_fake_time(story)


def test_it_has_joined_once_the_lease_was_written_and_stays_a_member_though_it_is_late() -> None:
    """An API server that is away is no reason to take no requests; at the start it is one."""

    async def story() -> None:
        server = Scripted()
        server.is_away = True
        membership = made(server)
        task = asyncio.create_task(membership.keep())
        await asyncio.sleep(10)
        assert (membership.joined, "away" in membership.problem) == (False, True)
        server.is_away = False
        await asyncio.sleep(AGAIN_SECONDS)
        assert (membership.joined, membership.problem) == (True, "")
        server.is_away = True
        await asyncio.sleep(60)
        assert (membership.joined, "away" in membership.problem) == (True, True)
        task.cancel()

    in_fake_time(story)


def test_at_the_end_the_own_lease_is_deleted_if_it_was_ever_written() -> None:
    """And only that very one; where that fails, another gateway does it later."""

    async def story() -> None:
        server = Scripted()
        membership = made(server)
        await membership.leave()
        assert server.deleted == []
        task = asyncio.create_task(membership.keep())
        await asyncio.sleep(1)
        task.cancel()
        await membership.leave()
        assert server.deleted == ["gateway-1 uid-gateway-1"]
        server.is_away = True
        await membership.leave()

    in_fake_time(story)
