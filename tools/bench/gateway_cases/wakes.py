"""Asleep, a request, awake: how soon the wake is written, and how soon the request is handed on.

Services go to sleep as they do in production, by idleness, and are woken one after the other at random distances. All
times are of one machine's clock: the client's when it sends, the API server's audit log when a size was accepted, the
engine's when it could first answer its health check, did answer it, and got the request.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.gateway_cases.figures import Figure, times
from gateway_rig.audit import size_writes
from gateway_rig.client import Account, Client, Outcome
from gateway_rig.rig import Rig, rig
from gateway_rig.services import Shape

SERVICES = 40
ROUNDS = 3
STARTUP_SECONDS = 1.0
SEED = 11


@dataclass(frozen=True, slots=True)
class Wake:
    """One request at zero, and what followed; seconds of one clock."""

    account: Account
    accepted: float
    agent: str
    loaded: float
    up: float
    arrived: float


def measure(directory: Path) -> list[Figure]:
    """Wake each service a few times."""
    dice = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    with rig(directory, startup_seconds=STARTUP_SECONDS) as everything:
        names = [f"sleeper-{index:02}" for index in range(SERVICES)]
        # As a kubelet that looks every ten seconds: that a pod is found sooner is the gateway's own doing.
        shape = Shape(engine_port=everything.engines.port, kubelet_ready="10s")
        for name in names:
            everything.services.create(name, shape)
        ports = everything.ports(names)
        accounts: list[Account] = []
        for _ in range(ROUNDS):
            everything.services.wait_asleep(names)
            accounts += asyncio.run(_wake(everything, ports, dice))
        wakes, failed = _found(everything, accounts)
    return [
        times(
            "request sent -> size accepted by the API server",
            [w.accepted - w.account.sent for w in wakes],
            "p99 < 100 ms",
        ),
        times("health check answered -> request at the engine", [w.arrived - w.up for w in wakes], "p99 < 300 ms"),
        times("engine loaded -> request at the engine", [w.arrived - w.loaded for w in wakes]),
        times("request sent -> answered (engine loads for 1 s)", [w.account.ended - w.account.sent for w in wakes]),
        Figure("wakes that were not answered", str(failed), "0"),
        Figure("who wrote the sizes", ", ".join(sorted({w.agent.split("/")[0] for w in wakes}))),
    ]


async def _wake(everything: Rig, ports: Mapping[str, int], dice: random.Random) -> list[Account]:
    order = dice.sample(sorted(ports), len(ports))
    async with Client(prefix=f"wake-{dice.random()}", bound_seconds=90) as client:
        tasks = []
        for name in order:
            tasks.append(asyncio.create_task(client.ask(name, everything.gateways[0].address, ports[name])))
            await asyncio.sleep(dice.uniform(0.15, 0.45))
        return list(await asyncio.gather(*tasks))


def _found(everything: Rig, accounts: list[Account]) -> tuple[list[Wake], int]:
    """Each request's wake, and how many requests had none or were not answered."""
    written = size_writes(everything.cluster.audit_log)
    arrived = {identity: (at, address) for at, address, identity in everything.engines.events("in")}
    loaded, up = everything.engines.events("loaded"), everything.engines.events("up")
    wakes = []
    for account in accounts:
        if account.outcome is not Outcome.ANSWERED or account.identity not in arrived:
            continue
        at, address = arrived[account.identity]
        writes = [each for each in written if each.name == account.service and each.accepted > account.sent]
        # The last ones before it arrived: addresses are used again.
        loads = [when for when, where, _ in loaded if where == address and when <= at]
        ups = [when for when, where, _ in up if where == address and when <= at]
        if writes and loads and ups:
            wakes.append(Wake(account, writes[0].accepted, writes[0].agent, max(loads), max(ups), at))
    return wakes, len(accounts) - len(wakes)
