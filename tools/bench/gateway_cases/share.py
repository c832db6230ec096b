"""Who gets the work after 1 -> 4: fifty clients that keep their connections, and three pods that are new."""

import asyncio
import contextlib
import time
from pathlib import Path

from bench.gateway_cases.figures import Figure
from gateway_rig.client import Client
from gateway_rig.rig import Rig, rig
from gateway_rig.services import Shape

CLIENTS = 50
TOKENS = 20
AFTER_SECONDS = 60.0
COUNTED_SECONDS = 10.0
SERVICE = "growing"
GOAL = 0.20


def measure(directory: Path) -> list[Figure]:
    """Grow it under load, and look who answers a minute later."""
    with rig(directory) as everything:
        shape = Shape(engine_port=everything.engines.port, replicas=1, max_replicas=4)
        everything.services.create(SERVICE, shape)
        everything.services.wait_ready(SERVICE, 1)
        port = everything.ports([SERVICE])[SERVICE]
        old = everything.services.ready_pods(SERVICE)
        return asyncio.run(_grow(everything, port, old))


async def _grow(everything: Rig, port: int, old: list[str]) -> list[Figure]:
    gateway = everything.gateways[0]
    async with Client(prefix="growing", bound_seconds=60) as client:
        clients = asyncio.gather(*(keep_asking(client, gateway.address, port) for _ in range(CLIENTS)))
        await asyncio.sleep(5)
        await asyncio.to_thread(everything.services.patch, SERVICE, {"replicas": 4})
        await asyncio.to_thread(everything.services.wait_ready, SERVICE, 4)
        began = time.monotonic()
        await asyncio.sleep(AFTER_SECONDS - COUNTED_SECONDS)
        everything.engines.told("POST", "/counts/forget")
        await asyncio.sleep(COUNTED_SECONDS)
        answered = everything.engines.counts()["answered"]
        took = time.monotonic() - began
        clients.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await clients
        failed = sum(each.outcome != "answered" for each in client.accounts)
    total = sum(answered.values())
    new = {address: count / total for address, count in answered.items() if address not in old}
    return [
        Figure(
            f"share of each new pod, {took:.0f} s after 1 -> 4", _percents(list(new.values())), f">= {GOAL:.0%} each"
        ),
        Figure("share of the old pod", _percents([answered.get(address, 0) / total for address in old])),
        Figure("requests not answered", str(failed), "0"),
    ]


async def keep_asking(client: Client, address: str, port: int) -> None:
    """A client that sends its next request when the last was answered, for ever."""
    while True:
        await client.ask(SERVICE, address, port, tokens=TOKENS)


def _percents(shares: list[float]) -> str:
    return ", ".join(f"{share:.0%}" for share in sorted(shares)) or "none"
