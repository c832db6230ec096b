"""Whether a process can do its work, and what `/readyz` says until it can.

What is missing (a verb, a CustomResourceDefinition, an API server) is told and waited for. A process that ends instead
is started again by the kubelet, ever more slowly, and its message is gone from `kubectl logs`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from tidegate.cluster.error import ClusterError
from tidegate.cluster.rights import Asked, Right, missing

AGAIN_SECONDS = 10.0
GRANTED_AGAIN_SECONDS = 60.0

NOT_FILLED = "the store is not filled yet"
MOST_RIGHTS = 10
"""Named in a line; without any role it lacks all of them."""

log = structlog.get_logger(__name__)


class Readiness:
    """What stands in the way, if anything does.

    Args:
        who: whose account lacks what is missing, as people call it.
    """

    def __init__(self, who: str = "the operator") -> None:
        self._who = who
        self._filled = False
        self._obstacle = NOT_FILLED
        self._lacks: list[Right] = []

    @property
    def is_filled(self) -> bool:
        """Whether the work has begun, or could."""
        return self._filled

    def problem(self) -> str:
        """Why it is not ready; empty when it is."""
        if not self._filled:
            return self._obstacle
        return self.text(self._lacks)

    def filled(self) -> None:
        """The store is filled."""
        self._filled = True

    def lacks(self, rights: list[Right]) -> None:
        """These rights are missing; said once, and once when they are there."""
        if rights and rights != self._lacks:
            log.error("rights are missing", problem=self.text(rights))
        if self._lacks and not rights:
            log.info("the rights that were missing are there")
        self._lacks = rights

    def blocked(self, problem: str) -> None:
        """The work cannot begin; said once for each other problem."""
        if problem != self._obstacle:
            log.error("cannot begin", problem=problem)
        self._obstacle = problem

    def cleared(self) -> None:
        """What was in the way is gone; what is left is to fill the store."""
        if self._obstacle != NOT_FILLED:
            log.info("nothing is in the way any more")
        self._obstacle = NOT_FILLED

    def text(self, rights: list[Right]) -> str:
        """What to say where these rights are missing; empty where none is."""
        if not rights:
            return ""
        named = ", ".join(str(right) for right in rights[:MOST_RIGHTS])
        more = f" and {len(rights) - MOST_RIGHTS} more" if len(rights) > MOST_RIGHTS else ""
        lacks = f"{self._who}'s account may not {named}{more}"
        return f"{lacks}: grant it in its Role or ClusterRole (the chart's have it all)"


async def wait_until_filled(
    readiness: Readiness,
    asked: Asked,
    look: Callable[[], Awaitable[object]],
    fill: Callable[[], Awaitable[object]],
    rights: Collection[Right],
) -> None:
    """Wait until all that is watched can be read, and has been.

    Args:
        readiness: is told what stands in the way, and when nothing does.
        asked: knows the rights of the account.
        look: tries to read everything that is watched.
        fill: fills the store; the API server may go away meanwhile.
        rights: those that are needed.
    """
    while not readiness.is_filled:
        await wait_until_possible(readiness, asked, look, rights)
        try:
            await fill()
            readiness.filled()
        except ClusterError as error:
            readiness.blocked(str(error))
            await asyncio.sleep(AGAIN_SECONDS)


async def wait_until_possible(
    readiness: Readiness, asked: Asked, look: Callable[[], Awaitable[object]], rights: Collection[Right]
) -> None:
    """Wait until all that is watched can be read; what else is missing is told, and not waited for.

    Args:
        readiness: is told what stands in the way.
        asked: knows the rights of the account.
        look: tries to read everything that is watched.
        rights: those that are needed.
    """
    while True:
        try:
            lacks = await missing(asked, rights)
            readiness.lacks(lacks)
            blind = [right for right in lacks if right.is_reading]
            if not blind:
                await look()
                readiness.cleared()
                return
            readiness.blocked(readiness.text(blind))
        except ClusterError as error:
            readiness.blocked(str(error))
        await asyncio.sleep(AGAIN_SECONDS)


async def watch_rights(readiness: Readiness, asked: Asked, rights: Collection[Right]) -> None:
    """Ask again now and then for the rights that are missing, until none is."""
    while readiness.problem():
        await asyncio.sleep(GRANTED_AGAIN_SECONDS)
        try:
            readiness.lacks(await missing(asked, rights))
        except ClusterError as error:
            log.warning("cannot ask for rights", error=str(error))
