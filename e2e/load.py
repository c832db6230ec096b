"""Sends requests at a steady pace, whatever becomes of them, and prints each second what became of them so far.

Runs in a pod, beside the engines. Each request has a connection of its own, so that the Service spreads them. The
numbers are JSON objects, one a line: sent, answered, failed, and the last failure.
"""

import asyncio
import json
import os

import aiohttp

URL = os.environ["URL"]
MODEL = os.environ["MODEL"]
REQUESTS_PER_SECOND = float(os.environ["REQUESTS_PER_SECOND"])
PROMPT_TOKENS = os.environ["PROMPT_TOKENS"]
ANSWER_TOKENS = int(os.environ["ANSWER_TOKENS"])

ANSWER_SECONDS = 300

counts = {"sent": 0, "answered": 0, "failed": 0, "failure": ""}


async def send(session: aiohttp.ClientSession) -> None:
    """Send one request and read its answer to the end."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "?"}], "max_tokens": ANSWER_TOKENS, "stream": True}
    counts["sent"] += 1
    try:
        async with session.post(
            f"{URL}/v1/chat/completions", json=body, headers={"x-simulated-prompt-tokens": PROMPT_TOKENS}
        ) as response:
            status, answer = response.status, await response.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        fail(f"{type(error).__name__}: {error}")
    else:
        if answer.rstrip().endswith("[DONE]"):
            counts["answered"] += 1
        else:
            fail(f"{status}: {answer[-200:]}")


def fail(why: str) -> None:
    """Count a request without a full answer."""
    counts["failed"] += 1
    counts["failure"] = why


async def tell() -> None:
    """Print the numbers, for ever."""
    while True:
        print(json.dumps(counts), flush=True)  # noqa: T201 - read from the log
        await asyncio.sleep(1)


async def main() -> None:
    """Send, for ever."""
    loop = asyncio.get_running_loop()
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(tell())
        start, number = loop.time(), 0
        while True:
            tasks.create_task(send(session))
            number += 1
            await asyncio.sleep(start + number / REQUESTS_PER_SECOND - loop.time())


asyncio.run(main())
