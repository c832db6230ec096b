"""Random traffic: for each service bursts, and silences that end after it fell asleep or just as it does."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from gateway_rig.client import Client

BURSTS = (1, 1, 1, 2, 3, 5, 12)
BURST_SECONDS = 2.0
SHORT_TOKENS = (1, 60)
LONG_TOKENS = (200, 800)
LONG_SHARE = 0.15
STREAM_SHARE = 0.5
KEEP_ALIVE_SHARE = 0.5
INTERRUPTED_SHARE = 0.25
INTERRUPTION_SECONDS = (28.0, 50.0)
"""After what silence a service is disturbed on purpose: around the moment when it is put to sleep."""

SLEEP_SECONDS = (0.0, 15.0)
LONGEST_SILENCE_SECONDS = 150.0
LOOK_SECONDS = 0.5

Endpoint = tuple[int, str]
"""Number and address of a gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What all services' traffic has in common.

    Attributes:
        endpoint: By a service's name, one of the gateways that its clients are led to now; None if there is none.
        asleep: Whether a service is at zero.
        stops: Whether no more is to be sent.
    """

    client: Client
    dice: random.Random
    endpoint: Callable[[str], Endpoint | None]
    asleep: Callable[[str], bool]
    stops: Callable[[], bool]

    async def to(self, service: str, port: int) -> None:
        """Send to one service until it is enough."""
        await self._rest(self.dice.uniform(0, INTERRUPTION_SECONDS[0]))
        while not self.stops():
            async with asyncio.TaskGroup() as tasks:
                for _ in range(self.dice.choice(BURSTS)):
                    tasks.create_task(self._one(service, port, self.dice.uniform(0, BURST_SECONDS)))
            await self._silence(service)

    async def _one(self, service: str, port: int, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        endpoint = self.endpoint(service)
        if endpoint is None:
            return
        gateway, address = endpoint
        least, most = LONG_TOKENS if self.dice.random() < LONG_SHARE else SHORT_TOKENS
        await self.client.ask(
            service,
            address,
            port,
            gateway=gateway,
            tokens=self.dice.randint(least, most),
            stream=self.dice.random() < STREAM_SHARE,
            keep_alive=self.dice.random() < KEEP_ALIVE_SHARE,
        )

    async def _silence(self, service: str) -> None:
        if self.dice.random() < INTERRUPTED_SHARE:
            await self._rest(self.dice.uniform(*INTERRUPTION_SECONDS))
            return
        waited = 0.0
        while not self.asleep(service) and waited < LONGEST_SILENCE_SECONDS and not self.stops():
            await asyncio.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
        await self._rest(self.dice.uniform(*SLEEP_SECONDS))

    async def _rest(self, seconds: float) -> None:
        while seconds > 0 and not self.stops():
            await asyncio.sleep(min(seconds, LOOK_SECONDS))
            seconds -= LOOK_SECONDS
