"""Keeps this gateway's Lease, follows those of the others, and takes the own one away at the end."""

import asyncio
from dataclasses import replace

import structlog

from tidegate.api.names import FIELD_MANAGER_GATEWAY, GATEWAY_LABEL
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.error import ClusterError
from tidegate.cluster.follow import Gone, Listed, Put, Selection
from tidegate.cluster.lease_client import timestamp
from tidegate.cluster.resources import LEASES
from tidegate.cluster.write_budget import Urgency
from tidegate.gateway.members import RENEW_SECONDS, Member, Members, MemberState

AGAIN_SECONDS = 1.0
"""Between attempts while the API server does not take or give Leases."""

log = structlog.get_logger(__name__)


class Membership:
    """This gateway among the others.

    Args:
        cluster: with connections that no other writes wait for.
        namespace: where the install's Leases are.
        install: name of the install.
        own: this gateway.
        members: told what is seen.
    """

    def __init__(self, cluster: ClusterClient, *, namespace: str, install: str, own: Member, members: Members) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._install = install
        self._own = own
        self._members = members
        self._acquired = timestamp()
        self._uid = ""
        self._at_once = asyncio.Event()
        self.joined = False
        """Whether the Lease has ever been written: from then on a late renewal is no reason to take no requests."""

        self.problem = "the Lease of this gateway has not been written yet"
        """What is in the way of being a member; empty where nothing is."""

    def change(self, state: MemberState) -> None:
        """Say whether this gateway takes connections; the others hear of it with the next renewal, which is at once."""
        if state is not self._own.state:
            self._own = replace(self._own, state=state)
            self._at_once.set()

    async def keep(self) -> None:
        """Write the Lease again and again, for ever."""
        while True:
            self._at_once.clear()
            seconds = RENEW_SECONDS if await self._renew() else AGAIN_SECONDS
            try:
                async with asyncio.timeout(seconds):
                    await self._at_once.wait()
            except TimeoutError:
                continue

    async def follow(self) -> None:
        """Tell `members` of all Leases of the install, for ever."""
        selection = Selection(resource=LEASES, namespace=self._namespace, labels=f"{GATEWAY_LABEL}={self._install}")
        while True:
            try:
                async for change in self._cluster.follow(selection):
                    match change:
                        case Listed(documents):
                            self._members.replace(documents)
                        case Put(document):
                            self._members.put(document)
                        case Gone(document):
                            self._members.forget(document["metadata"]["name"])
            except ClusterError as error:
                log.warning("the gateways' Leases cannot be followed; trying again", error=str(error))
            await asyncio.sleep(AGAIN_SECONDS)

    async def leave(self) -> None:
        """Delete the own Lease. What fails is left to the leader: it deletes the Leases of the dead."""
        if not self._uid:
            return
        try:
            await self._cluster.delete(LEASES, self._namespace, self._own.name, uid=self._uid, urgency=Urgency.SCALE)
        except ClusterError as error:
            log.warning("the own Lease was not deleted; another gateway will", error=str(error))

    async def _renew(self) -> bool:
        body = self._own.lease(
            namespace=self._namespace, install=self._install, acquired=self._acquired, renewed=timestamp()
        )
        try:
            answer = await self._cluster.apply_as(FIELD_MANAGER_GATEWAY, LEASES, body, urgency=Urgency.SCALE)
        except ClusterError as error:
            problem = f"the Lease of this gateway cannot be written: {error}"
            if problem != self.problem:
                log.warning("the own Lease was not renewed; trying again", error=str(error))
            self.problem = problem
            return False
        self._uid = answer["metadata"]["uid"]
        if self.problem:
            log.info("the own Lease is written", name=self._own.name, state=self._own.state.value)
        self.problem, self.joined = "", True
        return True
