"""Asks again and again over connections that are kept, and prints each second what became of the requests so far.

Runs in a pod, and takes one JSON object: url, model, client (`httpx`: its pool; `openai`: the SDK, which tries nothing
again here; `curl`: one process), connections, tokens, seconds_between two requests of a connection, and seconds. With
`again`, each connection asks once, and for the second and last time when there is a file of that name.
"""

import asyncio
import collections
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
from openai import APIError, AsyncOpenAI

ASKED = json.loads(sys.argv[1])
BODY = {"model": ASKED["model"], "messages": [{"role": "user", "content": "?"}], "max_tokens": ASKED["tokens"]}
PATH = f"{ASKED['url']}/v1/chat/completions"
ANSWER_SECONDS = 120

counts: collections.Counter[str] = collections.Counter()


async def with_httpx(stack: AsyncExitStack) -> Callable[[], Awaitable[str]]:
    """One pool for all."""
    limits = httpx2.Limits(max_connections=ASKED["connections"], max_keepalive_connections=ASKED["connections"])
    client = await stack.enter_async_context(httpx2.AsyncClient(limits=limits, timeout=ANSWER_SECONDS))

    async def ask() -> str:
        try:
            return str((await client.post(PATH, json=BODY)).status_code)
        except httpx2.TransportError as error:
            return type(error).__name__

    return ask


async def with_openai(stack: AsyncExitStack) -> Callable[[], Awaitable[str]]:
    """OpenAI's SDK."""
    made = AsyncOpenAI(base_url=f"{ASKED['url']}/v1", api_key="none", max_retries=0, timeout=ANSWER_SECONDS)
    client = await stack.enter_async_context(made)

    async def ask() -> str:
        try:
            await client.chat.completions.create(**BODY)
        except APIError as error:
            return str(getattr(error, "status_code", "")) or f"{type(error).__name__} {error.__cause__!r}"
        return "200"

    return ask


async def keep_asking(ask: Callable[[], Awaitable[str]]) -> None:
    """Ask on one connection, in turn."""
    while True:
        counts[await ask()] += 1
        await asyncio.sleep(ASKED["seconds_between"])


def again_is_wanted() -> bool:
    """Whether the file is there."""
    return Path(ASKED["again"]).exists()


async def ask_twice(ask: Callable[[], Awaitable[str]]) -> None:
    """Ask on one connection, and again when that is wanted."""
    counts[await ask()] += 1
    while not again_is_wanted():  # noqa: ASYNC110 - a file tells no event
        await asyncio.sleep(0.1)
    counts[await ask()] += 1


async def curl() -> None:
    """Let one curl ask: it writes down the status of each answer, and what went wrong."""
    requests = int(ASKED["seconds"] / ASKED["seconds_between"])
    pace = f"{round(60 / ASKED['seconds_between'])}/m"
    options = ["--silent", "--output", "/dev/null", "--json", json.dumps(BODY), "--write-out"]
    options.append("%{stderr}%{http_code} %{errormsg}\\n")  # Its own output it would keep until the end.
    # It counts up, and asks the same: the address takes any query.
    address = f"{PATH}?[1-{requests}]"
    process = await asyncio.create_subprocess_exec(
        "curl", "--rate", pace, *options, address, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async for line in process.stderr:
        counts[line.decode().strip()] += 1


async def tell() -> None:
    """Print the numbers, for ever."""
    while True:
        print(json.dumps(counts), flush=True)  # noqa: T201 - read by the test
        await asyncio.sleep(1)


async def main() -> None:
    """Ask for so many seconds."""
    async with AsyncExitStack() as stack:
        if ASKED["client"] == "curl":
            work = [curl()]
        else:
            ask = await {"httpx": with_httpx, "openai": with_openai}[ASKED["client"]](stack)
            work = [(ask_twice if "again" in ASKED else keep_asking)(ask) for _ in range(ASKED["connections"])]
        telling, *asking = [asyncio.create_task(each) for each in (tell(), *work)]
        await asyncio.wait(asking, timeout=ASKED["seconds"])
        for task in asking:
            if task.done():
                task.result()
            task.cancel()
        telling.cancel()
    print(json.dumps(counts), flush=True)  # noqa: T201 - as above


asyncio.run(main())
