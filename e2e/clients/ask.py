"""Asks for streamed answers with OpenAI's SDK, and prints what becomes of each: one JSON object a line.

Runs in a pod, and takes one JSON object: url, model, requests, tokens, and seconds_between two of them. With `until`,
no more are sent when there is a file of that name.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI

ASKED = json.loads(sys.argv[1])
ANSWER_SECONDS = 280


def tell(**what: Any) -> None:
    """Print a line."""
    print(json.dumps({"at": time.time(), **what}), flush=True)  # noqa: T201 - read by the test


async def ask(client: AsyncOpenAI, number: int) -> None:
    """Ask once."""
    tell(number=number, is_="sent")
    tokens = 0
    try:
        stream = await client.chat.completions.create(
            model=ASKED["model"],
            messages=[{"role": "user", "content": "Why is the sky blue?"}],
            max_tokens=ASKED["tokens"],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if not tokens:
                tell(number=number, is_="begun")
            tokens = chunk.usage.completion_tokens if chunk.usage else max(tokens, 1)
    except APIStatusError as error:
        headers = dict(error.response.headers)
        tell(number=number, is_="refused", status=error.status_code, headers=headers, body=error.response.text)
    except (APIConnectionError, APIError) as error:
        tell(number=number, is_="lost", failure=f"{type(error).__name__}: {error} {error.__cause__!r}", tokens=tokens)
    else:
        tell(number=number, is_="answered" if tokens == ASKED["tokens"] else "cut", tokens=tokens)


def is_enough() -> bool:
    """Whether the file is there."""
    return "until" in ASKED and Path(ASKED["until"]).exists()


async def main() -> None:
    """Ask as often as is asked for."""
    async with (
        AsyncOpenAI(base_url=f"{ASKED['url']}/v1", api_key="none", max_retries=0, timeout=ANSWER_SECONDS) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for number in range(ASKED["requests"]):
            if number:
                await asyncio.sleep(ASKED["seconds_between"])
            if is_enough():
                break
            tasks.create_task(ask(client, number))


asyncio.run(main())
