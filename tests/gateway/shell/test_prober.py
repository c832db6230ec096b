"""Probing pods that somebody waits for, on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from gateway_objects import CHAT

from tidegate.gateway.probe import MOST_AT_ONCE, TIMEOUT_SECONDS, Prober
from tidegate.gateway.routed_service import Key, ModelPod


class Engine:
    """An engine whose health a test sets."""

    def __init__(self) -> None:
        self.status = 503
        self.delay_seconds = 0.0
        self.asked: list[str] = []
        self.address = ""
        self.at_once = self.most_at_once = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Say how it is."""
        self.asked.append(request.path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay_seconds)
        finally:
            self.at_once -= 1
        return web.Response(status=self.status)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """An engine that is not well yet."""
    made = Engine()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.address = f"127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def model_pod(address: str, name: str = "chat-1") -> ModelPod:
    """A pod that is to be probed."""
    return ModelPod(uid=name, name=name, address=address, ready=False, serving=True)


class Waited:
    """Who waits for which pods, and which ones answered."""

    def __init__(self, *pods: tuple[ModelPod, str | None]) -> None:
        self.pods = list(pods)
        self.answered = asyncio.Event()
        self.answers: list[tuple[Key, str]] = []
        self.prober = Prober(self._to_probe, self._answered)

    def _to_probe(self) -> list[tuple[Key, ModelPod, str | None]]:
        return [(CHAT, pod, path) for pod, path in self.pods]

    def _answered(self, key: Key, uid: str) -> None:
        self.answers.append((key, uid))
        self.answered.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Probe until the block ends."""
        task: asyncio.Task[Any] = asyncio.create_task(self.prober.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_a_pod_that_gets_well_is_told(engine: Engine) -> None:
    """By the path that says so, and not before."""
    waited = Waited((model_pod(engine.address), "/health"))
    async with waited.running():
        await asyncio.sleep(0.5)
        assert (waited.answers, len(engine.asked) >= 2) == ([], True)
        engine.status = 200
        async with asyncio.timeout(5):
            await waited.answered.wait()
    assert waited.answers[0] == (CHAT, "chat-1")
    assert set(engine.asked) == {"/health"}


async def test_without_a_path_a_connection_will_do(engine: Engine) -> None:
    """Some engines have none."""
    waited = Waited((model_pod(engine.address), None))
    async with waited.running(), asyncio.timeout(5):
        await waited.answered.wait()
    assert engine.asked == []


@pytest.mark.parametrize("path", ["/health", None])
async def test_where_nobody_listens_nobody_is_well(unused_tcp_port: int, path: str | None) -> None:
    """And it goes on asking."""
    waited = Waited((model_pod(f"127.0.0.1:{unused_tcp_port}"), path))
    async with waited.running():
        await asyncio.sleep(0.5)
    assert waited.answers == []


async def test_a_pod_that_is_slow_is_not_well(engine: Engine) -> None:
    """An engine that takes connections while it loads its model."""
    engine.status, engine.delay_seconds = 200, TIMEOUT_SECONDS * 3
    waited = Waited((model_pod(engine.address), "/health"))
    async with waited.running():
        await asyncio.sleep(TIMEOUT_SECONDS * 2.5)
    assert waited.answers == []
    assert engine.most_at_once == 1


async def test_nobody_is_asked_where_nobody_waits(engine: Engine) -> None:
    """Probes are a cost to the engines, too."""
    async with Waited().running():
        await asyncio.sleep(0.5)
    assert engine.asked == []


async def test_all_have_their_turn_and_not_all_at_once(engine: Engine) -> None:
    """Thousands of pods that start together are no reason to open thousands of connections."""
    engine.delay_seconds = TIMEOUT_SECONDS * 3
    pods = [model_pod(engine.address, f"chat-{number}") for number in range(MOST_AT_ONCE * 2)]
    asked: set[str] = set()
    waited = Waited(*((pod, f"/{pod.name}") for pod in pods))
    async with waited.running():
        async with asyncio.timeout(20):
            while len(asked) < len(pods):
                await asyncio.sleep(0.1)
                asked = set(engine.asked)
    assert engine.most_at_once <= MOST_AT_ONCE
