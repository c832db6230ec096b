import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway_rig.client import Client, Outcome, judged

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ERROR = json.dumps({"error": {"message": "wait", "type": "unavailable", "code": "waking"}})


@pytest.mark.parametrize(
    ("status", "retry_after", "text", "expected"),
    [
        (200, None, "{}", Outcome.ANSWERED),
        (503, "5", ERROR, Outcome.REFUSED),
        (429, "5", ERROR, Outcome.REFUSED),
        (504, "5", ERROR, Outcome.REFUSED),
        (503, None, ERROR, Outcome.UNCLEAN),
        (503, "soon", ERROR, Outcome.UNCLEAN),
        (503, "5", "upstream connect error", Outcome.UNCLEAN),
        (502, "5", ERROR, Outcome.UNCLEAN),
        (500, "5", ERROR, Outcome.UNCLEAN),
    ],
)
def test_a_refusal_is_clean_when_it_says_when_to_come_back(
    status: int, retry_after: str | None, text: str, expected: Outcome
) -> None:
    """And says why in OpenAI's shape."""
    assert judged(status, retry_after, text, stream=False)[0] is expected


def test_a_stream_is_whole_when_it_says_so() -> None:
    """A connection that ends in good order after half of the events has cut it all the same."""
    assert judged(200, None, "data: {}\n\ndata: [DONE]\n\n", stream=True)[0] is Outcome.ANSWERED
    assert judged(200, None, "data: {}\n\n", stream=True)[0] is Outcome.CUT


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[int]:
    """A server of one answer; its port."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def _close_amid_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    await writer.drain()
    writer.close()


async def _never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_answer, Outcome.ANSWERED),
        (_close_at_once, Outcome.LOST),
        (_close_amid_the_answer, Outcome.CUT),
        (_never_answer, Outcome.HUNG),
    ],
)
async def test_each_end_of_a_connection_has_its_name(answer: Answer, expected: Outcome) -> None:
    """What a client sees is what is accounted, once."""
    async with listening(answer) as port, Client(prefix="test", bound_seconds=0.5) as client:
        account = await client.ask("chat", "127.0.0.1", port, keep_alive=False)
        assert account.outcome is expected
        assert client.accounts == [account]
        assert client.under_way == 0


async def test_where_nobody_listens_there_is_no_connection() -> None:
    """Which is another outcome than a lost one: no request was taken."""
    async with listening(_answer) as port:
        pass
    async with Client(prefix="test", bound_seconds=5) as client:
        assert (await client.ask("chat", "127.0.0.1", port)).outcome is Outcome.NOT_CONNECTED


async def test_every_request_has_an_id_of_its_own() -> None:
    """By which engines and client tell them apart."""
    async with listening(_answer) as port, Client(prefix="test", bound_seconds=5) as client:
        asks = (client.ask("chat", "127.0.0.1", port, keep_alive=False) for _ in range(5))
        accounts = await asyncio.gather(*asks)
    assert len({account.identity for account in accounts}) == 5
