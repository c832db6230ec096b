"""A real Envoy with the real policy, before two variants on ports of their own: streams are shared out by weight."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from running_envoy import SERVICE, RunningGateway, running_gateway, until
from tidegate.api.routing import RoutingMode
from tidegate.gateway.policy import Router, WakeOutcome, WakeResult
from tidegate.gateway.routed_service import ModelPod, PodEngine, RoutedService

WEIGHTS = {"gpu": 4, "cpu": 1}
STREAMS = 40
REQUESTS = 600


@dataclass
class Engine:
    """One that streams, and notes how many streams it has whenever one begins anywhere."""

    port: int = 0
    running: int = 0
    answered: int = 0
    closing: Counter[str] = field(default_factory=Counter)
    """What requests said of their connection."""


@asynccontextmanager
async def _engines() -> AsyncIterator[dict[str, Engine]]:
    engines = {name: Engine() for name in WEIGHTS}
    source = random.Random(3)  # noqa: S311 - a test.

    def application(engine: Engine) -> web.Application:
        async def answer(request: web.Request) -> web.StreamResponse:
            engine.running += 1
            engine.closing[request.headers.get("connection", "")] += 1
            try:
                response = web.StreamResponse()
                await response.prepare(request)
                for _ in range(source.randrange(2, 12)):
                    await response.write(b"data: token\n\n")
                    await asyncio.sleep(0.01)
            finally:
                engine.running -= 1
            engine.answered += 1
            return response

        app = web.Application()
        app.router.add_post("/v1/completions", answer)
        return app

    runners = []
    for engine in engines.values():
        runner = web.AppRunner(application(engine), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        engine.port = runner.addresses[0][1]
        runners.append(runner)
    try:
        yield engines
    finally:
        for runner in runners:
            await runner.cleanup()


async def _never(service: RoutedService, replicas: int) -> WakeOutcome:
    del service, replicas
    return WakeOutcome(result=WakeResult.REFUSED)


def _told(router: Router, engines: dict[str, Engine], weights: dict[str, int]) -> None:
    """Tell the policy of a service with a pod of each variant."""
    known = {
        variant: PodEngine(port=engines[name].port, health_path="/health", weight=weights[name])
        for variant, name in {"default": "gpu", "cpu": "cpu"}.items()
    }
    router.put_service(
        RoutedService(
            key=SERVICE,
            uid="u",
            created=0.0,
            mode=RoutingMode.GATEWAY,
            port=12_000,
            models=("m",),
            shared=True,
            max_held_requests=1000,
            hold_timeout_seconds=10.0,
            affinity_header=None,
            engines=known,
            wake_plan=None,
        )
    )
    router.put_pods(
        SERVICE,
        tuple(
            ModelPod(
                uid=name,
                name=name,
                address=f"127.0.0.1:{engines[name].port}",
                ready=True,
                serving=True,
                weight=weights[name],
                keeps_connections=name == "gpu",
            )
            for name in weights
        ),
    )


async def _load(gateway: RunningGateway, engines: dict[str, Engine]) -> Counter[str]:
    """Keep so many streams open until so many requests are answered; sum up what each engine has, look by look."""
    under_way: Counter[str] = Counter()
    left = iter(range(REQUESTS))

    async def client() -> None:
        for _ in left:
            async with gateway.client.post(f"{gateway.service_url}/v1/completions", data=b"{}") as response:
                assert response.status == 200
                await response.read()

    async def look() -> None:
        while True:
            await asyncio.sleep(0.01)
            if sum(engine.running for engine in engines.values()) >= STREAMS - 5:  # Neither filling up nor emptying.
                under_way.update({name: engine.running for name, engine in engines.items()})

    looking = asyncio.create_task(look())
    await asyncio.gather(*(client() for _ in range(STREAMS)))
    looking.cancel()
    return under_way


async def test_streams_are_shared_out_by_weight(tmp_path: Path) -> None:
    """Four to one; and the other way round from the next request on, once the operator weighs them so."""
    ids = iter(range(1 << 30))
    router = Router(clock=time.time, wake=_never, new_id=lambda: f"id{next(ids)}", held_bytes_limit=1 << 30)
    async with _engines() as engines, running_gateway(tmp_path, router.route) as gateway:

        async def tell_ends() -> None:
            while True:
                router.ended(await gateway.policy.ends.get())

        telling = asyncio.create_task(tell_ends())
        for weights in (WEIGHTS, {"gpu": 1, "cpu": 4}):
            _told(router, engines, weights)
            before = Counter({name: engine.answered for name, engine in engines.items()})
            under_way = await _load(gateway, engines)
            answered = Counter({name: engine.answered for name, engine in engines.items()}) - before
            share = under_way["gpu"] / under_way.total()
            print(f"weights {weights}: {share:.3f} of streams with gpu, answered {dict(answered)}")  # noqa: T201
            wanted = weights["gpu"] / sum(weights.values())
            assert abs(share - wanted) < 0.05, (under_way, answered)
            assert abs(answered["gpu"] / REQUESTS - wanted) < 0.07, answered
        assert set(engines["cpu"].closing) == {"close"}
        assert "close" not in engines["gpu"].closing

        async def idle() -> bool:
            return router.report().services[SERVICE].in_flight == 0

        await until(idle)
        telling.cancel()
