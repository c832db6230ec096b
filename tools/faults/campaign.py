"""The campaign: traffic, faults and the eyes on both, until there were enough cycles or the time is over."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from faults import kinds
from faults.cycles import Cycles
from faults.traffic import Endpoint, Traffic
from faults.verdict import Failure
from gateway_rig.client import Account, Client, Outcome
from gateway_rig.rig import Rig

HOLD_SECONDS = 60
BOUND_SECONDS = HOLD_SECONDS + 60.0
"""A request without an end after so long hangs: the longest hold, the longest answer, and a good while."""

BETWEEN_SECONDS = {True: (35.0, 110.0), False: (2.0, 10.0)}
"""Between two faults, by whether they restart a picker: services fall asleep only where none did for half a minute."""

LOOK_SECONDS = 1.0
PAUSE_SECONDS = 0.25
TOLD_SECONDS = 30.0
SLEEP_AGAIN_SECONDS = 240.0
WARM_SECONDS = 20.0
WAKE_AT_ONCE = 8


@dataclass(slots=True, kw_only=True)
class Campaign:
    """One campaign.

    Attributes:
        cycles_wanted: Of sleep and wake, of all services together.
        limit_seconds: After which it ends whatever was reached.
        only: Names of the faults to draw from.
        failures: What was broken, and when.
        accounts: Of all requests under faults.
        crashes: Programs that ended by themselves, when, and with which last words.
        last_wakes: Of the requests at the end, one to each service that sleeps, nothing being broken.
        stuck_awake: Services that did not fall asleep in the end.
        without_endpoint: When a client found no gateway in its service's slice.
    """

    rig: Rig
    breakable: kinds.Field
    ports: Mapping[str, int]
    cycles_wanted: int
    limit_seconds: float
    dice: random.Random
    only: tuple[str, ...]
    tell: Callable[[str], None]
    cycles: Cycles = field(default_factory=Cycles)
    failures: list[Failure] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    last_wakes: list[Account] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    stuck_awake: list[str] = field(default_factory=list)
    without_endpoint: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0
    _slices: dict[str, list[str]] = field(default_factory=dict)
    _began: float = 0.0

    async def run(self) -> None:
        """Do all of it."""
        looking = asyncio.create_task(self._look())
        telling = asyncio.create_task(self._tell())
        restarting = asyncio.create_task(self._restart())
        try:
            self._slices = self.rig.services.gateways_of()
            self._began = time.monotonic()
            async with Client(prefix="request", bound_seconds=BOUND_SECONDS) as client:
                self.accounts = client.accounts
                traffic = Traffic(
                    client=client,
                    dice=self.dice,
                    endpoint=self._endpoint,
                    asleep=self.cycles.asleep,
                    stops=self._is_over,
                )
                async with asyncio.TaskGroup() as tasks:
                    for name, port in self.ports.items():
                        tasks.create_task(traffic.to(name, port))
                    for restarts, between_seconds in BETWEEN_SECONDS.items():
                        names = [name for name in self.only if kinds.KINDS[name].restarts_picker is restarts]
                        if names:
                            tasks.create_task(self._break(names, between_seconds))
            self.seconds = time.monotonic() - self._began
            telling.cancel()
            await self._end()
        finally:
            for task in (looking, telling, restarting):
                task.cancel()

    def _is_over(self) -> bool:
        enough = self.cycles.complete >= self.cycles_wanted
        return enough or time.monotonic() - self._began > self.limit_seconds

    def _endpoint(self, service: str) -> Endpoint | None:
        """A gateway as kube-proxy picks one for a new connection: any of the slice's."""
        addresses = self._slices.get(service)
        if not addresses:
            self.without_endpoint.append((time.time(), service))
            return None
        address = self.dice.choice(addresses)
        gateway = next(each for each in self.rig.gateways if each.slice_address == address)
        return gateway.index, gateway.address

    async def _break(self, names: Sequence[str], between_seconds: tuple[float, float]) -> None:
        await self._pause(WARM_SECONDS)
        while not self._is_over():
            name = kinds.draw(self.dice, names)
            began = time.time()
            done = await asyncio.to_thread(kinds.carry_out, name, self.breakable)
            if done is not None:
                broken, seconds = done
                place = len(self.failures)
                self.failures.append(Failure(kind=name, target=broken.target, began=began, ended=float("inf")))
                await asyncio.sleep(seconds)
                await asyncio.to_thread(broken.mend)
                self.failures[place] = Failure(kind=name, target=broken.target, began=began, ended=time.time())
            await self._pause(self.dice.uniform(*between_seconds))

    async def _pause(self, seconds: float) -> None:
        for _ in range(round(seconds / PAUSE_SECONDS)):
            if self._is_over():
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self) -> None:
        """Keep looking at sizes and slices, by a way that no fault is in, save the API server's own death."""
        while True:
            with contextlib.suppress(OSError, KeyError, ValueError):
                self.cycles.see(await asyncio.to_thread(self.rig.services.sizes))
                self._slices = await asyncio.to_thread(self.rig.services.gateways_of)
            await asyncio.sleep(LOOK_SECONDS)

    async def _restart(self) -> None:
        """As the kubelet does: what has ended by itself is started again. It is a finding each time."""
        programs = [self.rig.operator, *(p for gateway in self.rig.gateways for p in (gateway.envoy, gateway.picker))]
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            for program in programs:
                if program.has_crashed:
                    self.crashes.append(f"{program.name} at {time.time():.3f}: {program.last_words()}")
                    self.tell(f"crashed: {self.crashes[-1]}")
                    program.kill()
                    program.start()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TOLD_SECONDS)
            answered = sum(each.outcome is Outcome.ANSWERED for each in self.accounts)
            self.tell(
                f"{time.monotonic() - self._began:4.0f} s: {self.cycles.slept} times asleep, {self.cycles.woke} awake, "
                f"{len(self.accounts)} requests ({answered} answered), {len(self.failures)} faults"
            )

    async def _end(self) -> None:
        """Nothing is broken any more: everybody has to fall asleep, and to wake for one request."""
        self.tell("nothing is broken any more: everybody is to fall asleep, then to wake once")
        await asyncio.to_thread(self._whole)
        names = set(self.ports)
        deadline = time.monotonic() + SLEEP_AGAIN_SECONDS
        asleep: set[str] = set()
        while asleep != names and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(OSError, KeyError):
                asleep = await asyncio.to_thread(self.rig.services.asleep, list(self.ports))
        self.stuck_awake = sorted(names - asleep)
        async with Client(prefix="last", bound_seconds=BOUND_SECONDS) as client:
            turns = asyncio.Semaphore(WAKE_AT_ONCE)
            wakes = [self._wake(client, name, port, turns) for name, port in self.ports.items() if name in asleep]
            await asyncio.gather(*wakes)
            self.last_wakes = client.accounts

    def _whole(self) -> None:
        for gateway in self.rig.gateways:
            gateway.thaw()
            gateway.start()
        for program in (self.rig.operator, self.breakable.api_server):
            if not program.runs:
                program.start()
        for link in self.rig.links.values():
            link.mend()
        for gateway in self.rig.gateways:
            gateway.wait_ready()

    async def _wake(self, client: Client, name: str, port: int, turns: asyncio.Semaphore) -> None:
        gateway = self.dice.choice(self.rig.gateways)
        async with turns:
            await client.ask(name, gateway.address, port, gateway=gateway.index)
