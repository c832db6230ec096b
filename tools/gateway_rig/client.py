"""The client that accounts: each request has an id, and each has one outcome."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import aiohttp

from gateway_rig.engines import REQUEST_HEADER

INFERENCE_PATH = "/v1/chat/completions"
CONNECT_SECONDS = 5.0
CLEAN_STATUSES = frozenset({429, 503, 504})


class Outcome(StrEnum):
    """What a client saw of a request."""

    ANSWERED = "answered"
    """200, and all of it."""

    REFUSED = "refused cleanly"
    """429, 503 or 504 with Retry-After and an error in OpenAI's shape."""

    UNCLEAN = "refused otherwise"
    """Another status, or one of those without Retry-After or without such an error."""

    NOT_CONNECTED = "not connected"
    """Nobody listened, or the connection was reset before the request was taken."""

    LOST = "lost"
    """The connection ended without a byte of an answer."""

    CUT = "cut"
    """It ended amid the answer."""

    HUNG = "hung"
    """Neither an answer nor an end within the bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One request and what became of it. Times are of `time.time()`, in seconds."""

    identity: str
    service: str
    gateway: int
    sent: float
    ended: float
    outcome: Outcome
    status: int = 0
    first_byte: float | None = None
    detail: str = ""
    """Of an error: its code and message, or the exception."""


class Client:
    """Sends requests and keeps account of them.

    Attributes:
        accounts: Of requests that have ended.
        under_way: How many have not.
    """

    def __init__(
        self,
        *,
        prefix: str,
        bound_seconds: float,
        connect_seconds: float = CONNECT_SECONDS,
        source_addresses: tuple[str, ...] = (),
    ) -> None:
        """Prepare.

        Args:
            prefix: Of the ids.
            bound_seconds: After so long without an end a request counts as hung.
            connect_seconds: How long connecting may take.
            source_addresses: Of this machine, where connections come from, in turn: each has ports of its own.
        """
        self.accounts: list[Account] = []
        self.under_way = 0
        self._prefix = prefix
        self._bound_seconds = bound_seconds
        self._connect_seconds = connect_seconds
        self._numbers = itertools.count()
        self._sources = source_addresses or (None,)
        self._sessions: list[aiohttp.ClientSession] = []

    async def __aenter__(self) -> Self:
        """Open sessions: for each source address one that keeps connections, and one that does not."""
        for force_close in (False, True):
            for source in self._sources:
                connector = aiohttp.TCPConnector(
                    limit=0, force_close=force_close, local_addr=None if source is None else (source, 0)
                )
                timeout = aiohttp.ClientTimeout(total=self._bound_seconds, sock_connect=self._connect_seconds)
                self._sessions.append(aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        for session in self._sessions:
            await session.close()

    async def ask(
        self,
        service: str,
        address: str,
        port: int,
        *,
        gateway: int = 0,
        tokens: int = 1,
        stream: bool = False,
        keep_alive: bool = True,
        padding_bytes: int = 0,
    ) -> Account:
        """Send a request and wait for its end, whichever that is.

        Args:
            service: Name of the model, too.
            address: Of the gateway, or of a pod.
            port: The service's port there.
            gateway: Which of the gateways it is; for the account.
            tokens: To generate.
            stream: Whether as server-sent events.
            keep_alive: Whether on a connection that others have used and will use.
            padding_bytes: Of the prompt.
        """
        number = next(self._numbers)
        identity = f"{self._prefix}-{number}"
        # No request says how long its prompt is: the engine guesses from the text, which makes padding work for it.
        headers = {REQUEST_HEADER: identity, "x-simulated-prompt-tokens": "16"}
        body = {
            "model": service,
            "max_tokens": tokens,
            "stream": stream,
            "messages": [{"role": "user", "content": "x" * max(1, padding_bytes)}],
        }
        half = len(self._sessions) // 2
        session = self._sessions[number % half + (0 if keep_alive else half)]
        sent, first = time.time(), None
        outcome, status, detail = Outcome.HUNG, 0, ""
        with self._one_more():
            try:
                async with session.post(
                    f"http://{address}:{port}{INFERENCE_PATH}", json=body, headers=headers
                ) as answer:
                    status, first = answer.status, time.time()
                    text = await answer.text()
                    outcome, detail = judged(status, answer.headers.get("Retry-After"), text, stream=stream)
            except TimeoutError:
                outcome = Outcome.HUNG if time.time() - sent >= self._bound_seconds - 1 else Outcome.NOT_CONNECTED
                detail = "no end within the bound" if outcome is Outcome.HUNG else "no connection in time"
            except aiohttp.ClientConnectorError as error:
                outcome, detail = Outcome.NOT_CONNECTED, str(error)
            except (aiohttp.ClientError, OSError) as error:
                outcome = Outcome.LOST if first is None else Outcome.CUT
                detail = f"{type(error).__name__}: {error}"
        account = Account(
            identity=identity,
            service=service,
            gateway=gateway,
            sent=sent,
            ended=time.time(),
            outcome=outcome,
            status=status,
            first_byte=first,
            detail=detail,
        )
        self.accounts.append(account)
        return account

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1


def judged(status: int, retry_after: str | None, text: str, *, stream: bool) -> tuple[Outcome, str]:
    """What a complete HTTP answer is worth.

    Args:
        status: Of HTTP.
        retry_after: That header.
        text: The whole body.
        stream: Whether events were asked for.

    Returns:
        The outcome, and what an error says.
    """
    if status == 200:  # noqa: PLR2004 - HTTP's OK
        if stream and "data: [DONE]" not in text[-64:]:
            return Outcome.CUT, "the stream ended without [DONE]"
        return Outcome.ANSWERED, ""
    error = openai_error(text)
    detail = f"{status} {error or repr(text[:200])}"
    if status not in CLEAN_STATUSES or error is None:
        return Outcome.UNCLEAN, detail
    if retry_after is None or not retry_after.isdecimal():
        return Outcome.UNCLEAN, f"{detail}; Retry-After is {retry_after!r}"
    return Outcome.REFUSED, detail


def openai_error(text: str) -> str | None:
    """Code and message of an error in OpenAI's shape; None if it has another."""
    try:
        error = json.loads(text)["error"]
        return f"{error['code'] or error['type']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return None


async def at_once(*requests: "asyncio.Task[Account]") -> list[Account]:
    """Wait for all of them."""
    return list(await asyncio.gather(*requests))
