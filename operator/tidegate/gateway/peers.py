"""What the other gateways hold for a service: whoever wakes it, wakes it for all that wait.

Asked in the moment of a wake, beside the question how large the Deployment is, so that it costs no time. One that does
not answer at once counts for nothing: too few pods are made up for by the operator, a wake that waits is not.
"""

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Self

import aiohttp
from aiohttp import web

from tidegate.gateway.members import Member
from tidegate.gateway.routed_service import Key

PATH = "/held/{namespace}/{name}"
TIMEOUT_SECONDS = 0.05
LONGEST_ANSWER_BYTES = 16


def held_route(held: Callable[[Key], int]) -> web.RouteDef:
    """Make the route where the others learn how many requests this gateway holds for a service.

    Args:
        held: how many those are.
    """

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=str(held((request.match_info["namespace"], request.match_info["name"]))))

    return web.get(PATH, answer)


class Peers:
    """The other gateways.

    Args:
        others: those that live, without this one.
    """

    def __init__(self, others: Callable[[], Iterable[Member]]) -> None:
        self._others = others
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def held(self, key: Key) -> int:
        """How many requests the others hold for a service, as far as they say so in time."""
        addresses = [member.metrics for member in self._others() if member.metrics]
        if self._session is None or not addresses:
            return 0
        path = PATH.format(namespace=key[0], name=key[1])
        answers = (_number(self._session, f"http://{address}{path}") for address in addresses)
        return sum(await asyncio.gather(*answers))


async def _number(session: aiohttp.ClientSession, url: str) -> int:
    try:
        async with session.get(url, allow_redirects=False) as response:
            text = await response.content.read(LONGEST_ANSWER_BYTES)
            return int(text) if response.status == HTTPStatus.OK and text.isdigit() else 0
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return 0
