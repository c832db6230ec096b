"""Ten thousand requests held by one gateway: what they weigh, and whether all are answered."""

import asyncio
import time
from pathlib import Path

from bench.gateway_cases.figures import Figure
from bench.process_figures import footprint
from gateway_rig.client import Client, Outcome
from gateway_rig.metrics import gateway_value
from gateway_rig.program import raise_descriptor_limit
from gateway_rig.rig import Rig, rig
from gateway_rig.services import Shape

HELD = 10_000
BODY_BYTES = 2048
AT_ONCE = 250
SOURCES = tuple(f"127.30.0.{index}" for index in range(1, 9))
SERVICE = "crowd"
HOLD_SECONDS = 240


def measure(directory: Path) -> list[Figure]:
    """Hold them, look, let them go."""
    raise_descriptor_limit()
    with rig(directory) as everything:
        shape = Shape(
            engine_port=everything.engines.port,
            kubelet_ready="600s",  # The gateway's own health check is the only way in, and it fails until told to.
            max_held_requests=HELD,
            hold_timeout_seconds=HOLD_SECONDS,
        )
        everything.services.create(SERVICE, shape)
        port = everything.ports([SERVICE])[SERVICE]
        everything.services.wait_asleep([SERVICE])
        return asyncio.run(_hold(everything, port))


async def _hold(everything: Rig, port: int) -> list[Figure]:
    gateway = everything.gateways[0]
    everything.engines.told("POST", "/close")
    before = gateway.resident_mebibytes()
    async with Client(
        prefix="held",
        bound_seconds=HOLD_SECONDS + 30,
        connect_seconds=HOLD_SECONDS,  # Thousands that connect at once wait for each other, on the client's side too.
        source_addresses=SOURCES,
    ) as client:
        tasks = []
        began = time.monotonic()
        for index in range(HELD):
            ask = client.ask(SERVICE, gateway.address, port, padding_bytes=BODY_BYTES)
            tasks.append(asyncio.create_task(ask))
            if index % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0.1)
        held = 0.0
        while time.monotonic() - began < HOLD_SECONDS / 2 and held + len(client.accounts) < HELD:
            await asyncio.sleep(0.5)
            held = await asyncio.to_thread(gateway_value, gateway, "tidegate_gateway_held")
        took = time.monotonic() - began
        await asyncio.sleep(3)  # What is under way settles.
        envoy, picker = gateway.resident_mebibytes()
        everything.engines.told("POST", "/open")
        began = time.monotonic()
        await asyncio.gather(*tasks)
        released = time.monotonic() - began
        outcomes = {outcome: sum(each.outcome is outcome for each in client.accounts) for outcome in Outcome}
    highest = [footprint(program.pid).highest_resident_mebibytes for program in (gateway.envoy, gateway.picker)]
    others = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if count and outcome != "answered")
    return [
        Figure(f"held at once, bodies of {BODY_BYTES} bytes", f"{held:.0f}, after {took:.0f} s", str(HELD)),
        Figure("memory before: Envoy + picker", f"{before[0]:.0f} + {before[1]:.0f} MiB"),
        Figure(
            "memory while held: Envoy + picker", f"{envoy:.0f} + {picker:.0f} = {envoy + picker:.0f} MiB", "< 1024 MiB"
        ),
        Figure(
            "most memory ever: Envoy + picker",
            f"{highest[0]:.0f} + {highest[1]:.0f} = {sum(highest):.0f} MiB",
            "< 1024 MiB",
        ),
        Figure("answered", f"{outcomes[Outcome.ANSWERED]}{', ' + others if others else ''}", str(HELD)),
        Figure("from the first pod's health check to the last answer", f"{released:.1f} s"),
        Figure("most at once in one pod", str(max(everything.engines.counts()["most_in_flight"].values(), default=0))),
    ]
