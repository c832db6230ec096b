"""Running simulated engines on free ports of this machine, and a client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tidegate.api.engine import EngineType
from tidegate.simulator.admin import admin_application
from tidegate.simulator.fleet import Fleet, Listener
from tidegate.simulator.server import EngineServer
from tidegate.simulator.serving import listening

FAST = 50.0
"""Engine seconds per second in these tests: long answers take no time."""


@dataclass
class World:
    """Running engines, their administration and a client."""

    port: int
    admin: str
    client: aiohttp.ClientSession
    fleet: Fleet
    listener: Listener

    def url(self, path: str, address: str = "127.0.0.1") -> str:
        """The URL of a path of the engine at an address."""
        return f"http://{address}:{self.port}{path}"

    async def complete(self, address: str = "127.0.0.1", **fields: Any) -> tuple[int, dict[str, Any]]:
        """POST /v1/completions; status and document."""
        body = {"model": "m", "prompt": [1] * 10} | fields
        async with self.client.post(self.url("/v1/completions", address), json=body) as response:
            return response.status, await response.json()

    async def signals(self, address: str = "127.0.0.1") -> dict[str, float]:
        """The metrics page: values by name, summed over labels."""
        async with self.client.get(self.url("/metrics", address)) as response:
            assert response.status == 200
            page = await response.text()
        values: dict[str, float] = {}
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                values[sample.name] = values.get(sample.name, 0.0) + sample.value
        return values

    async def until(self, name: str, value: float) -> dict[str, float]:
        """Wait, at most ten seconds, until a signal has a value."""
        for _ in range(1000):
            if (signals := await self.signals())[name] == value:
                return signals
            await asyncio.sleep(0.01)
        raise AssertionError(f"{name} is {signals[name]}, not {value}")

    async def fault(self, address: str = "127.0.0.1", **faults: Any) -> None:
        """Break the engine at an address."""
        async with self.client.put(f"{self.admin}/faults/{address}", json=faults) as response:
            assert response.status == 200, await response.text()


@asynccontextmanager
async def world(
    flavour: EngineType = EngineType.VLLM,
    *,
    model_names: tuple[str, ...] = ("m",),
    startup_seconds: float = 0.0,
    time_scale: float = FAST,
    alone: bool = False,
    **model: float,
) -> AsyncIterator[World]:
    """Engines on a free port of every local address."""
    listener = Listener.parse(f"{flavour}:0", startup_seconds=startup_seconds)
    listener = replace(listener, model=replace(listener.model, **model))
    fleet = Fleet(model_names=model_names, time_scale=time_scale, alone=alone)
    async with (
        listening(EngineServer(fleet, listener).application(), "0.0.0.0", 0) as port,  # noqa: S104 - as on a cluster
        listening(admin_application(fleet), "127.0.0.1", 0) as admin_port,
        aiohttp.ClientSession() as client,
    ):
        yield World(port, f"http://127.0.0.1:{admin_port}", client, fleet, listener)
