import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway_rig.api_link import ApiLink


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def linked() -> AsyncIterator[ApiLink]:
    """A link to a server that says everything back."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server:
        link = ApiLink("test", server.sockets[0].getsockname()[1])
        await link.open()
        yield link
        await link.close()


async def _says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    writer.write(text)
    return await asyncio.wait_for(reader.readexactly(len(text)), 0.3)


async def _first_byte(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await asyncio.wait_for(reader.readexactly(1), 1)
    finally:
        writer.close()


async def test_a_link_carries_both_ways() -> None:
    """As if it were not there."""
    async with linked() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await _says(reader, writer, b"hello") == b"hello"
        writer.close()


async def test_a_link_that_is_cut_resets_what_there_is_and_what_comes() -> None:
    """And carries new connections once it is mended."""
    async with linked() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        await _says(reader, writer, b"hello")
        link.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), 1)
        writer.close()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await _first_byte(link.port)
        link.mend()
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await _says(reader, writer, b"again") == b"again"
        writer.close()


async def test_a_link_that_stalls_loses_nothing() -> None:
    """Connections stay, and what was sent meanwhile arrives when it is mended."""
    async with linked() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        await _says(reader, writer, b"hello")
        link.stall()
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            await _says(reader, writer, b"later")
        link.mend()
        assert await asyncio.wait_for(reader.readexactly(5), 1) == b"later"
        writer.close()


async def test_connections_that_are_lost_say_nothing_for_ever() -> None:
    """As behind a load balancer that has forgotten them; new ones are carried."""
    async with linked() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        await _says(reader, writer, b"hello")
        link.lose()
        await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):
            await _says(reader, writer, b"later")
        new_reader, new_writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await _says(new_reader, new_writer, b"anew") == b"anew"
        for each in (writer, new_writer):
            each.close()
