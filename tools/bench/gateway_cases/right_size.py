"""Two hundred requests at zero: woken straight to the size that they need, and no pod gets more than it can take.

Once with all of them at one gateway, and once divided between two, of which each knows its own half only.
"""

import asyncio
from math import ceil
from pathlib import Path

from bench.gateway_cases.figures import Figure
from gateway_rig.client import Client, Outcome
from gateway_rig.rig import Rig, rig
from gateway_rig.services import Shape

REQUESTS = 200
CAPACITY = 20
TOKENS = 100
STREAMED = 2
"""Of four."""

SERVICE = "burst"
LOOK_SECONDS = 0.05


def measure(directory: Path) -> list[Figure]:
    """Send them at once, and look how the size moves."""
    figures = []
    for gateways in (1, 2):
        inside = directory / str(gateways)
        inside.mkdir()
        figures += _measure(inside, gateways)
    return figures


def _measure(directory: Path, gateways: int) -> list[Figure]:
    with rig(directory, gateways=gateways, startup_seconds=2.0) as everything:
        shape = Shape(
            engine_port=everything.engines.port,
            kubelet_ready="10s",
            max_sequences=CAPACITY,
            max_replicas=20,
            hold_timeout_seconds=120,
        )
        everything.services.create(SERVICE, shape)
        port = everything.ports([SERVICE])[SERVICE]
        everything.services.wait_asleep([SERVICE])
        plan = everything.services.documents()[SERVICE]["status"]["wakePlan"]
        everything.engines.told("POST", "/counts/forget")
        return asyncio.run(_burst(everything, port, plan))


async def _burst(everything: Rig, port: int, plan: dict[str, int]) -> list[Figure]:
    gateways = everything.gateways
    async with Client(prefix="burst", bound_seconds=150) as client:
        sizes: list[int] = []
        watching = asyncio.create_task(_watch(everything, sizes))
        asks = (
            client.ask(
                SERVICE, gateways[index % len(gateways)].address, port, tokens=TOKENS, stream=index % 4 < STREAMED
            )
            for index in range(REQUESTS)
        )
        accounts = await asyncio.gather(*asks)
        watching.cancel()
    answered = sum(each.outcome is Outcome.ANSWERED for each in accounts)
    most = max(everything.engines.counts()["most_in_flight"].values(), default=0)
    per_replica = plan.get("requestsPerReplica", 1)
    wanted = min(ceil(REQUESTS / per_replica), plan.get("maxReplicas", 1))
    where = f"{len(gateways)} gateway{'s' * (len(gateways) > 1)}"
    return [
        Figure(f"{where}: requests that one replica can start in time, as planned", str(per_replica), str(CAPACITY)),
        Figure(f"{where}: first size, then", " -> ".join(map(str, sizes)) or "none", str(wanted)),
        Figure(f"{where}: most at once in one pod", str(most), f"<= {CAPACITY}"),
        Figure(f"{where}: answered", str(answered), str(REQUESTS)),
    ]


async def _watch(everything: Rig, sizes: list[int]) -> None:
    """Note each size that is new."""
    while True:
        size = (await asyncio.to_thread(everything.services.sizes)).get(SERVICE, 0)
        if size and (not sizes or sizes[-1] != size):
            sizes.append(size)
        await asyncio.sleep(LOOK_SECONDS)
