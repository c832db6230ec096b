"""Engines that promise to keep a connection and close it, behind a real Envoy."""

import asyncio
from pathlib import Path

import pytest

from running_envoy import Script, free_port, running_gateway
from tidegate.gateway.exchange import Forward, Reply, Request


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request, and close the connection as the next one comes; tell only who asks for it."""
    head = await reader.readuntil(b"\r\n\r\n")
    told = b"connection: close\r\n" if b"connection: close\r\n" in head.lower() else b""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + told + b"\r\nOK")
    await reader.read(1)
    writer.close()


@pytest.mark.parametrize(("asked", "statuses"), [((), [200, 503]), ((("connection", "close"),), [200, 200])], ids=str)
async def test_an_engine_that_closes_without_a_word_can_be_asked_to_say_so(
    tmp_path: Path, asked: tuple[tuple[str, str], ...], statuses: list[int]
) -> None:
    """Else a second request on its connection is lost, and is not sent again: the engine may have seen it."""
    script = Script()

    async def decide(request: Request) -> Forward | Reply:
        decision = await script.decide(request)
        assert isinstance(decision, Forward)
        return Forward(pick_id=decision.pick_id, address=decision.address, headers_to_add=asked)

    async with (
        await asyncio.start_server(answer_once, "127.0.0.1", 0) as engine,
        running_gateway(tmp_path, decide) as gateway,
    ):
        script.engine = f"127.0.0.1:{engine.sockets[0].getsockname()[1]}"
        got = []
        for _ in statuses:
            async with gateway.client.get(gateway.service_url) as response:
                got.append(response.status)
        assert got == statuses
        refusing = {"first": f"127.0.0.1:{free_port()}"}
        async with gateway.client.get(gateway.service_url, headers=refusing) as response:
            assert response.status == 200  # A second pod is asked for as ever.
