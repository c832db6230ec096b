"""The demo's client against a server on loopback that stands for a service."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from demo import load
from demo.load import Player, open_client
from demo.measures import Measures
from demo.picking import Outstanding
from demo.scenario import CHAT
from demo.trace import Arrival
from demo.watching import Pod, Pods

POD = Pod("chat-1", "127.64.0.1")
ARRIVALS = [Arrival(0.0, 10, 3)] * 4

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _chunks(*, completion_tokens: int) -> Iterator[bytes]:
    fields = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": CHAT.model}
    usage = {"prompt_tokens": 10, "completion_tokens": completion_tokens, "total_tokens": 10 + completion_tokens}
    parts: Sequence[dict[str, Any]] = (
        {"choices": [{"index": 0, "delta": {"content": "the tide"}}]},
        {"choices": [], "usage": usage},
    )
    for part in parts:
        yield f"data: {json.dumps({**fields, **part})}\n\n".encode()
    yield b"data: [DONE]\n\n"


async def _answer(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for chunk in _chunks(completion_tokens=3):
        await response.write(chunk)
    return response


async def _cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(next(_chunks(completion_tokens=3)))
    assert request.transport is not None
    request.transport.abort()
    return response


async def _end_early(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"".join(_chunks(completion_tokens=2)), content_type="text/event-stream")


async def _refuse(_: web.Request) -> web.StreamResponse:
    return web.json_response({"error": {"message": "the model is loading"}}, status=503)


@asynccontextmanager
async def _player(answers: Handler) -> AsyncIterator[Player]:
    """A player whose only way leads to a server that answers everything so."""
    app = web.Application()
    app.router.add_route("*", "/v1/{path:.*}", answers)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        pods = Pods([CHAT], {CHAT.name: {"1": POD}})
        async with open_client() as client:
            yield Player(CHAT, pods, lambda _part, _pod: url, client, Measures(), Outstanding())
    finally:
        await runner.cleanup()


async def test_each_request_has_a_connection_of_its_own() -> None:
    """So that what picks a pod for each connection spreads them, and none goes to a pod that has left meanwhile."""
    peers = []

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return await _answer(request)

    async with _player(answer) as player:
        for arrival in ARRIVALS:
            await player.play([arrival])
        assert (player.measures.answered, player.measures.failed) == (len(ARRIVALS), 0)
    assert len(set(peers)) == len(ARRIVALS)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (_refuse, "InternalServerError: Error code: 503"),
        (_cut_off, "APIConnectionError: Connection error. (ReadError"),
        (_end_early, "CutOffError: the answer ended before its 3 tokens"),
    ],
)
async def test_what_is_no_full_answer_is_a_failure(answers: Handler, message: str) -> None:
    """Refused, cut in the middle, or ended too soon: each is counted once, by what it was."""
    async with _player(answers) as player:
        await player.play(ARRIVALS[:2])
        ((failure, count),) = player.measures.failures.items()
    assert failure.startswith(message)
    assert (count, player.measures.answered, player.measures.outstanding) == (2, 0, 0)


async def test_nothing_is_sent_before_the_part_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way that does not lead to the pods yet is tried again, and what was tried is no failure."""
    monkeypatch.setattr(load, "RETRY_SECONDS", 0)
    paths = []

    async def answer(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        if len(paths) <= 2:
            return await _refuse(request)
        return web.json_response({"object": "list", "data": []})

    async with _player(answer) as player:
        await player.reach()
        assert (player.measures.sent, player.measures.failed) == (0, 0)
    assert paths == ["/v1/models"] * 3
